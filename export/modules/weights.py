"""Parameter names of the traced modules to tensor names of the checkpoint, and modules filled with real weights."""

import torch
from torch import nn

from export.checkpoint import Checkpoint

TIED_HEAD = "head.weight"


def tensor_name(checkpoint: Checkpoint, parameter: str) -> str:
    """The checkpoint tensor behind a traced parameter; `head.weight` is the embedding table unless untied."""
    if parameter == TIED_HEAD:
        return f"{checkpoint.prefix}embed_tokens.weight" if checkpoint.text.tie_word_embeddings else "lm_head.weight"
    outside_decoder = parameter.startswith(("pre_projection.", "post_projection.", "masked_embedding."))
    return parameter if outside_decoder else checkpoint.prefix + parameter


def fill(module: nn.Module, checkpoint: Checkpoint) -> nn.Module:
    """Loads every parameter of a traced module as float32."""
    for name, parameter in module.named_parameters():
        values = torch.from_numpy(checkpoint.tensors.read(tensor_name(checkpoint, name)))
        parameter.data = values.reshape(parameter.shape)
    return module.eval()


def empty_weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape), requires_grad=False)
