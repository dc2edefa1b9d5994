"""stdout and stderr as they are at the user's: other encodings, pipes whose reader has gone, full disks."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


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
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def reader_is_gone() -> bool:
    """If stdout or stderr is a pipe that nobody reads any more. A BrokenPipeError may come from another pipe."""
    for number in _descriptors():
        poll = select.poll()
        poll.register(number, 0)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
            return True
    return False


def drop() -> None:
    """What is still to be written goes nowhere: Python's own flush at the end would fail once more, aloud."""
    with _null() as null:
        for number in _descriptors():
            os.dup2(null, number)


def what_is_full() -> str | None:
    """`standard output`, where that can't be written."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        return "standard output"
    return None


def drop_what_is_full() -> None:
    """As `drop`, for a stdout that can't be written; stderr stays, for the message."""
    if what_is_full() is None:
        return
    with _null() as null, suppress(OSError, ValueError):
        os.dup2(null, sys.stdout.fileno())


@contextmanager
def _null() -> Iterator[int]:
    number = os.open(os.devnull, os.O_WRONLY)
    try:
        yield number
    finally:
        os.close(number)


def _descriptors() -> list[int]:
    found = []
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            found.append(stream.fileno())
    return found
