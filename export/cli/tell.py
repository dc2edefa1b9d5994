"""What a verb tells: objects for programs, sentences for people, errors for both."""

import json
import sys
from collections.abc import Callable

from export.cli import streams
from export.cli.program import as_called
from export.errors import SlipstreamError


def show_object(value: object) -> None:
    """One JSON object on one line of stdout: all that a verb prints there with --json."""
    print(json.dumps(value))


def show_error(error: SlipstreamError, as_json: bool) -> int:
    """Prints it on stderr; returns its exit code."""
    parts = {name: getattr(error, name) for name in ("title", "expected", "found", "where", "action")}
    parts["action"] = as_called(parts["action"])
    if as_json:
        streams.say(json.dumps({"error": parts}))
    else:
        streams.say(f"error: {type(error)(parts.pop('title'), **parts)}")
    return error.exit_code


def progress_printer(as_json: bool) -> Callable[[str], None]:
    """A function for sentences while a verb works: to stdout, or to stderr where stdout belongs to an object."""

    def say(text: str) -> None:
        print(as_called(text), file=sys.stderr if as_json else sys.stdout, flush=True)

    return say
