"""Lowering jobs: which graphs an export needs, run in parallel processes and cached by what they depend on."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from export.checkpoint.config import DrafterConfig, TextConfig
from export.errors import GraphError, SlipstreamError
from export.graphs.flatbuffer import load
from export.graphs.widths import MARKERS, conflicts, mistakable
from export.modules.reads import Reads, drafter_reads, target_reads
from export.plan import Plan, Width
from export.processes import Call, log_tail, run_each

EMBEDDER_ROWS = 64
PROCESSES = 2
TOOLS = ("torch", "litert-torch", "litert-converter")
SOURCES = ("graphs/lower.py", "graphs/upstream.py", "graphs/jobs.py", "graphs/widths.py", "modules")
# Table order in lowered graphs depends on it.
ENVIRONMENT = {"PYTHONHASHSEED": "0"}


@dataclass(frozen=True)
class GraphJob:
    """One graph to lower; everything its bytes depend on but the tools and this code. `windowed` and `prefixed`: which
    parts of the caches it reads, as in Reads; how many slots there are is no part of it. `scales`: how many a row of
    the per-layer table has. `steps`: of a graph that drafts, the most in one call."""

    kind: str
    config: TextConfig
    drafter: DrafterConfig | None = None
    windowed: bool = False
    prefixed: bool = False
    token_ordering: bytes = b""
    scales: int = 1
    steps: int = 1

    def key(self) -> str:
        ordering = hashlib.sha256(self.token_ordering).hexdigest()
        reads = f"{self.windowed} {self.prefixed} {ordering} {self.scales} {self.steps}"
        text = f"{self.kind} {self.config} {self.drafter} {reads} {_tools()}"
        return f"{self.kind}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"

    def sizes(self) -> set[int]:
        """Every integer of the configs."""
        return {*_integers(asdict(self.config)), *(_integers(asdict(self.drafter)) if self.drafter else ())}


def jobs(plan: Plan) -> list[GraphJob]:
    """The largest first: they bound the wall time."""
    config = plan.target.config
    # One graph serves every width: with a window where the narrowest has one.
    reads = target_reads(config, 1, plan.capacity)
    parts = reads.window is not None, reads.prefix
    found = [GraphJob(kind, config, None, *parts) for kind in ("verify", "prefill")]
    if plan.drafter:
        ordering = b""
        if plan.drafter.config.use_ordered_embeddings:
            ordering = plan.drafter.tensors.read("masked_embedding.token_ordering").astype(np.int64).tobytes()
        reads = drafter_reads(plan.drafter.config, plan.capacity)
        parts = reads.window is not None, reads.prefix
        found.append(GraphJob("drafter", config, plan.drafter.config, *parts, ordering))
        steps = plan.draft_lengths[-1]
        found.insert(0, GraphJob("drafts", config, plan.drafter.config, *parts, ordering, steps=steps))
    found.append(GraphJob("embedder", config))
    if config.per_layer_size:
        found.append(GraphJob("per_layer_embedder", config, scales=plan.per_layer_scales))
    return found


def lower_all(
    wanted: list[GraphJob], folder: Path, processes: int = PROCESSES, logs: Path | None = None
) -> Iterator[tuple[GraphJob, Path, bool]]:
    """Yields (job, graph file, whether it was cached) as each is ready. What the converter prints goes to
    lower-KIND.log in `logs`, which is `log` beside `folder` if it is not given.

    Raises GraphError when a graph can't be lowered, RuntimeLibraryError when a process is killed."""
    logs = logs or folder.parent / "log"
    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for job in wanted:
        path = folder / f"{job.key()}.tflite"
        if path.exists():
            yield job, path, True
        else:
            missing.append((job, path))
    calls = [Call(run, pair, logs / f"lower-{pair[0].kind}.log") for pair in missing]
    try:
        for index, _ in run_each(calls, processes, ENVIRONMENT):
            yield *missing[index], False
    except SlipstreamError:
        raise
    except Exception as error:
        raise _failed(error) from error
    finally:
        for _, path in missing:
            _unfinished(path).unlink(missing_ok=True)


def run(job: GraphJob, out: Path) -> None:
    """Lowers one graph, in whatever process this is, at the first of MARKERS that its own sizes leave alone.

    Raises GraphError when there is none."""
    unfinished, found = _unfinished(out), []
    for width in MARKERS:
        found = [f"size {size}" for size in mistakable(job.sizes(), width)]
        if not found:
            lower_at(job, width, unfinished)
            found = conflicts(load(unfinished), width)
        if not found:
            unfinished.replace(out)
            return
    raise GraphError(
        f"No traced sizes fit the {job.kind} graph",
        expected=f"a graph whose own sizes have none of these factors: {MARKERS}",
        found="; ".join(found[:10]),
        where=f"{job.kind}, lowered at {MARKERS[-1]}",
        action="Report the checkpoint's config.json.",
    )


