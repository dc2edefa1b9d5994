"""Choosing among few values as single operations: what the drafter's sparse head needs."""

import torch

from export.modules.layers import HIDDEN

HUGE = 1e30
"""Makes any positive difference of scores at least 1."""


@torch.library.custom_op("slipstream::kth_largest", mutates_args=())
def kth_largest(values: torch.Tensor, k: int) -> torch.Tensor:
    """Float[1]: the k-th largest of float[N]. (Of torch.topk, only the indices can be lowered.)"""
    return torch.topk(values, k).values[-1:].clone()


@kth_largest.register_fake
def _(values: torch.Tensor, k: int) -> torch.Tensor:
    return values.new_empty(1)


@torch.library.custom_op("slipstream::spread_mask", mutates_args=())
def spread_mask(mask: torch.Tensor, group_of: torch.Tensor) -> torch.Tensor:
    """Float[1, M]: of each member the value of its group, float[1, N] at int32[M].

    The mask may hold 0 and one other value only: where the table is small this is a product with int8 weights, which
    is exact for those and takes half of a gather's time."""
    return mask[:, group_of.long()].clone()


@spread_mask.register_fake
def _(mask: torch.Tensor, group_of: torch.Tensor) -> torch.Tensor:
    return mask.new_empty((1, group_of.shape[0]))


def hide_unchosen(scores: torch.Tensor, k: int, group_of: torch.Tensor) -> torch.Tensor:
    """Mask [1, M] that hides members of groups whose score, of float[N], is not among the k largest."""
    below = kth_largest(scores, k) - scores
    hidden_groups = torch.clamp(torch.relu(below) * HUGE, max=1.0) * HIDDEN
    return spread_mask(hidden_groups.reshape(1, -1), group_of)
