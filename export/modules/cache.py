"""Cache access as single operations, so that each lowers to one operation of LiteRT.

A graph must write first and read the updated cache: the runtime binds one buffer as both input and output.
"""

import torch

from export.checkpoint.config import SLIDING
from export.modules.reads import PREFIX_STEP


@torch.library.custom_op("slipstream::update_cache", mutates_args=())
def update_cache(cache: torch.Tensor, update: torch.Tensor, start: torch.Tensor, dim: int) -> torch.Tensor:
    """`cache` with `update` written from scalar `start` along `dim`; the start is clamped so that the update fits."""
    size = update.shape[dim]
    out = cache.clone()
    out.narrow(dim, _clamped(start, cache.shape[dim] - size), size).copy_(update)
    return out


@update_cache.register_fake
def _(cache: torch.Tensor, update: torch.Tensor, start: torch.Tensor, dim: int) -> torch.Tensor:
    return torch.empty_like(cache)


@torch.library.custom_op("slipstream::read_window", mutates_args=())
def read_window(source: torch.Tensor, begin: torch.Tensor, size: int, dim: int) -> torch.Tensor:
    """`size` slots of `source` from scalar `begin` along `dim`; the begin is clamped so that they fit."""
    return source.narrow(dim, _clamped(begin, source.shape[dim] - size), size).clone()


@read_window.register_fake
def _(source: torch.Tensor, begin: torch.Tensor, size: int, dim: int) -> torch.Tensor:
    shape = list(source.shape)
    shape[dim] = size
    return source.new_empty(shape)


@torch.library.custom_op("slipstream::prefix_length", mutates_args=())
def prefix_length(newest: torch.Tensor, capacity: int) -> torch.Tensor:
    """Slots in use up to int32 scalar `newest`, in whole steps of PREFIX_STEP."""
    return torch.clamp((newest // PREFIX_STEP + 1) * PREFIX_STEP, max=capacity)


@prefix_length.register_fake
def _(newest: torch.Tensor, capacity: int) -> torch.Tensor:
    return torch.empty_like(newest)


@torch.library.custom_op("slipstream::read_prefix", mutates_args=())
def read_prefix(source: torch.Tensor, count: torch.Tensor, dim: int) -> torch.Tensor:
    """The first scalar `count` slots of `source` along `dim`. Only in LiteRT is the result shorter than the source:
    here it keeps its shape, since traced shapes are fixed and what lies behind `count` is masked anyway."""
    return source.clone()


@read_prefix.register_fake
def _(source: torch.Tensor, count: torch.Tensor, dim: int) -> torch.Tensor:
    return torch.empty_like(source)


def _clamped(start: torch.Tensor, last: int) -> int:
    return min(max(int(start), 0), last)


def window_begin(first: torch.Tensor) -> torch.Tensor:
    """Where the slots begin that the sliding layers of one graph can see, from int32 scalar `first`, which may be
    negative."""
    return torch.clamp(first, min=0)


def read_part(kind: str, source: torch.Tensor, slots: torch.Tensor, size: int, dim: int) -> torch.Tensor:
    """What layers of type `kind` read of a cache: of sliding ones `size` slots from scalar `slots` on, of full ones the
    first `slots`, whose number varies. Attention then costs the window or the text so far, not the context."""
    return read_window(source, slots, size, dim) if kind == SLIDING else read_prefix(source, slots, dim)
