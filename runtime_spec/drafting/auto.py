"""The automatic draft length: what pays by measured goodput, plain decoding among it (DECODE.md).

Standard library only. Knows times as numbers that it is told, so that what it decides can be played again.
"""

from collections.abc import Sequence
from typing import Protocol

from runtime_spec.drafting import trials as kinds
from runtime_spec.drafting.acceptance import Acceptance, Confidence
from runtime_spec.drafting.costs import Costs
from runtime_spec.drafting.trials import CHECK_ROUNDS, DRAFTER, NGRAM, PLAIN, TRIAL_ROUNDS, WORST_ROUND, Trials

PLAIN_ROUNDS = 3
"""Plain decoding is measured before anything is compared with it."""
FIRST_TRIAL_TOKENS = 24
"""A reply of a word or two is not made slower to learn something: known results are for such."""
CHECK_TOKENS = 12
"""What was known is relied upon for so long before plain decoding is compared."""
STAY = 1.02
"""How much better another choice must be than the one that is used: measurements are noisy."""
HOPED_GAIN = 1.03
EXPECTED_ROUNDS = 2.0
MORE_ROUNDS = 8
"""By how many rounds a trial may be longer that has not decided."""
DEFICIT, MOST_DEFICIT = 2.0, 6.0
"""What a source's drafts may lose before its evidence is doubted, and in any case. In rounds of plain decoding, as is
ALARM, what that costs the account."""
ALARM = 1.0
FADING_TOKENS = 16
"""Rates are brought up to date at least so often."""
DRAFTER_PRIOR = 0.6
NGRAM_PRIORS = (0.4, 0.5, 0.6, 0.7)
"""Acceptance before there is evidence; of matches of 2, 3, 4 and 5 tokens."""
SHORTEST_MATCH = 2


class ObservedRound(Protocol):
    """What a policy reads of a round."""

    position: int
    draft_tokens: Sequence[int]
    verify_width: int
    num_accepted: int


