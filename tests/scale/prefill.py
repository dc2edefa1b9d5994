"""What prefills cost at a bundle's size: `python -m tests.scale.prefill BUNDLE [--threads 1] [--repeats 5]`.

Seconds to the first token of prompts of several lengths, ours and LiteRT-LM's in turn, and milliseconds of one pass of
each length, the fastest of several. A straight line through those is what a row costs, and what a pass costs beside its
rows: that is the 6 of DECODE.md, *Which passes fill*. LiteRT-LM keeps packed weights beside the bundle; ours are where
packed weights are kept.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import litert_lm
import numpy as np

from runtime_spec.litert.runtime import Runtime
from runtime_spec.litert.target import LiteRtTarget
from tests.scale.exports import machine

LENGTHS = (30, 130, 500, 1500)
POSITION = 256
"""Slot at which single passes begin: attention reads what is before them."""


def prompt(runtime: Runtime, count: int) -> tuple[str, list[int]]:
    """A text of `count` tokens with the beginning-of-sequence token, and these: digits, which no merge joins."""
    text = "".join(random.Random(count).choices("0123456789", k=count - 1))
    tokens = runtime.encode(text)
    if len(tokens) != count:
        raise SystemExit(f"{count - 1} digits are {len(tokens) - 1} tokens of this bundle")
    return text, tokens


def passes(target: LiteRtTarget, count: int) -> list[int]:
    """How many tokens each fill of a prompt of `count` tokens takes."""
    found = []
    while taken := target.fill_count(count - sum(found), sum(found)):
        found.append(taken)
    return found


def ours(target: LiteRtTarget, tokens: list[int]) -> None:
    done = 0
    while count := target.fill_count(len(tokens) - done, done):
        target.fill(tokens[done : done + count], done)
        done += count
    target.prefill(tokens[done:], done)


def theirs(engine: litert_lm.Engine, text: str) -> float:
    """Seconds to one token, without those of making and closing the session."""
    greedy = litert_lm.SamplerConfig(top_k=1, top_p=1.0, temperature=1.0, seed=0)
    session = engine.create_session(apply_prompt_template=False, sampler_config=greedy, max_output_tokens=1)
    begin = time.perf_counter()
    session.run_prefill([text])
    session.run_decode()
    seconds = time.perf_counter() - begin
    session.close()
    return seconds


def timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def pass_seconds(target: LiteRtTarget, lengths: tuple[int, ...], repeats: int) -> dict[int, float]:
    """Least seconds of one full pass of each length, measured in turn."""
    found: dict[int, list[float]] = {length: [] for length in lengths}
    for _ in range(1 + repeats):
        for length, seconds in found.items():
            seconds.append(timed(lambda length=length: target.fill([5] * length, POSITION)))
    return {length: min(seconds[1:]) for length, seconds in found.items()}


def compare(runtime: Runtime, engine: litert_lm.Engine, repeats: int) -> dict[str, dict]:
    """By length: median seconds of both, the median of the ratios of neighbours, and our passes."""
    found = {}
    for count in LENGTHS:
        text, tokens = prompt(runtime, count)
        pairs = []
        for number in range(1 + repeats):
            calls = [lambda tokens=tokens: timed(lambda: ours(runtime.target, tokens))]
            calls.append(lambda text=text: theirs(engine, text))
            # Each first in turn: the other's weights are in the processor's caches then.
            order = (0, 1) if number % 2 else (1, 0)
            seconds = {i: calls[i]() for i in order}
            pairs.append((seconds[0], seconds[1]))
        pairs = pairs[1:]
        mine, other = (statistics.median(times) for times in zip(*pairs, strict=True))
        found[str(count)] = {
            "seconds": round(mine, 3), "litert_lm_seconds": round(other, 3),
            "speed_to_litert_lm": round(statistics.median(b / a for a, b in pairs), 3),
            "passes": passes(runtime.target, count),
        }  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
    with Runtime(args.bundle, args.threads) as runtime:
        lengths = runtime.manifest.prefill_lengths
        each = pass_seconds(runtime.target, lengths, args.repeats)
        slots = runtime.manifest.context_length
        backend = litert_lm.Backend.CPU(thread_count=args.threads)
        with litert_lm.Engine(str(args.bundle), backend=backend, max_num_tokens=slots) as engine:
            found = compare(runtime, engine, args.repeats)
    row, least = np.polyfit(lengths, [each[length] for length in lengths], 1)
    result = {
        "machine": machine(), "threads": args.threads, "recipe": runtime.manifest.recipe.name, "repeats": args.repeats,
        "pass_milliseconds": {str(length): round(1e3 * seconds, 1) for length, seconds in each.items()},
        "row_milliseconds": round(1e3 * row, 2), "pass_cost_in_rows": round(least / row, 1),
        "prompts": found,
    }  # fmt: skip
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
