"""The figures of speculative decoding, counted from rounds."""

from collections.abc import Iterable
from dataclasses import dataclass

from runtime_spec.reference.trace import Round


@dataclass(slots=True)
class DecodeStats:
    """Counts over completed verify passes; prefills and cancelled rounds are left out, except for `emitted`."""

    emitted: int = 0
    rounds: int = 0
    drafted: int = 0
    accepted: int = 0

    def add(self, round: Round) -> None:
        self.emitted += len(round.emitted_tokens)
        if round.verify_width > 0 and round.stop_reason != "cancelled":
            self.rounds += 1
            self.drafted += len(round.draft_tokens)
            self.accepted += round.num_accepted

    @property
    def acceptance_rate(self) -> float:
        """accepted / drafted; 0.0 when nothing was drafted."""
        return self.accepted / self.drafted if self.drafted else 0.0

    @property
    def mean_accepted_length(self) -> float:
        """(accepted + rounds) / rounds: tokens a verify pass yields; 0.0 without rounds."""
        return (self.accepted + self.rounds) / self.rounds if self.rounds else 0.0


def count_rounds(rounds: Iterable[Round]) -> DecodeStats:
    """The statistics of some rounds."""
    stats = DecodeStats()
    for round in rounds:
        stats.add(round)
    return stats
