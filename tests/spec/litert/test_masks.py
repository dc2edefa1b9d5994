"""Masks that are kept up to date are those that would be built anew."""

import random

import numpy as np
import pytest

from runtime_spec.litert.masks import HIDDEN, CausalMask, PrefixMask


def causal(rows, capacity, position):
    """Row i shows slots 0 .. position + i."""
    slots = np.arange(capacity)
    return np.where(slots <= position + np.arange(rows)[:, None], np.float32(0), HIDDEN)


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_a_causal_mask_after_any_moves_is_the_one_built_anew(rows):
    view, draw = np.empty((rows, 24), np.float32), random.Random(rows)
    mask = CausalMask(view)
    for _ in range(500):
        position = draw.randint(0, 24 - rows)
        mask.move_to(position)
        assert (view == causal(rows, 24, position)).all(), position


def test_a_prefix_mask_after_any_lengths_is_the_one_built_anew():
    view, draw = np.empty(24, np.float32), random.Random(1)
    mask = PrefixMask(view)
    assert (view == HIDDEN).all()
    for _ in range(500):
        length = draw.randint(0, 24)
        mask.show(length)
        assert (view[:length] == 0).all() and (view[length:] == HIDDEN).all()
