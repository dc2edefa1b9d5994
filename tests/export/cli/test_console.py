"""What the export prints: a user's paths whole, whatever Rich would make of them."""

import io
import os
import sys

import pytest
from rich.table import Table

from export.cli.console import ConsoleProgress, user_console

NASTY = [
    "out/[brackets]",
    "a[/b]",
    "[bold]x[/bold]",
    ":smile: :snake:",
    "two words",
    "it's",
    "x" * 200,
    "\u65e5[link=x]",
]


@pytest.mark.parametrize("name", NASTY)
def test_progress_is_printed_as_it_is_on_one_line(name):
    file = io.StringIO()
    with ConsoleProgress(user_console(file)) as progress:
        progress.stage("lower", f"into {name}")
    assert file.getvalue() == f"    lower  into {name}\n"


@pytest.mark.parametrize("name", NASTY)
def test_a_sentence_and_a_table_show_a_path_whole(name):
    file = io.StringIO()
    console = user_console(file)
    console.width = 2000
    console.print(f"in {name}", soft_wrap=True)
    table = Table(title=name)
    table.add_row(name, name)
    console.print(table)
    assert file.getvalue().startswith(f"in {name}\n") and file.getvalue().count(name) == 4


def test_commands_are_as_the_user_calls_them(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/slipstream"])
    file = io.StringIO()
    user_console(file).print("next: python -m export bench out/model.litertlm", soft_wrap=True)
    assert file.getvalue() == "next: slipstream bench out/model.litertlm\n"


def test_a_reader_that_left_is_not_rich_s_to_end_the_process():
    class Gone(io.StringIO):
        def flush(self):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        user_console(Gone()).print("x")


def shown_progress(file):
    with ConsoleProgress(user_console(file)) as progress:
        progress.stage("seal", "digests")
        progress.advance("seal", 1_500_000, 4_000_000)
        progress._bars.refresh()
        progress.stage("seal", "done")
    file.flush()


def test_bytes_are_shown_on_a_terminal_and_nowhere_else(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    screen, terminal = os.openpty()
    with os.fdopen(terminal, "w") as file:
        shown_progress(file)
        shown = b""
        while "done" not in shown.decode(errors="replace"):  # a terminal hands over what it has, in pieces
            shown += os.read(screen, 65536)
    assert "1.5/4.0 MB" in shown.decode()
    os.close(screen)
    quiet = io.StringIO()
    shown_progress(quiet)
    assert quiet.getvalue() == "     seal  digests\n     seal  done\n"


@pytest.mark.parametrize(("unit", "shown"), [((), "3.0/6.0 MB"), (("steps",), "3,000,000/6,000,000 steps")])
def test_a_bar_shows_bytes_or_what_else_is_counted(unit, shown):
    file = io.StringIO()
    console = user_console(file)
    console.width = 200
    with ConsoleProgress(console) as progress:
        progress.advance("tune", 3_000_000, 6_000_000, *unit)
        console.print(progress._bars.get_renderable())
    assert shown in file.getvalue()
