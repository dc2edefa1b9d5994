"""The drafter port over graphs of NumPy: what it is told, where it ends, what it costs to ask; step by step, and in one
call."""

import numpy as np
import pytest

from runtime_spec.errors import RuntimeLibraryError, UsageError
from runtime_spec.litert.drafter import LiteRtDrafter
from runtime_spec.litert.embeddings import Embeddings
from runtime_spec.litert.rows import ArrayRows
from runtime_spec.sampling.parameters import GREEDY, Sampling
from runtime_spec.sampling.sampler import Sampler
from tests.spec.litert.fakes import HIDDEN_SIZE, VOCAB, Call, embedder

LARGEST = 8.0
"""The logit of the token that comes next in the fake graph; the others' are 0."""


def graph():
    """Says the token after the one it is given; its projected hidden is that token."""

    def run(call):
        token = call.inputs["activations"][0, 0, 0]
        call.outputs["logits"][...] = LARGEST * np.eye(VOCAB)[int(token + 1) % VOCAB]
        call.outputs["projected_activations"][...] = token

    inputs = {
        "activations": ((1, 1, 2 * HIDDEN_SIZE), np.float32),
        "input_pos": (1, np.int32),
        "mask": ((1, 1, 1, 32), np.float32),
    }
    outputs = {
        "logits": ((1, 1, VOCAB), np.float32),
        "projected_activations": ((1, 1, HIDDEN_SIZE), np.float32),
    }
    return Call(inputs, outputs, run)


def port():
    call = graph()
    return LiteRtDrafter(call, Embeddings(embedder(), None, VOCAB)), call


def draft(drafter, count, bonus_token=5):
    return drafter.draft([1, 2, 3], bonus_token, np.zeros(HIDDEN_SIZE), 3, count)


def test_greedy_drafts_follow_the_graph_at_one_position():
    drafter, call = port()
    assert draft(drafter, 4) == [6, 7, 8, 9] and call.runs == 4 and call.inputs["input_pos"][0] == 2
    assert drafter.source == "drafter"


def test_it_is_asked_after_each_draft_but_the_last_whether_to_go_on():
    asked = []
    drafter, _ = port()
    view = drafter.asking(
        Sampler(GREEDY, ArrayRows()),
        lambda drafted, confidence, made: asked.append((drafted, confidence, made)) or True,
    )
    assert draft(view, 3) == [6, 7, 8]
    confidence = 1 / (1 + 7 * np.exp(-LARGEST))
    assert [(drafted, made) for drafted, _, made in asked] == [(1, 1), (2, 2)]
    assert [found for _, found, _ in asked] == pytest.approx([confidence] * 2, rel=1e-12)
    assert draft(view, 1) == [6] and len(asked) == 2


def test_it_ends_where_the_answer_is_no():
    drafter, call = port()
    view = drafter.asking(Sampler(GREEDY, ArrayRows()), lambda drafted, confidence, made: drafted < 2)
    assert draft(view, 5) == [6, 7] and call.runs == 2
    assert len(draft(drafter, 5)) == 5, "the port it was made from is as it was"


def test_confidence_is_computed_only_where_somebody_asks(monkeypatch):
    asked = []
    sampler = Sampler(GREEDY, ArrayRows())
    monkeypatch.setattr(ArrayRows, "filtered", lambda *given: asked.append(given))
    draft(port()[0].asking(sampler), 4)
    assert asked == []


def test_drawn_drafts_are_the_samplers_and_kept_with_it():
    sampler = Sampler(Sampling(temperature=4.0, seed=3), ArrayRows())
    drafter, _ = port()
    view = drafter.asking(sampler)
    found = [draft(view, 4) for _ in range(2)]
    assert found[0] == found[1] != [6, 7, 8, 9], "numbers depend on the slot alone"
    assert list(sampler._drawn) == [4, 5, 6, 7] and [token for token, _ in sampler._drawn.values()] == found[0]
    sampler.sampling = Sampling(temperature=4.0, seed=4)
    assert draft(view, 4) != found[0]


