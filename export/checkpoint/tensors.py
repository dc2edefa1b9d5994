"""Which tensors a model is made of, and whether a checkpoint holds them. Used by checkpoint.py."""

import re
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint.config import DrafterConfig, TextConfig
from export.checkpoint.safetensors import FLOATS, RemoteTensorFile, TensorIndex, as_float32
from export.errors import CheckpointError

TOWERS = ("vision_tower", "vision_embedder", "audio_tower", "embed_vision", "embed_audio", "multi_modal_projector")
# Key and value tensors that a KV-shared layer doesn't use, but published checkpoints carry.
SHARED_KV = re.compile(r"layers\.(\d+)\.self_attn\.(k_proj|v_proj|k_norm|v_norm)\.weight(_scale)?")

COMPARED_BYTES = 16 << 20


@dataclass(frozen=True)
class SkippedTower:
    """A part of the checkpoint that is no text: how many tensors and bytes of it stay behind."""

    name: str
    count: int
    nbytes: int


def expected_tensors(config: TextConfig | DrafterConfig, prefix: str) -> dict[str, tuple[int, ...]]:
    """Name → shape of every tensor the modules read; `prefix` is that of the decoder (`model.` for a drafter)."""
    if isinstance(config, TextConfig):
        return _text_tensors(config, prefix)
    tensors = _text_tensors(config.text, prefix)
    hidden, backbone = config.text.hidden_size, config.backbone_hidden_size
    tensors |= {"pre_projection.weight": (hidden, 2 * backbone), "post_projection.weight": (backbone, hidden)}
    if config.use_ordered_embeddings:
        tensors["masked_embedding.centroids.weight"] = (config.num_centroids, hidden)
        tensors["masked_embedding.token_ordering"] = (config.text.vocab_size,)
    return tensors


def _text_tensors(config: TextConfig, prefix: str) -> dict[str, tuple[int, ...]]:
    hidden, per_layer = config.hidden_size, config.per_layer_size
    tensors = {"embed_tokens.weight": (config.vocab_size, hidden), "norm.weight": (hidden,)}
    if per_layer:
        packed = config.num_layers * per_layer
        tensors["embed_tokens_per_layer.weight"] = (config.vocab_size_per_layer_input, packed)
        tensors["per_layer_model_projection.weight"] = (packed, hidden)
        tensors["per_layer_projection_norm.weight"] = (per_layer,)
    for layer in range(config.num_layers):
        tensors |= {f"layers.{layer}.{name}": shape for name, shape in _layer_tensors(config, layer).items()}
    named = {prefix + name: shape for name, shape in tensors.items()}
    return named if config.tie_word_embeddings else named | {"lm_head.weight": (config.vocab_size, hidden)}


def _layer_tensors(config: TextConfig, layer: int) -> dict[str, tuple[int, ...]]:
    hidden, wide, head = config.hidden_size, config.intermediate_sizes[layer], config.head_dims[layer]
    queries, keys = config.num_heads * head, config.kv_heads[layer] * head
    norms = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")
    tensors = {f"{norm}.weight": (hidden,) for norm in norms} | {
        "layer_scalar": (1,),
        "self_attn.q_proj.weight": (queries, hidden),
        "self_attn.q_norm.weight": (head,),
        "self_attn.o_proj.weight": (hidden, queries),
        "mlp.gate_proj.weight": (wide, hidden),
        "mlp.up_proj.weight": (wide, hidden),
        "mlp.down_proj.weight": (hidden, wide),
    }
    if layer < config.first_shared_layer:
        tensors |= {"self_attn.k_proj.weight": (keys, hidden), "self_attn.k_norm.weight": (head,)}
        if not config.key_is_value(layer):
            tensors["self_attn.v_proj.weight"] = (keys, hidden)
    if config.per_layer_size:
        tensors["per_layer_input_gate.weight"] = (config.per_layer_size, hidden)
        tensors["per_layer_projection.weight"] = (hidden, config.per_layer_size)
        tensors["post_per_layer_input_norm.weight"] = (hidden,)
    return tensors


