"""What is told and asked in which order, and what is remembered: rounds of drafts, texts, turns."""

import pytest

from runtime_spec.errors import RuntimeLibraryError
from runtime_spec.sampling import sampler as module
from runtime_spec.sampling.filtered import Distribution, filtered
from runtime_spec.sampling.parameters import Sampling
from runtime_spec.sampling.random import CHOOSE, accept_purpose, draft_purpose
from runtime_spec.sampling.sampler import Sampler, say_drawn

ROW = [0.0, 1.0, 2.0, 1.5]
DRAWING = Sampling(temperature=1.0)
ACCEPT, DRAFT = "accept", "draft"


@pytest.fixture
def numbers(monkeypatch):
    """Random numbers as they are asked for; `given` says what they are by purpose."""
    asked, given = [], {CHOOSE: 0.0, ACCEPT: 0.0, DRAFT: 0.0}

    def uniform(seed, slot, purpose):
        asked.append((seed, slot, purpose))
        return given[CHOOSE if purpose == CHOOSE else ACCEPT if purpose % 2 else DRAFT]

    monkeypatch.setattr(module, "uniform", uniform)
    return asked, given


def test_greedy_asks_for_no_random_number_and_says_all_rows(numbers):
    sampler = Sampler()
    sampler.wrote([5, 6, 7], 0)
    assert sampler.target_tokens([ROW, ROW[::-1], ROW], [5, 6, 7], 0) == [2, 1, 2]
    sampler.begin_drafts(2, 3)
    assert sampler.draft_token(ROW) == (2, None) and numbers[0] == []


def test_numbers_are_those_of_the_slot_that_the_token_will_have(numbers):
    asked, _ = numbers
    sampler = Sampler(Sampling(temperature=1.0, seed=9))
    sampler.wrote([5, 6], 0)
    assert sampler.target_tokens([ROW], [6], 1) == [2]
    assert asked == [(9, 2, CHOOSE)]
    sampler.begin_drafts(2, 2)
    assert [sampler.draft_token(ROW)[0] for _ in range(2)] == [2, 2]
    assert asked[1:] == [(9, 3, draft_purpose(0)), (9, 4, draft_purpose(1))], "slot and place in the round"
    sampler.wrote([2, 2, 2], 2)
    assert sampler.target_tokens([ROW] * 3, [2, 2, 2], 2) == [2, 2, 2]
    assert asked[3:] == [(9, 3, accept_purpose(0)), (9, 4, accept_purpose(1)), (9, 5, CHOOSE)]


def test_behind_a_rejected_draft_nothing_is_said(numbers):
    _, given = numbers
    given[DRAFT], given[ACCEPT] = 0.999, 0.999
    sampler = Sampler(DRAWING)
    sampler.begin_drafts(2, 0)
    assert [sampler.draft_token([-9.0, -9.0, -9.0, 9.0])[0], sampler.draft_token(ROW)[0]] == [3, 0]
    sampler.wrote([2, 3, 0], 0)
    given[DRAFT] = 0.0
    # q(3) is nearly 1 and p(3) is not: what p has more of begins with 2.
    assert sampler.target_tokens([ROW] * 3, [2, 3, 0], 0) == [2]


def test_a_draft_that_was_not_drawn_is_accepted_where_it_is_drawn_by_the_target(numbers):
    asked, given = numbers
    given[CHOOSE] = 0.999
    sampler = Sampler(DRAWING)
    sampler.wrote([5, 0, 1], 0)
    # The last in order, 0, is drawn in every row: the first draft is right, the second is not.
    assert sampler.target_tokens([ROW] * 3, [5, 0, 1], 0) == [0, 0]
    assert {purpose for _, _, purpose in asked} == {CHOOSE}


@pytest.mark.parametrize("between", ["verify", "prefill", "drafting"])
def test_no_draft_is_judged_by_a_q_of_another_round(numbers, between):
    asked, _ = numbers
    sampler = Sampler(DRAWING)
    sampler.begin_drafts(5, 0)
    assert sampler.draft_token(ROW)[0] == 2
    if between == "drafting":
        sampler.begin_drafts(5, 0)
    else:
        sampler.wrote([5], 0)
        sampler.target_tokens([ROW], [5], 0)
    asked.clear()
    sampler.wrote([5, 2], 0)
    sampler.target_tokens([ROW] * 2, [5, 2], 0)
    assert {purpose for _, _, purpose in asked} == {CHOOSE}


def test_a_round_with_a_draft_that_was_not_drawn_has_no_q_at_all(numbers):
    asked, _ = numbers
    sampler = Sampler(DRAWING)
    sampler.begin_drafts(5, 0)
    assert [sampler.draft_token(ROW)[0] for _ in range(2)] == [2, 2]
    sampler.wrote([5, 2, 1], 0)
    asked.clear()
    sampler.target_tokens([ROW] * 3, [5, 2, 1], 0)
    assert {purpose for _, _, purpose in asked} == {CHOOSE}


def test_drafts_may_be_fewer_than_were_drawn(numbers):
    asked, _ = numbers
    sampler = Sampler(DRAWING)
    sampler.begin_drafts(5, 0)
    assert [sampler.draft_token(ROW)[0] for _ in range(3)] == [2, 2, 2]
    sampler.wrote([5, 2], 0)
    asked.clear()
    assert sampler.target_tokens([ROW] * 2, [5, 2], 0) == [2, 2]
    assert asked == [(0, 1, accept_purpose(0)), (0, 2, CHOOSE)]


