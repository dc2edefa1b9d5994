"""Sources made of others: rows in another order, and one model's weights beside another's."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from export.choices.recipe import Storage
from export.weights.plan import Weight
from export.weights.sources import Joined, Reordered
from export.weights.stream import _WeightWriter

ROWS, ORDER = 6, np.array([3, 0, 5, 1, 4, 2])


class Source:
    """Row i of every weight is i, as floats and as codes of two bytes; scales are 10 i."""

    def __init__(self, key):
        self._key = key

    def key(self, name):
        return f"{self._key}:{name}"

    def shape(self, name):
        return ROWS, 2

    def rows(self, name, begin, end):
        return torch.arange(begin, end, dtype=torch.float).reshape(-1, 1).expand(-1, 2)

    def codes(self, name):
        return self._key

    def code_rows(self, name, begin, end):
        return memoryview(np.arange(begin, end, dtype=np.uint8).repeat(2).tobytes())

    def scales(self, name):
        return 10.0 * np.arange(ROWS, dtype=np.float32)[:, None]


@pytest.mark.parametrize("step", [1, 4, ROWS])
def test_rows_and_codes_and_scales_come_in_the_order_that_is_wanted(step):
    source = Reordered(Source("a"), "head", ORDER)
    for _ in range(2):
        ranges = [(begin, min(begin + step, ROWS)) for begin in range(0, ROWS, step)]
        assert torch.cat([source.rows("head", *part) for part in ranges])[:, 1].tolist() == ORDER.tolist()
        assert (
            b"".join(source.code_rows("head", *part) for part in ranges) == ORDER.astype(np.uint8).repeat(2).tobytes()
        )
    assert source.scales("head")[:, 0].tolist() == (10.0 * ORDER).tolist()


def test_other_weights_stay_as_they_are_and_are_no_others_tensor():
    source, plain = Reordered(Source("a"), "head", ORDER), Source("a")
    assert source.rows("norm", 2, 4).tolist() == plain.rows("norm", 2, 4).tolist()
    assert source.code_rows("norm", 2, 4) == plain.code_rows("norm", 2, 4)
    assert source.scales("norm").tolist() == plain.scales("norm").tolist()
    assert source.key("norm") == plain.key("norm") and source.key("head") != plain.key("head")
    assert (source.shape("head"), source.codes("head")) == ((ROWS, 2), "a")


def test_a_joined_weight_is_the_other_models_under_another_name():
    joined = Joined(Source("drafter"), "table", Source("target"), "embed_tokens")
    assert joined.key("table") == "target:embed_tokens" and joined.key("norm") == "drafter:norm"
    assert (joined.codes("table"), joined.codes("norm")) == ("target", "drafter")
    assert joined.shape("table") == (ROWS, 2) and joined.rows("table", 1, 3)[:, 0].tolist() == [1, 2]
    assert bytes(joined.code_rows("table", 1, 2)) == b"\1\1" and joined.scales("table")[2, 0] == 20


def test_scales_that_are_values_follow_the_rows_that_they_are_of():
    rows = torch.tensor([[1.0, -2.0], [0.5, 0.25], [127.0, 3.0]])
    source = SimpleNamespace(codes=lambda name: None, rows=lambda name, begin, end: rows[begin:end])
    weight = Weight("head", (3, 2), Storage(8), None, None, np.zeros(3, np.float32))
    scales = Weight("head.scales", (3,), Storage(32), None, None, scales_of=weight)
    stream = io.BytesIO()
    writer = _WeightWriter(stream)
    writer.write(weight, source, 0, [weight])
    assert writer.write(scales, source, 64, [scales]) == 64 + 12
    written = np.frombuffer(stream.getvalue()[64:], np.float32)
    assert written.tolist() == weight.scales.tolist() == (np.float32([2, 0.5, 127]) / np.float32(127)).tolist()
