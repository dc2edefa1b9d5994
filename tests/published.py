"""The shapes that Google publishes, as configs and as folders whose weights are holes: for plans, which read no weight.

Made from what is public of each (sizes, not files); folders take a tokenizer of the right size and no disk.
"""

import json
import os
from pathlib import Path

import numpy as np

from export.checkpoint.config import parse_drafter, parse_target
from export.checkpoint.families import DRAFTER_TYPES, FULL, SLIDING, TARGET_PREFIXES
from export.checkpoint.quantization import parse_quantization
from export.checkpoint.tensors import expected_tensors
from tests.checkpoints import CHAT_TEMPLATE, tokenizer

VOCABULARY = 262_144
_COMMON = {"vocab_size": VOCABULARY, "head_dim": 256, "global_head_dim": 512}
_LARGE = _COMMON | {
    "sliding_window": 1024, "max_position_embeddings": 262_144, "attention_k_eq_v": True, "num_kv_shared_layers": 0,
}  # fmt: skip
_SMALL = _COMMON | {
    "sliding_window": 512, "max_position_embeddings": 131_072, "num_attention_heads": 8,
    "hidden_size_per_layer_input": 256, "vocab_size_per_layer_input": VOCABULARY,
}  # fmt: skip
_DRAFTER_LAYERS = {"layer_types": [SLIDING] * 3 + [FULL], "num_hidden_layers": 4, "num_kv_shared_layers": 4}


def _layers(sliding: int, periods: int) -> dict:
    types = ([SLIDING] * sliding + [FULL]) * periods
    return {"layer_types": types, "num_hidden_layers": len(types)}


def _target(family: str, text: dict, **layers: int) -> dict:
    text = text | _layers(**layers) | {"model_type": f"{family}_text", "final_logit_softcapping": 30.0}
    return {"model_type": family, "text_config": text, "tie_word_embeddings": True}


def _drafter(family: str, backbone: int, text: dict, **head: object) -> dict:
    text = _COMMON | {"hidden_size_per_layer_input": 0} | _DRAFTER_LAYERS | text | {"model_type": f"{family}_text"}
    return {"model_type": f"{family}_assistant", "backbone_hidden_size": backbone, "text_config": text, **head}


_SMALL_DRAFTER = {
    "hidden_size": 256, "intermediate_size": 2048, "num_attention_heads": 4, "sliding_window": 512,
    "max_position_embeddings": 131_072,
}  # fmt: skip
_SPARSE = {"use_ordered_embeddings": True, "num_centroids": 2048, "centroid_intermediate_top_k": 32}
CONFIGS = {
    "E2B": _target(
        "gemma4",
        _SMALL
        | {
            "hidden_size": 1536, "intermediate_size": 6144, "num_key_value_heads": 1, "num_kv_shared_layers": 20,
            "use_double_wide_mlp": True,
        },
        sliding=4,
        periods=7,
    ),
    "E2B-assistant": _drafter("gemma4", 1536, _SMALL_DRAFTER | {"num_key_value_heads": 1}, **_SPARSE),
    "E4B": _target(
        "gemma4",
        _SMALL
        | {"hidden_size": 2560, "intermediate_size": 10_240, "num_key_value_heads": 2, "num_kv_shared_layers": 18},
        sliding=5,
        periods=7,
    ),
    "E4B-assistant": _drafter("gemma4", 2560, _SMALL_DRAFTER | {"num_key_value_heads": 2}, **_SPARSE),
    "12B": _target(
        "gemma4_unified",
        _LARGE
        | {
            "hidden_size": 3840, "intermediate_size": 15_360, "num_attention_heads": 16, "num_key_value_heads": 8,
            "num_global_key_value_heads": 1,
        },
        sliding=5,
        periods=8,
    ),
    "12B-assistant": _drafter(
        "gemma4_unified",
        3840,
        _LARGE
        | _DRAFTER_LAYERS
        | {
            "hidden_size": 1024, "intermediate_size": 8192, "num_attention_heads": 16, "num_key_value_heads": 8,
            "num_global_key_value_heads": 1,
        },
    ),
    "31B": _target(
        "gemma4",
        _LARGE
        | {
            "hidden_size": 5376, "intermediate_size": 21_504, "num_attention_heads": 32, "num_key_value_heads": 16,
            "num_global_key_value_heads": 4, "hidden_size_per_layer_input": 0,
        },
        sliding=5,
        periods=10,
    ),
    "26B-A4B": _target(
        "gemma4",
        _LARGE
        | {
            "hidden_size": 2816, "intermediate_size": 2112, "num_attention_heads": 16, "num_key_value_heads": 8,
            "num_global_key_value_heads": 2, "hidden_size_per_layer_input": 0, "enable_moe_block": True,
            "num_experts": 128, "top_k_experts": 8, "moe_intermediate_size": 704,
        },
        sliding=5,
        periods=5,
    ),
}  # fmt: skip
QAT_BITS = {
    "quant_method": "gemma",
    "num_bits": 4,
    "quantize_embeddings": True,
    "module_quant_configs": {
        "^lm_head$": {"num_bits": 2},
        r"audio_tower(?!.*lconv1d\.linear_start)": {"num_bits": 2},
        r"language_model\.embed_tokens$": {"num_bits": 2},
        r"language_model\.embed_tokens_per_layer$": {"num_bits": 4},
        r"language_model\.layers\.(\d|1[0-4])\.mlp\.": {"num_bits": 4},
        r"language_model\.layers\.\d+\.mlp\.": {"num_bits": 2},
        r"language_model\.layers\.\d+\.per_layer_input_gate$": {"num_bits": 8},
        r"language_model\.layers\.\d+\.per_layer_projection$": {"num_bits": 8},
        r"language_model\.layers\.\d+\.self_attn\.": {"num_bits": 4},
        "vision_tower": {"num_bits": 8},
    },
    "modules_to_not_convert": [
        "relative_k_proj",
        "model.embed_audio",
        "model.embed_vision",
        "per_layer_model_projection",
    ],
}
"""How the E2B's quantisation-aware training stores its modules."""
UNIFIED_TOWERS = {
    "model.vision_embedder.patch_dense.weight": ("BF16", (3840, 6912)),
    "model.vision_embedder.pos_embedding": ("BF16", (1120, 2, 3840)),
    "model.embed_vision.embedding_projection.weight": ("BF16", (3840, 3840)),
    "model.embed_audio.embedding_projection.weight": ("BF16", (3840, 640)),
}
"""Of what the 12B has beside text, by the names of its checkpoint."""


