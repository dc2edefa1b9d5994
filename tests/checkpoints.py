"""Random checkpoints in Hugging Face format, by shape: `python -m tests.checkpoints PRESET OUT`.

Writes OUT/target and OUT/drafter in bf16, tensor by tensor: memory stays at a few blocks whatever the size. Weights are
normal with deviation 1/sqrt(fan-in), norms 1, query norms 1.5/sqrt(head_dim) (attention's own scale is 1), so that
activations neither fade nor explode and greedy text does not loop at once.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from export.checkpoint.config import FULL, SLIDING, DrafterConfig, TextConfig, parse_drafter, parse_target
from export.checkpoint.tensors import expected_tensors

Buffer = bytes | memoryview
# Values of the random block that tensors are cut from, of a small and of a large model. Odd and no multiple of 3, so
# that no two rows of a table are the same stretch.
SMALL_BLOCK, LARGE_BLOCK = (1 << 18) + 9, (1 << 23) + 9
SPECIAL_TOKENS = ["<pad>", "<eos>", "<bos>", "<unk>", "<|turn>", "<turn|>"]
PAD, EOS, BOS, _, _, TURN_END = range(6)
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' }}"
    "{{ message['content'] | trim + '<turn|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|turn>model\\n' }}{% endif %}"
)
BYTE_PIECES = range(len(SPECIAL_TOKENS), len(SPECIAL_TOKENS) + 256)
# Merged in this order: enough for text to be more than bytes.
MERGES = [
    "th", "he", "in", "er", "an", "re", "on", "at", "en", "nd", "the", "ing", "and", "ou", "it", "is", "or", "ti",
    "es", "ar", "te", "se", "de", "al", "to", "of", "▁t", "▁a", "▁s", "▁th", "▁the",
]  # fmt: skip


@dataclass(frozen=True)
class Preset:
    """Shapes of a pair: keys of the target's and the drafter's text_config, and of the drafter itself."""

    target: dict
    drafter: dict
    head: dict
    shards: int = 1
    shared: dict = field(default_factory=dict)
    family: str = "gemma4"


def _tiny(pattern: list[str], target: dict, head: dict, shards: int = 1, family: str = "gemma4", **shared) -> Preset:
    shared = {
        "vocab_size": 1024, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 32, "global_head_dim": 64,
        "sliding_window": 16, "max_position_embeddings": 1024,
    } | shared  # fmt: skip
    target = {"hidden_size": 128, "intermediate_size": 192, "layer_types": pattern} | target
    drafter = {"hidden_size": 64, "intermediate_size": 128, "layer_types": [SLIDING, SLIDING, FULL]}
    return Preset(target, drafter, head, shards, shared, family)


E2B_SHARED = {
    "vocab_size": 262_144, "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256, "global_head_dim": 512,
    "sliding_window": 512, "max_position_embeddings": 131_072,
}  # fmt: skip
SPARSE = {"use_ordered_embeddings": True}
PRESETS = {
    # E2B's features: one KV head, sharing, double-wide MLP, per-layer embeddings, sparse head.
    "tiny_e2b": _tiny(
        [SLIDING, SLIDING, FULL] * 3,
        {"num_kv_shared_layers": 3, "use_double_wide_mlp": True, "hidden_size_per_layer_input": 16},
        SPARSE | {"num_centroids": 32, "centroid_intermediate_top_k": 8},
    ),
    # E4B's: two KV heads, five sliding layers to a full one, no double-wide MLP, a drafter that scores every token.
    "tiny_e4b": _tiny(
        ([SLIDING] * 5 + [FULL]) * 2,
        {"num_kv_shared_layers": 5, "hidden_size_per_layer_input": 32, "hidden_size": 96},
        {},
        shards=2,
        num_key_value_heads=2,
        sliding_window=24,
    ),
    # None of the extras: no per-layer embeddings, every layer owns its cache.
    "tiny_plain": _tiny([SLIDING, FULL] * 3, {"hidden_size_per_layer_input": 0}, {}, sliding_window=8),
    # Full layers whose keys are their values, with KV heads of their own number.
    "tiny_k_eq_v": _tiny(
        [SLIDING, SLIDING, FULL] * 2,
        {"hidden_size_per_layer_input": 0},
        {},
        attention_k_eq_v=True,
        num_key_value_heads=4,
        num_global_key_value_heads=2,
    ),
    # E2B's vocabulary, all 262,144 of it, on layers that cost nothing.
    "vocabulary": _tiny(
        [SLIDING, SLIDING, FULL] * 2,
        {"num_kv_shared_layers": 3, "hidden_size_per_layer_input": 16},
        SPARSE | {"num_centroids": 2048, "centroid_intermediate_top_k": 32},
        vocab_size=262_144,
    ),
    # The 12B's: encoder-free, its full layers have one KV head and keys that are values.
    "tiny_unified": _tiny(
        [SLIDING] * 5 + [FULL],
        {},
        {},
        family="gemma4_unified",
        attention_k_eq_v=True,
        num_key_value_heads=2,
        num_global_key_value_heads=1,
    ),
    # E2B at a twentieth of its size; half of the parameters are per-layer embeddings, as there.
    "middle": Preset(
        {
            "hidden_size": 768, "intermediate_size": 1536, "layer_types": ([SLIDING] * 4 + [FULL]) * 3,
            "num_kv_shared_layers": 8, "use_double_wide_mlp": True, "hidden_size_per_layer_input": 256,
        },
        {"hidden_size": 128, "intermediate_size": 512, "layer_types": [SLIDING] * 3 + [FULL]},
        SPARSE | {"num_centroids": 512, "centroid_intermediate_top_k": 16},
        shards=2,
        shared=E2B_SHARED | {"vocab_size": 32_768, "num_attention_heads": 4, "head_dim": 128, "global_head_dim": 256},
    ),
    "e2b": Preset(
        {
            "hidden_size": 1536, "intermediate_size": 6144, "layer_types": ([SLIDING] * 4 + [FULL]) * 7,
            "num_kv_shared_layers": 20, "use_double_wide_mlp": True, "hidden_size_per_layer_input": 256,
        },
        {
            "hidden_size": 256, "intermediate_size": 2048, "layer_types": [SLIDING] * 3 + [FULL],
            "num_attention_heads": 4,
        },
        SPARSE | {"num_centroids": 2048, "centroid_intermediate_top_k": 32},
        shards=4,
        shared=E2B_SHARED,
    ),
    "e4b": Preset(
        {
            "hidden_size": 2560, "intermediate_size": 10_240, "layer_types": ([SLIDING] * 5 + [FULL]) * 7,
            "num_kv_shared_layers": 18, "hidden_size_per_layer_input": 256,
        },
        {
            "hidden_size": 256, "intermediate_size": 2048, "layer_types": [SLIDING] * 3 + [FULL],
            "num_attention_heads": 4,
        },
        SPARSE | {"num_centroids": 2048, "centroid_intermediate_top_k": 32},
        shards=6,
        shared=E2B_SHARED | {"num_key_value_heads": 2},
    ),
}  # fmt: skip


def write_pair(preset: str, out: Path, seed: int = 0) -> tuple[Path, Path]:
    """Writes the pair of that preset; (target folder, drafter folder)."""
    shape, out = PRESETS[preset], Path(out)
    target, drafter = target_config(preset), drafter_config(preset)
    _write_model(out / "target", target, "model.language_model.", shape.shards, seed)
    _write_model(out / "drafter", drafter, "model.", 1, seed + 1)
    _write_json(out / "target/generation_config.json", {**_token_ids(), "eos_token_id": [EOS, TURN_END]})
    _write_json(out / "target/tokenizer.json", tokenizer(shape.shared["vocab_size"]))
    names = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"}
    _write_json(out / "target/tokenizer_config.json", names | {"tokenizer_class": "PreTrainedTokenizerFast"})
    (out / "target/chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    return out / "target", out / "drafter"


def target_config(preset: str) -> dict:
    """config.json of the target, in the published dialect."""
    shape = PRESETS[preset]
    vocab = {}
    if shape.family == "gemma4":
        per_layer = shape.target["hidden_size_per_layer_input"]
        vocab = {"vocab_size_per_layer_input": shape.shared["vocab_size"] if per_layer else 0}
    text = _text_config(shape, shape.shared | vocab | {"final_logit_softcapping": 30.0} | shape.target)
    towers = {"vision_config": None, "audio_config": None}
    return {**_kind(shape, "ForConditionalGeneration"), "text_config": text} | towers


def drafter_config(preset: str) -> dict:
    """config.json of the drafter."""
    shape = PRESETS[preset]
    layers = {"num_kv_shared_layers": len(shape.drafter["layer_types"])}
    sizes = {"final_logit_softcapping": None}
    if shape.family == "gemma4":
        sizes |= {"hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 0}
    config = _kind(shape, "AssistantForCausalLM")
    config |= {"text_config": _text_config(shape, shape.shared | layers | sizes | shape.drafter), **shape.head}
    return config | {"backbone_hidden_size": shape.target["hidden_size"]}


def _kind(shape: Preset, suffix: str) -> dict:
    """Class and type of a model, as its config.json has them."""
    name = "".join(part.capitalize() for part in shape.family.split("_"))
    assistant = "_assistant" if suffix.startswith("Assistant") else ""
    return {"architectures": [name + suffix], "model_type": shape.family + assistant}


def transformers_class(folder: Path) -> type:
    """The class of Transformers that the folder's config.json names."""
    import transformers

    (name,) = json.loads((folder / "config.json").read_text(encoding="utf-8"))["architectures"]
    return getattr(transformers, name)


