"""What target and drafter say, between the models' logits and the loop (DECODE.md, *Sampling*)."""

from collections.abc import Iterable, Sequence
from math import isfinite

from runtime_spec.sampling.argmax import not_finite
from runtime_spec.sampling.block import verified
from runtime_spec.sampling.filtered import Distribution, draw
from runtime_spec.sampling.parameters import GREEDY, Sampling
from runtime_spec.sampling.penalty import penalise, restore
from runtime_spec.sampling.random import CHOOSE, accept_purpose, draft_purpose, uniform
from runtime_spec.sampling.rows import PlainRows, Row, Rows

UNKNOWN = -1
CONFIDENCE = Sampling(temperature=1, top_k=8)
"""A greedy draft's confidence is its share among the eight largest logits."""


class Sampler:
    """One conversation's. The target tells it what it writes and asks it what to say, the drafter asks it what to
    draft; `sampling` may be changed between turns. Greedy, it costs no more than the greedy choice."""

    def __init__(self, sampling: Sampling = GREEDY, rows: Rows | None = None):
        self.sampling, self._rows = sampling, rows or PlainRows()
        self._text: list[int] = []
        self._drafted: list[int] = []
        self._position = 0
        self._drawn: dict[int, tuple[int, Distribution]] = {}

    def wrote(self, tokens: Sequence[int], position: int) -> None:
        """The target wrote `tokens` at slots position..; whatever was there and behind it is gone."""
        # A target that was used before this sampler came has slots that nobody told of.
        self._text += [UNKNOWN] * (position - len(self._text))
        self._text[position:] = tokens

    def target_tokens(self, rows: Sequence[Row], tokens: Sequence[int], position: int) -> list[int]:
        """What the target says after each of `tokens`, which it wrote at slots position..; all but one are drafts.
        rows[i] follows tokens[i]. What is said ends behind the first that is not the draft, unless it is greedy."""
        drawn, self._drawn = self._drawn, {}
        if self.sampling.is_greedy:
            return [self._rows.best(row, position + i) for i, row in enumerate(rows)]
        drafts, slot = tokens[1:], position + 1
        p = (self._distribution(row, i, []) for i, row in enumerate(rows, start=slot))
        q = [drawn[i][1] for i, draft in enumerate(drafts, start=slot) if i in drawn and drawn[i][0] == draft]
        if drafts and len(q) == len(drafts):
            return say_drawn(list(p), drafts, q, self.sampling.seed, slot)
        return say(p, drafts, self.sampling.seed, slot)

    def chosen_tokens(self, tokens: list[int]) -> list[int]:
        """What the target says, greedy, where its graph made the choices: these."""
        self._drawn = {}
        return tokens

    def begin_drafts(self, bonus_token: int, position: int) -> None:
        """A round of drafts begins. The first of them follows bonus_token, which will be written at slot `position`."""
        self._drafted, self._position, self._drawn = [bonus_token], position, {}

    def draft_token(self, row: Row, is_asked: bool = False) -> tuple[int, float | None]:
        """The next draft of the round and, if somebody asks for it, the drafter's confidence in it: a probability."""
        slot = self._position + len(self._drafted)
        if self.sampling.draws_drafts:
            q = self._distribution(row, slot, self._drafted)
            token = draw(q, uniform(self.sampling.seed, slot, draft_purpose(len(self._drafted) - 1)))
            self._drawn[slot] = token, q
            confidence = q.of(token) if is_asked else None
        else:
            token = self._rows.best(row, slot - 1)
            confidence = self._rows.filtered(row, CONFIDENCE, slot - 1).weights[0] if is_asked else None
        self._drafted.append(token)
        return token, confidence

    def chosen_draft(self, token: int, largest: Row, is_asked: bool = False) -> float | None:
        """Notes the next draft of the round, a greedy one that the drafter's graph chose; `largest` are its eight
        largest logits, descending. Returns the confidence as `draft_token` does.

        Raises RuntimeLibraryError where the first of them, and so any logit of the row, is no finite number."""
        slot = self._position + len(self._drafted)
        if not isfinite(largest[0]):
            raise not_finite(float(largest[0]), token, len(largest), slot - 1)
        self._drafted.append(token)
        return self._rows.filtered(largest, CONFIDENCE, slot - 1).weights[0] if is_asked else None

    def _distribution(self, row: Row, slot: int, drafted: list[int]) -> Distribution:
        """Of the token at `slot`, in front of which are the text and, from it on, what was `drafted`."""
        if not self.sampling.has_penalty:
            return self._rows.filtered(row, self.sampling, slot - 1)
        begin, end = max(0, slot - self.sampling.repetition_window), slot - len(drafted)
        lately = self._text[begin:end] + drafted[max(0, begin - end) :]
        before = penalise(row, lately, self.sampling.repetition_penalty)
        try:
            return self._rows.filtered(row, self.sampling, slot - 1)
        finally:
            restore(row, before)


def say(p: Iterable[Distribution], drafts: Sequence[int], seed: int, slot: int) -> list[int]:
    """What a target says by drawing, from `slot` on: p has its distribution in the place of each draft and behind the
    last, and is read as far as it goes. It ends behind the first token that is not the draft."""
    said: list[int] = []
    for one, draft in zip(p, [*drafts, None], strict=False):
        said.append(draw(one, uniform(seed, slot + len(said), CHOOSE)))
        if said[-1] != draft:
            break
    return said


def say_drawn(
    p: Sequence[Distribution], drafts: Sequence[int], q: Sequence[Distribution], seed: int, slot: int
) -> list[int]:
    """The same where drafts[i] was drawn from q[i]: as many are kept as block verification says, and the next token is
    made up for by what p has more of."""
    numbers = [uniform(seed, slot + i, accept_purpose(i)) for i in range(len(drafts))]
    kept, rest = verified(p, drafts, q, numbers)
    # A token that is drawn may be the draft, and the loop then wants one more: p may stand in for an empty residual.
    return [*drafts[:kept], *say([rest, *p[kept + 1 :]], drafts[kept:], seed, slot + kept)]
