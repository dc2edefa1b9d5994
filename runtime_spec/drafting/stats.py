"""What a policy did, in numbers that can be shown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceStats:
    """Of one source of drafts: rounds by number of drafts (index 0 unused), drafts and accepted drafts by position."""

    rounds: tuple[int, ...]
    drafted: tuple[int, ...]
    accepted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DraftStats:
    """All rounds that a policy observed. `trial_nanos` is what rounds of trials took, whatever they gave."""

    plain_rounds: int
    drafter: SourceStats
    ngram: SourceStats
    trial_rounds: int
    trial_nanos: int
    nanos: int
