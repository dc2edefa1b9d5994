"""The module that a job traces, and a piece of it lowered. Imported where graphs are lowered only: it imports torch."""

from pathlib import Path

import numpy as np
import torch

from export.graphs.jobs import GraphJob
from export.graphs.lower import lower, placeholder
from export.modules.composed import Composed, PieceModule, Tensors, piece_inputs
from export.modules.drafter import Drafter
from export.modules.drafts import Drafts
from export.modules.embedder import BlockScaledEmbedder, Embedder
from export.modules.layers import NewTensor, weights_of
from export.modules.pieces import Piece
from export.modules.reads import Reads
from export.modules.target import Target, cache_inputs, target_inputs
from export.plan import Width

EMBEDDER_ROWS = 64


def lower_traced(job: GraphJob, piece: Piece, width: Width, out: Path) -> None:
    """Lowers one piece of the job's graph at sizes `width`."""
    with torch.device("meta"):
        shapes = piece_inputs(*traced(job, width, _shape_only), job.composition())[piece]
    module, _ = traced(job, width, placeholder)
    inputs = {name: placeholder(shape, dtype) for name, (shape, dtype) in shapes.items()}
    lower(piece.name, PieceModule(module, piece), inputs, out)


def traced(job: GraphJob, width: Width, new: NewTensor) -> tuple[Composed, Tensors]:
    """The module whose graph the job is and example inputs of it, with every tensor made by `new(shape, dtype)`."""
    return MODULES[job.kind](job, width, new)


def _target(job: GraphJob, width: Width, new: NewTensor) -> tuple[Composed, Tensors]:
    module = Target(job.config, width.capacity, job.kind == "verify", weights_of(new), _reads(job, width))
    return module, target_inputs(job.config, width.capacity, width.tokens, new)


def _drafter(job: GraphJob, width: Width, new: NewTensor) -> tuple[Composed, Tensors]:
    return Drafter(*_of_drafter(job, width, new), vocab_size=job.config.vocab_size), {
        "activations": new((1, 1, 2 * job.drafter.backbone_hidden_size), torch.float32),
        **_draft_inputs(job, width, new),
    }


def _drafts(job: GraphJob, width: Width, new: NewTensor) -> tuple[Composed, Tensors]:
    return Drafts(*_of_drafter(job, width, new), vocab_size=job.config.vocab_size, count=job.steps), {
        "token_ids": new((1, 1), torch.int32),
        "activations": new((1, 1, job.drafter.backbone_hidden_size), torch.float32),
        **_draft_inputs(job, width, new),
    }


def _of_drafter(job: GraphJob, width: Width, new: NewTensor) -> tuple:
    """The arguments of either drafting module."""
    ordering = torch.tensor(np.frombuffer(job.token_ordering, np.int64))
    return job.drafter, job.sources(), width.capacity, ordering, weights_of(new), _reads(job, width)


def _draft_inputs(job: GraphJob, width: Width, new: NewTensor) -> Tensors:
    """What both drafting modules are given."""
    found = {
        "input_pos": new((1,), torch.int32),
        "mask": new((1, 1, 1, width.capacity), torch.float32),
    }
    for layer in job.sources().values():
        found |= cache_inputs(job.config, width.capacity, layer, new)
    return found


def _embedder(job: GraphJob, width: Width, new: NewTensor) -> tuple[Composed, Tensors]:
    config = job.config
    if job.kind == "embedder":
        name, shape, scale = "embed_tokens", (1, 1, config.hidden_size), config.hidden_size**0.5
    else:
        shape, scale = (1, 1, config.num_layers, config.per_layer_size), config.per_layer_size**0.5
        name = "embed_tokens_per_layer"
    kind = BlockScaledEmbedder if job.scales > 1 else Embedder
    return kind(name, EMBEDDER_ROWS, shape, scale, weights_of(new)), {"token_ids": new((1, 1), torch.int32)}


MODULES = {
    "verify": _target,
    "prefill": _target,
    "drafter": _drafter,
    "drafts": _drafts,
    "embedder": _embedder,
    "per_layer_embedder": _embedder,
}


def _shape_only(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def _reads(job: GraphJob, width: Width) -> Reads:
    return Reads(width.slots if job.windowed else None, job.prefixed)
