"""The command line's frame: verbs found by name, mistakes with what was meant, every failure with its exit code."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import version

import pytest

from export.cli import devices, export
from export.cli.main import VERBS, main
from export.errors import BundleError
from export.resources import ROOT

HEAVY = {"torch", "numpy", "rich", "transformers", "tokenizers", "litert_torch", "ai_edge_litert", "huggingface_hub"}
PARTS = ("title", "expected", "found", "where", "action")


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["genrate"], *[[verb, "--help"] for verb in VERBS]])
def test_help_and_mistakes_import_nothing_heavy(arguments):
    code = "import sys; from export.cli.main import main; main(sys.argv[1:]); print(*sys.modules)"
    loaded = set(run_python(code, *arguments).stdout.splitlines()[-1].split())
    assert "export.cli.main" in loaded and not loaded & HEAVY


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_a_module_with_a_help_of_its_own(verb, capsys):
    module = import_module(f"export.cli.{verb}")
    assert callable(module.run) and callable(module.add_arguments)
    assert main([verb, "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: python -m export {verb} ") and "--json" in said and VERBS[verb][:30] in said


def test_help_lists_every_verb(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n    {verb} " in said for verb in VERBS)


def test_without_a_word_the_help_and_a_usage_exit(capsys):
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("usage:")


def test_the_installed_command_calls_itself_by_its_name(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/slipstream"])
    assert main(["devices", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: slipstream devices ")


def test_version(capsys):
    assert main(["--version"]) == 0
    expected = f"slipstream 0.1.0, LiteRT {version('ai-edge-litert')}, litert-torch {version('litert-torch')}\n"
    assert capsys.readouterr().out == expected


def test_the_version_has_one_source():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project and project["dynamic"] == ["version"]


@pytest.mark.parametrize(
    ("arguments", "title", "action"),
    [
        (["genrate", "b"], "Unknown verb: genrate", "Did you mean generate?"),
        (["Verify"], "Unknown verb: Verify", "Did you mean verify?"),
        (["xyzzy"], "Unknown verb: xyzzy", "Choose one of: export, generate, "),
        (["--devcie", "pixel"], "Unknown option: --devcie", "Did you mean --device?"),
        (["--device", "pixel", "--recip", "int8"], "Unknown option: --recip", "Did you mean --recipe?"),
        (["generate", "b", "--promt=x"], "Unknown option: --promt", "Did you mean --prompt?"),
        (["bench", "b", "-t", "2"], "Unknown option: -t", "Choose one of: --help, "),
        (["--json", "--out", "x"], "--device is missing", "See `python -m export export --help`."),
        (["inspect"], "bundle is missing", "See `python -m export inspect --help`."),
        (["bench", "b", "--threads", "two"], "--threads does not fit", "See `python -m export bench --help`."),
        (["devices", "pixel"], "An argument too many: pixel", "See `python -m export devices --help`."),
        (["generate", "b", "--prompt", "a", "--prompt-file", "f"], "The command can't be understood", "--help"),
    ],
)
def test_a_mistake_names_what_was_meant(arguments, title, action, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and title in said.err and action in said.err


@pytest.mark.parametrize("prompt", ["-5", "- item", "--two words", "-.5"])
def test_a_value_that_begins_with_a_dash_is_no_option(prompt, capsys):
    assert main(["generate", "/nowhere", "--prompt", prompt]) == 8
    assert "Bundle can't be opened" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["xyzzy"], ["devices", "--nonsense"], ["inspect", "/nowhere"], ["--recipe", "x"]]
)
def test_errors_as_json(arguments, capsys):
    code = main([*arguments, "--json"])
    said = capsys.readouterr()
    assert code in (2, 8) and said.out == ""
    error = json.loads(said.err)["error"]
    assert set(error) == set(PARTS) and all(error.values())


def fail_with(monkeypatch, error, module=devices):
    def run(options):
        raise error

    monkeypatch.setattr(module, "run", run)


def test_advice_calls_the_program_as_the_user_did_and_leaves_other_parts_alone(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["slipstream"])
    found = "python -m export/out"
    action = "Run `python -m export install`, not python -m export.android.phone"
    fail_with(monkeypatch, BundleError("It fails", expected="a", found=found, where="b", action=action))
    assert main(["devices", "--json"]) == 8
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["action"] == "Run `slipstream install`, not python -m export.android.phone"
    assert error["found"] == found


def test_ctrl_c_promises_a_resumption_of_exports_only(monkeypatch, capsys):
    fail_with(monkeypatch, KeyboardInterrupt())
    fail_with(monkeypatch, KeyboardInterrupt(), export)
    assert main(["devices"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert main(["--device", "pixel"]) == 130
    assert capsys.readouterr().err == "interrupted; the same command goes on where this ended\n"


def test_an_unnamed_system_error_is_an_output_error(monkeypatch, capsys):
    fail_with(monkeypatch, OSError(28, "No space left on device", "/full/file"))
    assert main(["devices"]) == 6
    said = capsys.readouterr().err
    assert "No space left on device" in said and "where:    /full/file" in said


def test_a_broken_pipe_that_is_not_the_output_is_no_success(monkeypatch, capsys):
    fail_with(monkeypatch, BrokenPipeError(32, "Broken pipe"))
    assert main(["devices"]) == 6
    assert "Broken pipe" in capsys.readouterr().err


def test_handlers_are_as_they_were_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    assert main(["--version"]) == 0
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("number", "code", "says"), [(signal.SIGTERM, 143, "ended by SIGTERM\n"), (signal.SIGINT, 130, "interrupted\n")]
)
def test_signals_end_a_verb_with_a_message(number, code, says, tmp_path):
    """A prompt from a pipe that nobody writes to keeps the verb waiting."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "export", "generate", "b", "--prompt-file", str(pipe)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in its background deaf to Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # Opens once the verb opens it too; nothing is ever written.
    with pipe.open("w"):
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (code, says)


def test_ctrl_c_while_a_text_is_executed_ends_with_130_too(tmp_path):
    """As when it falls into an import that defines a dataclass: CPython remembers it to the end of `python -m`."""
    (tmp_path / "interrupted.py").write_text(
        "from export.cli import devices, main\n"
        "devices.run = lambda _: exec('raise KeyboardInterrupt')\n"
        "raise SystemExit(main.main(['devices']))\n"
    )
    command = [sys.executable, "-m", "interrupted"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")
