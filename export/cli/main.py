"""The command line's frame: finds the verb, runs it, and ends every failure with a message and an exit code.

A verb is a module of this folder, imported when it is called for: `add_arguments(parser)` and `run(options)`, which
returns an exit code or None. What it says when Ctrl-C ends it may stand in `INTERRUPTED`.
"""

import argparse
import signal
import sys
from importlib import import_module
from types import ModuleType

from export.choices.device import unknown_choice
from export.cli import streams
from export.cli.parser import Parser
from export.cli.program import program
from export.cli.tell import show_error
from export.errors import OutputError, SlipstreamError
from export.resources import DEMO

VERBS = {
    "export": "checkpoints to a bundle and an Android project; the verb where none is named",
    "generate": "decode a prompt with a bundle",
    "chat": "a conversation with a bundle, in the terminal",
    "inspect": "what a bundle holds",
    "verify": "every byte of a bundle against its digest, every golden trace replayed",
    "bench": "plain decoding against drafted, interleaved",
    "retune": "a drafter trained on its target's own text, for a fine-tune that accepts few drafts",
    "apk": "an APK of an exported Android project, without Gradle and the Android SDK",
    "install": "APK and bundle onto a phone, over adb",
    "check": "the phone's self-check, judged against the golden traces",
    "devices": "what an export can be made for",
    "recipes": "how weights can be stored",
    "clean": "remove the packed weights that are kept between runs",
}
DEFAULT = "export"
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM


class _Terminated(BaseException):
    """SIGTERM, raised so that what is open is closed; like KeyboardInterrupt no Exception."""


def run_command() -> None:
    """The installed command `slipstream`, and `python -m export`."""
    sys.exit(main())


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb; returns the exit code (export/errors.py lists them)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    streams.make_tolerant()
    before = _raise_on_sigterm()
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        # One that passed through exec of a text (any dataclass being defined) is remembered by CPython, which then ends
        # `python -m` by SIGINT whatever it returns; the next exec forgets it.
        exec("")
        return _ended(_interrupted(arguments), INTERRUPTED)
    except _Terminated:
        return _ended("ended by SIGTERM", TERMINATED)
    except SlipstreamError as error:
        return show_error(error, "--json" in arguments)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and streams.reader_is_gone():
            return 0
        return show_error(_unwritable(error), "--json" in arguments)
    finally:
        streams.drop_what_is_full()
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _run(arguments: list[str]) -> int:
    verb, words = _split(arguments)
    parser = _parser(verb)
    if not arguments:
        parser.print_help(sys.stderr)
        return 2
    try:
        options = (parser.verbs[verb] if verb else parser).parse_args(words)
    except SystemExit as stop:  # --help and --version
        return stop.code or 0
    return _module(verb).run(options) or 0


def _split(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The verb, and the words after it; None: the options are for the program itself."""
    if not arguments or arguments[0] in ("-h", "--help", "--version"):
        return None, arguments
    if arguments[0].startswith("-"):
        return DEFAULT, arguments
    if arguments[0] not in VERBS:
        raise unknown_choice("verb", arguments[0], list(VERBS), "the first word")
    return arguments[0], arguments[1:]


def _parser(verb: str | None) -> Parser:
    """The program's parser. Only the verb that was called gets its options: the others need not be imported."""
    parser = Parser(
        prog=program(),
        description="Gemma 4 and its drafter, from Hugging Face checkpoints to one verified LiteRT bundle.",
        epilog=f"Each verb has a --help of its own. `{program()} --device NAME …` exports.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="versions of this program and of LiteRT")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    parser.verbs = {name: verbs.add_parser(name, help=text, description=text) for name, text in VERBS.items()}
    if verb is not None:
        _module(verb).add_arguments(parser.verbs[verb])
        parser.verbs[verb].add_json()
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_) -> None:
        from importlib.metadata import PackageNotFoundError, version

        from export import __version__

        said = [f"slipstream {__version__}"]
        for name, package in (("LiteRT", "ai-edge-litert"), ("litert-torch", "litert-torch")):
            try:
                said.append(f"{name} {version(package)}")
            except PackageNotFoundError:
                said.append(f"{name} is not installed")
        print(", ".join(said))
        parser.exit()


def _module(verb: str) -> ModuleType:
    return import_module(f"export.cli.{verb}")


def _raise_on_sigterm() -> object:
    """The handler that was there before; None where none can be set (another thread) or SIGTERM is ignored."""

    def handle(*_) -> None:
        raise _Terminated

    if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        return None
    try:
        return signal.signal(signal.SIGTERM, handle)
    except ValueError:
        return None


def _interrupted(arguments: list[str]) -> str:
    try:
        return getattr(_module(_split(arguments)[0] or ""), "INTERRUPTED", "interrupted")
    except (ImportError, SlipstreamError):
        return "interrupted"


def _ended(message: str, code: int) -> int:
    streams.say(message)
    return code


def _unwritable(error: OSError) -> OutputError:
    """For what no part of the program has named better: a full or read-only disk, a closed terminal."""
    stdout = streams.drop_what_is_full()
    where = error.filename2 or error.filename or stdout or "standard output, or an open file"
    return OutputError(
        "A file can't be read or written",
        expected="room, and the right to read or write there",
        found=error.strerror or str(error),
        where=str(where),
        action="Free some space or mend its permissions, then run the same command again.",
    )


__all__ = ["DEMO", "VERBS", "main", "run_command"]
