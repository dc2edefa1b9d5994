"""Decoding against what memory allows and against LiteRT-LM: `python -m tests.scale.decoding BUNDLE [--threads 1 2]`.

For a bundle of a real size with random weights (tests.scale.run makes one), whose drafts are never right: then a round
costs what it costs, and LiteRT-LM's time for a token with drafting is that of a round. The Kotlin runtime and LiteRT-LM
take turns, reply by reply, plain and drafted; the speed at which memory is read is measured between them. *Limit* is
what decoding would be if it did nothing but read the weights of a token.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import litert_lm

from runtime_spec.bundle.reader import Bundle
from tests.parity.bench_litert_lm import KotlinRuntime
from tests.scale.draft_step import read_speed
from tests.scale.exports import machine
from tests.scale.recipes import SHAPES, plans, token_bytes

NEW_TOKENS, TURNS = 16, 5
PROMPT = "def main"


def engine_speed(engine: litert_lm.Engine, is_drafted: bool) -> float:
    """Tokens/s of LiteRT-LM."""
    greedy = litert_lm.SamplerConfig(top_k=1, top_p=1.0, temperature=1.0, seed=0)
    session = engine.create_session(
        apply_prompt_template=False,
        sampler_config=greedy,
        max_output_tokens=NEW_TOKENS,
        enable_speculative_decoding=is_drafted,
    )
    session.run_prefill([PROMPT])
    begin = time.perf_counter()
    session.run_decode()
    seconds = time.perf_counter() - begin
    session.close()
    return NEW_TOKENS / seconds


def measured(bundle: Path, tokens: list[int], drafts: int, threads: int, turns: int) -> dict[str, float]:
    """Median tokens/s by who and how, and GB/s."""
    found: dict[str, list[float]] = {}
    with ExitStack() as stack:
        kotlin = stack.enter_context(KotlinRuntime(bundle, "--threads", str(threads)))
        engines = {
            is_drafted: stack.enter_context(
                litert_lm.Engine(
                    str(bundle),
                    backend=litert_lm.Backend.CPU(thread_count=threads),
                    max_num_tokens=512,
                    enable_speculative_decoding=is_drafted,
                )
            )
            for is_drafted in (False, True)
        }
        for turn in range(1 + turns):
            once = {"memory, GB/s": read_speed(threads)}
            for how, count in (("plain", 0), ("drafted", drafts)):
                reply = kotlin.ask(tokens, NEW_TOKENS, count, stop=False)
                once[f"ours, {how}"] = reply["rounds"] / reply["decode_seconds"]
                once[f"LiteRT-LM, {how}"] = engine_speed(engines[how == "drafted"], how == "drafted")
            # The first turn packs weights and maps them.
            if turn > 0:
                for name, value in once.items():
                    found.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in found.items()}


def figures(speeds: dict[str, float], nbytes: int) -> dict[str, float]:
    """`speeds` of `measured`, and what they say: rounds/s, milliseconds and ratios."""
    limit = speeds["memory, GB/s"] * 1e9 / nbytes
    return {name: round(value, 2) for name, value in speeds.items()} | {
        "limit, tokens/s": round(limit, 2),
        "plain / limit": round(speeds["ours, plain"] / limit, 3),
        "plain / LiteRT-LM": round(speeds["ours, plain"] / speeds["LiteRT-LM, plain"], 3),
        "round, in decodes": round(speeds["ours, plain"] / speeds["ours, drafted"], 3),
        "LiteRT-LM's round, in decodes": round(speeds["LiteRT-LM, plain"] / speeds["LiteRT-LM, drafted"], 3),
        "time of a round / LiteRT-LM's": round(speeds["LiteRT-LM, drafted"] / speeds["ours, drafted"], 3),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default=SHAPES[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=TURNS)
    options = parser.parse_args(arguments)
    litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
    with Bundle.open(options.bundle) as bundle:
        manifest = bundle.manifest
    with tempfile.TemporaryDirectory() as folder:
        nbytes = token_bytes(plans(options.shape, Path(folder))[manifest.recipe.name])
    found = {
        "machine": machine(),
        "recipe": manifest.recipe.name,
        "weights_read_a_token": nbytes,
        "drafts": manifest.draft_tokens,
    }
    tokens = [manifest.tokens.bos, 100, 101]
    for threads in options.threads:
        speeds = measured(options.bundle, tokens, manifest.draft_tokens, threads, options.turns)
        found[f"{threads} threads"] = figures(speeds, nbytes)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
