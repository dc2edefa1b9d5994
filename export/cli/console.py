"""The Rich console of an export, and its progress: a line a stage, and on terminals a bar of bytes while one works.

Nothing that it is given is taken for markup: paths may hold brackets and colons. Commands in sentences are as the user
would call them.
"""

from contextlib import AbstractContextManager
from typing import NoReturn, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from export.cli.program import as_called


class _Amount(DownloadColumn):
    """Bytes as files have them; of anything else how many."""

    def render(self, task: Task) -> Text:
        if task.fields["unit"] == "bytes":
            return super().render(task)
        return Text(f"{task.completed:,.0f}/{task.total:,.0f} {task.fields['unit']}", "progress.download")


class _Console(Console):
    def print(self, *objects: object, **more: object) -> None:
        super().print(*(as_called(one) if isinstance(one, str) else one for one in objects), **more)

    def on_broken_pipe(self) -> NoReturn:
        """Rich would end the process here, with an exit code of its own."""
        raise BrokenPipeError


def user_console(file: TextIO) -> Console:
    return _Console(file=file, highlight=False, markup=False, emoji=False)


class ConsoleProgress(AbstractContextManager):
    """export.pipeline.Progress on a console."""

    def __init__(self, console: Console):
        self._console = console
        columns = (TextColumn("{task.description:>9} "), BarColumn(), _Amount(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task: tuple[str, TaskID] | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_) -> None:
        self._bars.stop()

    def stage(self, name: str, what: str) -> None:
        """A stage's name and what it does, on one line however long."""
        self._end_bar()
        self._console.print(Text.assemble((f"{name:>9}", "bold"), f"  {what}"), soft_wrap=True)

    def advance(self, name: str, done: int, total: int, unit: str = "bytes") -> None:
        if self._task is None or self._task[0] != name:
            self._end_bar()
            self._task = name, self._bars.add_task(name, total=total, unit=unit)
        self._bars.update(self._task[1], completed=done, total=total)

    def _end_bar(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task[1])
            self._task = None
