"""Planted faults: each must change the lines that the digest is made of; many change no emitted token."""

from dataclasses import dataclass, field

import pytest

from runtime_spec.errors import SlipstreamError
from runtime_spec.reference.record import new_session
from runtime_spec.reference.trace import Header, round_line
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


@dataclass
class Played:
    """Lines of every conversation. Texts of those that are not cancelled, since a cancellation counts steps: those that
    no drawn draft decides, and the others."""

    lines: list[list[str]] = field(default_factory=list)
    texts: list[list[int] | str] = field(default_factory=list)
    drawn_texts: list[list[int] | str] = field(default_factory=list)


def is_drawn(header: Header) -> bool:
    return header.sampling is not None and header.sampling.draws_drafts


def play_all() -> Played:
    played = Played()
    for number in range(DRAWN_CONVERSATIONS):
        header, script = scenario(number)
        if number >= CONVERSATIONS and not is_drawn(header):
            continue
        target, drafter = scripted.scripted_pair(script, header.capacity, header.verify_widths, header.sampling)
        rounds, crash = [], None
        try:
            rounds.extend(play(new_session(header, target, drafter), header.turns))
        except CRASHES as error:
            crash = type(error).__name__
        played.lines.append([round if isinstance(round, str) else round_line(round) for round in rounds])
        if all(turn.cancel_at is None for turn in header.turns):
            text = [token for round in rounds if not isinstance(round, str) for token in round.emitted_tokens]
            (played.drawn_texts if is_drawn(header) else played.texts).append(crash or text)
    return played


@pytest.fixture(scope="module")
def right():
    return play_all()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_digest_catches_the_fault(mutant, right):
    with planted(mutant):
        found = play_all()
    if mutant.name in NUMBERS_ONLY:
        assert found == right
        return
    assert found.lines != right.lines, "the digest stays the same"
    is_same = found.texts == right.texts and (mutant.module in LOOP or found.drawn_texts == right.drawn_texts)
    assert is_same == mutant.text_unchanged


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
