"""The drafter port over a graph of NumPy: what it is told, where it ends, what it costs to ask."""

import numpy as np
import pytest

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
        Sampler(GREEDY, ArrayRows()), lambda drafted, confidence: asked.append((drafted, confidence)) or True
    )
    assert draft(view, 3) == [6, 7, 8]
    confidence = 1 / (1 + 7 * np.exp(-LARGEST))
    assert [drafted for drafted, _ in asked] == [1, 2]
    assert [found for _, found in asked] == pytest.approx([confidence] * 2, rel=1e-12)
    assert draft(view, 1) == [6] and len(asked) == 2


def test_it_ends_where_the_answer_is_no():
    drafter, call = port()
    view = drafter.asking(Sampler(GREEDY, ArrayRows()), lambda drafted, confidence: drafted < 2)
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
