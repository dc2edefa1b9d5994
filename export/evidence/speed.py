"""Plain against drafted decoding, interleaved, so that a noisy machine is noisy for all."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from export.choices.prompts import Prompts
from export.evidence.encoder import Encoder
from runtime_spec.drafting.auto import Auto
from runtime_spec.drafting.fixed import Fixed
from runtime_spec.drafting.proposer import Policy
from runtime_spec.litert.runtime import Models
from runtime_spec.reference.ports import Drafter, Target
from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.reference.stats import DecodeStats, count_rounds, sum_stats
from runtime_spec.sampling.parameters import GREEDY, Sampling

NEW_TOKENS, MIN_TOKENS = 128, 8
SHORT_PROMPTS, SHORT_SECONDS = 6, 5.0
"""What the export may spend on its own short bench: prompts, and seconds."""


@dataclass(frozen=True)
class TimedReply:
    """One decoded prompt: its `tokens`, `speed` in tokens/s after the prefill (0.0 where nothing followed it),
    `prefill` in seconds."""

    tokens: list[int]
    speed: float
    prefill: float
    stats: DecodeStats


Decode = Callable[[Sequence[int], int], TimedReply]
"""Decodes a prompt to so many tokens."""


@dataclass(frozen=True)
class Speed:
    """Decoding with one number of drafts: median tokens/s over replies, their spread (10th to 90th percentile), the
    ratio to plain decoding, and what was accepted (None where nothing was drafted, or no round was run); `drafting` has
    rounds by their number of drafts and figures by source, as DecodeStats.drafting."""

    tokens_per_second: float
    spread: tuple[float, float]
    ratio_to_plain: float
    acceptance_rate: float | None
    mean_accepted_length: float | None
    drafting: dict | None = None


def decode_timed(
    target: Target,
    drafter: Drafter | None,
    prompt: Sequence[int],
    draft_tokens: int,
    count: int,
    stops: frozenset[int] = frozenset(),
) -> TimedReply:
    """One prompt decoded to `count` tokens or one of `stops`; the prefill is timed apart."""
    return timed(Session(target, drafter if draft_tokens else None, DecodeConfig(draft_tokens, stops)), prompt, count)


def timed(session: Session, prompt: Sequence[int], count: int, sampling: Sampling = GREEDY) -> TimedReply:
    """The next turn of a session, decoded from the start to `count` tokens or a stop token; the prefill is timed
    apart."""
    if session.sampler is not None:
        session.sampler.sampling = sampling
    begin = time.perf_counter()
    turn = session.turn(prompt, count, from_start=True)
    first = next(turn)
    prefilled = time.perf_counter()
    rounds = list(turn)
    seconds = time.perf_counter() - prefilled
    tokens = first.emitted_tokens + [token for r in rounds for token in r.emitted_tokens]
    speed = (len(tokens) - 1) / seconds if rounds else 0.0
    return TimedReply(tokens, speed, prefilled - begin, count_rounds(rounds))


def short_bench(models: Models, draft_tokens: int, prompts: Prompts, encoder: Encoder) -> dict[str, Speed]:
    """The export's own bench, over the first plain prompts and within a few seconds: plain, the bundle's own number of
    drafts, and automatic. Rows as of `measure_speeds`."""
    ways = bench_ways(models, [draft_tokens])
    capacity = models.target.capacity
    encoded = [encoder.prompt(text)[: capacity // 2] for text in prompts.plain[:SHORT_PROMPTS]]
    trial = ways["plain"](encoded[0], 4).speed
    affordable = int(SHORT_SECONDS * trial / (len(encoded) * len(ways)))
    if affordable < MIN_TOKENS:
        encoded, affordable = encoded[:1], MIN_TOKENS
    return measure_speeds(ways, encoded, capacity, 1, min(NEW_TOKENS, affordable))


def bench_ways(
    models: Models, lengths: Sequence[int], n_grams: bool = False, sampling: Sampling = GREEDY
) -> dict[str, Decode]:
    """How a bundle can decode, by name: `plain`; `drafted_N` for each of `lengths`, which are 0 where the bundle can't
    verify drafts; `auto`, which also looks n-grams up and knows nothing at first. Stop tokens end no reply."""

    def way(policy: Policy) -> Decode:
        return lambda prompt, count: timed(models.session(policy, frozenset()), prompt, count, sampling)

    has_drafter = models.drafter is not None
    ways = {"plain": way(Fixed(0))}
    # Without a model n-grams are all that can be drafted.
    ways |= {f"drafted_{n}": way(Fixed(n, n_grams or not has_drafter)) for n in lengths if n > 0}
    if len(models.target.verify_widths) > 1:
        ways["auto"] = way(Auto(models.target.verify_widths, has_drafter))
    return ways


def measure_speeds(
    ways: Mapping[str, Decode],
    encoded: Sequence[Sequence[int]],
    capacity: int,
    repeats: int,
    count: int = NEW_TOKENS,
) -> dict[str, Speed]:
    """A row for each of `ways`, the first of which is plain. Every prompt of `encoded` is decoded `repeats` times to
    `count` tokens, or as far as the cache of `capacity` slots goes.

    The ratio to plain is the median of ratios of replies that were measured one after the other, which what slows the
    machine for longer slows alike."""
    budget = min(count, capacity - max(map(len, encoded)))
    for decode in ways.values():
        decode(encoded[0], min(16, budget))
    replies: dict[str, list[TimedReply]] = {name: [] for name in ways}
    for _ in range(repeats):
        for prompt in encoded:
            for name, decode in ways.items():
                replies[name].append(decode(prompt, budget))
    plain = next(iter(replies.values()))
    return {name: _speed(found, plain) for name, found in replies.items()}


def _speed(replies: list[TimedReply], plain: list[TimedReply]) -> Speed:
    speeds = [reply.speed for reply in replies]
    ratios = [reply.speed / other.speed for reply, other in zip(replies, plain, strict=True) if other.speed]
    stats = sum_stats(reply.stats for reply in replies)
    ordered = sorted(speeds)
    return Speed(
        tokens_per_second=round(statistics.median(speeds), 1),
        spread=(round(ordered[len(ordered) // 10], 1), round(ordered[-1 - len(ordered) // 10], 1)),
        ratio_to_plain=round(statistics.median(ratios) if ratios else 0.0, 3),
        acceptance_rate=round(stats.acceptance_rate, 4) if stats.drafted else None,
        mean_accepted_length=round(stats.mean_accepted_length, 3) if stats.rounds else None,
        drafting=stats.drafting(),
    )
