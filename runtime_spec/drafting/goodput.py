"""What is expected of plain decoding and of drafts, in tokens a nanosecond, and what is the best of it (DECODE.md)."""

from collections.abc import Sequence

from runtime_spec.drafting.acceptance import Acceptance
from runtime_spec.drafting.costs import Costs
from runtime_spec.drafting.trials import DRAFTER, NGRAM

STAY = 1.02
"""How much better another choice must be than the one that is used: measurements are noisy."""


class Goodput:
    """Costs and acceptance put together. `goal` is the goodput of the best that is known, `used` its number of the
    model's drafts; what else is done must give as much. Kinds are those of trials.py."""

    __slots__ = ("costs", "drafter", "goal", "ngrams", "used")

    def __init__(self, costs: Costs, drafter: Acceptance, ngrams: Sequence[Acceptance]):
        self.costs, self.drafter, self.ngrams = costs, drafter, ngrams
        self.used = 0
        self.goal = 0.0

    def source(self, kind: int) -> Acceptance:
        return self.drafter if kind >= DRAFTER else self.ngrams[kind - NGRAM]

    def expected(self, kind: int, count: int) -> float:
        """Of `count` drafts."""
        tokens = _tokens(self.source(kind).rates, count) if count > 0 else 1.0
        return tokens / self.costs.round_nanos(count, kind >= DRAFTER)

    def hoped(self, kind: int, count: int) -> float:
        """What may be hoped of `count` drafts."""
        tokens = _tokens(self.source(kind).hopes, count) if count > 0 else 1.0
        nanos = self.costs.hoped_nanos(self.costs.index[count])
        return tokens / (nanos + self.costs.hoped_draft_nanos(count) if kind >= DRAFTER else nanos)

    def choose(self, most: int) -> None:
        """The number of the model's drafts with the best goodput of those that were measured. What is used stays until
        something is clearly better."""
        costs = self.costs
        best, goal = 0, 1.0 / costs.pass_nanos(0)
        highest = goal * STAY if self.used == 0 else goal
        if self.drafter.is_judged and costs.has_drafts():
            rates = self.drafter.rates
            tokens = reach = 1.0
            for count in range(1, most + 1):
                reach *= rates[count - 1]
                tokens += reach
                if costs.is_measured(costs.index[count]):
                    rate = tokens / costs.round_nanos(count, True)
                    weighed = rate * STAY if self.used == count else rate
                    if weighed > highest:
                        best, goal, highest = count, rate, weighed
        self.used, self.goal = best, goal

    def matched(self, kind: int, most: int) -> int:
        """How many drafts of a match to take: those that win most over the goal, 0 if none do."""
        source, costs = self.source(kind), self.costs
        if not source.is_judged:
            return 0
        best, highest = 0, 0.0
        tokens = reach = 1.0
        for count in range(1, most + 1):
            reach *= source.rates[count - 1]
            tokens += reach
            if costs.is_measured(costs.index[count]):
                passed = self.goal * costs.round_nanos(count, False)
                if tokens - passed > highest and tokens > passed * STAY:
                    best, highest = count, tokens - passed
        return best

    def goes_on(self, reach: float, drafted: int, most: int, are_made: bool) -> bool:
        """Whether one of `most` drafts more pays where `drafted` of the model's are all right with a chance of `reach`.
        If all `are_made`, only the pass is to pay for."""
        now = self.costs.round_nanos(drafted, not are_made)
        tokens = 0.0
        for count in range(drafted + 1, most + 1):
            reach *= self.drafter.rates[count - 1]
            tokens += reach
            if tokens > self.goal * (self.costs.round_nanos(count, not are_made) - now):
                return True
        return False

    def expected_loss(self, kind: int, count: int, rounds: float, position: int) -> float:
        """What `rounds` rounds with `count` drafts will give less than the goal, in rounds of plain decoding."""
        nanos = self.costs.round_nanos(count, kind >= DRAFTER)
        tokens = self.expected(kind, count) * nanos
        lost = max(rounds * (nanos - tokens / self.goal), 0.0)
        return (lost + self.costs.replan_nanos(self.costs.index[count], position)) / self.costs.pass_nanos(0)


def _tokens(rates: Sequence[float], count: int) -> float:
    """Of a round with `count` drafts."""
    tokens = reach = 1.0
    for i in range(count):
        reach *= rates[i]
        tokens += reach
    return tokens
