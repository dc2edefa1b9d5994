"""Draft policies over real texts: `python -m tests.spec.drafting.recorded FILE`, what tests.parity.record_luck printed.

Each draft is worth what it was worth there; rounds cost what a scripted device says. As in the bench each policy
decodes a class's replies one after the other, keeping what it learnt; printed are ratios of plain decoding's time, of
all replies but the first pass and of that alone ("from cold").
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from runtime_spec.drafting.acceptance import BINS
from runtime_spec.drafting.auto import Auto
from runtime_spec.drafting.unmatched import Unmatched
from runtime_spec.vectors.device import Device, Play, PlayedRound, Policy, Text
from tests.spec.drafting.scenarios import FOUR_WIDTHS, INT4_ROWS, VNNI, device
from tests.spec.drafting.simulate import Fixed

PASSES = 3
KOTLIN = Device(
    ((1, 450_000), (3, 780_000), (5, 860_000), (7, 940_000)), 80_000, 48_000, 600_000, noise=100, at_once=True
)
DEVICES = {
    "kotlin": KOTLIN,
    "demo of four widths": FOUR_WIDTHS,
    "vnni": device(VNNI | {7: 110}),
    "rows": device(INT4_ROWS),
}


class RecordedPlay(Play):
    """Replies one after the other on one device, as if its models stayed loaded."""

    def __init__(self, played: Device, replies: Sequence[dict], seed: int, looks_up: bool):
        super().__init__(played, Text(), seed)
        self.looks_up = looks_up
        self._replies = replies
        self._number = -1

    def begin(self) -> bool:
        """The next reply, if there is one."""
        self._number += 1
        if self._number == len(self._replies):
            return False
        reply = self._replies[self._number]
        self._first_position, self.token = reply["position"], 0
        self._drafter, self._ngram = (list(map(int, reply[key])) for key in ("drafter", "ngram"))
        self._matches = list(map(int, reply["match"]))
        self._bins = reply["bins"].split(" ")
        # Before the last token nothing is drafted.
        self._matches.append(0)
        self._ngram.append(0)
        return True

    @property
    def left(self) -> int:
        """Tokens that are still to be said."""
        return len(self._matches) - self.token

    def _match(self) -> int:
        return self._matches[self.token] if self.looks_up else 0

    def _matched(self, played: PlayedRound) -> int:
        return min(self._ngram[self.token], played.num_accepted + 1)

    def _draft(self, policy: Policy, played: PlayedRound, count: int) -> int:
        is_model = played.source == "drafter"
        right = (self._drafter if is_model else self._ngram)[self.token]
        drafted = count
        at_once = self.device.at_once
        if is_model:
            for drafted in range(1, count + 1):
                if drafted == count or drafted > len(self._bins[self.token]):
                    break
                confidence = (int(self._bins[self.token][drafted - 1]) + 0.5) / BINS
                if not policy.goes_on(drafted, confidence, count if at_once else drafted):
                    break
            made = count if at_once else drafted
            nanos = self.device.first_draft + (made - 1) * self.device.next_draft
            played.true_nanos = self._heated(nanos) + self._replan(0, played.position) // 4
            played.draft_nanos = played.nanos = self._noisy(played.true_nanos, 1)
        played.num_accepted = min(right, drafted)
        return drafted


def times(played: Device, replies: Sequence[dict], policy: Policy, seed: int) -> list[int]:
    """Nanoseconds of each reply."""
    play, found = RecordedPlay(played, replies, seed, policy.looks_up), []
    while play.begin():
        now = 0
        while play.left > 0:
            now += play.round(policy, play.left - 1).true_nanos
        found.append(now)
    return found


def policies(widths: Sequence[int]) -> dict[str, Callable[[], Policy]]:
    found: dict[str, Callable[[], Policy]] = {}
    for n in (width - 1 for width in widths[1:]):
        found[f"{n} drafts"] = lambda n=n: Fixed(n)
        found[f"{n} drafts, n-grams"] = lambda n=n: Fixed(n, True, True)
    found["auto"] = lambda: Unmatched(Auto(widths, True))
    found["auto, n-grams"] = lambda: Auto(widths, True)
    return found


def ratios(played: Device, replies: Sequence[dict], make: Callable[[], Policy], seeds: int) -> tuple[float, float]:
    """Speed over plain decoding, of the passes after the first and of the first."""
    count, cold, warm, plain = len(replies), 0, 0, times(played, list(replies) * PASSES, Fixed(0), 0)
    for seed in range(seeds):
        found = times(played, list(replies) * PASSES, make(), seed)
        cold, warm = cold + sum(found[:count]), warm + sum(found[count:])
    return seeds * sum(plain[count:]) / warm, seeds * sum(plain[:count]) / cold


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args(arguments)
    kinds = json.loads(options.file.read_text())
    for name, played in DEVICES.items():
        print(f"\n{name:30}" + "".join(f"{kind:>20}" for kind in kinds))
        for way, make in policies(played.widths).items():
            cells = [ratios(played, replies, make, options.seeds) for replies in kinds.values()]
            print(f"{way:30}" + "".join(f"{warm:12.2f} ({cold:.2f})" for warm, cold in cells), flush=True)


if __name__ == "__main__":
    main()
