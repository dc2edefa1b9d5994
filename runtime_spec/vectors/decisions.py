"""Decisions of the automatic draft length, for other languages: a few plays in full, and a digest over many.

`decisions.jsonl`: for each play a header, then a line a round with what the policy was told and what it said.
`decisions_digest.txt`: SHA-256 over the lines of PLAYS plays drawn from their number. DECODE.md has the rules,
TRACES.md the formats.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from runtime_spec.drafting.auto import Auto
from runtime_spec.drafting.known import from_dict, to_dict
from runtime_spec.errors import TraceError
from runtime_spec.vectors.device import Device, Play, PlayedRound, Text
from runtime_spec.vectors.fuzz import Draws

PLAYS, ROUNDS = 300, 200
RECORDED, RECORDED_ROUNDS = (1, 4, 6, 9, 14, 23), 100
FILE, DIGEST_FILE = (Path(__file__).parent / name for name in ("decisions.jsonl", "decisions_digest.txt"))
WIDTH_SETS = ((1, 3, 5), (1, 2, 3, 4, 5), (1, 3, 5, 7), (1, 4, 8), (1, 5))


def drawn_play(number: int) -> tuple[Device, Text, bool, bool]:
    """Device and text of play `number`, whether there is a drafter, and whether a second policy goes on half-way with
    what the first one knew. The order of the draws is part of the format."""
    draws = Draws(number)
    widths = WIDTH_SETS[draws.below(len(WIDTH_SETS))]
    plain = 500_000 + draws.below(200_000_000)
    rise = draws.below(300)
    passes = tuple((width, plain + plain * rise * (width - 1) // 1000) for width in widths)
    first_draft = plain * (20 + draws.below(200)) // 1000
    next_draft = first_draft * (500 + draws.below(501)) // 1000
    replan = plain * draws.below(400) // 1000
    noise = draws.below(101)
    outlier_every = draws.below(60) if draws.below(3) == 0 else 0
    outlier_nanos = 300_000_000 + draws.below(700_000_001)
    heat = draws.below(1001) if draws.below(3) == 0 else 0
    device = Device(
        passes, first_draft, next_draft, replan, noise, outlier_every, outlier_nanos, heat, draws.below(100), 100
    )
    rates = ((0, 300 + draws.below(700)), (draws.below(200), 300 + draws.below(700)))
    bursts = 20 if draws.below(3) == 0 else 0
    text = Text(rates, bursts, draws.below(1000), draws.below(500), draws.below(600))
    has_drafter, is_continued = draws.below(4) > 0, draws.below(3) == 0
    return replace(device, at_once=draws.below(2) == 0), text, has_drafter, is_continued


def play_rounds(number: int, rounds: int = ROUNDS) -> Iterator[tuple[Auto, PlayedRound, int]]:
    """The policy, the round and the most drafts that it was allowed, round by round; the loop asks nothing of it where
    that is 0."""
    device, text, has_drafter, is_continued = drawn_play(number)
    policy = Auto(device.widths, has_drafter)
    play = Play(device, text, number)
    for i in range(rounds):
        if is_continued and 2 * i == rounds:
            known = to_dict(policy)
            policy = Auto(device.widths, has_drafter)
            from_dict(policy, known)
        # The end of a reply, now and then.
        most = max(0, min(99, 29 - i % 30))
        yield policy, play.round(policy, most), most


def decision(round: PlayedRound) -> str:
    """What the digest holds of a round: the source's letter, numbers of drafts planned and made, accepted drafts."""
    letter = "-" if round.source is None else round.source[0]
    return f"{letter}{round.planned} {len(round.draft_tokens)} {round.num_accepted}"


def play_lines(number: int) -> Iterator[str]:
    """What play `number` adds to the digest: a line a round, and then what the policy knows."""
    last = None
    for policy, round, _ in play_rounds(number):
        yield decision(round)
        last = policy
    yield json.dumps(to_dict(last), separators=(",", ":"))


def decisions_digest(count: int = PLAYS) -> str:
    """SHA-256 over the lines of plays 0 .. count − 1, each line followed by a newline, as 64 hex characters."""
    sha = hashlib.sha256()
    for number in range(count):
        sha.update(("\n".join(play_lines(number)) + "\n").encode())
    return sha.hexdigest()


def recorded_lines() -> Iterator[str]:
    """The lines of decisions.jsonl."""
    for number in RECORDED:
        device, _, has_drafter, _ = drawn_play(number)
        last = None
        for policy, round, most in play_rounds(number, RECORDED_ROUNDS):
            if policy is not last:
                known = to_dict(last) if last else None
                yield _line(
                    play=number,
                    verify_widths=device.widths,
                    has_drafter=has_drafter,
                    at_once=device.at_once,
                    known=known,
                )
                last = policy
            yield _line(
                position=round.position,
                most=most,
                match=round.match,
                source=round.source,
                count=round.planned,
                confidences=round.confidences,
                goes_on=round.goes_on,
                drafted=len(round.draft_tokens),
                accepted=round.num_accepted,
                verify_width=round.verify_width,
                matched=round.matched,
                draft_nanos=round.draft_nanos,
                nanos=round.nanos,
            )


def record_decisions() -> None:
    """Writes both files."""
    FILE.write_text("".join(f"{line}\n" for line in recorded_lines()), encoding="ascii")
    DIGEST_FILE.write_text(f"{decisions_digest()}\n", encoding="ascii")


def verify_decisions() -> int:
    """How many plays agree with the files. Raises TraceError if any does not."""
    recorded = FILE.read_text(encoding="ascii").splitlines()
    for i, line in enumerate(recorded_lines()):
        if i >= len(recorded) or line != recorded[i]:
            raise _differs(recorded[i] if i < len(recorded) else "nothing", line, f"line {i + 1} of {FILE.name}")
    expected, found = DIGEST_FILE.read_text(encoding="ascii").strip(), decisions_digest()
    if expected != found:
        raise _differs(expected, found, DIGEST_FILE.name)
    return PLAYS


def _line(**fields: object) -> str:
    return json.dumps(fields, separators=(",", ":"))


def _differs(expected: str, found: str, where: str) -> TraceError:
    return TraceError(
        "Another decision than the recorded one",
        expected=expected,
        found=found,
        where=where,
        action="If the policy is meant to decide otherwise now, run python -m runtime_spec record.",
    )
