"""What each draft of a real text would have been worth: `python -m tests.parity.record_luck BUNDLE`.

Decodes the bench's prompts plainly and greedily. Before every token the drafter drafts as many as the widest pass
verifies, and so does the n-gram look-up; how many would have been accepted is written down. Draft policies are played
on it (tests.spec.drafting.recorded): the same luck for all, without a model and in no time. Prints JSON.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.evidence.speed import timed
from runtime_spec.drafting.acceptance import Confidence
from runtime_spec.drafting.fixed import Fixed
from runtime_spec.drafting.ngram import NgramIndex
from runtime_spec.litert.runtime import Runtime
from tests.parity.bench_drafting import NEW_TOKENS, prompt_classes


class Recorder:
    """A policy and a Proposer's model that draft all they can, and give the loop none of it."""

    def __init__(self, runtime: Runtime):
        self.most = runtime.target.verify_widths[-1] - 1
        self.places: list[dict[str, Any]] = []
        self._index = NgramIndex()
        self._drafter = runtime.drafter.asking(runtime.session().sampler, self._goes_on)
        self._confidences: list[float] = []

    def _goes_on(self, drafted: int, confidence: float, made: int) -> bool:
        self._confidences.append(confidence)
        return True

    def draft(self, cached: Sequence[int], bonus_token: int, hidden: Any, position: int, count: int) -> list[int]:
        self._confidences = []
        drafts = self._drafter.draft(cached, bonus_token, hidden, position, min(self.most, count))
        match = self._index.match(cached, bonus_token)
        self.places.append(
            {"drafts": drafts, "bins": [Confidence.bin(one) for one in self._confidences], "match": match,
             "matched": self._index.drafts(self.most)}
        )  # fmt: skip
        return []


def recorded(runtime: Runtime, prompt: Sequence[int], count: int) -> dict:
    """A reply: the `position` of its first round, and for each token that a round may begin at how many of the drafts
    that follow it are right (`drafter`, `ngram`), the match's length and the confidences' bins, one character each."""
    recorder = Recorder(runtime)
    session = runtime.session(stop=frozenset(), policy=Fixed(recorder.most, False))
    session.drafter = recorder
    tokens = timed(session, prompt, count).tokens
    found = {"position": len(prompt), "drafter": "", "ngram": "", "match": "", "bins": []}
    for number, place in enumerate(recorder.places, start=1):
        found["drafter"] += str(common(place["drafts"], tokens[number:]))
        found["ngram"] += str(common(place["matched"], tokens[number:]))
        found["match"] += str(place["match"])
        found["bins"].append("".join(map(str, place["bins"])))
    found["bins"] = " ".join(found["bins"])
    return found


def common(drafts: Sequence[int], tokens: Sequence[int]) -> int:
    count = 0
    while count < min(len(drafts), len(tokens)) and drafts[count] == tokens[count]:
        count += 1
    return count


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--prompts", type=int, default=8, help="of each class (default: %(default)s)")
    options = parser.parse_args(arguments)
    with Runtime(options.bundle) as runtime:
        prompts = prompt_classes(runtime, options.prompts)
        count = min(NEW_TOKENS, runtime.target.capacity - max(len(one) for kind in prompts.values() for one in kind))
        found = {
            kind: [recorded(runtime, tokens, count) for tokens in all_tokens] for kind, all_tokens in prompts.items()
        }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
