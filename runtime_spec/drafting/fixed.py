"""The policy that always drafts alike."""

from runtime_spec.drafting.proposer import DRAFTER, NGRAM, ObservedRound


class Fixed:
    """`count` drafts a round, 0 decodes plainly: of the model or, with `ngrams`, from the text where it has a match.
    Where there is no model either, a text without a match is decoded plainly."""

    probe_nanos = 0

    def __init__(self, count: int, ngrams: bool = False):
        self.count, self.looks_up = count, ngrams and count > 0

    def plan(self, position: int, most: int, match: int) -> tuple[str | None, int]:
        wanted = min(self.count, most)
        if wanted < 1:
            return None, 0
        return (NGRAM if self.looks_up and match else DRAFTER), wanted

    def goes_on(self, drafted: int, confidence: float, made: int) -> bool:
        return True

    def observe(self, round: ObservedRound, draft_nanos: int, nanos: int, matched: int) -> None:
        """What was measured changes nothing."""
