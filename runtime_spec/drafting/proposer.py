"""The loop's Drafter over all sources: the text's own n-grams, the model that drafts, and the policy between them."""

import time
from collections.abc import Callable, Sequence

from runtime_spec.drafting.ngram import NgramIndex
from runtime_spec.drafting.policy import NGRAM, Policy
from runtime_spec.reference.ports import Drafter, Hidden
from runtime_spec.reference.trace import Round


class Proposer:
    """runtime_spec.reference.ports.Drafter for one conversation. `drafter` is None where the bundle has no model that
    drafts; it asks `policy.goes_on` itself. `clock` tells nanoseconds.

    Tell `observe` of each completed round, for instance as a Session's."""

    def __init__(self, drafter: Drafter | None, policy: Policy, clock: Callable[[], int] = time.perf_counter_ns):
        self.source: str | None = None
        self._drafter, self._policy, self._clock = drafter, policy, clock
        self._index = NgramIndex()
        self._draft_nanos, self._planned = 0, -1

    def draft(self, cached: Sequence[int], bonus_token: int, hidden: Hidden, position: int, count: int) -> list[int]:
        begin = self._clock()
        match = self._index.match(cached, bonus_token)
        self.source, wanted = self._policy.plan(position, count, match)
        tokens: list[int] = []
        if wanted > 0:
            if self.source == NGRAM:
                tokens = self._index.drafts(wanted)
            else:
                tokens = self._drafter.draft(cached, bonus_token, hidden, position, wanted)
        self._draft_nanos, self._planned = self._clock() - begin, position
        return tokens

    def observe(self, round: Round, nanos: int) -> None:
        """The round took `nanos`. Rounds that the loop wanted no drafts in, at an end, were not planned and say nothing
        of the policy's choice."""
        if round.position == self._planned:
            self._policy.observe(round, self._draft_nanos, nanos)
        self._planned = -1
