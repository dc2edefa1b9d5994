"""Choosing among few values as single operations: what the drafter's sparse head needs."""

import torch


@torch.library.custom_op("slipstream::kth_largest", mutates_args=())
def kth_largest(values: torch.Tensor, k: int) -> torch.Tensor:
    """Float[1]: the k-th largest of float[N]. (Of torch.topk, only the indices can be lowered.)"""
    return torch.topk(values, k).values[-1:].clone()


@kth_largest.register_fake
def _(values: torch.Tensor, k: int) -> torch.Tensor:
    return values.new_empty(1)


@torch.library.custom_op("slipstream::take", mutates_args=())
def take(values: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Float[M]: values[indices] of float[N] at int32[M], none of them negative. (Torch's own lowers to GATHER_ND, which
    takes three times as long here.)"""
    return values[indices.long()].clone()


@take.register_fake
def _(values: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    return values.new_empty(indices.shape)
