"""What is told of an export as it goes: to whoever watches, and to its log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from export.errors import OutputError
from export.files import output_errors

LOG_LIMIT = 1_000_000
"""Bytes from which on a log begins anew."""


class Progress(Protocol):
    """Told of an export as it goes."""

    def stage(self, name: str, what: str) -> None:
        """A stage begins, or says how it went."""

    def advance(self, name: str, done: int, total: int, unit: str = "bytes") -> None:
        """How far a stage's work is, as often as it changes."""


class Clock:
    """Times stages, tells of them, and adds them to the log."""

    def __init__(self, progress: Progress, folder: Path):
        self.progress, self.seconds = progress, {}
        self._path = folder / "export.log"
        with output_errors(self._path):
            folder.mkdir(exist_ok=True)
            if self._path.exists() and self._path.stat().st_size > LOG_LIMIT:
                self._path.unlink()

    @contextmanager
    def stage(self, name: str, what: str) -> Iterator[None]:
        self._tell(name, what)
        begin = time.monotonic()
        try:
            yield
        except BaseException as error:
            with suppress(OutputError):
                self._log(name, f"ended by {type(error).__name__}: {error}")
            raise
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - begin
        self._tell(name, f"done in {self.seconds[name]:.1f} s")

    def _tell(self, name: str, what: str) -> None:
        self.progress.stage(name, what)
        self._log(name, what)

    def _log(self, name: str, what: str) -> None:
        with output_errors(self._path), self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {name}: {what}\n")