def write_holes(name: str, folder: Path) -> Path:
    """A folder of that shape: config, tokenizer, template, and one tensor file that is a header and a hole."""
    config = CONFIGS[name]
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    is_drafter = config["model_type"] in DRAFTER_TYPES
    prefix = "model." if is_drafter else TARGET_PREFIXES[config["model_type"]]
    dense = config | {"text_config": config["text_config"] | {"enable_moe_block": False}}
    parsed = (parse_drafter if is_drafter else parse_target)(dense, folder)
    tensors = {
        tensor: ("I64" if tensor.endswith("token_ordering") else "BF16", shape)
        for tensor, shape in expected_tensors(parsed, prefix).items()
    }
    if config["model_type"] == "gemma4_unified":
        tensors |= UNIFIED_TOWERS
    write_hole(folder / "model.safetensors", tensors)
    if not is_drafter:
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer(VOCABULARY)), encoding="utf-8")
        (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
        names = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"}
        (folder / "tokenizer_config.json").write_text(json.dumps(names), encoding="utf-8")
    return folder


def write_qat_holes(name: str, folder: Path) -> Path:
    """The same as quantisation-aware training leaves it: codes that are holes, and scales of one."""
    write_holes(name, folder)
    config = CONFIGS[name] | {"tie_word_embeddings": False, "quantization_config": QAT_BITS}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    prefix, parsed = TARGET_PREFIXES[config["model_type"]], parse_target(config, folder)
    quantization, tensors = parse_quantization(QAT_BITS, folder, ()), {}
    for weight, shape in expected_tensors(parsed, prefix).items():
        module, is_table = weight.removesuffix(".weight"), "embed_tokens" in weight
        bits = quantization.bits(module, is_table) if len(shape) > 1 else None
        if bits is None:
            tensors[weight] = ("BF16", shape)
            continue
        leaves = ("embedding_quantized", "embedding_scale") if is_table else ("weight", "weight_scale")
        packed = ("I8", shape) if bits == 8 else ("U8", (shape[0], shape[1] * bits // 8))
        groups = parsed.num_layers if "per_layer" in module and is_table else 1
        tensors |= {f"{module}.{leaves[0]}": packed, f"{module}.{leaves[1]}": ("F32", (shape[0], groups))}
        if not is_table:
            tensors |= {f"{module}.{side}put_activation_scale": ("F32", ()) for side in ("in", "out")}
    write_hole(folder / "model.safetensors", tensors)
    return folder


def write_hole(path: Path, tensors: dict[str, tuple[str, tuple[int, ...]]]) -> None:
    """One file from name → (dtype, shape): zeros that take no disk, but for orderings, and for scales of one."""
    header, end, filled = {}, 0, []
    for name, (dtype, shape) in tensors.items():
        begin, end = end, end + int(np.prod(shape)) * {"U8": 1, "I8": 1, "BF16": 2, "F32": 4, "I64": 8}[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
        if name.endswith("token_ordering"):
            filled.append((begin, np.arange(shape[0], dtype="<i8")))
        elif name.endswith("_scale"):
            filled.append((begin, np.ones(shape, "<f4")))
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for begin, values in filled:
            file.seek(8 + len(text) + begin)
            file.write(values.tobytes())
        os.truncate(file.fileno(), 8 + len(text) + end)
