"""Ten thousand conversations drawn from their number, folded into one SHA-256 that every language must print."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from runtime_spec.errors import PromptTooLongError, UsageError
from runtime_spec.reference.record import new_session, play_turn
from runtime_spec.reference.session import Session
from runtime_spec.reference.trace import Header, Round, Turn, header_line, integers, round_line
from runtime_spec.sampling.parameters import DRAWN, GREEDY_DRAFTS, Sampling
from runtime_spec.sampling.random import MASK, splitmix
from runtime_spec.vectors.scripted import DrafterScript, Script, scripted_pair

COUNT = 10_000
WIDTH_SETS = ((1,), (1, 2), (1, 3), (1, 5), (1, 3, 5), (1, 2, 3, 4, 5, 6, 7, 8), (1, 4, 8), (1, 2, 4, 8, 16))
TEMPERATURES = (0, 0.25, 0.5, 0.7, 1, 1, 1.3, 2)
TOP_KS = (0, 0, 1, 2, 5, 64)
TOP_PS = (1, 1, 0.95, 0.9, 0.5, 0.1)
MIN_PS = (0, 0, 0, 0.02, 0.1, 0.5)
PENALTIES = (1, 1, 1.1, 1.3, 0.8, 2)
WINDOWS = (0, 1, 4, 16, 64)


class Draws:
    """SplitMix64 as a stream of small numbers."""

    def __init__(self, seed: int):
        self.state = seed

    def below(self, bound: int) -> int:
        """The next number in 0..bound-1."""
        value = splitmix(self.state)
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        return (value >> 33) % bound

    def of(self, choices: Sequence[Any]) -> Any:
        return choices[self.below(len(choices))]


def scenario(number: int) -> tuple[Header, Script]:
    """Scenario `number`. The order of the draws is part of the format: TRACES.md lists it."""
    draws = Draws(number)
    vocab = 5 + draws.below(60)
    num_draft_tokens = draws.below(8)
    verify_widths = draws.of(WIDTH_SETS)
    stop_tokens = tuple(range(draws.below(3)))
    drafter = None
    if draws.below(8) > 0:
        hit_percent = draws.below(101)
        fewer_percent = draws.below(50) if draws.below(4) == 0 else 0
        drafter = DrafterScript(number + 1_000_000, hit_percent, fewer_percent)
    turns = [draw_turn(draws, vocab, ())]
    turns += [draw_turn(draws, vocab, turns[0].prompt_tokens) for _ in range(draws.below(4))]
    capacity = max(1, len(turns[0].prompt_tokens) - 1 + draws.below(60))
    fill_length = draws.below(6)
    sampling = draw_sampling(draws) if draws.below(4) == 0 else None
    header = Header(
        f"fuzz_{number}", capacity, verify_widths, num_draft_tokens, stop_tokens, True, 0.0, tuple(turns), sampling
    )
    return header, Script(number, vocab, fill_length, drafter)


def draw_turn(draws: Draws, vocab: int, first: tuple[int, ...]) -> Turn:
    """A turn after one with the prompt `first`; () is the first turn itself. Later ones may be empty, which means going
    on, or start again with part of `first`, which the cache holds unless the first turn was refused or cancelled."""
    length = draws.below(6) if first else 1 + draws.below(12)
    from_start = bool(first) and draws.below(3) == 0
    beginning = first[: draws.below(len(first) + 1)] if from_start else ()
    prompt_tokens = beginning + tuple(draws.below(vocab) for _ in range(length))
    max_new_tokens = 1 + draws.below(24)
    cancel_at = draws.below(16) if draws.below(4) == 0 else None
    return Turn(prompt_tokens, max_new_tokens, cancel_at, from_start)


def draw_sampling(draws: Draws) -> Sampling:
    """All parameters, each off or greedy now and then."""
    return Sampling(
        temperature=draws.of(TEMPERATURES),
        top_k=draws.of(TOP_KS),
        top_p=draws.of(TOP_PS),
        min_p=draws.of(MIN_PS),
        repetition_penalty=draws.of(PENALTIES),
        repetition_window=draws.of(WINDOWS),
        seed=(draws.below(1 << 31) << 32) + draws.below(1 << 31),
        drafts=draws.of((DRAWN, GREEDY_DRAFTS)),
    )


def play(session: Session, turns: Iterable[Turn]) -> Iterator[Round | str]:
    """The rounds of all turns; a string says why a turn was refused, after which the next one follows."""
    for turn in turns:
        try:
            yield from play_turn(session, turn)
        except PromptTooLongError:
            yield "prompt_too_long"
        except UsageError:
            yield "nothing_to_decode"


def scenario_lines(number: int) -> Iterator[str]:
    """What scenario `number` adds to the digest: header, script, then a line for every round or refused turn."""
    header, script = scenario(number)
    target, drafter = scripted_pair(script, header.capacity, header.verify_widths, header.sampling)
    yield header_line(header)
    yield script_line(script)
    for round in play(new_session(header, target, drafter), header.turns):
        yield f'{{"refused":"{round}"}}' if isinstance(round, str) else round_line(round)


def script_line(script: Script) -> str:
    """A script as canonical JSON. Slots of `logits` are written in ascending order."""
    drafter = "null"
    if script.drafter is not None:
        drafter = (
            f'{{"seed":{script.drafter.seed},"hit_percent":{script.drafter.hit_percent},'
            f'"fewer_percent":{script.drafter.fewer_percent}}}'
        )
    logits = ",".join(f'"{slot}":{integers(row)}' for slot, row in sorted(script.logits.items()))
    return (
        f'{{"seed":{script.seed},"vocab":{script.vocab},"fill_length":{script.fill_length},"drafter":{drafter},'
        f'"logits":{{{logits}}}}}'
    )


def digest(count: int = COUNT) -> str:
    """SHA-256 over the lines of scenarios 0..count-1, each line followed by a newline, as 64 hex characters."""
    sha = hashlib.sha256()
    for number in range(count):
        sha.update(("\n".join(scenario_lines(number)) + "\n").encode())
    return sha.hexdigest()
