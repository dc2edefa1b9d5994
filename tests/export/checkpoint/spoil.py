"""Changes to a checkpoint's folder that several tests make."""

import json

import numpy as np
import torch
from safetensors.torch import load_file, save_file

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


ADDED = ("<one>", "<two>", "<three>")


def grow(folder, per_layer=True):
    """Adds three tokens to a target, as `add_tokens` and `resize_token_embeddings` do; to its per-layer table too,
    which the latter leaves out, where `per_layer`."""
    opened = Checkpoint.open(folder)
    size = opened.config.vocab_size
    grown = ["embed_tokens.weight", *(["embed_tokens_per_layer.weight"] if per_layer else [])]
    tensors = load_file(folder / "model.safetensors")
    for name in grown:
        table = tensors[opened.prefix + name]
        tensors[opened.prefix + name] = torch.cat([table, table[: len(ADDED)]])
    save_file(tensors, folder / "model.safetensors")
    sizes = {"vocab_size": size + len(ADDED), "vocab_size_per_layer_input": size + len(ADDED) * per_layer}
    path = folder / "config.json"
    values = json.loads(path.read_text())
    values.get("text_config", values).update(sizes)
    path.write_text(json.dumps(values))
    path = folder / "tokenizer.json"
    values = json.loads(path.read_text())
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    values["added_tokens"] += [{"id": size + i, "content": text, **plain} for i, text in enumerate(ADDED)]
    path.write_text(json.dumps(values))
