"""N-gram drafts: the tokens that followed the last time (DECODE.md, *N-gram drafts*)."""

from collections.abc import Sequence

LONGEST, SHORTEST = 5, 2
"""n of the n-grams that are looked up."""
NOWHERE = -1


class NgramIndex:
    """Where each n-gram of a text ended last. It keeps the text that it was asked about, and follows whatever becomes
    of it: tokens that are the same cost a comparison, only what differs is taken out and put in again.

    Memory: the text, and for each n at most one entry and one place a token."""

    def __init__(self):
        self._text: list[int] = []
        self._match_end = NOWHERE
        self._latest: dict[int, dict[tuple[int, ...], int]] = {n: {} for n in range(LONGEST, SHORTEST - 1, -1)}
        # By the place where an n-gram ends: where the same one ended before it. This is the match of a text that ends
        # there, and what the entry falls back to when the place is taken out.
        self._earlier: dict[int, list[int]] = {n: [] for n in self._latest}

    def match(self, cached: Sequence[int], bonus_token: int) -> int:
        """n of the match of the text `cached` and then `bonus_token`; 0 if there is none."""
        self._follow(cached, bonus_token)
        for n, earlier in self._earlier.items():
            self._match_end = earlier[-1]
            if self._match_end != NOWHERE:
                return n
        return 0

    def drafts(self, count: int) -> list[int]:
        """`count` tokens (>= 0) that follow the match that was found last; none if none was."""
        if self._match_end == NOWHERE:
            return []
        followed = self._text[self._match_end + 1 : self._match_end + 1 + count]
        # Where the text ends the drafts go on with themselves: what lies between match and end is a period.
        for i in range(count - len(followed)):
            followed.append(followed[i])
        return followed

    def count_right(self, tokens: Sequence[int]) -> int:
        """How many of `tokens`, from the first on, are the `drafts` of the match that was found last."""
        drafts = self.drafts(len(tokens))
        for i, draft in enumerate(drafts):
            if tokens[i] != draft:
                return i
        return len(drafts)

    def _follow(self, cached: Sequence[int], bonus_token: int) -> None:
        """Makes the text `cached` and then `bonus_token`."""
        text = self._text
        self._shrink(len(cached))
        self._extend(cached)
        # Whole lists of one length are compared in place; slices would copy the context each round.
        if text != cached:
            differ = (i for i, token in enumerate(cached) if text[i] != token)
            self._shrink(next(differ, len(text)))
            self._extend(cached)
        self._append(bonus_token)

    def _extend(self, cached: Sequence[int]) -> None:
        for token in cached[len(self._text) :]:
            self._append(token)

    def _append(self, token: int) -> None:
        text = self._text
        place = len(text)
        text.append(token)
        for n, latest in self._latest.items():
            earlier = NOWHERE
            if place + 1 >= n:
                ngram = tuple(text[place + 1 - n :])
                earlier = latest.get(ngram, NOWHERE)
                latest[ngram] = place
            self._earlier[n].append(earlier)

    def _shrink(self, length: int) -> None:
        """Takes out the last places, one by one, until the text has `length` tokens."""
        text = self._text
        while len(text) > length:
            place = len(text) - 1
            for n, latest in self._latest.items():
                earlier = self._earlier[n].pop()
                if place + 1 >= n:
                    ngram = tuple(text[place + 1 - n :])
                    if earlier == NOWHERE:
                        del latest[ngram]
                    else:
                        latest[ngram] = earlier
            text.pop()
