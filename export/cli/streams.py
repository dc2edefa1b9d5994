"""stdout and stderr as they are at the user's: other encodings, pipes whose reader has gone, full disks."""

import os
import select
import sys
from contextlib import suppress
from typing import TextIO


def make_tolerant() -> None:
    """Letters that the terminal's encoding lacks are printed as escapes; a stream that is closed takes anything."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - stays open as long as the program runs
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """To stderr, if that still takes anything."""
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _drop(sys.stderr)


def reader_is_gone() -> bool:
    """If stdout or stderr is a pipe that nobody reads any more. A BrokenPipeError may come from another pipe."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            poll.register(stream.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def drop_what_is_full() -> str | None:
    """Drops stdout if it can't be written, and names it then: Python's own flush at the end would fail aloud."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _drop(sys.stdout)
        return "standard output"
    return None


def _drop(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
