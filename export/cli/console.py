"""The Rich console of an export. Nothing that it is given is taken for markup: paths may hold brackets and colons.
Commands in sentences are as the user would call them."""

from collections.abc import Callable
from typing import NoReturn, TextIO

from rich.console import Console
from rich.text import Text

from export.cli.program import as_called


class _Console(Console):
    def print(self, *objects: object, **more: object) -> None:
        super().print(*(as_called(one) if isinstance(one, str) else one for one in objects), **more)

    def on_broken_pipe(self) -> NoReturn:
        """Rich would end the process here, with an exit code of its own."""
        raise BrokenPipeError


def user_console(file: TextIO) -> Console:
    return _Console(file=file, highlight=False, markup=False, emoji=False)


def progress_on(console: Console) -> Callable[[str, str], None]:
    """Prints a stage's name and what it does, on one line however long."""

    def progress(stage: str, what: str) -> None:
        console.print(Text.assemble((f"{stage:>9}", "bold"), f"  {what}"), soft_wrap=True)

    return progress
