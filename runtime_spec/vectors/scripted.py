"""A target and a drafter without weights: hash chains in place of a network, for scenarios and fuzzing.

They behave as the real graphs do where a loop goes wrong. A pass that ends past the cache moves back over live rows
without a word. A drafter shown the wrong hidden, dead rows or a wrong position answers all the same, only worse.
What a runtime could notice (a gap in the cache, a width that was not exported, rows past the end) is a MisuseError.
TRACES.md fixes every operation, so that other languages get the same tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from runtime_spec.sampling.argmax import argmax, margin
from runtime_spec.sampling.parameters import Sampling
from runtime_spec.sampling.random import splitmix
from runtime_spec.sampling.sampler import Sampler

PADDING = 0x7FFFFFFF


class MisuseError(Exception):
    """A port was called in a way that no correct loop does."""


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


def hash_bytes(state: int, size: int) -> Iterator[int]:
    """`size` numbers from 0 to 255, eight from each hash of `state` with a number that no token has."""
    for block in range(1, (size + 7) // 8 + 1):
        yield from splitmix(state ^ (block << 32)).to_bytes(8, "little")[: size - 8 * (block - 1)]


def hash_row(state: int, size: int) -> list[float]:
    """The logits of a sampled script after the text with this hash: from -15 to 1 in steps of 1/16, so that
    a penalty finds both signs among the largest."""
    return [(byte - 240) / 16 for byte in hash_bytes(state, size)]


class ScriptedTarget:
    """rows[p] is the token written at slot p; states[p + 1] is the hash of rows 0..p and serves as the hidden. With a
    sampler, tokens are what it says over rows of logits, else the hash names them."""

    def __init__(self, script: Script, capacity: int, verify_widths: tuple[int, ...], sampler: Sampler | None = None):
        self.script, self.capacity, self.verify_widths, self.sampler = script, capacity, verify_widths, sampler
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
        return self._said(tokens[-1:], slot)[0], self.states[slot + 1]

    def verify(self, tokens: Sequence[int], position: int, width: int) -> tuple[list[int], list[int]]:
        if width not in self.verify_widths or not 0 < len(tokens) <= width:
            raise MisuseError(f"{len(tokens)} tokens in a pass of width {width}, exported {self.verify_widths}")
        self._write(list(tokens), position, width)
        said = self._said(tokens, position)
        return said, self.states[position + 1 : position + 1 + len(said)]

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
        if self.sampler:
            self.sampler.wrote(tokens, position)

    def _said(self, tokens: Sequence[int], position: int) -> list[int]:
        """What follows each of `tokens`, written at slots position..; sampled, it may end early."""
        slots = range(position, position + len(tokens))
        if self.sampler:
            said = self.sampler.target_tokens([self._row(slot) for slot in slots], tokens, position)
        else:
            said = [self._token(slot) for slot in slots]
        self.last_slots = slots[: len(said)]
        return said

    def _row(self, slot: int) -> list[float]:
        given = self.script.logits.get(slot)
        return hash_row(self.states[slot + 1], self.script.vocab) if given is None else list(map(float, given))

    def _token(self, slot: int) -> int:
        if slot in self.script.logits:
            return argmax(self.script.logits[slot], slot)
        return (self.states[slot + 1] >> 33) % self.script.vocab


class ScriptedDrafter:
    """Follows the target's own hash from (bonus_token, hidden), with planned mistakes."""

    source = "drafter"

    def __init__(self, script: DrafterScript, target: ScriptedTarget):
        self.script, self.target = script, target

    def draft(self, cached: Sequence[int], bonus_token: int, hidden: int, position: int, count: int) -> list[int]:
        if count < 1:
            raise MisuseError(f"{count} drafts asked for")
        target, script = self.target, self.script
        seen = target.states[target.cache_length]
        in_step = hidden == seen and position == target.cache_length == len(cached)
        state = hidden if in_step else splitmix(hidden ^ seen ^ position)
        token, draft_tokens = bonus_token, []
        if target.sampler:
            target.sampler.begin_drafts(bonus_token, position)
        while len(draft_tokens) < count:
            state = splitmix(state ^ token)
            luck = splitmix(state ^ script.seed)
            if (luck & 0x7FFFFFFF) % 100 < script.fewer_percent:
                break
            if target.sampler:
                token, _ = target.sampler.draft_token(self._row(state))
            else:
                token = (state >> 33) % target.script.vocab
                if (luck >> 33) % 100 >= script.hit_percent:
                    token = (token + 1) % target.script.vocab
            draft_tokens.append(token)
        return draft_tokens

    def _row(self, state: int) -> list[float]:
        """The target's row of the state and noise, the less the likelier it is to be right; exact in float32."""
        size, scale = self.target.script.vocab, (100 - self.script.hit_percent) / 2048
        noise = hash_bytes(state ^ self.script.seed, size)
        return [logit + (byte - 128) * scale for logit, byte in zip(hash_row(state, size), noise, strict=True)]


def scripted_pair(
    script: Script, capacity: int, verify_widths: tuple[int, ...], sampling: Sampling | None = None
) -> tuple[ScriptedTarget, ScriptedDrafter | None]:
    """A fresh target, and the drafter that reads its cache if the script has one. With `sampling`, both have logits
    and ask one sampler; target.sampler is that."""
    sampler = None if sampling is None else Sampler(sampling)
    target = ScriptedTarget(script, capacity, verify_widths, sampler)
    return target, None if script.drafter is None else ScriptedDrafter(script.drafter, target)
