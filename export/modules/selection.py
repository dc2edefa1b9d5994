"""Choosing among values as single operations: tokens by their logits, and what the drafter's sparse head needs."""

import torch

from export.modules.layers import HIDDEN

HUGE = 1e30
"""Makes any positive difference of scores at least 1."""


@torch.library.custom_op("slipstream::largest", mutates_args=())
def largest(values: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The k largest of float[N], descending, and where they stand, int32[k]; of equals the first comes first. (Of
    torch.topk, only the indices can be lowered.)"""
    found, places = torch.sort(values, descending=True, stable=True)
    return found[:k].clone(), places[:k].to(torch.int32)


@largest.register_fake
def _(values: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    return values.new_empty(k), values.new_empty(k, dtype=torch.int32)


@torch.library.custom_op("slipstream::zero_if_finite", mutates_args=())
def zero_if_finite(values: torch.Tensor) -> torch.Tensor:
    """Float[1]: 0, or no number if any of float[N] is infinite or none. (The converter takes 0 * x for 0.)"""
    return (values * 0.0).sum(0, keepdim=True)


@zero_if_finite.register_fake
def _(values: torch.Tensor) -> torch.Tensor:
    return values.new_empty(1)


@torch.library.custom_op("slipstream::choices", mutates_args=())
def choices(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each row of float[1, T, V] the greedy choice, the lowest id among equals, int32[T], and its two largest
    logits, descending, float[T, 2]; these are no numbers if the row has no sum, as where any logit is infinite or
    none."""
    values, places = torch.sort(logits[0], descending=True, stable=True)
    return places[:, 0].to(torch.int32), values[:, :2] + logits[0].sum(1, keepdim=True) * 0.0


@choices.register_fake
def _(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    rows = logits.shape[1]
    return logits.new_empty(rows, dtype=torch.int32), logits.new_empty(rows, 2)


@torch.library.custom_op("slipstream::take", mutates_args=())
def take(table: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Rows int32[k] of a table [N, M]: [k, M]."""
    return table.index_select(0, rows)


@take.register_fake
def _(table: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return table.new_empty((rows.shape[0], table.shape[1]))


@torch.library.custom_op("slipstream::cluster_logits", mutates_args=())
def cluster_logits(
    hidden: torch.Tensor, head: torch.Tensor, clusters: torch.Tensor, chosen: torch.Tensor
) -> torch.Tensor:
    """Float[1, k * M]: hidden [1, D] times the rows of head [V, D] of all tokens in the `chosen` int32[k] of the
    clusters int32[C, M].

    A bundle stores the head in the clusters' order, so that a chosen cluster is one stretch of memory: a graph is not
    given `clusters`."""
    tokens = clusters.index_select(0, chosen).reshape(-1)
    return torch.matmul(hidden, head.index_select(0, tokens).T)


@cluster_logits.register_fake
def _(hidden: torch.Tensor, head: torch.Tensor, clusters: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    return hidden.new_empty((1, chosen.shape[0] * clusters.shape[1]))


@torch.library.custom_op("slipstream::spread_logits", mutates_args=())
def spread_logits(logits: torch.Tensor, tokens: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """Float[V]: the logits float[N] of distinct `tokens` int32[N], HIDDEN for all others."""
    return torch.full((vocab_size,), HIDDEN).scatter(0, tokens.long(), logits)


@spread_logits.register_fake
def _(logits: torch.Tensor, tokens: torch.Tensor, vocab_size: int) -> torch.Tensor:
    return logits.new_empty(vocab_size)


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
    below = largest(scores, k)[0][-1:] - scores
    hidden_groups = torch.clamp(torch.relu(below) * HUGE, max=1.0) * HIDDEN
    return spread_mask(hidden_groups.reshape(1, -1), group_of)
