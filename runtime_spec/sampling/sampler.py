"""What target and drafter say, between the models' logits and the loop (DECODE.md, *Sampling*)."""

from collections.abc import Sequence

from runtime_spec.sampling.filtered import Distribution, draw, residual
from runtime_spec.sampling.parameters import GREEDY, Sampling
from runtime_spec.sampling.penalty import penalise, restore
from runtime_spec.sampling.random import ACCEPT, CHOOSE, DRAFT, reply_seed, uniform
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
        said: list[int] = []
        for row, draft in zip(rows, [*tokens[1:], None], strict=True):
            slot = position + 1 + len(said)
            p = self._distribution(row, slot, [])
            drawn_draft, q = drawn.get(slot, (None, None))
            said.append(say(p, draft, q if drawn_draft == draft else None, self.sampling.seed, slot))
            if said[-1] != draft:
                break
        return said

    def begin_drafts(self, bonus_token: int, position: int) -> None:
        """A round of drafts begins. The first of them follows bonus_token, which will be written at slot `position`."""
        self._drafted, self._position, self._drawn = [bonus_token], position, {}

    def draft_token(self, row: Row, is_asked: bool = False) -> tuple[int, float | None]:
        """The next draft of the round and, if somebody asks for it, the drafter's confidence in it: a probability."""
        slot = self._position + len(self._drafted)
        if self.sampling.draws_drafts:
            q = self._distribution(row, slot, self._drafted)
            # The round has its own: were a slot's drafts made of one number in all rounds, a policy that learned from
            # drafts which were never judged would know something of the next ones.
            seed = reply_seed(self.sampling.seed, self._position)
            token = draw(q, uniform(seed, slot, DRAFT))
            self._drawn[slot] = token, q
            confidence = q.of(token) if is_asked else None
        else:
            token = self._rows.best(row, slot - 1)
            confidence = self._rows.filtered(row, CONFIDENCE, slot - 1).weights[0] if is_asked else None
        self._drafted.append(token)
        return token, confidence

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


def say(p: Distribution, draft: int | None, q: Distribution | None, seed: int, slot: int) -> int:
    """What a target with distribution p says at `slot`, where `draft` stands if there is one; q is the one that it was
    drawn from. A draft with a q is kept, or made up for by what p has more of; else the target draws."""
    if q is not None:
        if uniform(seed, slot, ACCEPT) * q.of(draft) < p.of(draft):
            return draft
        p = residual(p, q) or p
    return draw(p, uniform(seed, slot, CHOOSE))