def check_tensors(tensors: TensorIndex, config: TextConfig | DrafterConfig, prefix: str, folder: Path) -> None:
    """Raises CheckpointError when a tensor is missing, misshapen, or of the decoder's but unknown."""
    expected = expected_tensors(config, prefix)
    missing = [name for name in expected if name not in tensors]
    if missing:
        hint = " (tie_word_embeddings is false, so the head needs its own)" if "lm_head.weight" in missing else ""
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise _error(
            f"Tensor is missing: {missing[0]}", f"{len(expected)} tensors{hint}", f"no {missing[0]}{more}", folder
        )
    for name, shape in expected.items():
        info = tensors.info(name)
        dtypes = ("I64", "I32") if name.endswith("token_ordering") else ("BF16", "F32", "F16")
        if info.shape != shape or info.dtype not in dtypes:
            wanted, found = f"{' or '.join(dtypes)} {list(shape)}", f"{info.dtype} {list(info.shape)}"
            where = tensors.file_of(name).path
            raise _error(f"Tensor has another shape or dtype: {name}", f"{wanted}, as config.json says", found, where)
    text = config.text if isinstance(config, DrafterConfig) else config
    for name in tensors.names():
        if name.startswith(prefix) and name not in expected and not _may_be_ignored(name.removeprefix(prefix), text):
            where = tensors.file_of(name).path
            raise _error(f"Tensor is unknown: {name}", "the tensors of a Gemma 4 decoder only", name, where)


def check_ordering(tensors: TensorIndex) -> None:
    """Raises CheckpointError unless the drafter's token_ordering names every token once, as its clusters need."""
    import numpy as np

    name = "masked_embedding.token_ordering"
    values = np.sort(tensors.read(name))
    wrong = np.flatnonzero(values != np.arange(len(values)))
    if len(wrong):
        where, expected = tensors.file_of(name).path, f"each token from 0 to {len(values) - 1} once"
        found = f"token {values[wrong[0]]} where {wrong[0]} should follow"
        raise _error(f"Tensor is no ordering of the tokens: {name}", expected, found, where)


def same_values(tensors: TensorIndex, one: str, other: str) -> bool:
    """Whether two tensors are equal, read in blocks of rows and no further than their first difference; of one that is
    on the hub still, no further than the first block."""
    infos = [tensors.info(name) for name in (one, other)]
    if infos[0].shape != infos[1].shape or not all(info.dtype in FLOATS for info in infos):
        return False
    rows = infos[0].shape[0]
    step = max(1, COMPARED_BYTES // infos[0].row_bytes)
    if any(isinstance(tensors.file_of(name), RemoteTensorFile) for name in (one, other)):
        rows = min(rows, step)  # all of them are compared once they are here
    for begin in range(0, rows, step):
        blocks = [tensors.rows(name, begin, min(begin + step, rows)) for name in (one, other)]
        if infos[0].dtype == infos[1].dtype and blocks[0] == blocks[1]:
            continue
        values = [as_float32(block, info.dtype) for block, info in zip(blocks, infos, strict=True)]
        if (values[0] != values[1]).any():
            return False
    return True


def is_unused_kv(name: str, text: TextConfig) -> bool:
    """Whether `name`, without the decoder's prefix, is a key or value tensor that a KV-shared layer doesn't use."""
    shared = SHARED_KV.fullmatch(name)
    return bool(shared) and int(shared[1]) >= text.first_shared_layer


def _may_be_ignored(name: str, text: TextConfig) -> bool:
    return name.split(".")[0] in TOWERS or is_unused_kv(name, text) or name.endswith("inv_freq")


def skipped_towers(tensors: TensorIndex) -> tuple[SkippedTower, ...]:
    skipped = []
    for tower in TOWERS:
        sizes = [tensors.info(name).nbytes for name in tensors.names() if tower in name.split(".")]
        if sizes:
            skipped.append(SkippedTower(tower, len(sizes), sum(sizes)))
    return tuple(skipped)


def _error(title: str, expected: str, found: str, where: Path) -> CheckpointError:
    action = "Use a complete Gemma 4 checkpoint in Hugging Face format (E2B, E4B, 12B, 31B, a fine-tune, an assistant)."
    return CheckpointError(title, expected=expected, found=found, where=str(where), action=action)
