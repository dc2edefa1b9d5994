"""When something is tried that is not known to pay, and what that may cost.

All amounts are rounds of plain decoding: the account of what trials may lose, the clock by which retries wait.
"""

SHARE = 0.01
"""Of all time, what trials may lose."""
REPAID = 0.1
"""Of what is gained over plain decoding, the part that pays for trials: a choice that wins pays for the search."""
ALLOWANCE, MOST_SAVED, MOST_OWED = 1.25, 1.75, 4.0
"""The account at first, at most, and at least: a surprise is not paid for all day."""
ALARM = 0.5
"""What it costs the account that the text has changed; what was saved for trials is spent then."""
TRIAL_ROUNDS, CHECK_ROUNDS = 4, 3
"""Rounds of a trial: the first one is not counted as a rule, the others show cost and acceptance."""
FIRST_WAIT, LONGEST_WAIT = 64.0, 2048.0
WORST_ROUND = 16.0
"""A round that is longer counts as this long: it was something else than the width."""
PLAIN, NGRAM, DRAFTER = 0, 1, 5
"""Kinds of trials: plain decoding, drafts from a match of n tokens (NGRAM + n − 2), the model's drafts with the pass of
the i-th width (DRAFTER + i)."""
NONE = -1


class Trials:
    """The trial at hand (`kind`, `count` drafts, `left` rounds), the account, and when each kind may be tried next."""

    __slots__ = ("account", "clock", "count", "kind", "left", "nanos", "_next", "_waits")

    def __init__(self, kinds: int):
        self.account, self.clock = ALLOWANCE, 0.0
        self.kind, self.count, self.left = NONE, 0, 0
        self.nanos = 0
        self._next, self._waits = [0.0] * kinds, [FIRST_WAIT] * kinds

    def is_due(self, kind: int, expected_loss: float) -> bool:
        """Whether `kind` has waited long enough, and the account can bear what is expected."""
        return self.clock >= self._next[kind] and self.account >= min(expected_loss, MOST_SAVED)

    def is_waiting(self, kind: int) -> bool:
        return self.clock < self._next[kind]

    def begin(self, kind: int, count: int, rounds: int) -> None:
        self.kind, self.count, self.left = kind, count, rounds

    def spend(self, nanos: int, loss: float) -> None:
        """A round of the trial took `nanos` and gave `loss` less than the best known would have."""
        self.nanos += nanos
        self.account = max(self.account - max(loss, 0.0), -MOST_OWED)
        self.left -= 1

    def charge(self, excess: float) -> None:
        """The round after a trial took `excess` more than it should have: what it needs was out of the processor's
        cache."""
        self.account = max(self.account - max(excess, 0.0), -MOST_OWED)

    def pass_time(self, amount: float, ahead: float) -> None:
        """`amount` has passed, in which decoding was by `ahead` (>= 0.0) faster than plainly."""
        self.clock += amount
        self.account = min(self.account + (SHARE + REPAID * ahead) * amount, MOST_SAVED)

    def end(self, has_won: bool) -> None:
        """Ends the trial. One that failed is repeated after a wait, which doubles as long as it keeps failing."""
        if has_won:
            self._waits[self.kind] = FIRST_WAIT
            self._next[self.kind] = self.clock
        else:
            self.fail(self.kind)
        self.kind, self.left = NONE, 0

    def fail(self, kind: int) -> None:
        self._next[kind] = self.clock + self._waits[kind]
        self._waits[kind] = min(2.0 * self._waits[kind], LONGEST_WAIT)
        if kind >= DRAFTER:
            self.pause()

    def alarm(self) -> None:
        """What was known of a source holds no more."""
        self.account = min(self.account, 0.0) - ALARM
        self.pause()

    def wait_of(self, kind: int) -> tuple[float, float]:
        """How long `kind` still waits, and how long it will after its next failure."""
        return max(self._next[kind] - self.clock, 0.0), self._waits[kind]

    def take_wait(self, kind: int, left: float, wait: float) -> None:
        """Goes on with a wait_of of another time."""
        self._next[kind] = self.clock + left
        self._waits[kind] = max(FIRST_WAIT, min(wait, LONGEST_WAIT))

    def pause(self) -> None:
        """No width is tried with the model's drafts for a while: what speaks against one hardly speaks for another."""
        for kind in range(DRAFTER, len(self._next)):
            self._next[kind] = max(self._next[kind], self.clock + FIRST_WAIT)
