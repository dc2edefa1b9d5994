"""A trace decoded elsewhere against the golden one: near ties pass whatever follows them, everything else is named."""

import dataclasses
import random

import pytest

from runtime_spec.errors import PromptTooLongError, TraceError, UsageError
from runtime_spec.reference.compare import check_loop, compare
from runtime_spec.reference.record import record, record_with_margins
from runtime_spec.reference.trace import Trace
from runtime_spec.vectors.fuzz import COUNT, scenario
from runtime_spec.vectors.scripted import ScriptedDrafter, scripted_pair
from tests.spec.reference.test_replay import HEADER, golden, near_ties, other_kernels, pair

LENIENT = dataclasses.replace(HEADER, exact_drafts=False)


def changed(trace, at, **changes):
    rounds = [dataclasses.replace(round) for round in trace.rounds]
    rounds[at] = dataclasses.replace(rounds[at], **changes)
    return Trace(trace.header, rounds)


def test_the_same_rounds_pass_without_forks():
    trace = golden()
    report = compare(trace, Trace(HEADER, record(HEADER, *pair())))
    assert (report.rounds, report.target_forks, report.draft_forks) == (len(trace.rounds), 0, 0)


def test_a_machine_whose_near_ties_fall_otherwise_decodes_another_text_and_passes():
    trace = golden(LENIENT)
    own = Trace(LENIENT, record(LENIENT, *other_kernels(HEADER.tolerance)))
    texts = [[token for round in t.rounds for token in round.emitted_tokens] for t in (trace, own)]
    assert texts[0] != texts[1], "there is no near tie in this trace any more"
    assert compare(trace, own).target_forks > 0


def test_a_machine_whose_clear_choices_fall_otherwise_does_not():
    trace = golden(LENIENT)
    clear = sorted(margin for round in trace.rounds for margin in round.margins if margin >= HEADER.tolerance)
    own = Trace(LENIENT, record(LENIENT, *other_kernels(clear[len(clear) // 2] + 1e-6)))
    with pytest.raises(TraceError, match=r"trace golden, round \d+, field target_tokens\[\d\]"):
        compare(trace, own)


def test_a_margin_equal_to_the_tolerance_is_not_below_it():
    trace = golden(LENIENT)
    own = Trace(LENIENT, record(LENIENT, *other_kernels(HEADER.tolerance)))
    for index, i in near_ties(trace, HEADER.tolerance):
        trace.rounds[index].margins[i] = HEADER.tolerance
    with pytest.raises(TraceError, match="margin 1.000000"):
        compare(trace, own)


def test_other_drafts_give_other_rounds_and_the_same_text():
    trace, (target, _) = golden(LENIENT), pair()
    script = dataclasses.replace(target.script.drafter, hit_percent=20)
    own = Trace(LENIENT, record(LENIENT, target, ScriptedDrafter(script, target)))
    assert len(own.rounds) != len(trace.rounds)
    report = compare(trace, own)
    assert report.draft_forks > 0 and report.target_forks == 0
    exact = Trace(HEADER, own.rounds)
    with pytest.raises(TraceError, match="field draft_tokens"):
        compare(golden(), exact)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("index", 9),
        ("position", 999),
        ("bonus_token", 31),
        ("verify_width", 2),
        ("num_accepted", 0),
        ("emitted_tokens", [1]),
        ("cache_length", 0),
        ("stop_reason", "cancelled"),
    ],
)
def test_a_loop_that_does_something_else_is_named(field, value):
    trace = golden()
    at = next(round.index for round in trace.rounds if round.num_accepted)
    with pytest.raises(TraceError) as caught:
        compare(trace, changed(trace, at, **{field: value}))
    assert caught.value.where == f"trace golden, round {at}, field {field}"


@pytest.mark.parametrize("count", [0, 1, -1])
def test_missing_rounds_are_a_difference(count):
    trace = golden()
    with pytest.raises(TraceError, match="one more round"):
        compare(trace, Trace(trace.header, trace.rounds[:count]))


def test_a_round_too_many_is_a_difference():
    trace = golden()
    with pytest.raises(TraceError, match="field rounds"):
        compare(trace, Trace(trace.header, [*trace.rounds, trace.rounds[-1]]))


def test_another_header_is_a_difference():
    trace = golden()
    with pytest.raises(TraceError, match="field header"):
        compare(trace, Trace(dataclasses.replace(HEADER, tolerance=9.0), trace.rounds))


def test_every_single_changed_answer_is_found():
    """Wherever the margin is clear, and also where the changed token would never have been emitted."""
    trace, draw = golden(), random.Random(5)
    for round in trace.rounds:
        for i, margin in enumerate(round.margins):
            tokens = list(round.target_tokens)
            tokens[i] = (tokens[i] + 1 + draw.randrange(20)) % 32
            own = changed(trace, round.index, target_tokens=tokens)
            # A rejected draft's answer has no consequence: the loop goes on alike.
            if i > round.num_accepted and margin < HEADER.tolerance:
                assert compare(trace, own).target_forks == 1
                continue
            with pytest.raises(TraceError):
                compare(trace, own)


def test_the_reference_loop_agrees_with_itself_on_the_drawn_scenarios():
    """Cancelled turns, full caches and stop tokens too."""
    played = sampled = 0
    for number in range(0, COUNT, 97):
        header, script = scenario(number)
        try:
            pair = scripted_pair(script, header.capacity, header.verify_widths, header.sampling)
            rounds = record_with_margins(header, *pair)
        except (PromptTooLongError, UsageError):
            continue  # a turn that is refused
        trace = Trace(header, rounds)
        assert check_loop(trace).rounds == len(rounds)
        if header.sampling is None:
            assert compare(trace, trace).rounds == len(rounds)
        else:
            # A drawn draft changes what is said: such traces are not held against each other.
            with pytest.raises(TraceError, match="field sampling"):
                compare(trace, trace)
            sampled += 1
        played += 1
    assert played > 20 and sampled > 5
