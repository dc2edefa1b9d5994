"""The greedy choice in NumPy is sampling/argmax.py's, its errors too."""

import random
import time

import numpy as np
import pytest

from runtime_spec.errors import RuntimeLibraryError
from runtime_spec.litert.logits import best_tokens, margins
from runtime_spec.sampling.argmax import argmax, margin


def test_choices_and_margins_are_the_references():
    draw = random.Random(3)
    for _ in range(300):
        rows = np.array([[draw.randint(-3, 3) for _ in range(9)] for _ in range(4)], np.float32)
        assert best_tokens(rows, 5) == [argmax(row.tolist(), 5 + i) for i, row in enumerate(rows)]
        assert margins(rows) == [margin(row.tolist()) for row in rows]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("token", [0, 4, 8])
def test_any_logit_that_is_no_number_is_the_references_error(wrong, token):
    rows = np.arange(27, dtype=np.float32).reshape(3, 9)
    rows[1, token] = wrong
    with pytest.raises(RuntimeLibraryError) as raised:
        best_tokens(rows, 40)
    with pytest.raises(RuntimeLibraryError) as reference:
        argmax(rows[1].tolist(), 41)
    assert str(raised.value) == str(reference.value) and "slot 41" in str(raised.value)


def test_the_look_at_every_logit_costs_little_beside_a_pass():
    """Five rows of Gemma's vocabulary: 5 MB to read once more. The best of many, since machines are shared."""
    rows = np.random.default_rng(0).standard_normal((5, 262_144), np.float32)
    best = []
    for _ in range(20):
        begin = time.perf_counter()
        best_tokens(rows, 0)
        best.append(time.perf_counter() - begin)
    assert min(best) < 0.02
