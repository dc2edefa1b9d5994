"""A reply's tokens as they come, to thought and answer (CHAT.md, Replies)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from runtime_spec.chat.format import Thoughts

THOUGHT, ANSWER = "thought", "answer"


@dataclass
class _Delimiter:
    """`token`: the control token that it begins with, or None; `rest`: the text behind that."""

    token: int | None
    rest: str


@dataclass
class Splitter:
    """Takes tokens, hands out (channel, text). `opened_by` is the text that opened the reply, `control` are the texts
    of the control tokens by id, `stream` makes what decodes a run of others. `answer_begin` is where the answer's
    tokens begin among all tokens; None where no token parts it from the thought."""

    thoughts: Thoughts | None
    opened_by: str
    control: Mapping[int, str]
    stream: Callable[[], "TextSource"]
    channel: str = field(init=False, default=ANSWER)
    answer_begin: int | None = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._source, self._held, self._drop, self._count = self.stream(), "", "", 0
        self._start = self._end = None
        if self.thoughts is not None:
            self._start, self._end = (self._delimiter(text) for text in (self.thoughts.start, self.thoughts.end))
            if self.opened_by.rfind(self.thoughts.start) > self.opened_by.rfind(self.thoughts.end):
                self.channel = THOUGHT

    def add(self, tokens: Sequence[int]) -> list[tuple[str, str]]:
        """What `tokens` complete."""
        found: list[tuple[str, str]] = []
        for token in tokens:
            self._count += 1
            if token not in self.control:
                found += self._text(self._source.add([token]))
                continue
            found += self._flush()
            if self._start and token == self._start.token:
                self._enter(THOUGHT, self._start.rest)
            elif self._end and token == self._end.token:
                self._enter(ANSWER, self._end.rest)
        return _joined(found)

    def finish(self) -> list[tuple[str, str]]:
        """What is held back when no more tokens come."""
        return _joined(self._flush())

    def _enter(self, channel: str, rest: str) -> None:
        self.channel, self._drop = channel, rest
        if channel == ANSWER:
            self.answer_begin = self._count if self._end.token is not None and not rest else None

    def _flush(self) -> list[tuple[str, str]]:
        found = self._text(self._source.finish())
        held, self._held, self._drop = self._held, "", ""
        self._source = self.stream()
        return [*found, (self.channel, held)]

    def _text(self, text: str) -> list[tuple[str, str]]:
        self._held += text
        found = []
        while True:
            if self._drop:
                if self._held.startswith(self._drop):
                    self._held = self._held[len(self._drop) :]
                elif self._drop.startswith(self._held):
                    return found
                self._drop = ""
            wanted = self._start if self.channel == ANSWER else self._end
            if wanted is None or wanted.token is not None:
                found.append((self.channel, self._held))
                self._held = ""
                return found
            at = self._held.find(wanted.rest)
            if at < 0:
                keep = _could_begin(self._held, wanted.rest)
                found.append((self.channel, self._held[: len(self._held) - keep]))
                self._held = self._held[len(self._held) - keep :]
                return found
            found.append((self.channel, self._held[:at]))
            self._held = self._held[at + len(wanted.rest) :]
            self._enter(THOUGHT if self.channel == ANSWER else ANSWER, "")

    def _delimiter(self, text: str) -> _Delimiter:
        found = [(spelled, token) for token, spelled in self.control.items() if spelled and text.startswith(spelled)]
        if not found:
            return _Delimiter(None, text)
        spelled, token = max(found, key=lambda one: len(one[0]))
        return _Delimiter(token, text[len(spelled) :])


class TextSource(Protocol):
    """Text of tokens as they come, whole characters only."""

    def add(self, tokens: Sequence[int]) -> str: ...

    def finish(self) -> str: ...


def _could_begin(text: str, wanted: str) -> int:
    """The longest end of `text` that `wanted` begins with."""
    return next(n for n in range(min(len(text), len(wanted) - 1), -1, -1) if text.endswith(wanted[:n]))


def _joined(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    joined: list[tuple[str, str]] = []
    for channel, text in found:
        if joined and joined[-1][0] == channel:
            joined[-1] = channel, joined[-1][1] + text
        elif text:
            joined.append((channel, text))
    return joined
