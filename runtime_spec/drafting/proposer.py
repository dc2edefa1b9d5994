"""Where the drafts of a round come from, and how many there are (DECODE.md, *Where drafts come from*)."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from runtime_spec.drafting.ngram import NgramIndex

NGRAM, DRAFTER = "ngram", "drafter"
"""Sources: the match in the text, and the model."""

GoesOn = Callable[[int, float, int], bool]
"""Asked after each draft of the model but the last, with how many there are, the confidence in this one, and how many
of those that are wanted are made already: whether to draft one more."""


class Model(Protocol):
    """The loop's Drafter, over a model that asks a GoesOn."""

    def draft(self, cached: Sequence[int], bonus_token: int, hidden: Any, position: int, count: int) -> list[int]: ...


class ObservedRound(Protocol):
    """What a policy may read of a round; runtime_spec.reference.trace.Round has it."""

    position: int
    draft_tokens: list[int]
    verify_width: int
    num_accepted: int
    emitted_tokens: list[int]
    stop_reason: str | None


class Policy(Protocol):
    """Chooses by what it is told; it has no clock of its own. `probe_nanos` is the time that its trials took. One that
    never drafts from a match `looks_up` none."""

    probe_nanos: int
    looks_up: bool

    def plan(self, position: int, most: int, match: int) -> tuple[str | None, int]:
        """Source and number of drafts of the round at `position`, where the loop allows `most` (>= 1) and the text has
        an n-gram match of `match` tokens (0: none). (None, 0) decodes plainly."""
        ...

    def goes_on(self, drafted: int, confidence: float, made: int) -> bool:
        """As a GoesOn."""
        ...

    def observe(self, round: ObservedRound, draft_nanos: int, nanos: int, matched: int) -> None:
        """A verify pass was completed: what was drafted and accepted, how long drafting took and the whole round. The
        match that `plan` was told of has the first `matched` of the round's emitted tokens, whether it was drafted from
        or not."""
        ...


class Proposer:
    """The loop's Drafter: it asks `policy`, which may be another from one round to the next, and hands out the drafts
    of the source that it names. For one session.

    Of the round that was drafted for last, until the session tells of one, it notes `source`, None where there are no
    drafts, and `draft_nanos`."""

    def __init__(
        self,
        policy: Policy,
        model: Callable[[GoesOn], Model] | None = None,
        clock: Callable[[], int] = time.perf_counter_ns,
    ):
        """`model` makes the model drafter, which is to ask what it is given; None: there is no model. `clock` gives
        nanoseconds."""
        self.policy = policy
        self.source: str | None = None
        self.draft_nanos = 0
        self._has_match = False
        self._model, self._clock = model and model(self._goes_on), clock
        self._index = NgramIndex()

    def draft(self, cached: Sequence[int], bonus_token: int, hidden: Any, position: int, count: int) -> list[int]:
        """At most `count` tokens (>= 1) to follow bonus_token; none where the policy wants none, or has no source."""
        begin = self._clock()
        self._forget()
        match = self._index.match(cached, bonus_token) if self.policy.looks_up else 0
        self._has_match = match > 0
        source, wanted = self.policy.plan(position, count, match)
        wanted, draft_tokens = min(wanted, count), []
        if wanted > 0 and source == NGRAM:
            draft_tokens = self._index.drafts(wanted)
        elif wanted > 0 and source == DRAFTER and self._model is not None:
            draft_tokens = self._model.draft(cached, bonus_token, hidden, position, wanted)
        self.source = source if draft_tokens else None
        self.draft_nanos = self._clock() - begin
        return draft_tokens

    def observe(self, round: ObservedRound, nanos: int) -> None:
        """To be told of every round that the session hands out, and how long it took: the policy learns of those whose
        verify pass was completed."""
        if round.verify_width > 0 and round.stop_reason != "cancelled":
            self.policy.observe(round, self.draft_nanos, nanos, self._matched(round.emitted_tokens))
        # The loop does not ask where nothing may be drafted: such a round is not to find what another left.
        self._forget()

    def _goes_on(self, drafted: int, confidence: float, made: int) -> bool:
        return self.policy.goes_on(drafted, confidence, made)

    def _matched(self, emitted_tokens: Sequence[int]) -> int:
        """How many of the tokens the match has right, from the first on."""
        return self._index.count_right(emitted_tokens) if self._has_match else 0

    def _forget(self) -> None:
        self.source, self.draft_nanos, self._has_match = None, 0, False
