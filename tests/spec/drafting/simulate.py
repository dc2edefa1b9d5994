"""python -m tests.spec.drafting.simulate [SEEDS]: what the automatic draft length gives, scenario by scenario.

Speeds are ratios of times for the same tokens, added up over all seeds, in which each draft has the same luck whatever
policy asks for it. Noise and outliers hit every policy alike and are left out of the times, but not of what policies
are told. *plain* is plain decoding; *best fixed* the fastest of plain and of each exported length from the first token
to the last, with and without n-grams; *long run* the second half of the tokens; *window* the slowest 200 tokens.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from runtime_spec.drafting.auto import Auto
from runtime_spec.drafting.known import from_dict, to_dict
from runtime_spec.vectors.device import Device, Play, Policy, Text
from tests.spec.drafting.scenarios import SCENARIOS, VNNI, Scenario, device, steady

TOKENS, FIRST, WINDOW, GRID = 4000, 50, 200, 10
Times = list[int]
"""Nanoseconds from the first token to token 0, GRID, 2 · GRID, …"""


class Fixed:
    """As DECODE.md's policy of that name."""

    def __init__(self, count: int, has_drafter: bool = True, ngrams: bool = False):
        self.count, self.has_drafter, self.looks_up = count, has_drafter, ngrams

    def plan(self, position: int, most: int, match: int) -> tuple[str | None, int]:
        count = min(self.count, most)
        if count > 0 and self.looks_up and match > 0:
            return "ngram", count
        return ("drafter", count) if count > 0 and self.has_drafter else (None, 0)

    def goes_on(self, drafted: int, confidence: float, made: int) -> bool:
        return True

    def observe(self, round: object, draft_nanos: int, nanos: int, matched: int) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Score:
    """Speeds in terms of plain decoding's, and the part of the time that was spent in trials."""

    first: float
    window: float
    window_at: int
    long: float
    best: float
    trial_share: float


def times(played: Device, text: Text, seed: int, policy: Policy, tokens: int) -> Times:
    """A round's time is spread evenly over its tokens."""
    play, found, now, marks = Play(played, text, seed), [0], 0, GRID
    while play.token < tokens:
        begin = play.token
        nanos = play.round(policy, 99).true_nanos
        while marks <= min(play.token, tokens):
            found.append(now + nanos * (marks - begin) // (play.token - begin))
            marks += GRID
        now += nanos
    return found


def added(runs: Iterator[Times]) -> Times:
    return [sum(column) for column in zip(*runs, strict=True)]


def score(scenario: Scenario, seeds: int, tokens: int = TOKENS, with_best: bool = True) -> Score:
    """Of the automatic draft length. Without `with_best` fixed lengths are not played, and best is 1.0."""
    policies = [Auto(scenario.device.widths, scenario.has_drafter) for _ in range(seeds)]
    auto = added(times(scenario.device, scenario.text, seed, policy, tokens) for seed, policy in enumerate(policies))
    # Without drafts there is no luck.
    plain = [nanos * seeds for nanos in times(scenario.device, scenario.text, 0, Fixed(0), tokens)]
    half = len(plain) // 2
    best = 1.0
    if with_best and scenario.long is not None:
        fixed = [added(_fixed(scenario, policy, seeds, tokens)) for policy in _lengths(scenario)]
        best = max([1.0, *(_speed(plain, found, half, len(plain) - 1) for found in fixed)])
    window, at = slowest(plain, auto)
    trials = sum(policy.trials.nanos for policy in policies) / sum(policy.costs.nanos for policy in policies)
    long = _speed(plain, auto, half, len(plain) - 1)
    return Score(_speed(plain, auto, 0, FIRST // GRID), window, at, long, best, trials)


def slowest(plain: Times, auto: Times) -> tuple[float, int]:
    """The speed over the slowest WINDOW tokens, and where they begin."""
    span = WINDOW // GRID
    return min((_speed(plain, auto, i, i + span), i * GRID) for i in range(len(plain) - span))


def chats(
    played: Device, text: Text, seed: int, is_kept: bool, count: int = 60, reply: int = 20
) -> tuple[Times, Times]:
    """Times of plain and of automatic decoding over `count` replies of `reply` tokens, each by a new policy, which is
    given what the one before it knew if `is_kept`."""
    auto, plain, known = [0], [0], None
    for i in range(count):
        policy = Auto(played.widths, True)
        if known:
            from_dict(policy, known)
        for all_times, chosen in ((auto, policy), (plain, Fixed(0))):
            now = all_times[-1]
            all_times += [now + nanos for nanos in times(played, text, seed * count + i, chosen, reply)[1:]]
        known = to_dict(policy) if is_kept else None
    return plain, auto


def _fixed(scenario: Scenario, policy: Fixed, seeds: int, tokens: int) -> Iterator[Times]:
    return (times(scenario.device, scenario.text, seed, policy, tokens) for seed in range(seeds))


def _lengths(scenario: Scenario) -> Iterator[Fixed]:
    for width in scenario.device.widths[1:]:
        if scenario.has_drafter:
            yield Fixed(width - 1)
        if scenario.text.matches:
            yield Fixed(width - 1, scenario.has_drafter, ngrams=True)
            yield Fixed(width - 1, False, ngrams=True)


def _speed(plain: Times, other: Times, begin: int, end: int) -> float:
    return (plain[end] - plain[begin]) / (other[end] - other[begin])


CHATS = (
    ("slow phone, 0.4", SCENARIOS[8].device, steady(400)),
    ("vnni, 0.8", device(VNNI), steady(800)),
    ("fast phone, 0.6", SCENARIOS[10].device, steady(600)),
)


def main(seeds: int) -> None:
    print(f"{seeds} seeds of {TOKENS} tokens; speed over plain: first {FIRST} tokens, slowest {WINDOW}, last half")
    print(f"{'':32}  first  slowest   at    long  best fixed  long/best  trials' time")
    for scenario in SCENARIOS:
        found = score(scenario, seeds)
        best = f"{'-':>9}  {'-':>9}"
        if scenario.long is not None:
            best = f"{found.best:9.3f}  {found.long / found.best:9.3f}"
        print(
            f"{scenario.name:32}  {found.first:.3f}   {found.window:.3f}  {found.window_at:4}  {found.long:6.3f}"
            f"  {best}  {100 * found.trial_share:10.1f} %",
            flush=True,
        )
    print("\nreplies of 20 tokens, 60 of them, each by a new policy:         slowest 200    last half")
    for name, played, text in CHATS:
        for is_kept in (False, True):
            runs = [chats(played, text, seed, is_kept) for seed in range(seeds)]
            plain, auto = added(run[0] for run in runs), added(run[1] for run in runs)
            long = _speed(plain, auto, len(plain) // 2, len(plain) - 1)
            kept = "kept" if is_kept else "not kept"
            print(f"{name:32}  known costs {kept:9}  {slowest(plain, auto)[0]:9.3f}  {long:9.3f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
