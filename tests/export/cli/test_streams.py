"""What a user's stdout and stderr may be: closed pipes, full disks, other encodings, nothing at all."""

import os
import subprocess
import sys

import pytest

from export.resources import ROOT


def run(script: str, **environment: str) -> subprocess.CompletedProcess:
    """A shell line in which `slipstream` is this program."""
    line = f'slipstream() {{ "{sys.executable}" -m export "$@"; }}\n{script}'
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | environment
    return subprocess.run(["bash", "-c", line], cwd=ROOT, env=clean, capture_output=True, timeout=60)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("verb", ["devices", "--help", "recipes --json"])
def test_a_reader_that_left_is_no_error(verb, unbuffered):
    done = run(f"slipstream {verb} | sleep 0; echo ${{PIPESTATUS[0]}}", PYTHONUNBUFFERED=unbuffered)
    assert (done.stdout, done.stderr) == (b"0\n", b"")


@pytest.mark.parametrize("verb", ["devices", "devices --json", "--version", "export --help"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_named(verb, unbuffered):
    done = run(f"slipstream {verb} > /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 6
    assert b"No space left on device" in done.stderr and b"standard output" in done.stderr
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr


def test_a_message_that_nobody_can_read_changes_no_exit_code():
    assert run("slipstream genrate 2> /dev/full").returncode == 2
    assert run("slipstream devices > /dev/full 2> /dev/full").returncode == 6


def test_closed_streams():
    done = run("slipstream devices >&-")
    assert (done.returncode, done.stderr) == (0, b"")
    assert run("slipstream genrate 2>&-").returncode == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_letters_that_the_terminal_lacks_are_escaped(encoding):
    done = run("slipstream inspect /nowhere/$'\\xff'/\u65e5", PYTHONIOENCODING=encoding)
    assert done.returncode == 8 and b"Traceback" not in done.stderr
    assert (
        b"/nowhere/\\udcff/" in done.stderr and ("\u65e5" if encoding == "utf-8" else "\\u65e5").encode() in done.stderr
    )


def test_letters_on_stdout_too():
    done = run("slipstream --help", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"") and b"--device NAME \\u2026" in done.stdout


def test_an_error_after_output_that_nobody_reads():
    """The verb has printed, fails, and what it printed can't be written: the failure's code stays."""
    code = "import export.cli.devices as d; from export.cli.main import *; from export.errors import UsageError as E"
    body = "def run(o): print('x'); raise E('t', expected='', found='', where='', action='')"
    script = f"import sys; {code}\n{body}\nd.run = run\nsys.exit(main(['devices']))"
    done = run(f'"{sys.executable}" -c "{script}" > /dev/full')
    assert done.returncode == 2 and b"Exception ignored" not in done.stderr