def lower_at(job: GraphJob, width: Width, out: Path) -> None:
    """Lowers one graph at sizes `width`."""
    from export.graphs import lower

    BUILDERS[job.kind](job, width, lower, out)


def _target(job: GraphJob, width: Width, lower, out: Path) -> None:
    from export.modules.target import Target, target_inputs

    reads = Reads(width.slots if job.windowed else None, job.prefixed)
    module = Target(job.config, width.capacity, job.kind == "verify", lower.placeholder_weight, reads)
    lower.lower(job.kind, module, target_inputs(job.config, width.capacity, width.tokens, lower.placeholder), out)


def _drafter(job: GraphJob, width: Width, lower, out: Path) -> None:
    import torch

    from export.modules.drafter import Drafter
    from export.modules.drafts import Drafts
    from export.modules.target import cache_inputs

    ordering = torch.from_numpy(np.frombuffer(job.token_ordering, np.int64).copy())
    sources = {kind: job.config.drafter_kv_layers[kind] for kind in job.drafter.text.kinds}
    reads = Reads(width.slots if job.windowed else None, job.prefixed)
    arguments = job.drafter, sources, width.capacity, ordering, lower.placeholder_weight, reads
    size = job.drafter.backbone_hidden_size
    inputs = {
        "input_pos": lower.placeholder((1,), torch.int32),
        "mask": lower.placeholder((1, 1, 1, width.capacity), torch.float32),
    }
    if job.kind == "drafts":
        module = Drafts(*arguments, vocab_size=job.config.vocab_size, count=job.steps)
        inputs["token_ids"] = lower.placeholder((1, 1), torch.int32)
    else:
        module, size = Drafter(*arguments, vocab_size=job.config.vocab_size), 2 * size
    inputs["activations"] = lower.placeholder((1, 1, size), torch.float32)
    for layer in sources.values():
        inputs |= cache_inputs(job.config, width.capacity, layer, lower.placeholder)
    lower.lower(job.kind, module, inputs, out)


def _embedder(job: GraphJob, width: Width, lower, out: Path) -> None:
    import torch

    from export.modules.embedder import BlockScaledEmbedder, Embedder

    config = job.config
    if job.kind == "embedder":
        name, shape, scale = "embed_tokens", (1, 1, config.hidden_size), config.hidden_size**0.5
    else:
        shape, scale = (1, 1, config.num_layers, config.per_layer_size), config.per_layer_size**0.5
        name = "embed_tokens_per_layer"
    kind = BlockScaledEmbedder if job.scales > 1 else Embedder
    module = kind(name, EMBEDDER_ROWS, shape, scale, lower.placeholder_weight)
    lower.lower(job.kind, module, {"token_ids": lower.placeholder((1, 1), torch.int32)}, out)


BUILDERS: dict[str, Callable] = {
    "verify": _target,
    "prefill": _target,
    "drafter": _drafter,
    "drafts": _drafter,
    "embedder": _embedder,
    "per_layer_embedder": _embedder,
}


def _integers(values: object) -> Iterator[int]:
    """All integers of nested dicts and sequences."""
    if isinstance(values, dict):
        values = tuple(values.values())
    if isinstance(values, tuple | list):
        for value in values:
            yield from _integers(value)
    elif type(values) is int:
        yield values


def _unfinished(path: Path) -> Path:
    return path.with_suffix(".unfinished")


def _failed(error: Exception) -> GraphError:
    log = error.call.log
    return GraphError(
        f"Graph {log.stem.removeprefix('lower-')} can't be lowered",
        expected="a graph that litert-torch and its converter take",
        found=f"{type(error).__name__}; the log ends\n{log_tail(log)}",
        where=str(log),
        action="Report the checkpoint's config.json and the log.",
    )


def _tools() -> str:
    digest = hashlib.sha256()
    for name in SOURCES:
        root = Path(__file__).parents[1] / name
        for path in sorted(root.glob("*.py")) if root.is_dir() else [root]:
            digest.update(path.read_bytes())
    return " ".join(f"{tool} {version(tool)}" for tool in TOOLS) + digest.hexdigest()
