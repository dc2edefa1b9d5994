"""How often the drafts of one source are accepted, by position and by the drafter's own confidence."""

MEMORY_TOKENS, LONG_MEMORY_TOKENS = 300.0, 2000.0
"""Tokens of text after which evidence counts half: what a text is like changes with the text, not with time."""
FIRST_WEIGHT, PRIOR_WEIGHT, LONG_TRIES = 2.0, 15.0, 60.0
"""Tries that a prior counts for: FIRST_WEIGHT, and PRIOR_WEIGHT more where it comes from many more than LONG_TRIES."""
HOPE, HOPE_WEIGHT = 0.95, 3.0
"""What a trial may hope for: the rate of evidence that has faded away, and how much of it that outweighs."""
KEPT_TRIES = 1.0
"""What is left of the evidence when the text has changed: little, so that a new trial is soon decided."""
UNLIKELY, RARE = 24.0, 0.3
"""Squared deviations, in variances, that chance hardly explains; with few tries a variance says too little."""
JUDGED_ROUNDS = 2
"""Before so many rounds a source's rates are no more than what was assumed."""
BINS = 8


class Acceptance:
    """Rates by position, each given that the position was reached. `rates` are what is expected, `hopes` what is still
    possible: with little or faded evidence they are near HOPE. `deficit` is what the source's drafts have lost lately
    against plain decoding, in rounds of it.

    The sums are of the rounds in which the position was reached; they fade with the tokens that were emitted since,
    whatever emitted them."""

    __slots__ = (
        "deficit", "hits", "hopes", "is_judged", "long_hits", "long_tries", "prior", "rates", "rounds", "since_hits",
        "since_tries", "tokens", "tries",
    )  # fmt: skip

    def __init__(self, positions: int, prior: float):
        self.prior = prior
        self.hits, self.tries = [0.0] * positions, [0.0] * positions
        self.since_hits, self.since_tries = [0.0] * positions, [0.0] * positions
        self.rates, self.hopes = [prior] * positions, [HOPE] * positions
        self.rounds = 0
        self.is_judged = False
        self.long_hits = self.long_tries = 0.0
        self.tokens = 0
        self.deficit = 0.0

    def fade(self, tokens: int) -> None:
        """Brings the sums to the time when `tokens` tokens have been emitted in all; `estimate` is to follow."""
        if tokens == self.tokens:
            return
        factor = MEMORY_TOKENS / (MEMORY_TOKENS + float(tokens - self.tokens))
        long = LONG_MEMORY_TOKENS / (LONG_MEMORY_TOKENS + float(tokens - self.tokens))
        self.tokens = tokens
        self.long_hits *= long
        self.long_tries *= long
        for i in range(len(self.hits)):
            self.hits[i] *= factor
            self.tries[i] *= factor

    def add(self, drafted: int, accepted: int) -> None:
        """A round with `drafted` (>= 1) drafts of which the first `accepted` were right; `estimate` is to follow."""
        self.see(drafted, accepted)
        for i in range(accepted):
            self.since_hits[i] += 1.0
        for i in range(min(accepted + 1, drafted)):
            self.since_tries[i] += 1.0

    def see(self, drafted: int, accepted: int) -> None:
        """As `add`, of drafts that were not verified: the text has shown what they would have been."""
        self.rounds += 1
        if self.rounds >= JUDGED_ROUNDS:
            self.is_judged = True
        self.long_hits += float(accepted)
        self.long_tries += float(min(accepted + 1, drafted))
        for i in range(accepted):
            self.hits[i] += 1.0
        for i in range(min(accepted + 1, drafted)):
            self.tries[i] += 1.0

    def estimate(self) -> None:
        """Rates and hopes from the sums; a position leans on the one before it, so that longer drafts than were ever
        tried have rates too."""
        rate = (self.long_hits + FIRST_WEIGHT * self.prior) / (self.long_tries + FIRST_WEIGHT)
        hope = HOPE
        weight = FIRST_WEIGHT + PRIOR_WEIGHT * self.long_tries / (self.long_tries + LONG_TRIES)
        for i in range(len(self.hits)):
            hits, tries = self.hits[i], self.tries[i]
            rate = (hits + weight * rate) / (tries + weight)
            hope = (hits + HOPE_WEIGHT * hope) / (tries + HOPE_WEIGHT)
            self.rates[i], self.hopes[i] = rate, hope

    def balance(self, loss: float, limit: float, most: float) -> bool:
        """Adds a round's `loss` to the deficit. Where that passes `limit`, all from before it began to grow is
        forgotten: the text has changed. Returns whether that happened."""
        self.deficit += loss
        is_other = self.deficit > limit and self._is_unlikely()
        alarm = is_other or self.deficit > most
        if is_other:
            self.long_hits = self.long_tries = 0.0
            for i in range(len(self.hits)):
                self.long_hits += self.since_hits[i]
                self.long_tries += self.since_tries[i]
        if alarm:
            self.hits, self.since_hits = self.since_hits, self.hits
            self.tries, self.since_tries = self.since_tries, self.tries
            factor = min(1.0, KEPT_TRIES / self.tries[0])
            for i in range(len(self.hits)):
                self.hits[i] *= factor
                self.tries[i] *= factor
        if alarm or self.deficit <= 0.0:
            self.deficit = 0.0
            for i in range(len(self.hits)):
                self.since_hits[i] = self.since_tries[i] = 0.0
        return alarm

    def _is_unlikely(self) -> bool:
        """Whether the rates hardly explain how few drafts were accepted since the deficit began to grow."""
        missing = variance = 0.0
        for i in range(len(self.rates)):
            missing += self.since_tries[i] * self.rates[i] - self.since_hits[i]
            variance += self.since_tries[i] * self.rates[i] * (1.0 - self.rates[i])
        return missing > 0.0 and missing * missing > UNLIKELY * (variance + RARE)


class Confidence:
    """Acceptance by what the drafter itself gave its draft, in BINS equal bins. A bin begins as its middle."""

    __slots__ = ("hits", "tokens", "tries")

    def __init__(self):
        self.hits, self.tries = [0.0] * BINS, [0.0] * BINS
        self.tokens = 0

    @staticmethod
    def bin(confidence: float) -> int:
        """The bin of a probability, 0 .. BINS − 1."""
        return max(0, min(BINS - 1, int(confidence * BINS)))

    def rate(self, bin: int) -> float:
        middle = (float(bin) + 0.5) / BINS
        return (self.hits[bin] + PRIOR_WEIGHT * middle) / (self.tries[bin] + PRIOR_WEIGHT)

    def fade(self, tokens: int) -> None:
        factor = MEMORY_TOKENS / (MEMORY_TOKENS + float(tokens - self.tokens))
        self.tokens = tokens
        for i in range(BINS):
            self.hits[i] *= factor
            self.tries[i] *= factor

    def add(self, bin: int, accepted: bool) -> None:
        self.tries[bin] += 1.0
        if accepted:
            self.hits[bin] += 1.0
