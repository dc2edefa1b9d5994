"""An export's progress on a terminal: a line a stage, and a bar of bytes while one works. Without one, lines only."""

from contextlib import AbstractContextManager
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class ConsoleProgress(AbstractContextManager):
    """export.pipeline.Progress over Rich. A bar is drawn on terminals alone."""

    def __init__(self, console: Console):
        self._console = console
        columns = (TextColumn("{task.description:>9} "), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task: tuple[str, TaskID] | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_) -> None:
        self._bars.stop()

    def stage(self, name: str, what: str) -> None:
        self._end_bar()
        self._console.print(f"[bold]{escape(name):>9}[/bold]  {escape(what)}", soft_wrap=True)

    def advance(self, name: str, done: int, total: int) -> None:
        if self._task is None or self._task[0] != name:
            self._end_bar()
            self._task = name, self._bars.add_task(name, total=total)
        self._bars.update(self._task[1], completed=done, total=total)

    def _end_bar(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task[1])
            self._task = None


class Silent:
    """export.pipeline.Progress that says nothing: the result is one JSON object."""

    def stage(self, name: str, what: str) -> None: ...

    def advance(self, name: str, done: int, total: int) -> None: ...
