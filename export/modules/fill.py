"""Parameter names of the traced modules to tensor names of the checkpoint, and modules filled with real weights."""

import torch
from torch import nn

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.names import tensor_name


def fill(module: nn.Module, checkpoint: Checkpoint) -> nn.Module:
    """Loads every parameter of a traced module as float32."""
    for name, parameter in module.named_parameters():
        values = torch.from_numpy(checkpoint.tensors.read(tensor_name(checkpoint, name)))
        parameter.data = values.reshape(parameter.shape)
    return module.eval()


def empty_weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape), requires_grad=False)
