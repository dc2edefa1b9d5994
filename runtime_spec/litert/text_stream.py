"""Text of tokens as they come, at a cost that does not grow with what came before."""

from collections.abc import Callable, Sequence

UNFINISHED = "\ufffd"
"""What the tokenizer makes of a letter whose last bytes are still to come."""


class TextStream:
    """`decode` gives the text of some tokens. `length` letters have been handed out.

    Each time only tokens since the last but one place where letters were whole are decoded: a token's text may depend
    on the one before it (a space, further bytes of a letter)."""

    def __init__(self, decode: Callable[[list[int]], str]):
        self._decode = decode
        self._tail: list[int] = []
        self._settled = 0  # tokens of the tail whose text has been handed out whole
        self._written = 0  # letters of the tail's text that have been handed out
        self.length = 0

    def add(self, tokens: Sequence[int]) -> str:
        """The text that is new and can't change any more."""
        if not tokens:
            return ""
        self._tail += tokens
        text = self._decode(self._tail)
        whole = text.rstrip(UNFINISHED)
        new = whole[self._written :]
        self._written, self.length = max(self._written, len(whole)), self.length + len(new)
        if whole == text:
            self._tail = self._tail[self._settled :]
            self._settled, self._written = len(self._tail), len(self._decode(self._tail))
        return new

    def finish(self) -> str:
        """The rest, when no more tokens come: a letter that was never whole."""
        text = self._decode(self._tail) if self._tail else ""
        new = text[self._written :]
        self._tail, self._settled, self._written, self.length = [], 0, 0, self.length + len(new)
        return new