def test_every_row_of_a_drawn_round_is_looked_at(numbers):
    """Also where the first draft is impossible."""
    sampler = Sampler(DRAWING)
    sampler.begin_drafts(5, 0)
    assert [sampler.draft_token(ROW)[0] for _ in range(2)] == [2, 2]
    sampler.wrote([5, 2, 2], 0)
    with pytest.raises(RuntimeLibraryError, match="slot 2"):
        sampler.target_tokens([[0.0, 0.0, -99.0, 0.0], ROW, [float("nan"), *ROW]], [5, 2, 2], 0)


def test_greedy_drafts_are_the_drafters_largest_and_have_a_confidence_where_it_is_asked_for():
    sampler = Sampler(Sampling(temperature=0.3, drafts="greedy"))
    sampler.begin_drafts(5, 0)
    token, confidence = sampler.draft_token(ROW, True)
    assert token == 2 and confidence == filtered(ROW, Sampling(1.0), 0).of(2)
    many = [3.0, *[2.0] * 20]
    assert sampler.draft_token(many, True)[1] == filtered(many[:8], Sampling(1.0), 0).weights[0]


def test_a_drawn_drafts_confidence_is_its_q(numbers):
    _, given = numbers
    given[DRAFT] = 0.999
    sampler = Sampler(DRAWING)
    sampler.begin_drafts(5, 0)
    assert sampler.draft_token(ROW, True) == (0, filtered(ROW, DRAWING, 0).of(0))


def test_a_penalty_looks_at_the_window_before_the_slot_drafts_included():
    """Largest first is 2, then 3, 1, 0: each time what was said within the window falls back."""
    sampler = Sampler(Sampling(repetition_penalty=10, repetition_window=2))
    sampler.wrote([2, 2, 2, 0], 0)
    assert sampler.target_tokens([ROW], [0], 3) == [3]  # 2 and 0 are in the window
    sampler.wrote([1], 4)
    assert sampler.target_tokens([ROW], [1], 4) == [2]  # 0 and 1 are, 2 no more
    sampler.wrote([2, 3, 2], 5)
    assert sampler.target_tokens([ROW] * 3, [2, 3, 2], 5) == [3, 1]  # 1 and 2 are; behind the draft 2 and 3
    sampler.wrote([0, 0], 5)
    assert sampler.target_tokens([ROW], [0], 6) == [2], "what was rolled back is forgotten"


def test_drafts_are_penalised_by_the_text_before_them():
    sampler = Sampler(Sampling(temperature=0.001, repetition_penalty=10, repetition_window=2))
    sampler.wrote([0, 0, 2], 0)
    sampler.begin_drafts(0, 3)
    assert [sampler.draft_token(ROW)[0] for _ in range(4)] == [3, 2, 1, 3]
    # Drafting leaves the target's own text alone.
    assert sampler.target_tokens([ROW], [2], 2) == [3]


def test_a_window_of_none_and_a_window_longer_than_the_text():
    nothing = Sampler(Sampling(temperature=0.001, repetition_penalty=10, repetition_window=0))
    nothing.wrote([2], 0)
    assert nothing.target_tokens([ROW], [2], 0) == [2]
    long = Sampler(Sampling(temperature=0.001, repetition_penalty=10, repetition_window=100))
    long.wrote([2, 3], 0)
    assert long.target_tokens([ROW], [3], 1) == [1]


def test_slots_that_nobody_told_of_are_penalised_for_nothing():
    sampler = Sampler(Sampling(temperature=0.001, repetition_penalty=10, repetition_window=100))
    sampler.wrote([2], 50)
    assert sampler.target_tokens([ROW], [2], 50) == [3]


def test_rows_are_left_as_they_were():
    row, sampler = list(ROW), Sampler(Sampling(1.0, repetition_penalty=1.3, repetition_window=4))
    sampler.wrote([2, 3], 0)
    sampler.target_tokens([row], [3], 1)
    assert row == ROW


def test_parameters_may_change_between_turns():
    sampler = Sampler()
    sampler.wrote([2, 2], 0)
    assert sampler.target_tokens([ROW], [2], 1) == [2]
    sampler.sampling = Sampling(repetition_penalty=10, repetition_window=4)
    assert sampler.target_tokens([ROW], [2], 1) == [3]


def test_drafts_of_a_drafter_that_is_the_target_are_all_kept():
    p = filtered(ROW, DRAWING, 0)
    for token in p.tokens:
        for seed in range(50):
            assert say_drawn([p] * 3, [token] * 2, [p] * 2, seed, 3)[:2] == [token] * 2


def test_what_is_drawn_in_place_of_a_draft_may_be_the_draft_and_then_goes_on(numbers):
    """Where p has no more of anything: only roundings make such a pair of p and q."""
    _, given = numbers
    given[ACCEPT] = 0.5
    half = Distribution([7, 8], [0.25, 0.25])
    q, behind = Distribution([7, 8], [0.5, 0.5]), Distribution([9], [1.0])
    assert say_drawn([half, half, behind], [7, 7], [q, q], 0, 3) == [7, 7, 9]
    assert say_drawn([half, half, behind], [7, 8], [q, q], 0, 3) == [7, 7]
    assert say_drawn([half, half, behind], [8, 7], [q, q], 0, 3) == [7]
