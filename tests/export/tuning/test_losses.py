"""A drafter's loss, where a mistake would not show: it would only train worse."""

import torch

from export.tuning.losses import round_starts


def test_rounds_begin_behind_what_was_accepted():
    """A round that accepts n drafts emits n + 1 tokens."""
    lengths = torch.tensor([[0, 2, 4, 4, 1, 0, 0], [4, 0, 0, 0, 0, 4, 0]])
    expected = [[1, 1, 0, 0, 1, 0, 1], [1, 0, 0, 0, 0, 1, 0]]
    assert round_starts(lengths).tolist() == expected
    expected = [[0, 0, 1, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1, 0]]
    assert round_starts(lengths, [2, 1]).tolist() == expected
