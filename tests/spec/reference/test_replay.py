"""A golden trace, replayed by runtimes that compute a little differently and by runtimes that are wrong."""

import dataclasses

import pytest

from runtime_spec.errors import TraceError
from runtime_spec.reference.record import record, record_with_margins
from runtime_spec.reference.replay import replay
from runtime_spec.reference.trace import Header, Trace, Turn, read_traces, trace_text
from runtime_spec.vectors.scripted import DrafterScript, Script, ScriptedDrafter, ScriptedTarget, scripted_pair

HEADER = Header("golden", 64, (1, 3, 5), 4, (), True, 1.0, (Turn((3, 1, 4), 20), Turn((9, 9), 12)))
SCRIPT = Script(2, 32, 0, DrafterScript(12, 75, 0))


def pair(widths=(1, 3, 5), capacity=64):
    return scripted_pair(SCRIPT, capacity, widths)


def golden(header=HEADER):
    return Trace(header, record_with_margins(header, *pair()))


class OtherKernels(ScriptedTarget):
    """Says another token wherever its margin is below `noise`."""

    noise = 0.0

    def verify(self, tokens, position, width):
        target_tokens, hiddens = super().verify(tokens, position, width)
        return [self._near(t, m) for t, m in zip(target_tokens, self.margins(), strict=True)], hiddens

    def _near(self, token, margin):
        return (token + 1) % self.script.vocab if margin < self.noise else token


def other_kernels(noise):
    target = OtherKernels(SCRIPT, 64, (1, 3, 5))
    target.noise = noise
    return target, ScriptedDrafter(SCRIPT.drafter, target)


def near_ties(trace, tolerance):
    return [
        (round.index, i)
        for round in trace.rounds
        for i, margin in enumerate(round.margins)
        if margin < tolerance and round.verify_width
    ]


def test_a_golden_trace_holds_a_margin_for_every_target_token():
    trace = golden()
    assert all(len(round.margins) == len(round.target_tokens) > 0 for round in trace.rounds)
    assert [dataclasses.replace(r, margins=None) for r in trace.rounds] == record(HEADER, *pair())


def test_the_runtime_that_recorded_it_replays_it_without_forks():
    trace = golden()
    report = replay(trace, *pair())
    assert (report.rounds, report.target_forks, report.draft_forks) == (len(trace.rounds), 0, 0)


def test_a_trace_survives_its_file():
    (trace,) = read_traces(trace_text(golden()), "golden.jsonl")
    assert replay(trace, *pair()).rounds == len(trace.rounds)


def test_forks_at_near_ties_are_counted_and_the_replay_goes_on_from_the_recorded_tokens():
    trace = golden()
    ties = near_ties(trace, 1.0)
    assert len({index for index, _ in ties}) > 1, "the trace needs ties in several rounds to prove anything"
    assert replay(trace, *other_kernels(1.0)).target_forks == len(ties)


def test_a_fork_beyond_the_tolerance_names_round_and_token():
    trace = golden()
    index, i = next(tie for tie in near_ties(trace, 3.0) if tie not in near_ties(trace, 1.0))
    margin = trace.rounds[index].margins[i]
    place = rf"golden, round {index}, field target_tokens\[{i}\]"
    with pytest.raises(TraceError, match=rf"margin {margin:.6f}(.|\n)*{place}"):
        replay(trace, *other_kernels(3.0))


def test_a_margin_equal_to_the_tolerance_is_no_near_tie():
    trace = golden()
    index, i = near_ties(trace, 3.0)[0]
    margin = trace.rounds[index].margins[i]
    header = dataclasses.replace(HEADER, tolerance=margin)
    with pytest.raises(TraceError, match=rf"round {index}, field target_tokens\[{i}\]"):
        replay(Trace(header, trace.rounds), *other_kernels(margin + 1 / 64))


def test_without_margins_no_fork_is_allowed():
    trace = Trace(HEADER, record(HEADER, *pair()))
    with pytest.raises(TraceError, match="margin none recorded"):
        replay(trace, *other_kernels(1.0))


def other_drafter():
    target, _ = pair()
    return target, ScriptedDrafter(DrafterScript(99, 75, 10), target)


def test_other_drafts_are_an_error_where_drafts_are_exact():
    with pytest.raises(TraceError, match="field draft_tokens"):
        replay(golden(), *other_drafter())


def test_other_drafts_are_counted_where_they_are_not():
    trace = golden(dataclasses.replace(HEADER, exact_drafts=False))
    report = replay(trace, *other_drafter())
    assert 0 < report.draft_forks <= report.rounds == len(trace.rounds) and report.target_forks == 0


def test_a_missing_drafter_is_noticed():
    target, _ = pair()
    with pytest.raises(TraceError, match="round 1, field draft_tokens"):
        replay(golden(), target, None)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("position", lambda r: r.position + 1),
        ("bonus_token", lambda r: r.bonus_token + 1),
        ("draft_tokens", lambda r: [r.draft_tokens[0] + 1, *r.draft_tokens[1:]]),
        ("verify_width", lambda r: r.verify_width - 2),
        ("num_accepted", lambda r: r.num_accepted + 1),
        ("emitted_tokens", lambda r: [*r.emitted_tokens, 1]),
        ("cache_length", lambda r: r.cache_length + 1),
        ("stop_reason", lambda r: "cancelled"),
    ],
)
def test_every_field_of_every_round_is_compared(field, change):
    trace = golden()
    for index in (1, 2, len(trace.rounds) - 1):
        rounds = list(trace.rounds)
        if rounds[index].draft_tokens:
            rounds[index] = dataclasses.replace(rounds[index], **{field: change(rounds[index])})
            with pytest.raises(TraceError, match=rf"golden, round {index}, field {field}"):
                replay(Trace(HEADER, rounds), *pair())


def test_a_target_token_that_was_rejected_is_compared_too():
    trace = golden()
    index = next(r.index for r in trace.rounds if r.num_accepted < len(r.draft_tokens) - 1)
    last = len(trace.rounds[index].target_tokens) - 1
    trace.rounds[index].target_tokens[last] += 1
    trace.rounds[index].margins[last] = 5.0
    with pytest.raises(TraceError, match=rf"round {index}, field target_tokens\[{last}\]"):
        replay(trace, *pair())


def test_a_trace_that_ends_early_or_late_is_noticed():
    trace = golden()
    with pytest.raises(TraceError, match=f"round {len(trace.rounds) - 1}, field index"):
        replay(Trace(HEADER, trace.rounds[:-1]), *pair())
    with pytest.raises(TraceError, match="field rounds"):
        replay(Trace(HEADER, [*trace.rounds, trace.rounds[-1]]), *pair())


def test_a_larger_cache_and_further_widths_replay_the_same_trace():
    assert replay(golden(), *pair(widths=(1, 2, 3, 4, 5), capacity=100)).target_forks == 0


@pytest.mark.parametrize(("widths", "capacity"), [((1, 5), 64), ((1, 3, 5), 63)])
def test_a_target_that_can_do_less_is_refused(widths, capacity):
    with pytest.raises(TraceError, match="does not fit the target"):
        replay(golden(), *pair(widths, capacity))
