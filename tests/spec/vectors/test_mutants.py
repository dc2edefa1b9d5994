"""Planted faults: each must change the lines that the digest is made of; many change no emitted token."""

import pytest

from runtime_spec.errors import SlipstreamError
from runtime_spec.reference.record import new_session
from runtime_spec.reference.trace import round_line
from runtime_spec.vectors.fuzz import play, scenario
from runtime_spec.vectors.mutants import MUTANTS, planted
from runtime_spec.vectors.scenario import read_scenario, scenario_files, verify_scenario
from runtime_spec.vectors.scripted import MisuseError, scripted_pair

CONVERSATIONS = 400
CRASHES = (MisuseError, ValueError, IndexError)


def play_all() -> tuple[list[list[str]], list[list[int] | str]]:
    """Lines of every conversation; texts of those that are not cancelled, since a cancellation counts steps."""
    lines, texts = [], []
    for number in range(CONVERSATIONS):
        header, script = scenario(number)
        target, drafter = scripted_pair(script, header.capacity, header.verify_widths)
        rounds, crash = [], None
        try:
            rounds.extend(play(new_session(header, target, drafter), header.turns))
        except CRASHES as error:
            crash = type(error).__name__
        lines.append([round if isinstance(round, str) else round_line(round) for round in rounds])
        if all(turn.cancel_at is None for turn in header.turns):
            text = [token for round in rounds if not isinstance(round, str) for token in round.emitted_tokens]
            texts.append(crash or text)
    return lines, texts


@pytest.fixture(scope="module")
def right():
    return play_all()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_digest_catches_the_fault(mutant, right):
    with planted(mutant):
        lines, texts = play_all()
    assert lines != right[0], "the digest stays the same"
    assert (texts == right[1]) == mutant.text_unchanged


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_scenario_catches_the_fault(mutant):
    caught = []
    for path in scenario_files():
        with planted(mutant):
            try:
                verify_scenario(read_scenario(path))
            except (SlipstreamError, *CRASHES):
                caught.append(path.stem)
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
    ]
