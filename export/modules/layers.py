"""Operations shared by target and drafter, chosen for what the XNNPACK delegate takes.

Norms are mean, rsqrt and multiplications (litert-torch's own composite falls out of the delegate). Queries keep one
layout [1, K, T * G, D] from norm to attention; rotary tables and masks come expanded to it once a graph.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from export.checkpoint.config import RopeConfig

HIDDEN = -1e4
"""Added to attention scores of slots that must not be seen; exp() of it is zero in float."""

NewTensor = Callable[[tuple[int, ...], torch.dtype], torch.Tensor]
NewWeight = Callable[..., nn.Parameter]


def weights_of(new: NewTensor) -> NewWeight:
    """Makes a weight of a given shape, of float32, a tensor from `new(shape, dtype)`."""
    return lambda *shape: nn.Parameter(new(shape, torch.float32), requires_grad=False)


class Weight(nn.Module):
    """A tensor of the checkpoint under its own name: `weight`."""

    def __init__(self, new_weight: NewWeight, *shape: int):
        super().__init__()
        self.weight = new_weight(*shape)


def linear(x: torch.Tensor, layer: Weight) -> torch.Tensor:
    return F.linear(x, layer.weight)


def rms_norm(x: torch.Tensor, layer: Weight | None, eps: float) -> torch.Tensor:
    """x / sqrt(mean(x²) + eps), times the layer's weight if it has one (Gemma4RMSNorm)."""
    normed = x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps)
    return normed if layer is None else normed * layer.weight


def inverse_frequencies(rope: RopeConfig, head_dim: int) -> torch.Tensor:
    """Float[D / 2]; 'proportional' keeps frequencies of the whole head and zeroes those past its rotary share."""
    angles = int(rope.partial_rotary_factor * head_dim // 2)
    exponents = torch.arange(0, 2 * angles, 2, dtype=torch.float) / head_dim
    rotated = 1.0 / (rope.theta**exponents)
    return torch.cat([rotated, torch.zeros(head_dim // 2 - angles)])


class Rotary(nn.Module):
    """Rotary tables of one layer type for a graph's positions."""

    def __init__(self, rope: RopeConfig, head_dim: int):
        super().__init__()
        self.register_buffer("inverse_frequencies", inverse_frequencies(rope, head_dim), persistent=False)

    def forward(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Float[T] positions to (cos, sin), each [1, 1, T, D]; sin carries the sign of the rotated half."""
        angles = positions.reshape(1, 1, -1, 1) * self.inverse_frequencies.reshape(1, 1, 1, -1)
        cos, sin = torch.cos(angles), torch.sin(angles)
        return torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat([x[..., half:], x[..., :half]], -1) * sin


def repeat_rows(x: torch.Tensor, times: int) -> torch.Tensor:
    """[1, 1, T, X] to [1, 1, T * times, X], each row repeated in place."""
    if times == 1:
        return x
    rows, width = x.shape[2], x.shape[3]
    return x.reshape(1, rows, 1, width).expand(1, rows, times, width).reshape(1, 1, rows * times, width)


def hide_before(first_visible: torch.Tensor, slots: torch.Tensor) -> torch.Tensor:
    """Mask [1, 1, T, S] over float[1, 1, 1, S] `slots` that hides those below float[T] `first_visible`; arithmetic
    only, so it stays delegated."""
    return torch.relu(first_visible.reshape(1, 1, -1, 1) - slots) * HIDDEN


def split_heads(x: torch.Tensor, heads: int, kv_heads: int) -> torch.Tensor:
    """[1, T, N * D] to [1, K, T * G, D]; without grouping a plain reshape."""
    tokens, head_dim, group = x.shape[1], x.shape[2] // heads, heads // kv_heads
    if kv_heads == 1:
        return x.reshape(1, 1, tokens * heads, head_dim)
    x = x.reshape(1, tokens, kv_heads, group * head_dim).transpose(1, 2)
    return x.reshape(1, kv_heads, tokens * group, head_dim)


def merge_heads(x: torch.Tensor, heads: int, kv_heads: int) -> torch.Tensor:
    """The inverse of `split_heads`."""
    group, head_dim = heads // kv_heads, x.shape[3]
    tokens = x.shape[2] // group
    if kv_heads > 1:
        x = x.reshape(1, kv_heads, tokens, group * head_dim).transpose(1, 2)
    return x.reshape(1, tokens, heads * head_dim)


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Query [1, K, T * G, D], key [1, K, S, D], value [1, K, D, S], mask [1, 1, T * G, S] to [1, K, T * G, D].

    Scaling is 1: Gemma 4's query norm carries it.
    """
    scores = torch.matmul(query, key.transpose(2, 3)) + mask
    return torch.matmul(torch.softmax(scores, -1), value.transpose(2, 3))


def feed_forward(x: torch.Tensor, mlp: nn.Module) -> torch.Tensor:
    gate = F.gelu(linear(x, mlp.gate_proj), approximate="tanh")
    return linear(gate * linear(x, mlp.up_proj), mlp.down_proj)
