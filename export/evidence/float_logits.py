"""What the float target says, at any size: one pass over a text with the weights of one layer in memory at a time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.names import TIED_HEAD, tensor_name
from export.files import replacing
from export.modules.fill import empty_weight
from export.modules.layers import HIDDEN
from export.modules.pieces import Piece
from export.modules.target import Target
from export.weights.stream import TORCH_TYPES

HEAD_ROWS = 16384


def write_float_logits(target: Checkpoint, tokens: Sequence[int], out: Path) -> None:
    """Saves float32[T, V], the logits after each of `tokens`, as .npy. Raises OutputError."""
    logits = float_logits(target, tokens).numpy()
    with replacing(out) as partial, partial.open("wb") as file:
        np.save(file, logits)


@torch.no_grad()
def float_logits(target: Checkpoint, tokens: Sequence[int]) -> torch.Tensor:
    """Float[T, V]: the logits after each of `tokens`."""
    config, count = target.config, len(tokens)
    size = config.hidden_size
    embedded = _rows(target, f"{target.prefix}embed_tokens.weight", tokens).reshape(1, count, size) * size**0.5
    per_layer = None
    if config.per_layer_size:
        rows = _rows(target, f"{target.prefix}embed_tokens_per_layer.weight", tokens) * config.per_layer_size**0.5
        per_layer = rows.reshape(1, count, config.num_layers, config.per_layer_size)
    mask = torch.full((count, count), HIDDEN).triu(1)[None, None]
    caches = {}
    for i in config.kv_layers:
        heads, head = config.kv_heads[i], config.head_dims[i]
        caches[f"kv_cache_k_{i}"] = torch.zeros(1, heads, count, head)
        caches[f"kv_cache_v_{i}"] = torch.zeros(1, heads, head, count)
    positions = torch.arange(count, dtype=torch.int32)
    return _StreamedTarget(target, count)(embedded, positions, mask, per_layer, **caches)["logits"][0]


class _StreamedTarget(Target):
    """The target whose layers are read when their turn comes and dropped after it, and whose head is read in blocks."""

    def __init__(self, target: Checkpoint, capacity: int):
        super().__init__(target.config, capacity, True, empty_weight)
        self._target = target
        for name, parameter in self.named_parameters():
            if not name.startswith(("head.", "layers.")):
                _load(parameter, name, target)

    def run(self, piece: Piece, values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if piece.layer is None:
            return super().run(piece, values)
        layer = self.layers[piece.layer]
        for name, parameter in layer.named_parameters():
            _load(parameter, f"layers.{piece.layer}.{name}", self._target)
        found = super().run(piece, values)
        for parameter in layer.parameters():
            parameter.data = torch.empty(0)
        return found

    def _head(self, hidden: torch.Tensor) -> torch.Tensor:
        name = tensor_name(self._target, TIED_HEAD)
        starts = range(0, self.config.vocab_size, HEAD_ROWS)
        ends = (min(start + HEAD_ROWS, self.config.vocab_size) for start in starts)
        blocks = (_block(self._target, name, *bounds) for bounds in zip(starts, ends, strict=True))
        return torch.cat([torch.matmul(hidden, block.T) for block in blocks], -1)


def _load(parameter: nn.Parameter, name: str, target: Checkpoint) -> None:
    parameter.data = torch.from_numpy(target.tensors.read(tensor_name(target, name))).reshape(parameter.shape)


def _rows(target: Checkpoint, name: str, tokens: Sequence[int]) -> torch.Tensor:
    """The table's rows for `tokens`, read one by one."""
    return torch.cat([_block(target, name, token, token + 1) for token in tokens])


def _block(target: Checkpoint, name: str, begin: int, end: int) -> torch.Tensor:
    info = target.tensors.info(name)
    raw = target.tensors.rows(name, begin, end)
    return torch.frombuffer(raw, dtype=TORCH_TYPES[info.dtype]).reshape(end - begin, -1).float()
