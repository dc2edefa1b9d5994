"""How large a model is, by which evidence is cut short: it is gathered at a few tokens a second where it is large."""

import math

from export.checkpoint.checkpoint import Checkpoint


def num_parameters(checkpoint: Checkpoint) -> int:
    """Of the whole checkpoint, towers included."""
    tensors = checkpoint.tensors
    return sum(math.prod(tensors.info(name).shape) for name in tensors.names())
