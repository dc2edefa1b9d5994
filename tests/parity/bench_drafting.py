"""Plain decoding against every draft length and the automatic one, with and without n-grams, greedy and sampled, over
classes of prompts: `python -m tests.parity.bench_drafting BUNDLE [--runtime kotlin]`. Prints a table, or with --json an
object; speeds are tokens/s of decoding alone in the reference runtime or the Kotlin one, one thread, interleaved reply
by reply, ratios the median over replies of one to the plain one that was measured beside it.

Every class is decoded once before its replies count. The automatic length begins that pass knowing nothing: it is the
row "from cold", and what users see the first time that they open a bundle.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from export.demo.evaluate import distinct_four_grams, held_out_prompts
from export.evidence.speed import timed
from runtime_spec.litert.runtime import Runtime
from runtime_spec.reference.stats import sum_stats
from runtime_spec.sampling.parameters import GREEDY, Sampling
from tests.parity.drafting_ways import RUNTIMES, Decode, Decoded
from tests.scale.exports import machine

NEW_TOKENS, PROMPTS, PASSES = 128, 8, 3
DRAWN = Sampling(temperature=1.0, top_k=64, top_p=0.95, drafts="drawn")
WAYS = {"greedy": GREEDY, "sampled": DRAWN}
REPEATED = [
    "x = 1\ny = 2\nz = x + y\n",
    "    def get(self):\n        return self.value\n\n",
    "assert add(1, 2) == 3\nassert add(2, 3) == 5\n",
    'print("one")\nprint("two")\nprint("three")\n',
]
POOL = 40
"""Held-out prompts among which those are chosen whose replies repeat most of the prompt, or least of all."""
COLD = ", from cold"


def prompt_classes(runtime: Runtime, count: int) -> dict[str, list[list[int]]]:
    """`count` prompts of each class as tokens. Rewriting: a text, and its beginning once more; those that the target
    does rewrite, for what it answers is what is measured."""
    plain, chats = held_out_prompts(runtime, POOL)
    texts = [runtime.decode(tokens[1:]) for tokens in plain]
    repeated = [text * 4 + text[: len(text) // 3] for text in REPEATED]
    begun = [runtime.encode(f"{text}\n\n\n{text}\n\n\n{text[: len(text) // 4]}") for text in texts]

    def reply(prompt: list[int]) -> list[int]:
        return timed(runtime.session(0, frozenset()), prompt, NEW_TOKENS).tokens

    def repetition(prompt: list[int]) -> float:
        return -distinct_four_grams(prompt + reply(prompt))

    def rewritten(prompt: list[int]) -> float:
        return shared_four_grams(prompt, reply(prompt))

    return {
        "code": plain[:count],
        "chats": chats[:count],
        "rewriting": sorted(begun, key=rewritten, reverse=True)[:count],
        "repeating": [runtime.encode(repeated[i % len(repeated)]) for i in range(count)],
        "long": [sum(plain[i : i + 8], [])[:400] for i in range(count)],
        "without repetition": sorted(plain, key=repetition)[:count],
    }


def shared_four_grams(prompt: Sequence[int], reply: Sequence[int]) -> float:
    """The part of the reply's runs of four tokens that the prompt has too."""
    known = {tuple(prompt[i : i + 4]) for i in range(len(prompt) - 3)}
    return sum(tuple(reply[i : i + 4]) in known for i in range(len(reply) - 3)) / max(1, len(reply) - 3)


def figures(replies: Sequence[Decoded], plain: Sequence[Decoded]) -> dict:
    """Of a way's replies, beside plain decoding's of the same prompts."""
    stats = sum_stats(reply.stats for reply in replies)
    pairs = zip(replies, plain, strict=True)
    ratios = sorted(one.speed / other.speed for one, other in pairs if one.speed and other.speed)
    return {
        "tokens_per_second": round(statistics.median(reply.speed for reply in replies), 1),
        "ratio_to_plain": round(statistics.median(ratios), 3),
        "least_ratio": round(ratios[len(ratios) // 10], 3),
        "acceptance_rate": round(stats.acceptance_rate, 3) if stats.drafted else None,
        "tokens_per_round": round(stats.mean_accepted_length, 2) if stats.rounds else None,
        "drafting": stats.drafting(),
    }


def measure(
    decode: Decode, prompts: dict[str, list[list[int]]], capacity: int, sampling: Sampling, passes: int
) -> dict[str, dict[str, dict]]:
    """Figures by class of prompts and way."""
    count = min(NEW_TOKENS, capacity - max(len(tokens) for kind in prompts.values() for tokens in kind))
    replies = decode(prompts, count, 1 + passes, sampling)
    found = {}
    for kind, by_way in replies.items():
        first, others = slice(0, len(prompts[kind])), slice(len(prompts[kind]), None)
        plain = by_way["plain"]
        found[kind] = {name: figures(those[others], plain[others]) for name, those in by_way.items()}
        cold = [name for name in by_way if name.startswith("auto")]
        found[kind] |= {name + COLD: figures(by_way[name][first], plain[first]) for name in cold}
    return found


def table(found: dict[str, dict[str, dict]]) -> str:
    """Markdown: a line a way, a column a class of prompts, each cell the ratio to plain and the acceptance."""

    def cell(row: dict) -> str:
        rate = "" if row["acceptance_rate"] is None else f" ({row['acceptance_rate']:.2f})"
        return f"{row['ratio_to_plain']:.2f}{rate}"

    kinds = list(found)
    lines = [["ratio to plain (acceptance)", *kinds]]
    lines += [[name, *(cell(found[kind][name]) for kind in kinds)] for name in next(iter(found.values()))]
    lines.append(["plain, tokens/s", *(f"{found[kind]['plain']['tokens_per_second']:.0f}" for kind in kinds)])
    text = [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join([text[0], "|" + " --- |" * len(lines[0]), *text[1:]])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--prompts", type=int, default=PROMPTS, help="of each class (default: %(default)s)")
    parser.add_argument("--passes", type=int, default=PASSES, help="over all prompts (default: %(default)s)")
    parser.add_argument("--runtime", choices=RUNTIMES, default="python")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    all_found = {"machine": machine()}
    for path in options.bundles:
        with Runtime(path) as runtime:
            prompts = prompt_classes(runtime, options.prompts)
            recipe = runtime.manifest.recipe.name
            decode = RUNTIMES[options.runtime](runtime)
            for way, sampling in WAYS.items():
                found = measure(decode, prompts, runtime.target.capacity, sampling, options.passes)
                all_found[f"{recipe}, {options.runtime}, {way}"] = found
                if not options.json:
                    print(
                        f"{path}, {recipe}, {options.runtime}, {way}; {machine()['cpu']}\n\n{table(found)}\n",
                        flush=True,
                    )
    if options.json:
        print(json.dumps(all_found, indent=1))


if __name__ == "__main__":
    main()
