"""A device and a text without a model: what rounds cost and which drafts are right, drawn from numbers.

Draft policies are played on it (DECODE.md, *The automatic draft length*). All amounts are integers, so that another
language has the same rounds: nanoseconds, and parts of a thousand.
"""

from dataclasses import dataclass, field
from typing import Protocol

from runtime_spec.sampling.random import splitmix

STEP_SLOTS = 128
NOISE, OUTLIER, DRAFT, EASE, MATCH, MATCH_LENGTH, LOOKUP, BURST = range(8)
"""What a random number is for."""


@dataclass(frozen=True, slots=True)
class Device:
    """Costs: of a pass by width, of the first and of each further draft, of planning a graph anew; `noise` either way;
    a round in `outlier_every` (0: none) takes `outlier_nanos` more. All costs rise by `heat` from token `heat_from`
    over `heat_tokens` tokens. Drafts are made one by one, or `at_once`: as many as were planned."""

    passes: tuple[tuple[int, int], ...]
    first_draft: int = 8_000_000
    next_draft: int = 8_000_000
    replan: int = 0
    noise: int = 50
    outlier_every: int = 0
    outlier_nanos: int = 0
    heat: int = 0
    heat_from: int = 0
    heat_tokens: int = 400
    at_once: bool = False

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(width for width, _ in self.passes)


@dataclass(frozen=True, slots=True)
class Text:
    """How often the model's drafts are right, from a token on; `bursts` (0: none): for so many tokens at a time it is
    that or `burst_rate`, by chance. `spread`: how much single tokens differ, which the drafter's confidence shows.
    `matches`: of 24 tokens at a time, how many have a match, whose drafts are right by `match_rates` (of 2 .. 5)."""

    rates: tuple[tuple[int, int], ...] = ((0, 700),)
    bursts: int = 0
    burst_rate: int = 0
    spread: int = 0
    matches: int = 0
    match_rates: tuple[int, int, int, int] = (300, 500, 700, 850)


class Policy(Protocol):
    def plan(self, position: int, most: int, match: int) -> tuple[str | None, int]: ...
    def goes_on(self, drafted: int, confidence: float, made: int) -> bool: ...
    def observe(self, round: "PlayedRound", draft_nanos: int, nanos: int, matched: int) -> None: ...


@dataclass(slots=True)
class PlayedRound:
    """What a policy reads of a round, and what it was asked and told. `true_nanos` is without noise and outlier."""

    position: int = 0
    draft_tokens: range = range(0)
    verify_width: int = 1
    num_accepted: int = 0
    source: str | None = None
    match: int = 0
    planned: int = 0
    matched: int = 0
    confidences: list[float] = field(default_factory=list)
    goes_on: list[bool] = field(default_factory=list)
    draft_nanos: int = 0
    nanos: int = 0
    true_nanos: int = 0


class Play:
    """Rounds of `device` and `text` under the random numbers of `seed`; `token` is the text's next one. The same token
    has the same luck whatever drafts it, and the same heat."""

    def __init__(self, device: Device, text: Text, seed: int, position: int = 20, has_drafter: bool = True):
        self.device, self.text, self.has_drafter = device, text, has_drafter
        self.token = self.index = 0
        self._first_position = position
        self._streams = [splitmix((seed << 3) + purpose) for purpose in range(8)]
        self._widest = device.widths[-1]
        self._costs = dict(device.passes)
        self._steps: dict[int, int] = {}

    def round(self, policy: Policy, most: int) -> PlayedRound:
        """One round, observed by `policy`, of at most `most` drafts."""
        position = self._first_position + self.token
        played = PlayedRound(position=position, match=self._match())
        most = min(most, self._widest - 1)
        count = 0
        if most > 0:
            played.source, count = policy.plan(position, most, played.match)
        played.planned = count
        if count > 0:
            count = self._draft(policy, played, count)
        self._pass(played, count)
        played.matched = self._matched(played)
        policy.observe(played, played.draft_nanos, played.nanos, played.matched)
        self.token += played.num_accepted + 1
        self.index += 1
        return played

    def _draft(self, policy: Policy, played: PlayedRound, count: int) -> int:
        is_model = played.source == "drafter"
        is_right, drafted = True, 0
        while drafted < count:
            chance = self._ease(self.token + drafted) if is_model else self.text.match_rates[played.match - 2]
            is_right = is_right and self._below(DRAFT if is_model else LOOKUP, self.token + drafted, 1000) < chance
            drafted += 1
            played.num_accepted += is_right
            if is_model and drafted < count:
                played.confidences.append(chance / 1000)
                made = count if self.device.at_once else drafted
                played.goes_on.append(policy.goes_on(drafted, chance / 1000, made))
                if not played.goes_on[-1]:
                    break
        if is_model:
            made = count if self.device.at_once else drafted
            nanos = self.device.first_draft + (made - 1) * self.device.next_draft
            played.true_nanos = self._heated(nanos) + self._replan(0, played.position) // 4
            played.draft_nanos = played.nanos = self._noisy(played.true_nanos, 1)
        return drafted

    def _matched(self, played: PlayedRound) -> int:
        """How many of the tokens that the round emits the match has right."""
        count = 0
        if played.match > 0:
            chance = self.text.match_rates[played.match - 2]
            while count <= played.num_accepted and self._below(LOOKUP, self.token + count, 1000) < chance:
                count += 1
        return count

    def _pass(self, played: PlayedRound, count: int) -> None:
        width = next(width for width, _ in self.device.passes if width > count)
        played.draft_tokens, played.verify_width = range(count), width
        nanos = self._heated(self._costs[width]) + self._replan(width, played.position + width - 1)
        played.true_nanos += nanos
        played.nanos += self._noisy(nanos, 0)
        every = self.device.outlier_every
        if every > 0 and self._below(OUTLIER, self.index, every) == 0:
            played.nanos += self.device.outlier_nanos

    def _replan(self, graph: int, newest: int) -> int:
        step = newest // STEP_SLOTS
        is_planned = self._steps.get(graph) == step
        self._steps[graph] = step
        return 0 if is_planned else self.device.replan

    def _heated(self, nanos: int) -> int:
        if self.device.heat == 0:
            return nanos
        warmed = max(0, min(self.token - self.device.heat_from, self.device.heat_tokens))
        return nanos * (1000 + self.device.heat * warmed // self.device.heat_tokens) // 1000

    def _noisy(self, nanos: int, part: int) -> int:
        noise = self._below(NOISE, 2 * self.index + part, 2 * self.device.noise + 1) - self.device.noise
        return nanos * (1000 + noise) // 1000

    def _ease(self, token: int) -> int:
        """The chance of the model's draft of `token`."""
        text = self.text
        rate = next(rate for begin, rate in reversed(text.rates) if begin <= token)
        if text.bursts > 0 and self._below(BURST, token // text.bursts, 2) == 0:
            rate = text.burst_rate
        if text.spread > 0:
            rate += self._below(EASE, token, 2 * text.spread + 1) - text.spread
        return max(0, min(1000, rate))

    def _match(self) -> int:
        block = self.token // 24
        if self.text.matches == 0 or self._below(MATCH, block, 1000) >= self.text.matches:
            return 0
        return 2 + self._below(MATCH_LENGTH, block, 4)

    def _below(self, purpose: int, number: int, bound: int) -> int:
        return (splitmix(self._streams[purpose] ^ number) >> 33) % bound
