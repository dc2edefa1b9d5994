"""What the export prints: a user's paths whole, whatever Rich would make of them, and quoted in commands."""

import io
import shlex
from pathlib import Path

import pytest

from export.cli.console import progress_on, user_console
from export.cli.summary import show

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
REPORT = {
    "target": "demo[/target]",
    "device": "pixel",
    "recipe": "my[red]recipe",
    "sha256": "0" * 64,
    "measured": {"plain": {"tokens_per_second": 10.0, "acceptance_rate": None, "ratio_to_plain": 1.0}},
    "check": {"top1_agreement": 1.0, "mean_kl": 0.0},
    "android": {"kept": ["app/[x].kt"]},
}


@pytest.mark.parametrize("name", NASTY)
def test_progress_is_printed_as_it_is_on_one_line(name):
    file = io.StringIO()
    progress_on(user_console(file))("lower", f"into {name}")
    assert file.getvalue() == f"    lower  into {name}\n"


@pytest.mark.parametrize("name", NASTY)
def test_the_summary_shows_paths_whole_and_commands_that_a_shell_takes(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file, out = io.StringIO(), Path(name)
    show(REPORT, out, user_console(file))
    said = file.getvalue()
    assert f"in {out}, sha256" in said and "app/[x].kt" in said and "demo[/target]" in said
    words = [shlex.split(line.removeprefix("next:")) for line in said.splitlines() if "python -m export" in line]
    assert [(line[3], line[4]) for line in words] == [
        ("generate", f"{out}/model.litertlm"),
        ("bench", f"{out}/model.litertlm"),
        ("apk", str(out)),
    ]


def test_a_reader_that_left_is_not_rich_s_to_end_the_process():
    class Gone(io.StringIO):
        def flush(self):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        user_console(Gone()).print("x")
