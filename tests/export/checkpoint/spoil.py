"""Changes to a checkpoint's folder that several tests make."""

import json

import numpy as np

from export.checkpoint.checkpoint import Checkpoint
from tests.checkpoints import PRESETS, write_safetensors

TINY = [name for name in PRESETS if name.startswith("tiny")]


def edit(folder, text=None, **changes):
    path = folder / "config.json"
    values = json.loads(path.read_text()) | changes
    values["text_config"] = values.get("text_config", {}) | (text or {})
    path.write_text(json.dumps(values))


def rewrite(folder, change):
    """Rewrites model.safetensors, zeros and an ordering, with what `change` makes of name → (dtype, shape)."""
    index = Checkpoint.open(folder).tensors
    tensors = {name: (index.info(name).dtype, index.info(name).shape) for name in index.names()}
    change(tensors)

    def zeros(name, shape):
        if name.endswith("token_ordering"):
            yield np.arange(shape[0], dtype="<i8").tobytes()
        else:
            yield bytes(int(np.prod(shape)) * {"BF16": 2, "I64": 8}[tensors[name][0]])

    write_safetensors(folder / "model.safetensors", tensors, zeros)
