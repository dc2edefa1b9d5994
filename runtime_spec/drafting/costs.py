"""What a pass of each width and drafting cost on this device, now.

A cost is a relative cost times the level. The level is what all costs share, a device that grows hot or is loaded: it
follows every round. Relative costs are medians, and hold while a width is not used; where it comes back they are
measured again, at the level of the time.
"""

from collections.abc import Sequence

from runtime_spec.drafting.recent import RecentMedian

STEP_SLOTS = 128
"""The graphs read the cache in steps of so many slots; a pass that is the first to read one more is planned anew."""
REPLAN_NANOS = 50_000_000.0
"""More than planning anew takes."""
WARMING_NANOS = 300_000.0
"""By so much its next rounds may be slower than later ones: code and weights have left the processor's cache."""
WARM_ROUNDS = 32
"""A width that has not run for so many rounds is cold: its next round is not representative."""
MEASURED, LEARNT = 2, 4
"""Rounds of a width after which its cost can be compared, and after which what differs is the level."""
PASS_ROUNDS, DRAFT_ROUNDS, REPLAN_ROUNDS = 15, 7, 5
"""How many rounds medians are made of."""
RENEWED = 16
"""A relative cost that is known is still mended, by one round in so many."""
KNOWN_ROUNDS = 3
"""What a known cost of another time counts for, and the rounds that then set the level."""
STALE, SHIFTED = 1.0 / 3.0, 0.15
"""A relative cost is measured again where its age is more, or the level has moved by more since."""
FADING_NANOS, FADING_ROUNDS = 60_000_000_000.0, 4096.0
"""A cost that has not been measured for so long, which is an age of 1, may have halved. Rounds are plain decoding's:
what was measured wrongly on a fast device is not to last for tens of thousands of tokens."""
LEVEL_GAIN, LEVEL_CLIP = 0.1, 0.35
"""Of a round's deviation, the part that moves the level, and the most that counts: one slow round is soon forgotten."""
LEVEL_SHIFT = 2.0
"""Where the level has moved, costs of other widths may not have moved with it."""
ROW_PRIOR, DRAFT_PRIOR = 0.1, 0.08
"""Until there is better: a row more and a draft cost so many passes of width 1."""
PLAUSIBLE = 1.5
"""A pass costs no more than decoding its rows one by one, and a draft no more than a token, each so many times: what
took longer was delayed by something else."""
WORST = 8.0
"""A first round counts for so many passes of width 1 at most."""
NEVER = -1


