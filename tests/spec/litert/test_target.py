"""The target port over graphs of NumPy: chunks, refusals, what it says of its answers, and where it reads logits."""

import numpy as np
import pytest

from runtime_spec.errors import BundleError, RuntimeLibraryError, UsageError
from runtime_spec.litert.rows import ArrayRows
from runtime_spec.litert.target import Pass
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


class Counted(Pass):
    """A pass that counts how often anybody asks for its logits."""

    reads = 0

    @property
    def logits(self):
        self.reads += 1
        return self._rows

    @logits.setter
    def logits(self, rows):
        self._rows = rows


def choosing(capacity=64):
    """A port whose graphs choose, and a count of how often logits were read."""
    port, _ = target(capacity, chooses=True, kind=Counted)
    return port, lambda: sum(one.reads for one in port._scoring.values())


def wrong(port, change):
    """From now on `change` is done to the outputs of every pass that scores."""
    for one in port._scoring.values():
        run = one._call.run
        one._call.run = lambda call=one._call, run=run: (run(), change(call.outputs))


def test_where_the_graph_chooses_greedy_passes_read_no_logits():
    port, reads = choosing()
    plain, _ = target(64)
    for one in (port, plain):
        assert prefill(one, [4, 5], 0)[0] == 9
        tokens, hiddens = one.verify([6, 7], 2, 5)
        assert tokens == [15, 22] and [hidden[0] for hidden in hiddens] == [15, 22] and one.margins() == [1.0, 1.0]
    assert reads() == 0
    assert port.logits().shape == (2, VOCAB) and reads() == 1
    wrong(port, lambda outputs: outputs["logits"].fill(np.nan))
    assert port.verify([6, 7], 2, 5)[0] == [15, 22] and reads() == 1


@pytest.mark.parametrize(
    "sampling", [Sampling(0.5), Sampling(repetition_penalty=2, repetition_window=8), Sampling(0.5, drafts="greedy")]
)
def test_who_samples_or_penalises_reads_them_and_says_the_same_as_over_graphs_that_do_not_choose(sampling):
    (port, reads), (plain, _) = choosing(), target(64)
    view, other = sampled(port, sampling)[0], sampled(plain, sampling)[0]
    wrong(port, lambda outputs: outputs["target_tokens"].fill(1))
    for one in (view, other):
        prefill(one, [4, 5], 0)
    assert view.verify([6, 15], 2, 3)[0] == other.verify([6, 15], 2, 3)[0] and reads() == 2


def test_what_was_drawn_for_another_round_is_forgotten_where_the_graph_chooses():
    port, _ = choosing()
    view, sampler = sampled(port, Sampling(4.0))
    sampler.begin_drafts(5, 2)
    sampler.draft_token(np.zeros(VOCAB, np.float32))
    sampler.sampling = Sampling()
    view.verify([5], 2, 1)
    assert sampler._drawn == {}


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_where_it_tells_no_number_the_row_says_which_logit_is_none(broken):
    port, reads = choosing()

    def spoil(outputs):
        outputs["logits"][0, 1, 7] = broken
        outputs["largest_logits"][1] = np.nan

    wrong(port, spoil)
    assert port.verify([6], 0, 3)[0] == [6] and reads() == 0
    with pytest.raises(RuntimeLibraryError, match=f"{broken} for token 7") as caught:
        port.verify([6, 7], 0, 3)
    assert caught.value.where == "the logits after cache slot 1" and reads() == 1


def test_a_row_without_a_sum_is_looked_through_though_all_are_numbers():
    port, reads = choosing()
    wrong(port, lambda outputs: (outputs["largest_logits"].fill(np.nan), outputs["target_tokens"].fill(1)))
    assert port.verify([6, 7], 0, 3)[0] == [6, 13] and port.margins() == [1.0, 1.0] and reads() == 2


CONTRADICTIONS = {
    "another token": lambda outputs: outputs["target_tokens"].__setitem__(1, 3),
    "a larger first logit": lambda outputs: outputs["largest_logits"].__setitem__((1, 0), 1.5),
    "a smaller second logit": lambda outputs: outputs["largest_logits"].__setitem__((1, 1), -0.5),
}


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_for_traces_a_choice_that_is_not_that_of_the_logits_is_an_error(kind):
    port, reads = choosing()
    traced = port.comparing()
    assert traced.verify([6, 7], 0, 3)[0] == [6, 13] and reads() == 1
    wrong(port, CONTRADICTIONS[kind])
    with pytest.raises(BundleError, match="not that of its logits") as caught:
        traced.verify([6, 7], 0, 3)
    assert caught.value.where == "signature verify_3, after cache slot 1"
    assert port.verify([6, 7], 0, 3)[0][0] == 6, "nobody else compares"
