"""The greedy choice in the graph against the host's, over rows with ties, extremes and logits that are no numbers."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter

from export.graphs import choices, lower
from export.graphs.choices import group_size
from export.graphs.flatbuffer import load, pack
from export.graphs.merge import merge
from export.graphs.tidy import tidy
from export.modules import selection

SEARCHED, GROUPED = 300, 262_144
ROWS = 3


class Choices(torch.nn.Module):
    def forward(self, logits):
        tokens, largest = selection.choices(logits)
        return {"target_tokens": tokens, "largest_logits": largest}


def graph(vocab, path):
    """A call of the lowered graph: logits [1, ROWS, vocab] to tokens and the two largest logits of each row."""
    lower.lower("choices", Choices(), {"logits": torch.zeros(1, ROWS, vocab)}, path)
    path.write_bytes(pack(merge([("choices", tidy(load(path)))])))
    runner = Interpreter(model_path=str(path), num_threads=1).get_signature_runner("choices")

    def call(logits):
        found = runner(logits=logits[None])
        return found["target_tokens"], found["largest_logits"]

    return call


@pytest.fixture(scope="module", params=[SEARCHED, GROUPED])
def vocab(request):
    return request.param


@pytest.fixture(scope="module")
def call(vocab, tmp_path_factory):
    return graph(vocab, tmp_path_factory.mktemp("graph") / "choices.tflite")


def expected(logits):
    return logits.argmax(-1), np.sort(logits, -1)[:, :-3:-1]


def rows(vocab, seed):
    return np.random.default_rng(seed).standard_normal((ROWS, vocab)).astype(np.float32)


def check(call, logits):
    for found, right in zip(call(logits), expected(logits), strict=True):
        np.testing.assert_array_equal(found, right)


def test_it_is_the_largest_wherever_it_stands(call, vocab):
    edges = [0, 1, 31, 32, 511, 512, 513, vocab // 2 - 1, vocab // 2, vocab - 2, vocab - 1]
    for seed, places in enumerate(pairwise(edge for edge in edges if edge < vocab)):
        logits = rows(vocab, seed)
        for row, place in enumerate([*places, places[0]]):
            logits[row, place] = 9.0
        check(call, logits)


def test_of_equals_it_is_the_lowest_id(call, vocab):
    for places in ([5, 6], [vocab - 1, 7], [vocab // 2, vocab - 1], [511 % vocab, 512 % vocab, 2]):
        logits = rows(vocab, 0)
        logits[:, places] = 9.0
        assert call(logits)[0].tolist() == [min(places)] * ROWS
        check(call, logits)


def test_rows_of_one_value_and_of_the_smallest_there_are(call, vocab):
    for value in (0.0, -0.0, -1e4, -1e33, 1e33):
        check(call, np.full((ROWS, vocab), value, np.float32))
    signs = np.where(np.arange(vocab) % 2, 0.0, -0.0).astype(np.float32)
    check(call, np.tile(signs, (ROWS, 1)))


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_row_with_one_that_is_no_number_tells_none_and_the_others_theirs(broken, call, vocab):
    for place in (0, vocab // 3, vocab - 1):
        logits = rows(vocab, place)
        logits[1, place] = broken
        tokens, largest = call(logits)
        right_tokens, right_largest = expected(logits[[0, 2]])
        assert np.isnan(largest[1]).all() and tokens[[0, 2]].tolist() == right_tokens.tolist()
        np.testing.assert_array_equal(largest[[0, 2]], right_largest)


def test_the_module_says_what_the_graph_does(call, vocab):
    logits = rows(vocab, 3)
    logits[0, [3, 8]], logits[2, 1] = 9.0, np.inf
    tokens, largest = (values.numpy() for values in selection.choices(torch.from_numpy(logits[None])))
    found_tokens, found_largest = call(logits)
    assert found_tokens[:2].tolist() == tokens[:2].tolist()
    np.testing.assert_array_equal(found_largest, largest)


def test_groups_are_about_as_many_as_they_are_large():
    assert group_size(GROUPED) == 512 and group_size(3 << 16) == 384
    assert group_size(SEARCHED) is None and group_size(16_411) is None, "a prime alike"


def test_a_second_group_that_is_not_searched_is_seen(tmp_path, monkeypatch):
    """Planted: the first group twice, which hides that another has the second largest logit."""
    logits, topk = rows(GROUPED, 1), choices._Operations.topk
    logits[:, 0], logits[:, GROUPED // 2] = 9.0, 8.0
    check(graph(GROUPED, tmp_path / "right.tflite"), logits)

    def first_twice(self, source, count, out=None):
        values, places = topk(self, source, count, out)
        if self.editor.tensor(source).shape[-1] == 512:
            places = self.integer("MUL", [places, self.editor.integers([[1, 0]])], [count, 2], "Mul")
        return values, places

    monkeypatch.setattr(choices._Operations, "topk", first_twice)
    with pytest.raises(AssertionError):
        check(graph(GROUPED, tmp_path / "wrong.tflite"), logits)
