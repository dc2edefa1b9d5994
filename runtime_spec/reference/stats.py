"""The figures of speculative decoding, counted from rounds."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from runtime_spec.reference.trace import Round


@dataclass(slots=True)
class SourceStats:
    """What the drafts of one source came to. `drafted[i]` counts the rounds that had an ith draft (from 0 on),
    `accepted[i]` those that accepted it."""

    rounds: int = 0
    drafted: list[int] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)

    def add(self, num_drafts: int, num_accepted: int) -> None:
        self.rounds += 1
        missing = num_drafts - len(self.drafted)
        if missing > 0:
            self.drafted += [0] * missing
            self.accepted += [0] * missing
        for i in range(num_drafts):
            self.drafted[i] += 1
            self.accepted[i] += i < num_accepted

    def merge(self, other: "SourceStats") -> None:
        self.rounds += other.rounds
        for mine, theirs in ((self.drafted, other.drafted), (self.accepted, other.accepted)):
            mine += [0] * (len(theirs) - len(mine))
            for i, count in enumerate(theirs):
                mine[i] += count

    def to_dict(self) -> dict:
        """As --json prints it."""
        drafted, accepted = sum(self.drafted), sum(self.accepted)
        return {
            "rounds": self.rounds,
            "drafted": drafted,
            "accepted": accepted,
            "acceptance_rate": accepted / drafted if drafted else 0.0,
            "drafted_by_position": list(self.drafted),
            "accepted_by_position": list(self.accepted),
        }


@dataclass(slots=True)
class DecodeStats:
    """Counts over completed verify passes; prefills and cancelled rounds are left out, except for `emitted`.

    `sources` are by name, those that drafted anything; `rounds_by_length` counts rounds by their number of drafts."""

    emitted: int = 0
    rounds: int = 0
    drafted: int = 0
    accepted: int = 0
    sources: dict[str, SourceStats] = field(default_factory=dict)
    rounds_by_length: dict[int, int] = field(default_factory=dict)

    def add(self, round: Round) -> None:
        self.emitted += len(round.emitted_tokens)
        if round.verify_width == 0 or round.stop_reason == "cancelled":
            return
        length = len(round.draft_tokens)
        self.rounds += 1
        self.drafted += length
        self.accepted += round.num_accepted
        self.rounds_by_length[length] = self.rounds_by_length.get(length, 0) + 1
        if round.draft_source is not None:
            self.sources.setdefault(round.draft_source, SourceStats()).add(length, round.num_accepted)

    @property
    def acceptance_rate(self) -> float:
        """accepted / drafted; 0.0 when nothing was drafted."""
        return self.accepted / self.drafted if self.drafted else 0.0

    @property
    def mean_accepted_length(self) -> float:
        """(accepted + rounds) / rounds: tokens a verify pass yields; 0.0 without rounds."""
        return (self.accepted + self.rounds) / self.rounds if self.rounds else 0.0

    def drafting(self) -> dict:
        """Rounds by length and figures by source, as --json prints them; sources and lengths in order."""
        return {
            "rounds_by_length": {str(n): self.rounds_by_length[n] for n in sorted(self.rounds_by_length)},
            "sources": {name: self.sources[name].to_dict() for name in sorted(self.sources)},
        }


def sum_stats(all_stats: Iterable[DecodeStats]) -> DecodeStats:
    """The figures of several replies taken together."""
    total = DecodeStats()
    for stats in all_stats:
        for name in ("emitted", "rounds", "drafted", "accepted"):
            setattr(total, name, getattr(total, name) + getattr(stats, name))
        for length, count in stats.rounds_by_length.items():
            total.rounds_by_length[length] = total.rounds_by_length.get(length, 0) + count
        for name, source in stats.sources.items():
            total.sources.setdefault(name, SourceStats()).merge(source)
    return total


def count_rounds(rounds: Iterable[Round]) -> DecodeStats:
    """The statistics of some rounds."""
    stats = DecodeStats()
    for round in rounds:
        stats.add(round)
    return stats
