"""Replies decoded in every way of drafting, interleaved, by the reference runtime or the Kotlin one."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from export.evidence.speed import timed
from runtime_spec.drafting.auto import Auto
from runtime_spec.drafting.proposer import Policy
from runtime_spec.drafting.unmatched import Unmatched
from runtime_spec.litert.runtime import Runtime
from runtime_spec.reference.stats import DecodeStats, SourceStats
from runtime_spec.reference.trace import sampling_text
from runtime_spec.sampling.parameters import Sampling
from tests.android.launcher import run_driver


@dataclass(frozen=True)
class Decoded:
    """A reply: tokens/s of its decoding alone, its tokens, and how it was drafted."""

    speed: float
    tokens: list[int]
    stats: DecodeStats


Prompts = dict[str, list[list[int]]]
"""Tokens of prompts, by class."""
Decode = Callable[[Prompts, int, int, Sampling], dict[str, dict[str, list[Decoded]]]]
"""Decodes every prompt to so many tokens, so many times, each time with another seed; replies by class and way."""


def ways(runtime: Runtime) -> dict[str, Callable[[], Policy]]:
    """How drafts are planned, by name, plain first. An automatic one begins knowing nothing."""
    found: dict[str, Callable[[], Policy]] = {"plain": lambda: runtime.fixed_policy(0)}
    for n in (width - 1 for width in runtime.target.verify_widths if width > 1):
        if runtime.drafter:
            found[f"{n} drafts"] = lambda n=n: runtime.fixed_policy(n)
        found[f"{n} drafts, n-grams"] = lambda n=n: runtime.fixed_policy(n, n_grams=True)
    if runtime.drafter:
        found["auto"] = lambda: Unmatched(Auto(runtime.target.verify_widths, True))
    found["auto, n-grams"] = lambda: Auto(runtime.target.verify_widths, runtime.drafter is not None)
    return found


def in_python(runtime: Runtime) -> Decode:
    def decode(prompts: Prompts, count: int, passes: int, sampling: Sampling) -> dict[str, dict[str, list[Decoded]]]:
        found = {}
        for kind, all_tokens in prompts.items():
            policies = {name: make() for name, make in ways(runtime).items()}
            replies = found[kind] = {name: [] for name in policies}
            for number in range(passes * len(all_tokens)):
                tokens = all_tokens[number % len(all_tokens)]
                for name, policy in policies.items():
                    session = runtime.session(stop=frozenset(), policy=policy)
                    reply = timed(session, tokens, count, replace(sampling, seed=number))
                    replies[name].append(Decoded(reply.speed, reply.tokens, reply.stats))
        return found

    return decode


def in_kotlin(runtime: Runtime) -> Decode:
    """Over the classes that `mvn -f android_app/pom.xml verify` leaves."""

    def decode(prompts: Prompts, count: int, passes: int, sampling: Sampling) -> dict[str, dict[str, list[Decoded]]]:
        drawn = None if sampling.temperature == 0 else json.loads(sampling_text(sampling))
        request = {
            "ways": list(ways(runtime)), "classes": prompts, "new_tokens": count, "passes": passes, "sampling": drawn,
        }  # fmt: skip
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(request, file)
            file.flush()
            done = run_driver("DraftingDriver", Path(runtime.bundle.path).resolve(), file.name)
        if done.returncode != 0:
            raise RuntimeError(f"the Kotlin runtime ended with {done.returncode}: {done.stderr}")
        found = {kind: {name: [] for name in request["ways"]} for kind in prompts}
        for line in done.stdout.splitlines():
            kind, name, fields = line.split("\t")
            found[kind][name].append(_decoded(json.loads(fields)))
        return found

    return decode


def _decoded(fields: dict) -> Decoded:
    """From what `generate --json` says of a reply."""
    drafting = fields["drafting"]
    sources = {
        name: SourceStats(source["rounds"], source["drafted_by_position"], source["accepted_by_position"])
        for name, source in drafting["sources"].items()
    }
    lengths = {int(length): rounds for length, rounds in drafting["rounds_by_length"].items()}
    stats = DecodeStats(
        len(fields["tokens"]), fields["rounds"], fields["drafted"], fields["accepted"], sources, lengths
    )
    return Decoded(fields["tokens_per_second"], fields["tokens"], stats)


RUNTIMES: dict[str, Callable[[Runtime], Decode]] = {"python": in_python, "kotlin": in_kotlin}
