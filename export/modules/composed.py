"""Modules that are compositions of pieces, and a piece of one as a module of its own."""

from collections.abc import Callable

import torch
from torch import nn

from export.modules.pieces import Composition, Piece

Tensors = dict[str, torch.Tensor]


class Composed(nn.Module):
    """A module whose `forward` is a composition over `run`. A piece is a method of the module's: keyword tensors in, a
    dict of tensors out, of which none is an input; one of a layer takes the layer's index first."""

    def run(self, piece: Piece, values: Tensors) -> Tensors:
        """The outputs of a piece."""
        method = getattr(self, piece.name)
        return method(**values) if piece.layer is None else method(piece.layer, **values)

    def modules_of(self, piece: Piece) -> list[str]:
        """Names of the submodules that a piece uses."""
        raise NotImplementedError


class PieceModule(nn.Module):
    """A piece of `model` with the parameters that it uses and no others, under their names."""

    def __init__(self, model: Composed, piece: Piece):
        super().__init__()
        for name in model.modules_of(piece):
            *path, last = name.split(".")
            parent = self
            for step in path:
                if not hasattr(parent, step):
                    parent.add_module(step, nn.Module())
                parent = getattr(parent, step)
            parent.add_module(last, model.get_submodule(name))
        self._run: Callable[[Tensors], Tensors] = lambda values: model.run(piece, values)

    def forward(self, **values: torch.Tensor) -> Tensors:
        return self._run(values)


def piece_inputs(
    model: Composed, inputs: Tensors, composition: Composition
) -> dict[Piece, dict[str, tuple[torch.Size, torch.dtype]]]:
    """Of each piece that has to be lowered, the shapes and types of what it is given. Runs each once, which costs
    nothing where all tensors are on the meta device."""
    found, outputs = {}, {}

    def run(piece: Piece, values: Tensors) -> Tensors:
        piece = composition.lowered_as(piece)
        if piece not in found:
            found[piece] = {name: (value.shape, value.dtype) for name, value in values.items()}
            outputs[piece] = model.run(piece, values)
        return outputs[piece]

    composition.compose(run, inputs)
    return found
