"""Graphs lowered piece by piece in parallel processes, linked, and cached."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from export.errors import GraphError, SlipstreamError
from export.files import replacing
from export.graphs.flatbuffer import load, pack
from export.graphs.jobs import GraphJob
from export.graphs.link import link
from export.graphs.widths import MARKERS, conflicts, mistakable
from export.modules.pieces import Piece
from export.plan import Width
from export.processes import Call, log_tail, run_each

PROCESSES = 2
PIECES = "pieces"
"""The folder, among the graphs, of pieces that are still to be linked."""
ENVIRONMENT = {"PYTHONHASHSEED": "0"}
"""Table order in lowered graphs depends on it."""


def lower_all(
    wanted: list[GraphJob],
    folder: Path,
    processes: int = PROCESSES,
    logs: Path | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[GraphJob, Path, bool]]:
    """Yields (job, graph file, whether it was cached), those that were cached first. The pieces of the others are
    lowered once each, whichever graphs have them, and linked when all are there. What the converter prints goes to
    lower-PIECE.log in `logs`, which is `log` beside `folder` if it is not given; with 0 processes, which is in this
    one, to where its own goes. `advance` is told how many pieces are lowered, of how many.

    Raises GraphError when a graph can't be lowered, RuntimeLibraryError when a process is killed."""
    logs = logs or folder.parent / "log"
    folder.mkdir(parents=True, exist_ok=True)
    files = {job: folder / f"{job.key()}.tflite" for job in wanted}
    missing = [job for job, path in files.items() if not path.exists()]
    for job, path in files.items():
        if job not in missing:
            yield job, path, True
    if not missing:
        return
    with _removed_after(folder / PIECES) as pieces:
        left = {job: _fitting_widths(job) for job in missing}
        while left:
            conflicting = _lower_pieces(left, pieces, processes, logs, advance)
            linked = {job: widths[0] for job, widths in left.items() if not conflicting[job]}
            calls = [Call(link_pieces, (job, width, pieces, files[job])) for job, width in linked.items()]
            _results(calls, processes)
            for job in linked:
                yield job, files[job], False
            left = {job: _next(job, widths, conflicting[job]) for job, widths in left.items() if job not in linked}


def lower_piece(job: GraphJob, piece: Piece, width: Width, out: Path) -> list[str]:
    """Lowers one piece at sizes `width`, and says what in it would be mistaken for them."""
    from export.graphs.traced import lower_traced

    lower_traced(job, piece, width, out)
    return conflicts(load(out), width)


def link_pieces(job: GraphJob, width: Width, pieces: Path, out: Path) -> None:
    """Writes the graph to `out`, of its pieces in the folder `pieces`."""
    composition = job.composition()
    files = {piece: pieces / job.piece_name(piece, width) for piece in composition.pieces()}
    model = link(job.kind, composition, files)
    with replacing(out) as partial:
        partial.write_bytes(pack(model))


def _lower_pieces(
    left: dict[GraphJob, list[Width]],
    pieces: Path,
    processes: int,
    logs: Path,
    advance: Callable[[int, int], None] | None,
) -> dict[GraphJob, list[str]]:
    """Lowers what the jobs need at the first of their widths, and says what in each would be mistaken for it."""
    of_job = {
        job: {job.piece_name(piece, widths[0]): piece for piece in job.composition().pieces()}
        for job, widths in left.items()
    }
    calls = {}
    for job, named in of_job.items():
        for name, piece in named.items():
            arguments = job, piece, left[job][0], pieces / name
            calls.setdefault(name, Call(lower_piece, arguments, logs / f"lower-{_shown(job, piece)}.log"))
    found = dict(zip(calls, _results([*calls.values()], processes, advance), strict=True))
    return {job: [text for name in named for text in found[name]] for job, named in of_job.items()}


def _shown(job: GraphJob, piece: Piece) -> str:
    name = f"{job.composition().module}-{piece.name}"
    return name if piece.layer is None else f"{name}-{piece.layer}"


def _results(calls: list[Call], processes: int, advance: Callable[[int, int], None] | None = None) -> list:
    """The result of each call."""
    found = {}
    try:
        for index, result in run_each(calls, processes, ENVIRONMENT):
            found[index] = result
            if advance:
                advance(len(found), len(calls))
    except SlipstreamError:
        raise
    except Exception as error:
        raise _failed(error) from error
    return [found[i] for i in range(len(calls))]


@contextmanager
def _removed_after(folder: Path) -> Iterator[Path]:
    """A fresh folder, which is removed in the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fitting_widths(job: GraphJob) -> list[Width]:
    """Those of MARKERS that the job's own sizes leave alone. Raises GraphError when there is none."""
    found = [width for width in MARKERS if not mistakable(job.sizes(), width)]
    if not found:
        raise _no_sizes_fit(job, [f"size {size}" for size in mistakable(job.sizes(), MARKERS[-1])])
    return found


def _next(job: GraphJob, widths: list[Width], found: list[str]) -> list[Width]:
    """What is left to try. Raises GraphError when nothing is."""
    if len(widths) == 1:
        raise _no_sizes_fit(job, found)
    return widths[1:]


def _no_sizes_fit(job: GraphJob, found: list[str]) -> GraphError:
    return GraphError(
        f"No traced sizes fit the {job.kind} graph",
        expected=f"a graph whose own sizes have none of these factors: {MARKERS}",
        found="; ".join(found[:10]),
        where=f"{job.kind}, lowered at {MARKERS[-1]}",
        action="Report the checkpoint's config.json.",
    )


def _failed(error: Exception) -> GraphError:
    log = error.call.log
    return GraphError(
        f"Piece {log.stem.removeprefix('lower-')} can't be lowered" if log else "A graph can't be linked",
        expected="a graph that litert-torch and its converter take",
        found=f"{type(error).__name__}; the log ends\n{log_tail(log)}" if log else repr(error),
        where=str(log or "the lowered pieces"),
        action="Report the checkpoint's config.json and the log.",
    )
