"""Plain decoding against every draft length and the automatic one, with and without n-grams, greedy and sampled, over
classes of prompts: `python -m tests.parity.bench_drafting BUNDLE`. Prints a table, or with --json an object; speeds are
tokens/s of decoding alone in the reference runtime, one thread, interleaved reply by reply, ratios the median over
replies of one to the plain one that was measured beside it.

Every class is decoded once before its replies count. The automatic length begins that pass knowing nothing: it is the
row "from cold", and what users see the first time that they open a bundle.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from export.demo.evaluate import distinct_four_grams, held_out_prompts
from export.evidence.speed import TimedReply, timed
from runtime_spec.drafting.auto import Auto
from runtime_spec.drafting.proposer import Policy
from runtime_spec.drafting.unmatched import Unmatched
from runtime_spec.litert.runtime import Runtime
from runtime_spec.reference.stats import sum_stats
from runtime_spec.sampling.parameters import GREEDY, Sampling
from tests.scale.run import machine

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


def policies(runtime: Runtime) -> dict[str, Callable[[], Policy]]:
    """How drafts are planned, by name, plain first. An automatic one begins knowing nothing."""
    lengths = [w - 1 for w in runtime.target.verify_widths if w > 1]
    ways: dict[str, Callable[[], Policy]] = {"plain": lambda: runtime.fixed_policy(0)}
    for n in lengths:
        if runtime.drafter:
            ways[f"{n} drafts"] = lambda n=n: runtime.fixed_policy(n)
        ways[f"{n} drafts, n-grams"] = lambda n=n: runtime.fixed_policy(n, n_grams=True)
    if runtime.drafter:
        ways["auto"] = lambda: Unmatched(Auto(runtime.target.verify_widths, True))
    ways["auto, n-grams"] = lambda: Auto(runtime.target.verify_widths, runtime.drafter is not None)
    return ways


@dataclass
class Row:
    """Replies of one way, in the order of the prompts."""

    replies: list[TimedReply] = field(default_factory=list)

    def figures(self, plain: "Row", those: slice) -> dict:
        """Of those replies, beside plain decoding's."""
        replies = self.replies[those]
        stats = sum_stats(reply.stats for reply in replies)
        pairs = zip(replies, plain.replies[those], strict=True)
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
    runtime: Runtime, prompts: dict[str, list[list[int]]], sampling: Sampling, passes: int
) -> dict[str, dict[str, dict]]:
    """Figures by class of prompts and way."""
    ways = policies(runtime)
    found = {}
    for kind, all_tokens in prompts.items():
        kept = {name: make() for name, make in ways.items()}
        rows = {name: Row() for name in ways}
        budget = min(NEW_TOKENS, runtime.target.capacity - max(map(len, all_tokens)))
        for number in range((1 + passes) * len(all_tokens)):
            tokens = all_tokens[number % len(all_tokens)]
            for name, policy in kept.items():
                session = runtime.session(stop=frozenset(), policy=policy)
                rows[name].replies.append(timed(session, tokens, budget, replace(sampling, seed=number)))
        first, others = slice(0, len(all_tokens)), slice(len(all_tokens), None)
        found[kind] = {name: row.figures(rows["plain"], others) for name, row in rows.items()}
        cold = [name for name in rows if name.startswith("auto")]
        found[kind] |= {name + COLD: rows[name].figures(rows["plain"], first) for name in cold}
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
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    all_found = {"machine": machine()}
    for path in options.bundles:
        with Runtime(path) as runtime:
            prompts = prompt_classes(runtime, options.prompts)
            recipe = runtime.manifest.recipe.name
            for way, sampling in WAYS.items():
                all_found[f"{recipe}, {way}"] = found = measure(runtime, prompts, sampling, options.passes)
                if not options.json:
                    print(f"{path}, {recipe}, {way}; {machine()['cpu']}\n\n{table(found)}\n", flush=True)
    if options.json:
        print(json.dumps(all_found, indent=1))


if __name__ == "__main__":
    main()
