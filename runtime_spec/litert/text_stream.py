"""Text of tokens as they come, at a cost that does not grow with what came before."""

from collections.abc import Callable, Sequence


class TextStream:
    """`decode` gives the text of some tokens, `byte_of` the byte that a token stands for, None where it is text.

    A run of bytes is held until it ends: a later byte can still spoil the letters before it. Each time only tokens
    since the last but one place where text was handed out are decoded: a token's text may depend on the one before."""

    def __init__(self, decode: Callable[[list[int]], str], byte_of: Callable[[int], int | None]):
        self._decode, self._byte_of = decode, byte_of
        self._tail: list[int] = []
        self._settled = 0  # tokens of the tail whose text has been handed out
        self._written = 0  # letters of theirs

    def add(self, tokens: Sequence[int]) -> str:
        """The text that is new and can't change any more."""
        self._tail += tokens
        count = next((i for i, token in enumerate(reversed(tokens)) if self._byte_of(token) is None), None)
        # What was held before is bytes alone: where these are, too, nothing is ready.
        return "" if count is None else self._take(len(self._tail) - count)

    def finish(self) -> str:
        """The rest, when no more tokens come: a run of bytes that no token ended, but for a last character whose bytes
        did not all come."""
        try:
            bytes(map(self._byte_of, self._tail[self._settled :])).decode()
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":
                del self._tail[self._settled + error.start :]
        return self._take(len(self._tail))

    def _take(self, ready: int) -> str:
        if ready == self._settled:
            return ""
        new = self._decode(self._tail[:ready])[self._written :]
        self._tail, self._settled = self._tail[self._settled :], ready - self._settled
        self._written = len(self._decode(self._tail[: self._settled]))
        return new
