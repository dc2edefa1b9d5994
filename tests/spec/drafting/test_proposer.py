from types import SimpleNamespace

import pytest

from runtime_spec.drafting.fixed import Fixed
from runtime_spec.drafting.proposer import DRAFTER, NGRAM, Proposer
from runtime_spec.reference.record import cancel_after
from runtime_spec.reference.session import Session
from tests.spec.reference.oracle import new_session

TEXT = [1, 2, 3, 4, 1], 2
"""cached and bonus token: the match is 1 2, and 3 4 1 2 followed."""
PLAIN = [5, 6, 7], 8


class Clock:
    """Nanoseconds that pass where the test says so."""

    def __init__(self):
        self.now = 1_000

    def __call__(self) -> int:
        return self.now


class ScriptedModel:
    """Drafts 100, 101, … with confidences 0.9, 0.8, …; each takes 10 ns."""

    def __init__(self, goes_on, clock):
        self.goes_on, self.clock, self.calls = goes_on, clock, []

    def draft(self, cached, bonus_token, hidden, position, count):
        self.calls.append((list(cached), bonus_token, hidden, position, count))
        drafts = []
        while len(drafts) < count:
            self.clock.now += 10
            drafts.append(100 + len(drafts))
            if len(drafts) < count and not self.goes_on(len(drafts), 1 - len(drafts) / 10, len(drafts)):
                break
        return drafts


class ScriptedPolicy:
    """Plans what it is told to, and goes on for `patience` drafts."""

    looks_up = True

    def __init__(self, source=None, count=0, patience=99):
        self.source, self.count, self.patience = source, count, patience
        self.planned, self.asked, self.observed = [], [], []

    def plan(self, position, most, match):
        self.planned.append((position, most, match))
        return self.source, self.count

    def goes_on(self, drafted, confidence, made):
        self.asked.append((drafted, round(confidence, 6), made))
        return drafted < self.patience

    def observe(self, round, draft_nanos, nanos, matched):
        self.observed.append((round, draft_nanos, nanos, matched))


def proposer(policy, has_model=True):
    """A proposer, its model (None: none) and its clock."""
    clock, made = Clock(), []

    def make(goes_on):
        made.append(ScriptedModel(goes_on, clock))
        return made[0]

    found = Proposer(policy, make if has_model else None, clock)
    return found, made[0] if has_model else None, clock


def draft(proposer, text, count, hidden="hidden"):
    cached, bonus_token = text
    return proposer.draft(cached, bonus_token, hidden, len(cached), count)


def completed(drafts=(), verify_width=1, stop_reason=None):
    return SimpleNamespace(
        position=5, draft_tokens=list(drafts), verify_width=verify_width, num_accepted=0, emitted_tokens=[1],
        stop_reason=stop_reason,
    )  # fmt: skip


def test_the_policy_is_told_where_how_many_and_what_matches():
    policy = ScriptedPolicy()
    one, model, _ = proposer(policy)
    assert draft(one, TEXT, 3) == [] and draft(one, PLAIN, 7) == []
    assert policy.planned == [(5, 3, 2), (3, 7, 0)] and model.calls == []
    assert one.source is None


def test_a_match_gives_the_tokens_that_followed_it():
    one, model, _ = proposer(ScriptedPolicy(NGRAM, 6))
    assert draft(one, TEXT, 6) == [3, 4, 1, 2, 3, 4]
    assert (one.source, model.calls) == (NGRAM, [])


def test_the_model_is_asked_for_what_was_planned_and_told_all_the_loop_says():
    policy = ScriptedPolicy(DRAFTER, 3)
    one, model, _ = proposer(policy)
    assert draft(one, TEXT, 5) == [100, 101, 102]
    assert model.calls == [([1, 2, 3, 4, 1], 2, "hidden", 5, 3)]
    assert one.source == DRAFTER and policy.asked == [(1, 0.9, 1), (2, 0.8, 2)]


def test_the_policy_ends_the_models_drafts():
    policy = ScriptedPolicy(DRAFTER, 5, patience=2)
    one, _, _ = proposer(policy)
    assert draft(one, TEXT, 5) == [100, 101] and policy.asked == [(1, 0.9, 1), (2, 0.8, 2)]


@pytest.mark.parametrize("source", [NGRAM, DRAFTER])
def test_never_more_than_the_loop_allows(source):
    one, _, _ = proposer(ScriptedPolicy(source, 9))
    assert len(draft(one, TEXT, 2)) == 2


@pytest.mark.parametrize("source", [NGRAM, DRAFTER, None])
def test_no_drafts_where_the_source_has_none(source):
    one, _, _ = proposer(ScriptedPolicy(source, 4), has_model=False)
    assert draft(one, PLAIN, 4) == []
    assert one.source is None
    one.policy = ScriptedPolicy(source, 0)
    assert draft(one, TEXT, 4) == []


def test_a_round_finds_nothing_of_the_one_before():
    one, _, _ = proposer(ScriptedPolicy(DRAFTER, 3))
    draft(one, TEXT, 3)
    one.policy = ScriptedPolicy(NGRAM, 3)
    assert draft(one, PLAIN, 3) == [] and one.source is None


