"""Planted faults: each must change the lines that the digest is made of; many change no emitted token."""

from typing import NamedTuple

import pytest

from runtime_spec.errors import SlipstreamError
from runtime_spec.reference.record import new_session
from runtime_spec.reference.trace import round_line
from runtime_spec.vectors import scripted
from runtime_spec.vectors.fuzz import play, scenario
from runtime_spec.vectors.mutants import LOOP, MUTANTS, SAMPLING, planted
from runtime_spec.vectors.numbers import verify_numbers
from runtime_spec.vectors.scenario import read_scenario, scenario_files, verify_scenario
from runtime_spec.vectors.scripted import MisuseError

CONVERSATIONS, DRAWN_CONVERSATIONS = 1200, 3100
"""One in eight has drawn drafts, and the rarest fault changes one in five hundred of these: there are more of them."""
NUMBERS_ONLY = {"penalty_not_rounded", "ends_behind_a_residual"}
"""Faults of a last bit, and of what a last bit makes rare: scripted logits are too coarse for them."""
CRASHES = (MisuseError, ValueError, IndexError)


class Played(NamedTuple):
    """Lines of a conversation, and its text or crash: None where it is cancelled, since a cancellation counts steps."""

    lines: list[str]
    text: list[int] | str | None
    is_drawn: bool
    """Whether drawn drafts decide the text."""


def play_one(number: int) -> Played | None:
    header, script = scenario(number)
    is_drawn = header.sampling is not None and header.sampling.draws_drafts
    if number >= CONVERSATIONS and not is_drawn:
        return None
    target, drafter = scripted.scripted_pair(script, header.capacity, header.verify_widths, header.sampling)
    rounds, crash, text = [], None, None
    try:
        rounds.extend(play(new_session(header, target, drafter), header.turns))
    except CRASHES as error:
        crash = type(error).__name__
    if all(turn.cancel_at is None for turn in header.turns):
        text = crash or [token for round in rounds if not isinstance(round, str) for token in round.emitted_tokens]
    return Played([round if isinstance(round, str) else round_line(round) for round in rounds], text, is_drawn)


def play_all() -> dict[int, Played]:
    played = {number: play_one(number) for number in range(DRAWN_CONVERSATIONS)}
    return {number: found for number, found in played.items() if found is not None}


@pytest.fixture(scope="module")
def right():
    return play_all()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_digest_catches_the_fault(mutant, right):
    same_lines = same_texts = True
    with planted(mutant):
        for number, expected in right.items():
            found = play_one(number)
            same_lines &= found.lines == expected.lines
            same_texts &= found.text == expected.text or (found.is_drawn and mutant.module in LOOP)
            if not (same_lines or same_texts):
                break
    if mutant.name in NUMBERS_ONLY:
        assert same_lines and same_texts
        return
    assert not same_lines, "the digest stays the same"
    assert same_texts == mutant.text_unchanged


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_scenario_or_a_number_catches_the_fault(mutant):
    caught = []
    for path in scenario_files():
        with planted(mutant):
            try:
                verify_scenario(read_scenario(path))
            except (SlipstreamError, *CRASHES):
                caught.append(path.stem)
    if not caught and mutant.module in SAMPLING:
        with planted(mutant), pytest.raises((SlipstreamError, *CRASHES)):
            verify_numbers()
        return
    assert caught, "all scenarios pass"


def test_the_reference_is_whole_again_afterwards(right):
    with planted(MUTANTS[0]):
        pass
    assert play_all() == right


def test_faults_that_outputs_alone_would_miss():
    unseen = [mutant.name for mutant in MUTANTS if mutant.text_unchanged]
    assert unseen == [
        "draft_count_ignores_budget",
        "draft_count_off_by_one",
        "common_beginning_forgotten",
        "common_beginning_one_short",
        "accept_one_short",
        "hidden_from_last_slot",
        "hidden_one_slot_early",
        "hidden_stays_from_prefill",
        "rollback_keeps_rejected_rows",
        "fill_not_cancelled",
        "cancelled_pass_kept",
        "drafter_position_one_early",
        "drafter_not_told_the_text",
        "says_more_behind_the_rejected",
    ]
