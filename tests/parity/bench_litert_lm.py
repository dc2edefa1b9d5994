"""Our reference loop and our Kotlin runtime against LiteRT-LM on the same bundles, one thread, interleaved prompt by
prompt: `python -m tests.parity.bench_litert_lm BUNDLE...`. Prints median tokens/s of decoding alone, and the machine;
what it printed last is in bench_litert_lm.json.
"""

import argparse
import importlib.metadata
import json
import statistics
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import litert_lm

from export.bench import NEW_TOKENS, measure
from export.demo.evaluate import held_out_prompts
from runtime_spec.litert.runtime import Runtime
from tests.android.launcher import SLIPSTREAM
from tests.scale.run import machine

WHO = ("reference", "Kotlin", "LiteRT-LM")
PROMPTS = 40
"""Prompts differ: ten others gave acceptances of 0.58 to 0.75 where these gave 0.65 to 0.67."""
WARM_UP = 200
"""Requests until the JVM has compiled what it runs: each decodes NEW_TOKENS."""
PACKAGES = ("ai-edge-litert", "litert-lm-api", "numpy")


def engine_speed(engine, text: str, speculative: bool, tokenizer) -> float:
    greedy = litert_lm.SamplerConfig(top_k=1, top_p=1.0, temperature=1.0, seed=0)
    session = engine.create_session(
        apply_prompt_template=False,
        sampler_config=greedy,
        max_output_tokens=NEW_TOKENS,
        enable_speculative_decoding=speculative,
    )
    session.run_prefill([text])
    begin = time.perf_counter()
    reply = "".join(chunk.texts[0] for chunk in session.run_decode_async())
    seconds = time.perf_counter() - begin
    session.close()
    return len(tokenizer.encode(reply, add_special_tokens=False).ids) / seconds


def open_engine(bundle: Path, speculative: bool):
    return litert_lm.Engine(
        str(bundle),
        backend=litert_lm.Backend.CPU(thread_count=1),
        max_num_tokens=512,
        enable_speculative_decoding=speculative,
    )


class KotlinRuntime:
    """One process of android_app/bin/slipstream that answers request after request."""

    def __init__(self, bundle: Path):
        command = [str(SLIPSTREAM), "generate", str(bundle), "--requests"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def speed(self, tokens: list[int], drafts: int) -> float:
        request = {"prompt_tokens": tokens, "max_new_tokens": NEW_TOKENS, "draft_tokens": drafts, "stop": False}
        self.process.stdin.write(json.dumps(request) + "\n")
        return json.loads(self.process.stdout.readline())["tokens_per_second"]

    def __enter__(self) -> "KotlinRuntime":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait()


def compare(bundle: Path, repeats: int) -> dict:
    """Median tokens/s by who decodes and whether it drafts, and the ratios that matter. LiteRT-LM has one draft length;
    ours is also measured with the longest that the bundle has a pass for."""
    speeds: dict[str, list[float]] = {}
    drafted = accepted = 0
    with Runtime(bundle) as runtime, ExitStack() as stack:
        longest = runtime.target.verify_widths[-1] - 1
        engines = {name: stack.enter_context(open_engine(bundle, name == "drafted")) for name in ("plain", "drafted")}
        kotlin = stack.enter_context(KotlinRuntime(bundle))
        texts = [runtime.tokenizer.decode(tokens) for tokens in held_out_prompts(runtime, PROMPTS)[0]]
        for i in range(WARM_UP):
            kotlin.speed(runtime.encode(texts[i % 2]), i % 2 * runtime.manifest.draft_tokens)
        for _ in range(repeats):
            for text in texts:
                tokens = runtime.encode(text)
                for name, engine in engines.items():
                    drafts = runtime.manifest.draft_tokens if name == "drafted" else 0
                    ours = measure(runtime.target, runtime.drafter, tokens, drafts, NEW_TOKENS)
                    theirs = engine_speed(engine, text, name == "drafted", runtime.tokenizer)
                    for who, speed in zip(WHO, (ours["speed"], kotlin.speed(tokens, drafts), theirs), strict=True):
                        speeds.setdefault(f"{who} {name}", []).append(speed)
                    drafted, accepted = drafted + ours["stats"].drafted, accepted + ours["stats"].accepted
                ours = measure(runtime.target, runtime.drafter, tokens, longest, NEW_TOKENS)
                for who, speed in zip(WHO[:2], (ours["speed"], kotlin.speed(tokens, longest)), strict=True):
                    speeds.setdefault(f"{who} drafted {longest}", []).append(speed)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    passes = {
        name: [statistics.median(values[i : i + PROMPTS]) for i in range(0, len(values), PROMPTS)]
        for name, values in speeds.items()
    }
    gains = {
        name: [round(d / p, 3) for d, p in zip(found, passes[f"{name.split(' drafted')[0]} plain"], strict=True)]
        for name, found in passes.items()
        if "drafted" in name
    }
    ratios = {
        f"{who} / LiteRT-LM, {name}": medians[f"{who} {name}"] / medians[f"LiteRT-LM {name}"]
        for who in WHO[:2]
        for name in engines
    }
    ratios |= {f"drafted / plain, {who}": medians[f"{who} drafted"] / medians[f"{who} plain"] for who in WHO}
    for who in WHO[:2]:
        ratios[f"drafted {longest} / plain, {who}"] = medians[f"{who} drafted {longest}"] / medians[f"{who} plain"]
    return {
        "tokens_per_second": {name: round(value) for name, value in medians.items()},
        "ratios": {name: round(value, 3) for name, value in ratios.items()},
        "drafted_to_plain_by_pass": gains,
        "acceptance_rate": round(accepted / drafted, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    found = {
        "machine": machine(),
        "versions": versions,
        "prompts": PROMPTS,
        "repeats": args.repeats,
        "new_tokens": NEW_TOKENS,
    }
    for bundle in args.bundles:
        with Runtime(bundle) as runtime:
            recipe = runtime.manifest.recipe.name
        found[recipe] = compare(bundle, args.repeats)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
