"""Our reference loop and our Kotlin runtime against LiteRT-LM on the same bundles, one thread, interleaved prompt by
prompt: `python -m tests.parity.bench_litert_lm BUNDLE...`. Prints median tokens/s of decoding alone over held-out
prompts of both kinds, text to go on with and chats, and the machine.
Every pass over the prompts opens all anew.
"""

import argparse
import importlib.metadata
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import unittest.mock
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import litert_lm

from export.choices.device import MAX_DRAFT_TOKENS
from export.demo.evaluate import held_out_prompts
from export.evidence.speed import NEW_TOKENS, decode_timed
from runtime_spec.litert.runtime import Runtime
from tests.android.launcher import SLIPSTREAM
from tests.scale.exports import machine

WHO = ("reference", "Kotlin", "LiteRT-LM")
KINDS = ("plain prompts", "chats")
PROMPTS = 40
"""Of each kind: what is accepted differs much from prompt to prompt."""
SHORTEST = 16
"""Replies that a stop token ends before say little about speed: the prompt is another one then."""
WARM_UP = 200
"""Requests until the JVM has compiled what it runs."""
PACKAGES = ("ai-edge-litert", "litert-lm-api", "numpy")


@dataclass(frozen=True)
class Prompt:
    """As tokens for our runtimes and as text for the engine; `reply` is what plain decoding answers, a little longer
    than what is asked for: the engine ends with a whole round."""

    kind: str
    tokens: list[int]
    text: str
    reply: list[int]


@dataclass(frozen=True)
class Measured:
    """One reply: tokens/s, and whether it is the one of plain decoding (a near tie may fork it)."""

    speed: float
    same: bool


def choose_prompts(runtime: Runtime) -> list[Prompt]:
    """PROMPTS of each kind in turn."""
    stops, bos = frozenset(runtime.manifest.tokens.stop), runtime.manifest.tokens.bos

    def prompts(kind: str, drawn: list[list[int]]) -> Iterator[Prompt]:
        for tokens in drawn:
            reply = decode_timed(runtime.target, None, tokens, 0, NEW_TOKENS + MAX_DRAFT_TOKENS, stops).tokens
            if len(reply) >= SHORTEST:
                # The engine adds the beginning-of-sequence token itself.
                yield Prompt(kind, tokens, runtime.decode(tokens[1:] if tokens[0] == bos else tokens), reply)

    each = [prompts(kind, drawn) for kind, drawn in zip(KINDS, held_out_prompts(runtime, 2 * PROMPTS), strict=True)]
    return [prompt for pair in islice(zip(*each, strict=False), PROMPTS) for prompt in pair]


def engine_reply(engine, prompt: Prompt, speculative: bool, runtime: Runtime) -> Measured:
    """A whole reply, since the engine's streaming refuses bytes that end within a character."""
    greedy = litert_lm.SamplerConfig(top_k=1, top_p=1.0, temperature=1.0, seed=0)
    session = engine.create_session(
        apply_prompt_template=False,
        sampler_config=greedy,
        max_output_tokens=NEW_TOKENS,
        enable_speculative_decoding=speculative,
    )
    session.run_prefill([prompt.text])
    begin = time.perf_counter()
    reply = session.run_decode().texts[0]
    seconds = time.perf_counter() - begin
    session.close()
    # The stop token is decoded like others and says nothing.
    spoken = [token for token in prompt.reply if token not in runtime.manifest.tokens.stop]
    for count in range(min(NEW_TOKENS, len(spoken)), len(spoken) + 1):
        if runtime.decode(spoken[:count]) == reply:
            ended = count == len(spoken) < len(prompt.reply)
            return Measured((count + ended) / seconds, True)
    return Measured(len(runtime.tokenizer.encode(reply)) / seconds, False)


def open_engine(bundle: Path, speculative: bool):
    return litert_lm.Engine(
        str(bundle),
        backend=litert_lm.Backend.CPU(thread_count=1),
        max_num_tokens=512,
        enable_speculative_decoding=speculative,
    )


class KotlinRuntime:
    """One process of android_app/bin/slipstream that answers request after request."""

    def __init__(self, bundle: Path, *options: str):
        command = [str(SLIPSTREAM), "generate", str(bundle), "--requests", *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, tokens: list[int], count: int, drafts: int, stop: bool) -> dict:
        """What `generate --json` says of `count` tokens after `tokens`."""
        request = {"prompt_tokens": tokens, "max_new_tokens": count, "draft_tokens": drafts, "stop": stop}
        self.process.stdin.write(json.dumps(request) + "\n")
        return json.loads(self.process.stdout.readline())

    def reply(self, prompt: Prompt, drafts: int) -> Measured:
        answer = self.ask(prompt.tokens, NEW_TOKENS, drafts, stop=True)
        return Measured(answer["tokens_per_second"], answer["tokens"] == prompt.reply[:NEW_TOKENS])

    def __enter__(self) -> "KotlinRuntime":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Found:
    """What the passes measured, by kind of prompt: speeds by who and how ("reference drafted 6", say), in order."""

    speeds: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    drafted: Counter = field(default_factory=Counter)
    accepted: Counter = field(default_factory=Counter)
    forked: Counter = field(default_factory=Counter)