def test_the_index_follows_texts_of_rounds_that_the_model_drafted():
    one, _, _ = proposer(ScriptedPolicy(DRAFTER, 1))
    draft(one, ([1, 2, 3], 4), 4)
    draft(one, ([1, 2, 3, 4, 9], 1), 4)
    one.policy = ScriptedPolicy(NGRAM, 2)
    assert draft(one, ([1, 2, 3, 4, 9, 1], 2), 4) == [3, 4]
    assert draft(one, ([7, 2, 3, 4, 9, 1], 2), 4) == []


def test_times_are_the_clocks():
    policy = ScriptedPolicy(DRAFTER, 4, patience=3)
    one, _, clock = proposer(policy)
    drafts = draft(one, TEXT, 4)
    assert one.draft_nanos == 30
    clock.now += 500
    done = completed(drafts, 5)
    one.observe(done, 530)
    assert policy.observed == [(done, 30, 530, 0)]


def test_passes_that_were_completed_are_observed_and_no_other_round():
    policy = ScriptedPolicy(DRAFTER, 2)
    one, _, _ = proposer(policy)
    for other in (completed(verify_width=0), completed([100], 3, "cancelled"), completed(stop_reason="cancelled")):
        one.observe(other, 7)
    assert policy.observed == []
    last = completed(stop_reason="max_new_tokens")
    one.observe(last, 9)
    assert policy.observed == [(last, 0, 9, 0)]


@pytest.mark.parametrize("source", [NGRAM, DRAFTER, None])
@pytest.mark.parametrize(("emitted", "matched"), [([3, 4, 1], 3), ([3, 4, 9, 2], 2), ([9], 0), ([3], 1)])
def test_a_match_is_judged_by_the_text_whatever_was_drafted(source, emitted, matched):
    """The match's drafts are 3 4 1 2 3 …"""
    policy = ScriptedPolicy(source, 2)
    one, _, _ = proposer(policy)
    draft(one, TEXT, 4)
    done = completed(verify_width=3)
    done.emitted_tokens = emitted
    one.observe(done, 9)
    assert policy.observed[-1][3] == matched
    # The loop does not ask before the last round: there is no match.
    one.observe(done, 9)
    assert policy.observed[-1][3] == 0


def test_where_nothing_is_looked_up_no_match_is_judged():
    policy = ScriptedPolicy(DRAFTER, 2)
    one, _, _ = proposer(policy)
    draft(one, TEXT, 4)
    policy.looks_up = False
    draft(one, TEXT, 4)
    done = completed(verify_width=3)
    done.emitted_tokens = [3, 4]
    one.observe(done, 9)
    assert policy.observed[-1][3] == 0


@pytest.mark.parametrize("end", ["completed", "cancelled"])
def test_a_round_that_was_not_drafted_for_took_no_time_to_draft(end):
    """The loop does not ask where one token is left; what an earlier round took is not that round's."""
    policy = ScriptedPolicy(DRAFTER, 2)
    one, _, _ = proposer(policy)
    draft(one, TEXT, 2)
    one.observe(completed([100, 101], 3, "cancelled" if end == "cancelled" else None), 50)
    last = completed(verify_width=1)
    one.observe(last, 9)
    assert policy.observed[-1] == (last, 0, 9, 0) and one.source is None


def test_after_a_cancelled_round_one_that_was_not_drafted_for_took_no_time_to_draft():
    """Over a session: the rounds that a policy does not learn from reach the proposer, too."""
    policy = ScriptedPolicy(DRAFTER, 2)
    one, _, clock = proposer(policy)
    plain = new_session()
    session = Session(plain.target, one, plain.config, observe=one.observe, clock=clock)
    assert list(session.turn((3, 1, 4), 9, cancel_after(3)))[-1].stop_reason == "cancelled"
    assert one.draft_nanos == 0 and policy.planned != [] and policy.observed == []
    last = list(session.turn((), 2))[-1]
    assert policy.observed == [(last, 0, 0, 0)] and last.draft_tokens == []


def test_the_policy_may_change_from_round_to_round():
    one, _, _ = proposer(Fixed(0))
    assert draft(one, TEXT, 4) == []
    one.policy = Fixed(4, ngrams=True)
    assert draft(one, TEXT, 4) == [3, 4, 1, 2]


@pytest.mark.parametrize(
    ("policy", "match", "most", "planned"),
    [
        (Fixed(4), 0, 9, (DRAFTER, 4)),
        (Fixed(4), 5, 9, (DRAFTER, 4)),
        (Fixed(4), 5, 3, (DRAFTER, 3)),
        (Fixed(4, ngrams=True), 0, 9, (DRAFTER, 4)),
        (Fixed(4, ngrams=True), 2, 9, (NGRAM, 4)),
        (Fixed(4, ngrams=True), 2, 1, (NGRAM, 1)),
        (Fixed(0), 5, 9, (None, 0)),
        (Fixed(0, ngrams=True), 5, 9, (None, 0)),
    ],
)
def test_fixed_takes_its_count_and_the_text_first_where_it_may(policy, match, most, planned):
    assert policy.plan(17, most, match) == planned
    assert policy.goes_on(1, 0.0, 1)


def test_fixed_without_a_model_decodes_texts_without_a_match_plainly():
    one, _, _ = proposer(Fixed(4, ngrams=True), has_model=False)
    assert draft(one, PLAIN, 4) == [] and draft(one, TEXT, 4) == [3, 4, 1, 2]
    one.policy = Fixed(4)
    assert draft(one, TEXT, 4) == []