def tokenizer(vocab_size: int) -> dict:
    """tokenizer.json of Gemma's kind: BPE with byte fallback, ▁ for space, unused pieces up to `vocab_size`."""
    characters = ["▁", "\n", *map(chr, range(33, 127))]
    pieces = SPECIAL_TOKENS + [f"<0x{byte:02X}>" for byte in range(256)] + characters
    merges = [[merge[:-1], merge[-1]] for merge in MERGES]
    pieces += dict.fromkeys(MERGES)
    pieces += [f"<unused{i}>" for i in range(vocab_size - len(pieces))]
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    space = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": text, **special} for i, text in enumerate(SPECIAL_TOKENS)],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": {
            "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False,
        },
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [space, {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
            "vocab": {piece: i for i, piece in enumerate(pieces)}, "merges": merges,
        },
    }  # fmt: skip


def write_safetensors(path: Path, tensors: dict[str, tuple[str, tuple[int, ...]]], chunks) -> None:
    """Writes one file: header from name → (dtype, shape), then the byte chunks that `chunks(name, shape)` yields."""
    header, end = {}, 0
    for name, (dtype, shape) in tensors.items():
        begin, end = end, end + int(np.prod(shape)) * {"BF16": 2, "I64": 8}[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, (_, shape) in tensors.items():
            for chunk in chunks(name, shape):
                file.write(chunk)


def _write_model(folder: Path, description: dict, prefix: str, shards: int, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    description = description | _token_ids() | {"dtype": "bfloat16", "tie_word_embeddings": True}
    _write_json(folder / "config.json", description)
    is_drafter = description["model_type"].endswith("_assistant")
    config = parse_drafter(description, folder) if is_drafter else parse_target(description, folder)
    shapes = expected_tensors(config, prefix)
    total, done, groups = sum(int(np.prod(shape)) for shape in shapes.values()), 0, [{} for _ in range(shards)]
    for name, shape in shapes.items():
        dtype = "I64" if name.endswith("token_ordering") else "BF16"
        groups[min(shards - 1, done * shards // total)][name] = (dtype, shape)
        done += int(np.prod(shape))
    names = [f"model-{i:05d}-of-{shards:05d}.safetensors" for i in range(1, shards + 1)]
    names = names if shards > 1 else ["model.safetensors"]
    # Every tensor starts somewhere else in the block.
    start = {name: i * 1_000_003 for i, name in enumerate(shapes)}
    size = SMALL_BLOCK if total < 1 << 25 else LARGE_BLOCK

    def values(name: str, shape: tuple[int, ...]) -> Iterator[Buffer]:
        return _values(name, shape, seed, _fan_in(name, shape, config), start[name], size)

    for name, group in zip(names, groups, strict=True):
        write_safetensors(folder / name, group, values)
    if shards > 1:
        weight_map = {tensor: name for name, group in zip(names, groups, strict=True) for tensor in group}
        _write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})


def _fan_in(name: str, shape: tuple[int, ...], config: TextConfig | DrafterConfig) -> int:
    """What deviation follows from. A look-up's row is multiplied by the root of its width: it comes out unit."""
    return config.per_layer_size if "embed_tokens_per_layer" in name else shape[-1]


def _values(name: str, shape: tuple[int, ...], seed: int, fan_in: int, start: int, size: int) -> Iterator[Buffer]:
    """The tensor's bytes in pieces: from value `start` of the random block of `size` values, again and again."""
    if name.endswith("token_ordering"):
        yield np.random.default_rng(seed).permutation(shape[0]).astype("<i8").tobytes()
    elif len(shape) == 1:
        value = 1.5 * shape[0] ** -0.5 if name.endswith("q_norm.weight") else 1.0
        yield _bf16(np.full(shape, value, np.float32)).tobytes()
    else:
        block = memoryview(_block(seed, fan_in, size)).cast("B")
        begin, left = 2 * (start % size), 2 * int(np.prod(shape))
        if name.endswith("language_model.embed_tokens.weight"):
            # Smaller rows, smaller logits: a random model would spell invalid UTF-8, on which LiteRT-LM's streaming
            # detokeniser gives up.
            count = BYTE_PIECES.stop * shape[1]
            yield (_block(seed, fan_in, size)[:count] - (2 << 7)).tobytes()  # the exponent: a quarter
            left -= 2 * count
        while left:
            piece = block[begin : begin + left]
            yield piece
            left, begin = left - len(piece), 0


@lru_cache(maxsize=8)
def _block(seed: int, fan_in: int, size: int) -> np.ndarray:
    """`size` normal values with deviation 1/sqrt(fan_in), as bf16 bits."""
    values = np.random.default_rng([seed, fan_in]).standard_normal(size, np.float32)
    values *= fan_in**-0.5
    return _bf16(values)


def _bf16(values: np.ndarray) -> np.ndarray:
    """float32 to bf16 bits, rounded half up in magnitude."""
    return ((values.view(np.uint32) + 0x8000) >> 16).astype("<u2")


def _text_config(shape: Preset, values: dict) -> dict:
    rest = {"model_type": f"{shape.family}_text", "num_hidden_layers": len(values["layer_types"]), "rms_norm_eps": 1e-6}
    return values | rest | _token_ids()


def _token_ids() -> dict:
    return {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD}


def _write_json(path: Path, values: dict) -> None:
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in PRESETS:
        sys.exit(f"usage: python -m tests.checkpoints {{{','.join(PRESETS)}}} OUT")
    print(*write_pair(sys.argv[1], Path(sys.argv[2])), sep="\n")
