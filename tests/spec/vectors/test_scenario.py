import dataclasses

import pytest

from runtime_spec.errors import TraceError
from runtime_spec.reference.record import record
from runtime_spec.reference.trace import Header, Trace, Turn
from runtime_spec.sampling.parameters import Sampling
from runtime_spec.vectors.branches import BRANCHES, reached
from runtime_spec.vectors.scenario import play_scenario, read_scenario, scenario_files, scenario_text, verify_scenario
from runtime_spec.vectors.scripted import Script, scripted_pair
from tests.spec.reference.oracle import emitted_by

FILES = scenario_files()
NAMES = [
    "all_accepted", "argmax_tie", "beginning_kept", "budget_ends_mid_round", "cache_full_mid_draft",
    "cancelled_between_fills", "cancelled_mid_round", "context_all_cached", "context_goes_on",
    "draft_rejected_residual", "drafter_returns_fewer", "one_hot_accepted", "penalty_reaches_into_drafts",
    "prompt_fills_cache", "reject_at_first", "reject_at_last", "sampled_cancelled_resumed", "second_turn_after_stop",
    "single_token_prompt", "stop_token_in_draft", "stop_token_is_bonus", "verify_width_at_capacity", "zero_drafts",
]  # fmt: skip


def test_every_branch_has_a_scenario_of_its_name():
    assert [path.stem for path in FILES] == NAMES == sorted(BRANCHES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario_replays_and_reaches_its_branch(path):
    scenario = read_scenario(path)
    verify_scenario(scenario)
    assert scenario.branch == path.stem


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recording_again_gives_the_same_bytes(path):
    scenario = read_scenario(path)
    again = dataclasses.replace(scenario, trace=Trace(scenario.trace.header, play_scenario(scenario)))
    assert scenario_text(again) == path.read_text(encoding="utf-8")


def test_plain_decoding_reaches_no_branch_but_its_own():
    """A branch check that always says yes would prove nothing."""
    script = Script(1, 32, 0, None)
    header = Header("plain", 64, (1, 5), 4, (), True, 0.0, (Turn((3, 1, 4), 9),))
    rounds = record(header, *scripted_pair(script, 64, (1, 5)))
    assert reached(Trace(header, rounds), script) == {"zero_drafts"}


def test_a_scenario_that_misses_its_branch_is_refused():
    scenario = read_scenario(FILES[NAMES.index("all_accepted")])
    with pytest.raises(TraceError, match="a round that reaches reject_at_first"):
        verify_scenario(dataclasses.replace(scenario, branch="reject_at_first"))


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ('"vocab":32', '"size":32', "vocab"),
        ('"branch": "all_accepted"', '"branch": "all_good"', "known branch"),
        ('"name":"all_accepted"', '"name":"other"', "other"),
        ('"rounds": [', '"rounds": [[', "JSON"),
        ('"capacity":64', '"capacity":0', "valid capacity"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, right, wrong, complaint):
    text = FILES[0].read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / "all_accepted.json"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    with pytest.raises(TraceError, match="all_accepted.json") as error:
        read_scenario(path)
    assert complaint in str(error.value)


def test_a_sampled_turn_that_is_cancelled_and_gone_on_with_gives_the_uncancelled_tokens():
    scenario = read_scenario(FILES[NAMES.index("sampled_cancelled_resumed")])
    header, text = scenario.trace.header, emitted_by(scenario.trace.rounds)
    whole = dataclasses.replace(header, turns=(Turn(header.turns[0].prompt_tokens, len(text)),))
    assert (
        emitted_by(record(whole, *scripted_pair(scenario.script, header.capacity, (1, 3, 5), header.sampling))) == text
    )


def test_without_its_penalty_the_target_repeats_the_draft():
    """Or the scenario would show nothing of a penalty."""
    scenario = read_scenario(FILES[NAMES.index("penalty_reaches_into_drafts")])
    header = dataclasses.replace(scenario.trace.header, sampling=Sampling(temperature=0))
    rounds = record(header, *scripted_pair(scenario.script, header.capacity, (1, 3, 5), header.sampling))
    slot = next(iter(scenario.script.logits))
    row = scenario.script.logits[slot]
    (said,) = (
        one.target_tokens[slot - one.position] for one in rounds if 0 < slot - one.position < len(one.target_tokens)
    )
    assert said == row.index(max(row))
