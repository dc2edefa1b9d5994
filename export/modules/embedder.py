"""The embedding look-ups: one token in, its scaled row out."""

import math

import torch
from torch.nn import functional as F

from export.modules.composed import Composed
from export.modules.layers import NewWeight, Weight
from export.modules.pieces import Piece, compose_look_up


class Embedder(Composed):
    """token_ids int32[1, 1] to embeddings, float[shape]: the row of table `name` times `scale`.

    The scale stays an operation after the look-up, so the stored table is the head's, byte for byte.
    """

    def __init__(self, name: str, rows: int, shape: tuple[int, ...], scale: float, new_weight: NewWeight):
        super().__init__()
        self.name, self.shape, self.scale = name, shape, scale
        self.add_module(name, Weight(new_weight, rows, math.prod(shape)))

    def forward(self, token_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        return compose_look_up(self.run, {"token_ids": token_ids})

    def modules_of(self, piece: Piece) -> list[str]:
        return [self.name]

    def look_up(self, token_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        row = F.embedding(token_ids, self.get_submodule(self.name).weight)
        return {"embeddings": row.reshape(self.shape) * self.scale}


class BlockScaledEmbedder(Embedder):
    """The same over a table of codes with one scale a layer: shape is [1, 1, L, P], and a second table `NAME.scale`
    holds L scales a row. LiteRT knows scales of blocks in float16 only; a product after the look-up keeps all bits."""

    def __init__(self, name: str, rows: int, shape: tuple[int, ...], scale: float, new_weight: NewWeight):
        super().__init__(name, rows, shape, scale, new_weight)
        self.get_submodule(name).register_parameter("scale", new_weight(rows, shape[2]))

    def look_up(self, token_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        table = self.get_submodule(self.name)
        codes = F.embedding(token_ids, table.weight).reshape(self.shape)
        scales = F.embedding(token_ids, table.scale).reshape(1, 1, self.shape[2], 1)
        return {"embeddings": codes * scales * self.scale}
