"""The target port over graphs of NumPy: chunks, refusals, and what it says of its answers."""

import pytest

from runtime_spec.errors import UsageError
from runtime_spec.litert.rows import ArrayRows
from runtime_spec.sampling.parameters import Sampling
from runtime_spec.sampling.sampler import Sampler
from tests.spec.litert.fakes import VOCAB, target
from tests.spec.reference.oracle import prefill


def sums(tokens):
    """What the fake graphs say after each token: the sum of all before it and itself."""
    return [sum(tokens[: i + 1]) % VOCAB for i in range(len(tokens))]


@pytest.mark.parametrize("capacity", [16, 17, 19, 20, 24, 31, 32, 33, 40])
def test_every_prompt_that_fits_is_prefilled_without_touching_other_slots(capacity):
    for before in (0, 1, 7, capacity - 2):
        for count in range(1, capacity - before + 1):
            port, cache = target(capacity)
            given = [3 + i % 5 for i in range(before + count)]
            if before:
                prefill(port, given[:before], 0)
            token, hidden = prefill(port, given[before:], before)
            assert cache.slots[: before + count].tolist() == given
            assert token == sums(given)[-1] and hidden[0] == sum(given)
            assert all(position + width <= capacity for position, width in cache.passes)


def test_a_long_prompt_takes_the_longest_chunks_and_scores_its_last_token():
    port, cache = target(64)
    prefill(port, [1] * 42, 0)
    assert cache.passes == [(0, 16), (16, 16), (32, 16), (41, 1)]


def test_a_few_tokens_more_than_a_pass_holds_take_no_longer_one():
    port, cache = target(64, prefills=(1, 8, 32))
    prefill(port, [1] * 10, 0)
    assert cache.passes == [(0, 8), (8, 1), (9, 1)]


def test_near_the_end_chunks_become_shorter_and_then_verify_passes():
    port, cache = target(21)
    prefill(port, [1] * 21, 0)
    assert cache.passes == [(0, 16), (16, 3), (19, 1), (20, 1)]


@pytest.mark.parametrize(("position", "width"), [(16, 5), (18, 3), (20, 1), (-1, 1), (10**9, 1)])
def test_a_pass_past_the_capacity_is_refused_and_leaves_the_cache(position, width):
    port, cache = target(20)
    prefill(port, [2] * 18, 0)
    before = cache.slots.copy()
    with pytest.raises(UsageError) as raised:
        port.verify([5], position, width)
    assert all(text in str(raised.value) for text in (f"position {position}", f"width {width}", "capacity of 20"))
    assert (cache.slots == before).all()


@pytest.mark.parametrize(("tokens", "position", "width"), [([], 0, 1), ([1, 2], 0, 1), ([1] * 4, 0, 3), ([1], 0, 2)])
def test_too_many_tokens_none_and_a_width_without_a_graph_are_refused(tokens, position, width):
    port, cache = target(20)
    with pytest.raises(UsageError, match="width"):
        port.verify(tokens, position, width)
    assert cache.passes == []


@pytest.mark.parametrize(("count", "position"), [(0, 0), (21, 0), (2, 19), (1, 20), (1, -1)])
def test_a_prefill_that_does_not_fit_is_refused_before_its_first_pass(count, position):
    port, cache = target(20)
    with pytest.raises(UsageError, match="capacity of 20"):
        prefill(port, [1] * count, position)
    assert cache.passes == []


def test_verify_answers_once_a_token_though_the_pass_is_wider():
    port, _ = target(20)
    prefill(port, [4, 5], 0)
    tokens, hiddens = port.verify([6, 7], 2, 5)
    assert tokens == [15, 22] and [hidden[0] for hidden in hiddens] == [15, 22]
    assert port.logits().shape == (2, VOCAB) and port.margins() == [1.0, 1.0]


def test_rejected_rows_are_hidden_from_later_passes():
    port, _ = target(20)
    prefill(port, [1, 1], 0)
    port.verify([2, 9, 9, 9, 9], 2, 5)
    port.rollback(3)
    assert port.verify([3], 3, 1)[0] == [1 + 1 + 2 + 3]


def sampled(port, sampling):
    sampler = Sampler(sampling, ArrayRows())
    return port.asking(sampler), sampler


def test_sessions_of_one_target_do_not_share_what_they_choose():
    port, _ = target(20)
    drawing, _ = sampled(port, Sampling(temperature=50.0, seed=1))
    other, _ = sampled(port, Sampling(temperature=50.0, seed=2))
    said = {one: prefill(one, [4, 5], 0)[0] for one in (port, drawing, other)}
    assert said[port] == 9 and said[drawing] != said[other]
    assert prefill(port, [4, 5], 0)[0] == 9


def test_a_sampled_pass_ends_behind_the_first_token_that_is_not_the_draft():
    port, _ = target(20)
    # As cold as this, the target says the sum; the second draft is none.
    view, _ = sampled(port, Sampling(temperature=0.01))
    prefill(view, [4, 5], 0)
    tokens, hiddens = view.verify([6, 15, 7, 8], 2, 5)
    assert tokens == [15, 30] and [hidden[0] for hidden in hiddens] == [15, 30]
    assert view.logits().shape == (4, VOCAB) and view.margins() == [1.0, 1.0]


def test_a_penalty_sees_the_whole_prompt_fills_included():
    prompt = [33] + [4] * 16 + [0] * 9  # the sum says 33 again
    port, cache = target(64)
    for window, is_said in ((25, True), (26, False)):
        view, _ = sampled(port, Sampling(0.05, repetition_penalty=100, repetition_window=window))
        assert (prefill(view, prompt, 0)[0] == 33) == is_said
    assert (0, 16) in cache.passes, "a fill"
