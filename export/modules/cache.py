"""The cache update as one operation, so that it lowers to one DYNAMIC_UPDATE_SLICE.

A graph must write first and read the updated cache: the runtime binds one buffer as both input and output.
"""

import torch


@torch.library.custom_op("slipstream::update_cache", mutates_args=())
def update_cache(cache: torch.Tensor, update: torch.Tensor, start: torch.Tensor, dim: int) -> torch.Tensor:
    """`cache` with `update` written from scalar `start` along `dim`; the start is clamped so that the update fits."""
    size = update.shape[dim]
    first = min(max(int(start), 0), cache.shape[dim] - size)
    out = cache.clone()
    out.narrow(dim, first, size).copy_(update)
    return out


@update_cache.register_fake
def _(cache: torch.Tensor, update: torch.Tensor, start: torch.Tensor, dim: int) -> torch.Tensor:
    return torch.empty_like(cache)