class Costs:
    """Of the passes of `widths`, ascending from 1, and of as many drafts as they hold. Times are nanoseconds."""

    def __init__(self, widths: Sequence[int]):
        count, drafts = len(widths), widths[-1] - 1
        self.widths = tuple(widths)
        # For each number of drafts, the narrowest width that holds them.
        self.index = [next(i for i, width in enumerate(widths) if width > n) for n in range(drafts + 1)]
        self.level = 1.0
        self._levels: RecentMedian | None = None
        self.passes = [RecentMedian(PASS_ROUNDS) for _ in widths]
        self.relative = [0.0] * count
        self._bounds, self._bound_nanos = [0.0] * count, [0] * count
        self.measured_nanos, self._measured_level = [0] * count, [1.0] * count
        self._new, self._skipped = [0] * count, [0] * count
        # Costs of another time, which are as old as can be.
        self._is_known = [False] * count
        self.step, self._round = [NEVER] * (count + 1), [NEVER] * (count + 1)
        self.drafts = [RecentMedian(DRAFT_ROUNDS) for _ in range(drafts + 1)]
        self.replans = RecentMedian(REPLAN_ROUNDS)
        self.draft_relative = [0.0] * (drafts + 1)
        self._drafts_measured_nanos = NEVER
        self._first_nanos = 0.0
        self.rounds = 0
        self.nanos = 0

    def observe(self, position: int, drafted: int, made: int, draft_nanos: int, nanos: int) -> None:
        """A round at `position` with `drafted` drafts took `nanos`, of which `draft_nanos` for drafting; the model made
        `made` drafts (0: it did not draft)."""
        index = self.index[drafted]
        self.rounds += 1
        self.nanos += nanos
        passed = float(nanos - draft_nanos)
        is_regular = self._is_regular(index, (position + self.widths[index] - 1) // STEP_SLOTS)
        if is_regular:
            self._add_pass(index, passed)
        elif self.passes[index].count >= MEASURED:
            self.replans.add(max(passed / self.level - self.relative[index], 0.0))
        elif index == 0 and self.passes[0].count == 0:
            self._first_nanos = passed
        elif self.passes[index].count == 0:
            bound = min(passed - REPLAN_NANOS, WORST * self.relative[0] * self.level) / self.level
            self._bounds[index], self._bound_nanos[index] = bound, self.nanos
            self._extend()
        if made > 0 and self._is_regular(len(self.widths), position // STEP_SLOTS):
            value = float(draft_nanos) / self.level
            if value <= PLAUSIBLE * self.relative[0] * float(made):
                self.drafts[made].add(value)
                self._drafts_measured_nanos = self.nanos
                self._extend_drafts()

    def pass_nanos(self, index: int) -> float:
        """Of a pass of widths[index]; estimated from the others until it is measured."""
        return self.relative[index] * self.level

    def draft_nanos(self, count: int) -> float:
        """Of `count` drafts of the model."""
        return self.draft_relative[count] * self.level

    def round_nanos(self, count: int, is_model: bool) -> float:
        """Of a round with `count` drafts; the model's take time of their own."""
        passed = self.relative[self.index[count]] * self.level
        return passed + self.draft_relative[count] * self.level if is_model else passed

    def replan_nanos(self, index: int, position: int) -> float:
        """What planning anew will add to a pass at `position`, as far as is known."""
        is_planned = self.step[index] == (position + self.widths[index] - 1) // STEP_SLOTS
        return 0.0 if is_planned else self.replans.value * self.level

    def is_measured(self, index: int) -> bool:
        return self.passes[index].count >= MEASURED

    def has_drafts(self) -> bool:
        """Whether it is known what the model's drafts cost."""
        return self._drafts_measured_nanos != NEVER

    def is_fresh(self, index: int) -> bool:
        """Whether the latest round has shown what a pass of widths[index] costs."""
        return self.measured_nanos[index] == self.nanos

    def is_tried(self) -> bool:
        """Whether any width but 1 has run or is known."""
        return any(self.step[index] != NEVER or self.passes[index].count for index in range(1, len(self.widths)))

    def hoped_nanos(self, index: int) -> float:
        """What a pass may cost at best: the less, the longer ago it was measured and the more the level has moved."""
        if self.passes[index].count == 0:
            return self.relative[index] * self.level
        age = self._age(self.measured_nanos[index]) + (STALE if self._is_known[index] else 0.0)
        shift = self.level / self._measured_level[index] - 1.0
        nanos = self.relative[index] * self.level
        if index > 0 and self._new[index] < LEARNT:
            nanos = max(nanos - WARMING_NANOS, min(nanos, self.relative[0] * self.level))
        return nanos / (1.0 + age + LEVEL_SHIFT * abs(shift))

    def hoped_draft_nanos(self, count: int) -> float:
        """What `count` drafts of the model may cost at best."""
        age = self._age(self._drafts_measured_nanos) if self.has_drafts() else 0.0
        return self.draft_relative[count] * self.level / (1.0 + age)

    def import_pass(self, index: int, nanos: float) -> None:
        """A cost that was measured another time: true in relation to the others, whatever the level is now."""
        for _ in range(KNOWN_ROUNDS):
            self.passes[index].add(nanos)
        self._levels = RecentMedian(KNOWN_ROUNDS)
        self._is_known[index] = True
        self._extend()

    def bound_nanos(self, index: int) -> float:
        """What a pass of widths[index] takes at least, by its first round; 0.0 if there is none, or better."""
        return self._bounds[index] * self.level if self.passes[index].count == 0 else 0.0

    def import_bound(self, index: int, nanos: float) -> None:
        """A bound_nanos of another time, of a width that has no cost."""
        self._bounds[index] = nanos
        self._extend()

    def import_drafts(self, count: int, nanos: float) -> None:
        self.drafts[count].add(nanos)
        self._drafts_measured_nanos = self.nanos
        self._extend_drafts()

    def _age(self, nanos: int) -> float:
        """Of what was measured at `nanos`."""
        plain, passed = self.relative[0] * self.level, float(self.nanos - nanos)
        return passed / FADING_NANOS + passed / (FADING_ROUNDS * plain) if plain > 0.0 else 0.0

    def _is_regular(self, index: int, step: int) -> bool:
        is_regular = self.step[index] == step and self.rounds - self._round[index] <= WARM_ROUNDS
        self.step[index], self._round[index] = step, self.rounds
        return is_regular

    def _add_pass(self, index: int, nanos: float) -> None:
        ring = self.passes[index]
        if self._levels is not None and ring.count > 0:
            # What was imported says nothing of the level.
            self._levels.add(nanos / ring.value)
            self.level = self._levels.value
            if self._levels.count == KNOWN_ROUNDS:
                self._levels = None
            self._measured_level[index] = self.level
            self.measured_nanos[index], self._is_known[index] = self.nanos, False
            return
        shift = self.level / self._measured_level[index] - 1.0
        if self._is_known[index] or self._age(self.measured_nanos[index]) > STALE or abs(shift) > SHIFTED:
            # It comes back: the level may have been that of other widths alone.
            ring.keep(1)
            self._new[index], self._is_known[index] = 0, False
        value = nanos / self.level
        is_learnt = self._new[index] >= LEARNT
        if index > 0 and not is_learnt and value > PLAUSIBLE * self.relative[0] * float(self.widths[index]):
            return
        if is_learnt:
            self.level *= 1.0 + LEVEL_GAIN * max(-LEVEL_CLIP, min(LEVEL_CLIP, value / ring.value - 1.0))
            self._skipped[index] += 1
        if not is_learnt or ring.count < PASS_ROUNDS or self._skipped[index] >= RENEWED:
            ring.add(value)
            self._new[index] += 1
            self._skipped[index] = 0
            self._extend()
            if index == 0 and ring.count == MEASURED and self._first_nanos > 0.0:
                self.replans.add(max(self._first_nanos / self.level - self.relative[0], 0.0))
                self._first_nanos = 0.0
        self.measured_nanos[index], self._measured_level[index] = self.nanos, self.level

    def _extend(self) -> None:
        """Costs of all widths, from those that were measured."""
        relative, passes = self.relative, self.passes
        low, slope = 0, ROW_PRIOR * passes[0].value
        for index, width in enumerate(self.widths):
            # Between a flat and a straight line: kernels compute in tiles of rows.
            value = relative[low] + 0.5 * slope * float(width - self.widths[low])
            bound = self._bounds[index] / (1.0 + self._age(self._bound_nanos[index]))
            is_seen = passes[index].count > 0 or bound > value
            if passes[index].count > 0:
                value = passes[index].value
            elif is_seen:
                value = bound
            relative[index] = value
            if is_seen and index > 0:
                slope = max(value - relative[low], 0.0) / float(width - self.widths[low])
                low = index
        for index in range(len(relative) - 2, 0, -1):
            if passes[index].count == 0 and passes[index + 1].count > 0:
                relative[index] = min(relative[index], relative[index + 1])
        self._extend_drafts()

    def _extend_drafts(self) -> None:
        """Costs of all numbers of drafts."""
        unit = DRAFT_PRIOR * self.relative[0]
        for count in range(1, len(self.drafts)):
            if self.drafts[count].count > 0:
                unit = self.drafts[count].value / float(count)
        for count in range(len(self.drafts) - 1, 0, -1):
            if self.drafts[count].count > 0:
                self.draft_relative[count] = self.drafts[count].value
                unit = self.drafts[count].value / float(count)
            else:
                self.draft_relative[count] = unit * float(count)
