"""Matches and drafts as DECODE.md defines them: the whole text is searched, nothing is remembered."""

from collections.abc import Sequence


def match(text: Sequence[int]) -> tuple[int, int]:
    """(n, index where the match ends); (0, -1) without a match."""
    text = list(text)
    for n in (5, 4, 3, 2):
        ends = [e for e in range(n - 1, len(text) - 1) if text[e + 1 - n : e + 1] == text[-n:]]
        if ends:
            return n, ends[-1]
    return 0, -1


def drafts(text: Sequence[int], count: int) -> list[int]:
    """The `count` tokens after the match."""
    length, end = match(text)
    if length == 0:
        return []
    followed = list(text)
    for j in range(count):
        followed.append(followed[end + 1 + j])
    return followed[len(text) :]
