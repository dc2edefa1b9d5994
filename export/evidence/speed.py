"""Plain against drafted decoding at each exported width, interleaved, so that a noisy machine is noisy for all."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from export.choices.prompts import Prompts
from export.evidence.encoder import Encoder
from runtime_spec.drafting.fixed import ngram_drafter
from runtime_spec.litert.runtime import Models
from runtime_spec.reference.ports import Drafter, Target
from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.reference.stats import DecodeStats, count_rounds

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


@dataclass(frozen=True)
class Speed:
    """Decoding with one number of drafts: median tokens/s over replies, their spread (10th to 90th percentile), the
    ratio to plain decoding, and what was accepted (None where nothing was drafted, or no round was run)."""

    tokens_per_second: float
    spread: tuple[float, float]
    ratio_to_plain: float
    acceptance_rate: float | None
    mean_accepted_length: float | None


def decode_timed(
    target: Target,
    drafter: Drafter | None,
    prompt: Sequence[int],
    draft_tokens: int,
    count: int,
    stops: frozenset[int] = frozenset(),
) -> TimedReply:
    """One prompt decoded to `count` tokens or one of `stops`; the prefill is timed apart."""
    session = Session(target, drafter if draft_tokens else None, DecodeConfig(draft_tokens, stops))
    begin = time.perf_counter()
    turn = session.turn(prompt, count)
    first = next(turn)
    prefilled = time.perf_counter()
    rounds = list(turn)
    seconds = time.perf_counter() - prefilled
    tokens = first.emitted_tokens + [token for r in rounds for token in r.emitted_tokens]
    speed = (len(tokens) - 1) / seconds if rounds else 0.0
    return TimedReply(tokens, speed, prefilled - begin, count_rounds(rounds))


def short_bench(models: Models, draft_tokens: int, prompts: Prompts, encoder: Encoder) -> dict[str, Speed]:
    """The export's own bench, over the first plain prompts and within a few seconds; rows as of `measure_speeds`."""
    target, drafter = models.target, models.drafter or ngram_drafter(draft_tokens)
    lengths = [0, draft_tokens]
    encoded = [encoder.prompt(text)[: target.capacity // 2] for text in prompts.plain[:SHORT_PROMPTS]]
    trial = decode_timed(target, drafter, encoded[0], 0, 4).speed
    affordable = int(SHORT_SECONDS * trial / (len(encoded) * len(lengths)))
    if affordable < MIN_TOKENS:
        encoded, affordable = encoded[:1], MIN_TOKENS
    return measure_speeds(target, drafter, encoded, lengths, 1, min(NEW_TOKENS, affordable))


def measure_speeds(
    target: Target,
    drafter: Drafter | None,
    encoded: Sequence[Sequence[int]],
    draft_lengths: Sequence[int],
    repeats: int,
    count: int = NEW_TOKENS,
) -> dict[str, Speed]:
    """Rows `plain` and `drafted_N` for each of `draft_lengths`, the first of which is 0. Every prompt of `encoded` is
    decoded `repeats` times to `count` tokens, or as far as the cache goes.

    The ratio to plain is the median of ratios of replies that were measured one after the other, which what slows the
    machine for longer slows alike."""
    budget = min(count, target.capacity - max(map(len, encoded)))
    for n in draft_lengths:
        decode_timed(target, drafter, encoded[0], n, min(16, budget))
    replies: dict[int, list[TimedReply]] = {n: [] for n in draft_lengths}
    for _ in range(repeats):
        for prompt in encoded:
            for n in draft_lengths:
                replies[n].append(decode_timed(target, drafter, prompt, n, budget))
    return {"plain" if n == 0 else f"drafted_{n}": _speed(replies[n], replies[0]) for n in draft_lengths}


def _speed(replies: list[TimedReply], plain: list[TimedReply]) -> Speed:
    speeds = [reply.speed for reply in replies]
    ratios = [reply.speed / other.speed for reply, other in zip(replies, plain, strict=True) if other.speed]
    drafted, accepted, rounds = (
        sum(getattr(reply.stats, name) for reply in replies) for name in ("drafted", "accepted", "rounds")
    )
    ordered = sorted(speeds)
    return Speed(
        tokens_per_second=round(statistics.median(speeds), 1),
        spread=(round(ordered[len(ordered) // 10], 1), round(ordered[-1 - len(ordered) // 10], 1)),
        ratio_to_plain=round(statistics.median(ratios) if ratios else 0.0, 3),
        acceptance_rate=round(accepted / drafted, 4) if drafted else None,
        mean_accepted_length=round((accepted + rounds) / rounds, 3) if rounds else None,
    )