def one_pass(bundle: Path, prompts: list[Prompt], found: Found) -> None:
    """Every prompt once. LiteRT-LM has one draft length; ours is also measured with the longest that the bundle has a
    pass for."""
    with Runtime(bundle) as runtime, ExitStack() as stack:
        target, drafter, stops = runtime.target, runtime.drafter, frozenset(runtime.manifest.tokens.stop)
        usual, longest = runtime.manifest.draft_tokens, target.verify_widths[-1] - 1
        engines = {name: stack.enter_context(open_engine(bundle, name == "drafted")) for name in ("plain", "drafted")}
        kotlin = stack.enter_context(KotlinRuntime(bundle))
        for i in range(WARM_UP):
            kotlin.reply(prompts[i % 4], i % 2 * usual)
        for prompt in prompts:
            for name, drafts in (("plain", 0), ("drafted", usual), (f"drafted {longest}", longest)):
                ours = decode_timed(target, drafter, prompt.tokens, drafts, NEW_TOKENS, stops)
                replies = {
                    "reference": Measured(ours.speed, ours.tokens == prompt.reply[:NEW_TOKENS]),
                    "Kotlin": kotlin.reply(prompt, drafts),
                }
                if name in engines:
                    replies["LiteRT-LM"] = engine_reply(engines[name], prompt, name == "drafted", runtime)
                for who, reply in replies.items():
                    found.speeds[f"{who} {name}"].append((prompt.kind, reply.speed))
                    found.forked[prompt.kind] += not reply.same
                if name == "drafted":
                    found.drafted[prompt.kind] += ours.stats.drafted
                    found.accepted[prompt.kind] += ours.stats.accepted


def compare(bundle: Path, prompts: list[Prompt], passes: int) -> dict:
    """For both kinds of prompts and for each."""
    found = Found()
    for _ in range(passes):
        with fresh_caches() as folder:
            # The engine keeps its packed weights beside the bundle.
            one_pass(Path(shutil.copy(bundle, folder)), prompts, found)

    def of(kinds: tuple[str, ...]) -> dict:
        speeds = {name: [speed for kind, speed in values if kind in kinds] for name, values in found.speeds.items()}
        return summary(speeds, passes) | {
            "acceptance_rate": round(sum(found.accepted[k] for k in kinds) / sum(found.drafted[k] for k in kinds), 4),
            "replies": sum(map(len, speeds.values())),
            "replies_that_differ": sum(found.forked[k] for k in kinds),
        }

    return {" and ".join(kinds): of(kinds) for kinds in (KINDS, *((kind,) for kind in KINDS))}


@contextmanager
def fresh_caches() -> Iterator[Path]:
    """A folder where all three pack their weights anew: where these happen to lie in memory moves speeds and gains."""
    with tempfile.TemporaryDirectory() as name, unittest.mock.patch.dict(os.environ, XDG_CACHE_HOME=name):
        yield Path(name)


def summary(speeds: dict[str, list[float]], count: int) -> dict:
    """Median tokens/s and ratios of `count` passes, and ratios pass by pass.

    A ratio is the median over prompts of the two speeds that were measured one right after the other: what slows the
    machine for longer than that slows both."""

    def ratio(name: str, base: str, part: slice = slice(None)) -> float:
        pairs = zip(speeds[name][part], speeds[base][part], strict=True)
        return round(statistics.median(speed / other for speed, other in pairs), 3)

    ratios = {
        f"{who} / LiteRT-LM, {name}": ratio(f"{who} {name}", f"LiteRT-LM {name}")
        for who in WHO[:2]
        for name in ("plain", "drafted")
    }
    passes = {}
    for name, values in speeds.items():
        who, drafting, longest = name.partition(" drafted")
        if drafting:
            plain, each = f"{who} plain", len(values) // count
            ratios[f"drafted{longest} / plain, {who}"] = ratio(name, plain)
            passes[name] = [ratio(name, plain, slice(i, i + each)) for i in range(0, len(values), each)]
    return {
        "tokens_per_second": {name: round(statistics.median(values)) for name, values in speeds.items()},
        "ratios": ratios,
        "drafted_to_plain_by_pass": passes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--passes", type=int, default=7)
    args = parser.parse_args()
    litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
    found = {
        "machine": machine(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "prompts": PROMPTS,
        "passes": args.passes,
        "new_tokens": NEW_TOKENS,
    }
    for bundle in args.bundles:
        with Runtime(bundle) as runtime:
            recipe, prompts = runtime.manifest.recipe.name, choose_prompts(runtime)
        found[recipe] = compare(bundle, prompts, args.passes)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
