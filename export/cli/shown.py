"""A reply as it is shown: the answer on stdout; the thought before it, and how far its prompt is read, on stderr."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime_spec.chat.reply import Splitter

Print = Callable[[str], None]
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
PATIENCE = 0.5
"""Seconds of a prefill before its progress is shown."""


def write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def unseen(text: str) -> None:
    pass


class Shown:
    """Takes a reply's tokens, without its stop token, and collects `thought` and `answer`. `write` prints the answer,
    `say` the thought."""

    def __init__(self, splitter: "Splitter", write: Print = unseen, say: Print = unseen):
        self.thought, self.answer = "", ""
        self._splitter, self._write, self._say, self._is_thinking = splitter, write, say, False

    def add(self, tokens: Sequence[int]) -> None:
        self._take(self._splitter.add(tokens))

    def finish(self) -> None:
        """When no more tokens come."""
        self._take(self._splitter.finish())
        self._end_thought()

    def _take(self, said: list[tuple[str, str]]) -> None:
        for channel, text in said:
            if channel == "thought":
                self.thought += text
                self._think(text)
            else:
                self.answer += text
                self._end_thought()
                self._write(text)

    def _think(self, text: str) -> None:
        if not self._is_thinking:
            self._is_thinking = True
            self._say(f"{DIM if sys.stderr.isatty() else ''}[thought] ")
        self._say(text)

    def _end_thought(self) -> None:
        if self._is_thinking:
            self._is_thinking = False
            self._say(f"{PLAIN if sys.stderr.isatty() else ''}\n")


class PrefillProgress:
    """One line that is written over: how much of a prompt is read, where that takes long."""

    def __init__(self, is_shown: bool):
        self._is_shown, self._length, self._begin = is_shown, 0, time.monotonic()

    def show(self, done: int, total: int) -> None:
        if self._is_shown and time.monotonic() - self._begin > PATIENCE:
            text = f"reading {done} of {total} tokens"
            sys.stderr.write(f"\r{text}")
            sys.stderr.flush()
            self._length = len(text)

    def clear(self) -> None:
        if self._length:
            sys.stderr.write(f"\r{' ' * self._length}\r")
            sys.stderr.flush()
            self._length = 0

    def before(self, print_text: Print) -> Print:
        """`print_text`, which clears the line first."""

        def print_behind(text: str) -> None:
            self.clear()
            print_text(text)

        return print_behind
