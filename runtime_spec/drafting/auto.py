"""The automatic draft length: what pays by measured goodput, plain decoding among it (DECODE.md).

Standard library only. Knows times as numbers that it is told, so that what it decides can be played again.
"""

from collections.abc import Sequence
from typing import Protocol

from runtime_spec.drafting import trials as kinds
from runtime_spec.drafting.acceptance import Acceptance, Confidence
from runtime_spec.drafting.costs import Costs
from runtime_spec.drafting.goodput import Goodput
from runtime_spec.drafting.trials import CHECK_ROUNDS, DRAFTER, NGRAM, PLAIN, TRIAL_ROUNDS, WORST_ROUND, Trials

PLAIN_ROUNDS = 3
"""Plain decoding is measured before anything is compared with it."""
FIRST_TRIAL_TOKENS = 24
"""A reply of a word or two is not made slower to learn something: known results are for such."""
CHECK_TOKENS = 12
"""What was known is relied upon for so long before plain decoding is compared."""
HOPED_GAIN = 1.03
EXPECTED_ROUNDS = 2.0
MORE_ROUNDS = 8
"""By how many rounds a trial may be longer that has not decided."""
DEFICIT, MOST_DEFICIT = 2.0, 6.0
"""What a source's drafts may lose before its evidence is doubted, and in any case, in rounds of plain decoding."""
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

    looks_up = True

    def __init__(self, verify_widths: Sequence[int], has_drafter: bool):
        self._most = verify_widths[-1] - 1
        self.has_drafter = has_drafter
        self.costs = Costs(verify_widths)
        self.drafter = Acceptance(self._most, DRAFTER_PRIOR)
        self.ngrams = [Acceptance(self._most, prior) for prior in NGRAM_PRIORS]
        self.confidence = Confidence()
        self.goodput = Goodput(self.costs, self.drafter, self.ngrams)
        self.trials = Trials(DRAFTER + len(verify_widths))
        self.tokens = self.known_tokens = 0
        self.is_known = self.must_check = False
        self._was_trial = False
        self._forget_plan()

    # What comes next.

    def plan(self, position: int, most: int, match: int) -> tuple[str | None, int]:
        """Source and number of drafts of the round at `position`, at most `most`, where the text has an n-gram match of
        `match` tokens (0: none). (None, 0) decodes plainly."""
        self._forget_plan()
        self._match = match
        most = min(most, self._most)
        if most < 1 or not self._has_plain():
            return None, 0
        self._fade()
        self.goodput.choose(most)
        kind = self.trials.kind
        if kind == PLAIN or (kind >= DRAFTER and self.trials.count <= most):
            return self._planned(kind, self.trials.count, True)
        if match >= SHORTEST_MATCH:
            kind = NGRAM + match - SHORTEST_MATCH
            count = self.goodput.matched(kind, most)
            if trial := self._ngram_trial(kind, count, most, position):
                self.trials.begin(kind, trial, 1)
                return self._planned(kind, trial, True)
            if count > 0:
                return self._planned(kind, count, False)
        if self._begins_trial(most, position):
            return self._planned(self.trials.kind, self.trials.count, True)
        used = self.goodput.used
        return self._planned(DRAFTER if used else PLAIN, used, False)

    def goes_on(self, drafted: int, confidence: float, made: int) -> bool:
        """Whether to draft one more after `drafted` drafts, the last of which the model gave `confidence`, where `made`
        are made already."""
        self._made = made
        bin = self.confidence.bin(confidence)
        self._bins.append(bin)
        self._reach *= self.confidence.rate(bin)
        return self._is_trial or self.goodput.goes_on(self._reach, drafted, self._count, made > drafted)

    # What it came to.

    def observe(self, round: ObservedRound, draft_nanos: int, nanos: int, matched: int) -> None:
        """Takes note of a round with a completed verify pass, which took `nanos` in all and `draft_nanos` for its
        drafts. The match that `plan` was told of has the first `matched` of the tokens that it emitted."""
        drafted, accepted = len(round.draft_tokens), round.num_accepted
        kind = self._kind if drafted > 0 or self._kind == PLAIN else kinds.NONE
        # Drafts that one call has made cost their time, whatever was kept of them.
        made = max(self._made, drafted) if kind >= DRAFTER else 0
        self.costs.observe(round.position, drafted, made, draft_nanos, nanos)
        self.tokens += accepted + 1
        plain = self.costs.pass_nanos(0)
        if plain == 0.0:
            return
        ahead = self._ahead(kind, drafted, plain)
        self.trials.pass_time(min(float(nanos) / plain, WORST_ROUND), ahead)
        if kind >= NGRAM:
            self._add_acceptance(kind, drafted, accepted, plain)
        if self._match >= SHORTEST_MATCH and not NGRAM <= kind < DRAFTER:
            self._add_seen(accepted + 1, matched)
        if self._is_trial and kind != kinds.NONE:
            self._add_trial(accepted, nanos, plain)
        elif self._was_trial:
            excess = (float(nanos) - self.costs.round_nanos(drafted, kind >= DRAFTER)) / plain
            self.trials.charge(min(excess, WORST_ROUND))
        self._was_trial = self._is_trial and kind > PLAIN
        self._forget_plan()

    def _ahead(self, kind: int, drafted: int, plain: float) -> float:
        """By how much decoding as in this round, or as is known to be best, is faster than plainly."""
        if NGRAM <= kind < DRAFTER and not self._is_trial:
            return max(self.goodput.expected(kind, drafted) * plain - 1.0, 0.0)
        return self.goodput.goal * plain - 1.0 if self.goodput.used > 0 else 0.0

    def _add_acceptance(self, kind: int, drafted: int, accepted: int, plain: float) -> None:
        source = self.goodput.source(kind)
        source.fade(self.tokens)
        source.add(drafted, accepted)
        passed = self.costs.round_nanos(drafted, kind >= DRAFTER)
        if kind >= DRAFTER:
            self._add_confidence(accepted)
            loss = passed / plain - float(accepted + 1)
        else:
            loss = passed / plain - float(accepted + 1) / (self.goodput.goal * plain)
        # What a trial loses is on its own account.
        if not self._is_trial and source.balance(loss, DEFICIT, MOST_DEFICIT):
            self.trials.alarm()
        source.estimate()

    def _add_seen(self, emitted: int, matched: int) -> None:
        """What a match would have been, had it been drafted from."""
        source = self.ngrams[self._match - SHORTEST_MATCH]
        source.fade(self.tokens)
        source.see(min(emitted, self._most), min(matched, self._most))
        source.estimate()

    def _add_confidence(self, accepted: int) -> None:
        if self._bins:
            self.confidence.fade(self.tokens)
            for i in range(min(accepted + 1, len(self._bins))):
                self.confidence.add(self._bins[i], i < accepted)

    def _add_trial(self, accepted: int, nanos: int, plain: float) -> None:
        kind, count, goal = self.trials.kind, self.trials.count, self.goodput.goal
        most = WORST_ROUND
        if self.costs.is_measured(self.costs.index[count]):
            # A round that is twice as long as it should be was delayed by something else.
            most = 2.0 * self.costs.round_nanos(count, kind >= DRAFTER) / plain
        loss = min(float(nanos) / plain, most) - float(accepted + 1) / (goal * plain)
        # Plain decoding loses nothing against itself.
        self.trials.spend(nanos, 0.0 if kind == PLAIN else loss)
        if kind == PLAIN:
            self.must_check = False
        has_won = self.goodput.expected(kind, count) > goal
        # The first round of plain decoding may have shown nothing of its cost.
        is_hopeful = self.goodput.hoped(kind, count) > goal or (kind == PLAIN and not self.costs.is_fresh(0))
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

    # Trials.

    def _ngram_trial(self, kind: int, sure: int, most: int, position: int) -> int:
        """How many drafts of a match to try, more than `sure`, which are known to pay; 0 if it is not to be tried."""
        if self.trials.is_waiting(kind) or not self._may_try():
            return 0
        best = self._narrowest_hopeful(kind, sure, most)
        if best == 0:
            return 0
        return best if self.trials.is_due(kind, self.goodput.expected_loss(kind, best, 1.0, position)) else 0

    def _begins_trial(self, most: int, position: int) -> bool:
        if not self._may_try():
            return False
        if self.goodput.used > 0 and self._checks_plain():
            self.trials.begin(PLAIN, 0, CHECK_ROUNDS)
            return True
        if not self.has_drafter:
            return False
        best = self._narrowest_hopeful(DRAFTER, 0, most)
        if best == 0:
            return False
        kind = DRAFTER + self.costs.index[best]
        if not self.trials.is_due(kind, self.goodput.expected_loss(kind, best, EXPECTED_ROUNDS, position)):
            return False
        self.trials.begin(kind, best, TRIAL_ROUNDS)
        return True

    def _checks_plain(self) -> bool:
        """Whether plain decoding is to be measured again. No account must bear it: it makes nobody slower than plain
        decoding is, and waits keep it rare."""
        if self.trials.is_waiting(PLAIN):
            return False
        return self.tokens >= CHECK_TOKENS if self.must_check else self.goodput.hoped(PLAIN, 0) > self.goodput.goal

    def _narrowest_hopeful(self, kind: int, sure: int, most: int) -> int:
        """The fewest drafts that fill a width and may be hoped to beat the goal, and those that are `sure` to; 0 if
        there are none. What a trial of them shows of the acceptance holds for more drafts too. Before any width but 1
        has run, only the narrowest counts."""
        is_tried = self.costs.is_tried()
        goal = self.goodput.goal if sure == 0 else self.goodput.expected(kind, sure)
        for index in range(self.costs.index[sure] + 1, len(self.costs.widths)):
            count = self.costs.widths[index] - 1
            if count > most or (index > 1 and not is_tried):
                return 0
            if kind >= DRAFTER and (count == self.goodput.used or self.trials.is_waiting(DRAFTER + index)):
                continue
            if self.goodput.hoped(kind, count) > goal * HOPED_GAIN:
                return count
        return 0

    # Small things.

    def _has_plain(self) -> bool:
        return self.is_known or self.costs.passes[0].count >= PLAIN_ROUNDS

    def _may_try(self) -> bool:
        return self.known_tokens + self.tokens >= FIRST_TRIAL_TOKENS

    def _fade(self) -> None:
        for source in (self.drafter, *self.ngrams):
            if self.tokens - source.tokens >= FADING_TOKENS:
                source.fade(self.tokens)
                source.estimate()

    def _planned(self, kind: int, count: int, is_trial: bool) -> tuple[str | None, int]:
        self._kind, self._count, self._is_trial = kind, count, is_trial
        if count == 0:
            return None, 0
        return ("drafter" if kind >= DRAFTER else "ngram"), count

    def _forget_plan(self) -> None:
        """Before a round, and after it: the loop does not ask where nothing may be drafted."""
        self._kind, self._count, self._is_trial = PLAIN, 0, False
        self._match = self._made = 0
        self._reach = 1.0
        self._bins: list[int] = []
