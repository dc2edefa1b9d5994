"""The policy that always drafts alike."""

from runtime_spec.drafting.proposer import DRAFTER, NGRAM, ObservedRound, Proposer


class Fixed:
    """`count` drafts a round, 0 decodes plainly: of the model or, with `ngrams`, from the text where it has a match.
    Where there is no model either, a text without a match is decoded plainly."""

    def __init__(self, count: int, ngrams: bool = False):
        self.count, self.ngrams = count, ngrams

    def plan(self, position: int, most: int, match: int) -> tuple[str | None, int]:
        wanted = min(self.count, most)
        if wanted < 1:
            return None, 0
        return (NGRAM if self.ngrams and match else DRAFTER), wanted

    def goes_on(self, drafted: int, confidence: float) -> bool:
        return True

    def observe(self, round: ObservedRound, draft_nanos: int, nanos: int) -> None:
        """What was measured changes nothing."""


def ngram_drafter(count: int) -> Proposer:
    """The loop's Drafter where there is no model: up to `count` drafts a round, looked up in the text."""
    return Proposer(Fixed(count, ngrams=True))
