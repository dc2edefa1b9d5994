"""OUT/work: what one run of an export leaves to the next, and the lock that keeps a second run out.

A stage's result is stored with what it was made from. Stored and wanted are compared field by field: a plain run makes
anew what differs, `--from` refuses it by name. Imports files and errors only.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from export.errors import OutputError
from export.files import write_atomically
from export.outputs import BUNDLE

RESULTS = ("models", "float_logits", "against_float", "traces", "speed", "sealed")
"""Stages whose results are stored, in order."""
STAGES = {
    "lower": "models",
    "quantize": "models",
    "check": "against_float",
    "record": "traces",
    "bench": "speed",
    "report": "sealed",
}
"""What --from names, and the first result that it drops. `report` puts together again what the others have found."""
Origin = Mapping[str, str]
"""What a result was made from: a name a choice or input, and its value or digest."""


@dataclass(frozen=True)
class WorkFolder:
    """`folder` is OUT/work. Made by `open_work`, which holds its lock."""

    folder: Path

    @property
    def graphs(self) -> Path:
        return self.folder / "graphs"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def packed(self) -> Path:
        """XNNPACK's packed weights, while models run."""
        return self.folder / "packed"

    @property
    def float_logits(self) -> Path:
        return self.folder / "float_logits.npy"

    def stored(self, name: str, origin: Origin) -> object | None:
        """The result of stage `name` if it was made from exactly `origin`, else None."""
        found = self._read(name)
        return found["result"] if found is not None and found["origin"] == dict(origin) else None

    def require(self, name: str, origin: Origin, action: str) -> object:
        """The same, for a user who asked to go on from it. Raises OutputError naming the first difference."""
        found = self._read(name)
        path = self.folder / f"{name}.json"
        if found is None:
            raise OutputError(
                "No export to resume",
                expected=f"{path.name}, as an earlier run left it",
                found="none, or one of another version",
                where=str(self.folder),
                action=action,
            )
        for key in [*origin, *(key for key in found["origin"] if key not in origin)]:
            if found["origin"].get(key) != origin.get(key):
                raise OutputError(
                    f"The work folder was made from another {key.replace('_', ' ')}",
                    expected=f"{key} {origin.get(key)}",
                    found=f"{key} {found['origin'].get(key)}",
                    where=str(path),
                    action=action,
                )
        return found["result"]

    def store(self, name: str, origin: Origin, result: object) -> None:
        """Raises OutputError when it can't be written."""
        text = json.dumps({"origin": dict(origin), "result": result}, indent=1) + "\n"
        write_atomically(self.folder / f"{name}.json", text.encode())

    def forget(self, first: str) -> None:
        """Drops the results of stage `first` and of all after it."""
        for name in RESULTS[RESULTS.index(first) :]:
            with suppress(FileNotFoundError):
                (self.folder / f"{name}.json").unlink()

    def has(self, name: str) -> bool:
        return (self.folder / f"{name}.json").exists()

    def clear_scratch(self) -> None:
        """What a run that was killed may have left and nobody can use."""
        for folder in (self.packed, *self.graphs.glob("*/")):
            shutil.rmtree(folder, ignore_errors=True)
        for path in [*self.folder.glob(".*.partial"), *self.graphs.glob("*.tflite.*")]:
            with suppress(OSError):
                path.unlink()

    def _read(self, name: str) -> dict | None:
        try:
            found = json.loads((self.folder / f"{name}.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        is_ours = isinstance(found, dict) and found.keys() == {"origin", "result"} and isinstance(found["origin"], dict)
        return found if is_ours else None


def refuse_finished(out: Path, force: bool, start: str | None) -> None:
    """Raises OutputError for a folder with a finished bundle, unless it may be replaced or gone on from. Cheap: asked
    before anything is downloaded."""
    if not (out / BUNDLE).exists() or force or start or WorkFolder(out / "work").has("sealed"):
        return
    raise OutputError(
        f"Output exists: {out / BUNDLE}",
        expected="a folder without a bundle",
        found=BUNDLE,
        where=str(out),
        action="Name another folder with --out, or overwrite it with --force.",
    )


@contextmanager
def open_work(out: Path) -> Iterator[WorkFolder]:
    """OUT/work, made where it is missing and locked until the end of the block; the lock goes with the process.

    Raises OutputError when it can't be made, or when another export is at work in it."""
    folder = out / "work"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise OutputError(
            "Output folder can't be made",
            expected="a folder that can be written to",
            found=str(error),
            where=str(out),
            action="Choose another folder with --out.",
        ) from error
    try:
        _lock(descriptor, out)
        work = WorkFolder(folder)
        work.clear_scratch()
        yield work
    finally:
        os.close(descriptor)


def _lock(descriptor: int, out: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        raise OutputError(
            "Another export is at work in this folder",
            expected="a folder that no export writes to",
            found=f"one by process {holder or 'unknown'}",
            where=str(out),
            action="Wait until it has ended, or name another folder with --out.",
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