def several(count, step, spoiled=None):
    """The same graph, `count` steps in one call, over the inputs that all share; the logits of draft `spoiled` are no
    numbers."""

    def run(call):
        first = call.inputs["token_ids"].item() + 1
        call.outputs["draft_tokens"][...] = np.arange(first, first + count) % VOCAB
        call.outputs["largest_logits"][...] = LARGEST * np.eye(8)[0]
        if spoiled is not None:
            call.outputs["largest_logits"][spoiled] = np.nan

    inputs = {"token_ids": ((1, 1), np.int32), "activations": ((1, 1, HIDDEN_SIZE), np.float32)}
    call = Call(inputs, {"draft_tokens": (count, np.int32), "largest_logits": ((count, 8), np.float32)}, run)
    call.inputs |= {name: step.inputs[name] for name in ("input_pos", "mask")}
    return call


def port_of_calls(*counts, spoiled=None):
    """A port over such graphs, the call of a single step, and theirs by number."""
    step = graph()
    calls = {count: several(count, step, spoiled) for count in counts}
    return LiteRtDrafter(step, Embeddings(embedder(), None, VOCAB), calls), step, calls


@pytest.mark.parametrize(("count", "used"), [(1, 2), (2, 2), (3, 4), (4, 4)])
def test_greedy_drafts_are_one_call_of_the_shortest_graph_that_has_so_many(count, used):
    drafter, step, calls = port_of_calls(4, 2)
    assert draft(drafter, count) == draft(port()[0], count)
    assert step.runs == 0 and {number: call.runs for number, call in calls.items()} == {2: 0, 4: 0} | {used: 1}
    assert calls[used].inputs["input_pos"][0] == 2 and (calls[used].inputs["mask"] == 0).sum() == 3


def test_more_drafts_than_any_graph_has_are_made_step_by_step():
    drafter, step, calls = port_of_calls(2)
    assert draft(drafter, 3) == [6, 7, 8] and step.runs == 3 and calls[2].runs == 0


@pytest.mark.parametrize("patience", [1, 2, 9])
def test_in_one_call_it_is_asked_the_same_and_ends_where_the_answer_is_no(patience):
    def drafted(drafter):
        asked, made = [], []

        def goes_on(count, confidence, number):
            asked.append((count, confidence))
            made.append(number)
            return count < patience

        return draft(drafter.asking(Sampler(GREEDY, ArrayRows()), goes_on), 3), asked, made

    (*at_once, made), (*one_by_one, _) = drafted(port_of_calls(4)[0]), drafted(port()[0])
    # Of the four that the call makes three are wanted.
    assert at_once == one_by_one and made == [3] * min(patience, 2)


def test_drawn_drafts_are_made_step_by_step():
    drafter, step, calls = port_of_calls(4)
    sampler = Sampler(Sampling(temperature=4.0, seed=3), ArrayRows())
    assert draft(drafter.asking(sampler), 4) == draft(port()[0].asking(sampler), 4)
    assert step.runs == 4 and calls[4].runs == 0
    sampler.sampling = Sampling(temperature=4.0, seed=3, drafts="greedy")
    assert draft(drafter.asking(sampler), 4) == [6, 7, 8, 9] and calls[4].runs == 1 and sampler._drawn == {}


def test_a_logit_that_is_no_number_is_an_error_where_its_draft_is_reached():
    drafter, _, _ = port_of_calls(4, spoiled=2)
    assert draft(drafter, 2) == [6, 7]
    with pytest.raises(RuntimeLibraryError, match="no finite number") as caught:
        draft(drafter, 3)
    assert caught.value.where == "the logits after cache slot 5" and caught.value.found == "nan for token 8"
    view = drafter.asking(Sampler(GREEDY, ArrayRows()), lambda drafted, confidence, made: drafted < 2)
    assert draft(view, 4) == [6, 7]


def test_a_token_that_the_table_has_not_is_refused_before_the_call():
    drafter, _, calls = port_of_calls(4)
    with pytest.raises(UsageError, match="outside the vocabulary"):
        draft(drafter, 4, bonus_token=VOCAB)
    assert calls[4].runs == 0
