"""Plain against drafted decoding at each exported width, interleaved, so that a noisy machine is noisy for all."""

import statistics
import time
from collections.abc import Callable, Sequence

from export.choices.prompts import prompts
from runtime_spec.reference.ports import Drafter, Target
from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.reference.stats import count_rounds

NEW_TOKENS, MIN_TOKENS = 128, 8
SECONDS = 5.0
"""What the export may spend on its own short bench."""


def measure(
    target: Target,
    drafter: Drafter | None,
    prompt: Sequence[int],
    draft_tokens: int,
    count: int,
    stops: frozenset[int] = frozenset(),
) -> dict:
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
    return {"tokens": tokens, "speed": speed, "prefill": prefilled - begin, "stats": count_rounds(rounds)}


def figures(
    target: Target, drafter: Drafter | None, draft_tokens: int, encode: Callable[[str], list[int]], bos: int
) -> dict:
    """The export's own short bench: tokens/s plain and drafted (medians over prompts, one thread), acceptance."""
    plain, _ = prompts()
    widths = [0, draft_tokens] if drafter else [0]
    encoded = [[bos, *encode(text)][: target.capacity // 2] for text in plain[:6]]
    trial = measure(target, drafter, encoded[0], 0, 4)["speed"]
    affordable = int(SECONDS * trial / (len(encoded) * len(widths)))
    if affordable < MIN_TOKENS:
        encoded, affordable = encoded[:1], MIN_TOKENS
    return table(target, drafter, encoded, widths, 1, min(NEW_TOKENS, affordable))


def table(
    target, drafter, encoded: list[list[int]], draft_lengths: list[int], repeats: int, count: int = NEW_TOKENS
) -> dict:
    """Per draft length: median tokens/s, spread (10th to 90th percentile), acceptance, and the ratio to plain: the
    median of ratios of replies that were measured one after the other, which what slows a machine for longer slows
    alike."""
    speeds: dict[int, list[float]] = {n: [] for n in draft_lengths}
    drafted, accepted, rounds = dict.fromkeys(speeds, 0), dict.fromkeys(speeds, 0), dict.fromkeys(speeds, 0)
    budget = min(count, target.capacity - max(map(len, encoded)))
    for n in draft_lengths:
        measure(target, drafter, encoded[0], n, min(16, budget))
    for _ in range(repeats):
        for prompt in encoded:
            for n in draft_lengths:
                found = measure(target, drafter, prompt, n, budget)
                speeds[n].append(found["speed"])
                drafted[n] += found["stats"].drafted
                accepted[n] += found["stats"].accepted
                rounds[n] += found["stats"].rounds
    return {
        ("plain" if n == 0 else f"drafted_{n}"): {
            "tokens_per_second": round(statistics.median(speeds[n]), 1),
            "spread": [round(v, 1) for v in _spread(speeds[n])],
            "ratio_to_plain": round(statistics.median(s / p for s, p in zip(speeds[n], speeds[0], strict=True)), 3),
            "acceptance_rate": round(accepted[n] / drafted[n], 4) if drafted[n] else None,
            "mean_accepted_length": round((accepted[n] + rounds[n]) / rounds[n], 3) if rounds[n] else None,
        }
        for n in draft_lengths
    }


def _spread(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 10], ordered[-1 - len(ordered) // 10]
