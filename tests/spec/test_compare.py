"""A replay from elsewhere against its golden trace: near ties pass, everything else is named."""

import dataclasses

import pytest

from runtime_spec.errors import TraceError
from runtime_spec.reference.compare import compare
from runtime_spec.reference.trace import Trace
from tests.spec.test_replay import HEADER, golden, near_ties

LENIENT = dataclasses.replace(HEADER, exact_drafts=False)


def answered(trace, at=None, **changes):
    """What another machine wrote down: no margins, and one round changed."""
    rounds = [dataclasses.replace(round, margins=None) for round in trace.rounds]
    if at is not None:
        rounds[at] = dataclasses.replace(rounds[at], **changes)
    return Trace(trace.header, rounds)


def other_token(round, i):
    return [token + (at == i) for at, token in enumerate(round.target_tokens)]


def test_equal_rounds_pass_without_forks():
    trace = golden()
    report = compare(trace, answered(trace))
    assert (report.rounds, report.target_forks, report.draft_forks) == (len(trace.rounds), 0, 0)


def test_a_near_tie_may_fall_otherwise_and_is_counted():
    trace = golden()
    index, i = near_ties(trace, HEADER.tolerance)[0]
    changed = answered(trace, index, target_tokens=other_token(trace.rounds[index], i))
    assert compare(trace, changed).target_forks == 1


def test_a_clear_choice_may_not():
    trace = golden()
    ties = near_ties(trace, HEADER.tolerance)
    index, i = next(
        (r.index, i) for r in trace.rounds if r.verify_width for i in range(len(r.margins)) if (r.index, i) not in ties
    )
    with pytest.raises(TraceError) as caught:
        compare(trace, answered(trace, index, target_tokens=other_token(trace.rounds[index], i)))
    assert caught.value.where == f"trace golden, round {index}, field target_tokens[{i}]"


def test_a_margin_equal_to_the_tolerance_is_not_below_it():
    trace = golden()
    index, i = near_ties(trace, HEADER.tolerance)[0]
    trace.rounds[index].margins[i] = HEADER.tolerance
    with pytest.raises(TraceError):
        compare(trace, answered(trace, index, target_tokens=other_token(trace.rounds[index], i)))


def test_other_drafts_are_a_fork_where_the_header_allows_it():
    trace = golden(LENIENT)
    index = next(round.index for round in trace.rounds if round.draft_tokens)
    drafts = [token + 1 for token in trace.rounds[index].draft_tokens]
    assert compare(trace, answered(trace, index, draft_tokens=drafts)).draft_forks == 1
    with pytest.raises(TraceError, match="draft_tokens"):
        compare(golden(), answered(golden(), index, draft_tokens=drafts))


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 9},
        {"position": 999},
        {"bonus_token": 31},
        {"verify_width": 2},
        {"num_accepted": 0, "target_tokens": None},
        {"emitted_tokens": [1]},
        {"cache_length": 0},
        {"stop_reason": "cancelled"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_other_field_must_be_equal(changes):
    trace = golden()
    index = next(round.index for round in trace.rounds if round.num_accepted)
    changes = {key: value for key, value in changes.items() if value is not None}
    with pytest.raises(TraceError) as caught:
        compare(trace, answered(trace, index, **changes))
    assert caught.value.where == f"trace golden, round {index}, field {next(iter(changes))}"


@pytest.mark.parametrize("count", [0, 1, -1])
def test_missing_rounds_are_a_difference(count):
    trace = golden()
    with pytest.raises(TraceError, match="field rounds"):
        compare(trace, Trace(trace.header, answered(trace).rounds[:count]))


def test_a_round_too_many_is_a_difference():
    trace = golden()
    rounds = answered(trace).rounds
    with pytest.raises(TraceError, match="one more round"):
        compare(trace, Trace(trace.header, [*rounds, rounds[-1]]))


def test_another_header_is_a_difference():
    trace = golden()
    with pytest.raises(TraceError, match="field header"):
        compare(trace, Trace(dataclasses.replace(HEADER, tolerance=9.0), answered(trace).rounds))
