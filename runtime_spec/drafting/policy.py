"""Who says before each round which drafts to make, and how many (DECODE.md, *Where drafts come from*)."""

from typing import Protocol

from runtime_spec.reference.trace import Round

DRAFTER, NGRAM = "drafter", "ngram"
"""Sources: the model, and the matches in the text."""


class Policy(Protocol):
    """For one model's rounds, whichever conversation they belong to. `probe_nanos` is the time that trials took."""

    probe_nanos: int

    def plan(self, position: int, most: int, match: int) -> tuple[str | None, int]:
        """The source, and how many drafts (<= most) to ask it for, in the round that begins at cache slot `position`;
        `match` is the length of the text's n-gram match, 0 where there is none. 0 drafts decode plainly."""
        ...

    def goes_on(self, drafted: int, confidence: float) -> bool:
        """Whether the model is to draft one more after `drafted` drafts, the last with this `confidence`, a
        probability."""
        ...

    def observe(self, round: Round, draft_nanos: int, nanos: int) -> None:
        """What the round that was planned last came to, once its verify pass was completed: it took `nanos` in all,
        `draft_nanos` of them for its drafts."""
        ...


class Fixed:
    """Always `count` drafts: with `n_grams` of a match where there is one, else of the model if there is one."""

    probe_nanos = 0

    def __init__(self, count: int, n_grams: bool, has_drafter: bool):
        self.count, self.n_grams, self.has_drafter = count, n_grams, has_drafter

    def plan(self, position: int, most: int, match: int) -> tuple[str | None, int]:
        count = min(self.count, most)
        if count > 0 and self.n_grams and match > 0:
            return NGRAM, count
        return (DRAFTER, count) if count > 0 and self.has_drafter else (None, 0)

    def goes_on(self, drafted: int, confidence: float) -> bool:
        return True

    def observe(self, round: Round, draft_nanos: int, nanos: int) -> None:
        """Nothing is learnt."""


class WithoutNgrams:
    """`policy`, which is never told of a match."""

    def __init__(self, policy: Policy):
        self._policy = policy
        self.goes_on, self.observe = policy.goes_on, policy.observe

    @property
    def probe_nanos(self) -> int:
        return self._policy.probe_nanos

    def plan(self, position: int, most: int, match: int) -> tuple[str | None, int]:
        return self._policy.plan(position, most, 0)
