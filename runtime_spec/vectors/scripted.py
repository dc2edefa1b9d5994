"""A target and a drafter without weights: hash chains in place of a network, for scenarios and fuzzing.

They behave as the real graphs do where a loop goes wrong. A pass that ends past the cache moves back over live rows
without a word. A drafter shown the wrong hidden, dead rows or a wrong position answers all the same, only worse.
What a runtime could notice (a gap in the cache, a width that was not exported, rows past the end) is a MisuseError.
TRACES.md fixes every operation, so that other languages get the same tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from runtime_spec.reference.argmax import argmax, margin

MASK = (1 << 64) - 1
PADDING = 0x7FFFFFFF


class MisuseError(Exception):
    """A port was called in a way that no correct loop does."""


def splitmix(x: int) -> int:
    """One step of SplitMix64 from state x: an unsigned 64-bit hash of an unsigned 64-bit number."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


@dataclass(frozen=True, slots=True)
class DrafterScript:
    """A drafter that is right in about hit_percent of its drafts and gives up early in fewer_percent of them."""

    seed: int
    hit_percent: int
    fewer_percent: int


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that fixes a scripted pair. `fill_length` is how many tokens a fill takes (0: there is none, a prefill
    takes all), `logits` replaces the hash for the token after a given slot."""

    seed: int
    vocab: int
    fill_length: int
    drafter: DrafterScript | None
    logits: dict[int, tuple[int, ...]] = field(default_factory=dict)


class ScriptedTarget:
    """rows[p] is the token written at slot p; states[p + 1] is the hash of rows 0..p and serves as the hidden."""

    def __init__(self, script: Script, capacity: int, verify_widths: tuple[int, ...]):
        self.script, self.capacity, self.verify_widths = script, capacity, verify_widths
        self.cache_length = 0
        self.rows = [PADDING] * capacity
        self.states = [splitmix(script.seed)] + [0] * capacity
        self.last_slots = range(0)

    def fill_count(self, num_tokens: int, position: int) -> int:
        return self.script.fill_length if num_tokens > self.script.fill_length else 0

    def fill(self, tokens: Sequence[int], position: int) -> None:
        if len(tokens) != self.script.fill_length:
            raise MisuseError(f"fill of {len(tokens)} tokens, passes of {self.script.fill_length}")
        self._write(list(tokens), position, len(tokens))

    def prefill(self, tokens: Sequence[int], position: int) -> tuple[int, int]:
        if not tokens:
            raise MisuseError("prefill of no tokens")
        self._write(list(tokens), position, len(tokens))
        slot = position + len(tokens) - 1
        self.last_slots = range(slot, slot + 1)
        return self._token(slot), self.states[slot + 1]

    def verify(self, tokens: Sequence[int], position: int, width: int) -> tuple[list[int], list[int]]:
        if width not in self.verify_widths or not 0 < len(tokens) <= width:
            raise MisuseError(f"{len(tokens)} tokens in a pass of width {width}, exported {self.verify_widths}")
        self._write(list(tokens), position, width)
        self.last_slots = range(position, position + len(tokens))
        return [self._token(slot) for slot in self.last_slots], self.states[position + 1 : self.cache_length + 1]

    def rollback(self, cache_length: int) -> None:
        if not 0 <= cache_length <= self.cache_length:
            raise MisuseError(f"rollback to {cache_length} of {self.cache_length} rows")
        self.cache_length = cache_length

    def margins(self) -> list[float]:
        """Made-up margins, multiples of 1/64 below 16, but true ones where `logits` were given."""
        logits = self.script.logits
        return [
            margin(logits[slot]) if slot in logits else (self.states[slot + 1] & 1023) / 64 for slot in self.last_slots
        ]

    def _write(self, tokens: list[int], position: int, width: int) -> None:
        end = position + len(tokens)
        if not 0 <= position <= self.cache_length or end > self.capacity or width > self.capacity:
            raise MisuseError(f"rows {position}..{end} of {self.capacity}, {self.cache_length} in the cache")
        # A dynamic-update-slice clamps its start: a pass that is too wide lands on live rows.
        start = min(position, self.capacity - width)
        self.rows[start : start + width] = tokens + [PADDING] * (width - len(tokens))
        state = self.states[start]
        for slot in range(start, end):
            state = self.states[slot + 1] = splitmix(state ^ self.rows[slot])
        self.cache_length = end

    def _token(self, slot: int) -> int:
        if slot in self.script.logits:
            return argmax(self.script.logits[slot], slot)
        return (self.states[slot + 1] >> 33) % self.script.vocab


class ScriptedDrafter:
    """Follows the target's own hash from (bonus_token, hidden), with planned mistakes."""

    def __init__(self, script: DrafterScript, target: ScriptedTarget):
        self.script, self.target = script, target

    def draft(self, bonus_token: int, hidden: int, position: int, count: int) -> list[int]:
        if count < 1:
            raise MisuseError(f"{count} drafts asked for")
        target, script = self.target, self.script
        seen = target.states[target.cache_length]
        in_step = hidden == seen and position == target.cache_length
        state = hidden if in_step else splitmix(hidden ^ seen ^ position)
        token, draft_tokens = bonus_token, []
        while len(draft_tokens) < count:
            state = splitmix(state ^ token)
            luck = splitmix(state ^ script.seed)
            if (luck & 0x7FFFFFFF) % 100 < script.fewer_percent:
                break
            token = (state >> 33) % target.script.vocab
            if (luck >> 33) % 100 >= script.hit_percent:
                token = (token + 1) % target.script.vocab
            draft_tokens.append(token)
        return draft_tokens


def scripted_pair(
    script: Script, capacity: int, verify_widths: tuple[int, ...]
) -> tuple[ScriptedTarget, ScriptedDrafter | None]:
    """A fresh target, and the drafter that reads its cache if the script has one."""
    target = ScriptedTarget(script, capacity, verify_widths)
    return target, None if script.drafter is None else ScriptedDrafter(script.drafter, target)