class Auto:
    """A policy for a bundle with passes of `verify_widths` and, if `has_drafter`, a model that drafts.

    Keep one as long as the models stay loaded; `known.py` keeps what it learnt for longer. For one thread."""

    def __init__(self, verify_widths: Sequence[int], has_drafter: bool):
        most = verify_widths[-1] - 1
        self.has_drafter = has_drafter
        self.costs = Costs(verify_widths, most)
        self.drafter = Acceptance(most, DRAFTER_PRIOR)
        self.ngrams = [Acceptance(most, prior) for prior in NGRAM_PRIORS]
        self.confidence = Confidence()
        self.trials = Trials(DRAFTER + len(verify_widths))
        # Rounds by number of drafts, of the model and of matches.
        self.drafter_rounds, self.ngram_rounds = [0] * (most + 1), [0] * (most + 1)
        self.plain_rounds = 0
        self.tokens = self.known_tokens = 0
        self.is_known = self.must_check = False
        # For each number of drafts, the narrowest width that holds them.
        self._index = [0] + [
            next(i for i, width in enumerate(verify_widths) if width > count) for count in range(1, most + 1)
        ]
        self._most = most
        self._used = 0
        self._goal = 0.0
        self._forget_plan()

    # What comes next.

    def plan(self, position: int, most: int, match: int) -> tuple[str | None, int]:
        """Source and number of drafts of the round at `position`, at most `most`, where the text has an n-gram match of
        `match` tokens (0: none). (None, 0) decodes plainly."""
        self._forget_plan()
        most = min(most, self._most)
        if most < 1 or not self._has_plain():
            return None, 0
        self._fade()
        self._used = used = self._best(most)
        kind = self.trials.kind
        if kind == PLAIN or (kind >= DRAFTER and self.trials.count <= most):
            return self._planned(self.trials.kind, self.trials.count, True)
        if match >= SHORTEST_MATCH:
            kind = NGRAM + match - SHORTEST_MATCH
            if count := self._ngram_count(kind, most):
                return self._planned(kind, count, False)
            if count := self._ngram_trial(kind, most, position):
                self.trials.begin(kind, count, 1)
                return self._planned(kind, count, True)
        if self._begins_trial(most, position):
            return self._planned(self.trials.kind, self.trials.count, True)
        return self._planned(DRAFTER if used else PLAIN, used, False)

    def goes_on(self, drafted: int, confidence: float) -> bool:
        """Whether to draft one more after `drafted` drafts, the last of which the model gave `confidence`."""
        bin = self.confidence.bin(confidence)
        self._bins.append(bin)
        self._reach *= self.confidence.rate(bin)
        if self._is_trial:
            return True
        now = self._nanos(drafted)
        reach, tokens = self._reach, 0.0
        for count in range(drafted + 1, self._count + 1):
            reach *= self.drafter.rates[count - 1]
            tokens += reach
            if tokens > self._goal * (self._nanos(count) - now):
                return True
        return False

    # What it came to.

    def observe(self, round: ObservedRound, draft_nanos: int, nanos: int) -> None:
        """Takes note of a round with a completed verify pass, which took `nanos` in all and `draft_nanos` for its
        drafts."""
        drafted, accepted = len(round.draft_tokens), round.num_accepted
        kind = self._kind if drafted > 0 or self._kind == PLAIN else kinds.NONE
        index = self._index[drafted]
        self.costs.observe(index, round.position, drafted if kind >= DRAFTER else 0, draft_nanos, nanos)
        self.tokens += accepted + 1
        if drafted == 0:
            self.plain_rounds += 1
        plain = self.costs.pass_nanos(0)
        if plain == 0.0:
            return
        self.trials.pass_time(min(float(nanos) / plain, WORST_ROUND))
        if kind >= NGRAM:
            self._add_acceptance(kind, index, drafted, accepted, plain)
        if self._is_trial and kind != kinds.NONE:
            self._add_trial(accepted, nanos, plain)
        self._forget_plan()

    def _add_acceptance(self, kind: int, index: int, drafted: int, accepted: int, plain: float) -> None:
        source = self._source(kind)
        source.fade(self.tokens)
        source.add(drafted, accepted)
        passed = self.costs.pass_nanos(index)
        if kind >= DRAFTER:
            self.drafter_rounds[drafted] += 1
            passed += self.costs.draft_nanos(drafted)
            self._add_confidence(accepted)
            loss = passed / plain - float(accepted + 1)
        else:
            self.ngram_rounds[drafted] += 1
            loss = passed / plain - float(accepted + 1) / (self._goal * plain)
        # What a trial loses is on its own account.
        if not self._is_trial and source.balance(loss, DEFICIT, MOST_DEFICIT):
            self.trials.account -= ALARM
            self.trials.pause()
        source.estimate()

    def _add_confidence(self, accepted: int) -> None:
        if self._bins:
            self.confidence.fade(self.tokens)
            for i in range(min(accepted + 1, len(self._bins))):
                self.confidence.add(self._bins[i], i < accepted)

    def _add_trial(self, accepted: int, nanos: int, plain: float) -> None:
        kind, count = self.trials.kind, self.trials.count
        most = WORST_ROUND
        index = self._index[count]
        if self.costs.is_measured(index):
            # A round that is twice as long as it should be was delayed by something else.
            most = 2.0 * (self._nanos(count) if kind >= DRAFTER else self.costs.pass_nanos(index)) / plain
        loss = min(float(nanos) / plain, most) - float(accepted + 1) / (self._goal * plain)
        # Plain decoding loses nothing against itself.
        self.trials.spend(nanos, 0.0 if kind == PLAIN else loss)
        if kind == PLAIN:
            self.must_check = False
        has_won = self._rate(kind, count) > self._goal
        # The first round of plain decoding may have shown nothing of its cost.
        is_hopeful = self._hope(kind, count) > self._goal or (kind == PLAIN and not self.costs.is_fresh(0))
        is_over = self.trials.left <= 0
        if is_over and kind >= DRAFTER and not has_won:
            # Not decided: it may go on as long as the account bears it.
            is_over = self.trials.left <= -MORE_ROUNDS or self.trials.account < 0.0
        if is_over or not is_hopeful:
            self.trials.end(has_won)

    @property
    def probe_nanos(self) -> int:
        """What rounds of trials took, whatever they gave."""
        return self.trials.nanos

    # Goodput, in tokens a nanosecond.

    def _rate(self, kind: int, count: int) -> float:
        """What is expected of `count` drafts."""
        tokens = reach = 1.0
        if count > 0:
            rates = self._source(kind).rates
            for i in range(count):
                reach *= rates[i]
                tokens += reach
        return tokens / (self._nanos(count) if kind >= DRAFTER else self.costs.pass_nanos(self._index[count]))

    def _hope(self, kind: int, count: int) -> float:
        """What may be hoped of `count` drafts."""
        tokens = reach = 1.0
        if count > 0:
            hopes = self._source(kind).hopes
            for i in range(count):
                reach *= hopes[i]
                tokens += reach
        nanos = self.costs.hoped_nanos(self._index[count])
        return tokens / (nanos + self.costs.draft_nanos(count) if kind >= DRAFTER else nanos)

    def _best(self, most: int) -> int:
        """The number of the model's drafts with the best goodput of those that were measured; sets the goal to it. What
        is used stays until something is clearly better."""
        best, goal = 0, 1.0 / self.costs.pass_nanos(0)
        highest = goal * STAY if self._used == 0 else goal
        if self.has_drafter and self.drafter.is_judged:
            tokens = reach = 1.0
            for count in range(1, most + 1):
                reach *= self.drafter.rates[count - 1]
                tokens += reach
                if self.costs.is_measured(self._index[count]):
                    rate = tokens / self._nanos(count)
                    weighed = rate * STAY if self._used == count else rate
                    if weighed > highest:
                        best, goal, highest = count, rate, weighed
        self._goal = goal
        return best

    def _ngram_count(self, kind: int, most: int) -> int:
        """How many drafts of a match to take: those that win most over the goal, 0 if none do."""
        source = self._source(kind)
        if not source.is_judged:
            return 0
        best, highest = 0, 0.0
        tokens = reach = 1.0
        for count in range(1, most + 1):
            reach *= source.rates[count - 1]
            tokens += reach
            index = self._index[count]
            if self.costs.is_measured(index):
                passed = self._goal * self.costs.pass_nanos(index)
                if tokens - passed > highest and tokens > passed * STAY:
                    best, highest = count, tokens - passed
        return best

    # Trials.

    def _ngram_trial(self, kind: int, most: int, position: int) -> int:
        """How many drafts of a match to try, 0 if it is not to be tried."""
        if self.trials.is_waiting(kind) or not self._may_try():
            return 0
        best = self._narrowest_hopeful(kind, most)
        if best == 0:
            return 0
        return best if self.trials.is_due(kind, self._expected_loss(kind, best, 1.0, position)) else 0

    def _begins_trial(self, most: int, position: int) -> bool:
        if not self._may_try():
            return False
        if self._used > 0 and self._checks_plain():
            self.trials.begin(PLAIN, 0, CHECK_ROUNDS)
            return True
        if not self.has_drafter:
            return False
        best = self._narrowest_hopeful(DRAFTER, most)
        if best == 0:
            return False
        kind = DRAFTER + self._index[best]
        if not self.trials.is_due(kind, self._expected_loss(kind, best, EXPECTED_ROUNDS, position)):
            return False
        self.trials.begin(kind, best, TRIAL_ROUNDS)
        return True

    def _checks_plain(self) -> bool:
        """Whether plain decoding is to be measured again. No account must bear it: it makes nobody slower than plain
        decoding is, and waits keep it rare."""
        if self.trials.is_waiting(PLAIN):
            return False
        return self.tokens >= CHECK_TOKENS if self.must_check else self._hope(PLAIN, 0) > self._goal

    def _narrowest_hopeful(self, kind: int, most: int) -> int:
        """The fewest drafts that fill a width and may be hoped to beat the goal; 0 if there are none. What a trial of
        them shows of the acceptance holds for more drafts too. Before any width but 1 has run, only the narrowest
        counts."""
        is_tried = self.costs.is_tried()
        for index in range(1, len(self.costs.widths)):
            count = self.costs.widths[index] - 1
            if count > most or (index > 1 and not is_tried):
                return 0
            if kind >= DRAFTER and (count == self._used or self.trials.is_waiting(DRAFTER + index)):
                continue
            if self._hope(kind, count) > self._goal * HOPED_GAIN:
                return count
        return 0

    def _expected_loss(self, kind: int, count: int, rounds: float, position: int) -> float:
        """What `rounds` rounds with `count` drafts will give less than the goal, in rounds of plain decoding."""
        plain = self.costs.pass_nanos(0)
        index = self._index[count]
        nanos = self._nanos(count) if kind >= DRAFTER else self.costs.pass_nanos(index)
        tokens = self._rate(kind, count) * nanos
        lost = rounds * (nanos - tokens / self._goal) + self.costs.replan_nanos(index, position)
        return lost / plain

    # Small things.

    def _has_plain(self) -> bool:
        return self.is_known or self.costs.passes[0].count >= PLAIN_ROUNDS

    def _may_try(self) -> bool:
        return self.known_tokens + self.tokens >= FIRST_TRIAL_TOKENS

    def _source(self, kind: int) -> Acceptance:
        return self.drafter if kind >= DRAFTER else self.ngrams[kind - NGRAM]

    def _nanos(self, count: int) -> float:
        """Of a round with `count` drafts of the model."""
        return self.costs.pass_nanos(self._index[count]) + self.costs.draft_nanos(count)

    def _fade(self) -> None:
        for source in (self.drafter, *self.ngrams):
            if self.tokens - source.tokens >= FADING_TOKENS:
                source.fade(self.tokens)

    def _planned(self, kind: int, count: int, is_trial: bool) -> tuple[str | None, int]:
        self._kind, self._count, self._is_trial = kind, count, is_trial
        if count == 0:
            return None, 0
        return ("drafter" if kind >= DRAFTER else "ngram"), count

    def _forget_plan(self) -> None:
        """Before a round, and after it: the loop does not ask where nothing may be drafted."""
        self._kind, self._count, self._is_trial = PLAIN, 0, False
        self._reach = 1.0
        self._bins: list[int] = []
