"""config.json → frozen facts: what the traced modules, the plan and the pairing check need to know of a model.

Reads both dialects of Gemma 4: Google's (`global_head_dim`) and Transformers 5.22's (`per_layer_config`). Defaults for
missing keys and for nulls are Gemma4TextConfig's, or Gemma4UnifiedTextConfig's for the encoder-free 12B. Imports errors
only.
"""

from dataclasses import dataclass
from pathlib import Path

from export.checkpoint.families import (
    DEFAULT_BACKBONES,
    DEFAULT_ROPE,
    DEFAULTS,
    DRAFTER_TYPES,
    FULL,
    SLIDING,
)
from export.checkpoint.quantized import refuse_quantized
from export.errors import CheckpointError

# No size of a dense Gemma 4 is near it, and whoever allocates by a size that a file claims needs a bound.
MAX_SIZE = 1 << 24


@dataclass(frozen=True)
class RopeConfig:
    """Rotary embedding of one layer type; `partial_rotary_factor` is the share of the head that turns."""

    type: str
    theta: float
    partial_rotary_factor: float


@dataclass(frozen=True)
class TextConfig:
    """A Gemma 4 decoder; `layer_types`, `intermediate_sizes`, `kv_heads` and `head_dims` have one entry a layer."""

    vocab_size: int
    vocab_size_per_layer_input: int
    hidden_size: int
    num_layers: int
    layer_types: tuple[str, ...]
    intermediate_sizes: tuple[int, ...]
    num_heads: int
    kv_heads: tuple[int, ...]
    head_dims: tuple[int, ...]
    sliding_window: int
    num_kv_shared_layers: int
    per_layer_size: int
    softcap: float | None
    rms_norm_eps: float
    rope: dict[str, RopeConfig]
    hidden_activation: str
    attention_k_eq_v: bool
    attention_bias: bool
    max_position_embeddings: int
    tie_word_embeddings: bool

    @property
    def kinds(self) -> tuple[str, ...]:
        """The layer types that occur."""
        return tuple(sorted(set(self.layer_types)))

    @property
    def first_shared_layer(self) -> int:
        """The first layer that reads an earlier layer's keys and values; `num_layers` when none does."""
        return self.num_layers - self.num_kv_shared_layers

    @property
    def kv_layers(self) -> tuple[int, ...]:
        """Layers that own a cache."""
        return tuple(range(self.first_shared_layer))

    def kv_source(self, layer: int) -> int:
        """The layer whose cache `layer` reads: its own, or the last non-shared layer of its type."""
        return layer if layer < self.first_shared_layer else self.drafter_kv_layers[self.layer_types[layer]]

    @property
    def drafter_kv_layers(self) -> dict[str, int]:
        """Layer type → the last layer of that type that owns a cache: what shared layers and the drafter read."""
        return {self.layer_types[layer]: layer for layer in self.kv_layers}

    def window_slots(self, tokens: int, capacity: int) -> int:
        """Cache slots that `tokens` consecutive queries of a sliding layer can see together."""
        return min(self.sliding_window - 1 + tokens, capacity)

    def key_is_value(self, layer: int) -> bool:
        """Whether the layer has no value projection: full layers under `attention_k_eq_v`."""
        return self.attention_k_eq_v and self.layer_types[layer] == FULL


@dataclass(frozen=True)
class DrafterConfig:
    """A Gemma 4 assistant: `text` has no cache of its own; its head is sparse when `use_ordered_embeddings`."""

    text: TextConfig
    backbone_hidden_size: int
    use_ordered_embeddings: bool
    num_centroids: int
    centroid_top_k: int


class _Reader:
    """Typed access to one JSON object of config.json, where null is the default; complaints name key and file."""

    def __init__(self, values: object, where: Path, path: str = ""):
        if not isinstance(values, dict):
            raise _error(f"{path.rstrip('.') or 'config.json'} is not an object", "a JSON object", repr(values), where)
        self.values = {key: value for key, value in values.items() if value is not None}
        self.where, self.path = where, path

    def size(self, key: str, default: int, minimum: int = 1, maximum: int = MAX_SIZE) -> int:
        value = self.values.get(key, default)
        if type(value) is not int or not minimum <= value <= maximum:
            raise self.refuse(key, f"an integer from {minimum} to {maximum}")
        return value

    def number(self, key: str, default: float) -> float:
        value = self.values.get(key, default)
        if type(value) not in (int, float) or not 0 < value < 1e12:
            raise self.refuse(key, "a number above zero")
        return float(value)

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.refuse(key, "true or false")
        return value

    def refuse_unless(self, key: str, allowed: tuple, default: object) -> object:
        value = self.values.get(key, default)
        if not any(value is choice or (type(value) is type(choice) and value == choice) for choice in allowed):
            raise self.refuse(key, " or ".join(map(repr, allowed)))
        return value

    def refuse(self, key: str, expected: str) -> CheckpointError:
        found = f"{self.path}{key} = {self.values.get(key)!r}"[:300]
        return _error(f"{self.path}{key} is not supported or not valid", expected, found, self.where)


def parse_target(config: dict, where: Path) -> TextConfig:
    """The text decoder of a config.json whose model_type is a key of TARGET_PREFIXES. Raises CheckpointError."""
    top, model_type = _Reader(config, where), config["model_type"]
    tied = top.flag("tie_word_embeddings", True)
    _refuse_other_weights(top)
    is_text = model_type.endswith("_text")
    text = top if is_text else _Reader(_or_default(config), where, "text_config.")
    parsed = _parse_text(text, tied, model_type if is_text else f"{model_type}_text")
    lonely = set(parsed.layer_types) - parsed.drafter_kv_layers.keys()
    if lonely:
        raise text.refuse(
            "num_kv_shared_layers", f"a layer with a cache for every layer type ({', '.join(lonely)} has none)"
        )
    return parsed


def parse_drafter(config: dict, where: Path) -> DrafterConfig:
    """A config.json whose model_type is a key of DRAFTER_TYPES: every layer shares the target's keys and values.

    Its decoder is of the type that text_config names, as Transformers' AutoConfig has it. Raises CheckpointError."""
    top = _Reader(config, where)
    tied = top.flag("tie_word_embeddings", True)
    _refuse_other_weights(top)
    text = _Reader(_or_default(config), where, "text_config.")
    kind = text.refuse_unless("model_type", tuple(DEFAULTS), DRAFTER_TYPES[config["model_type"]])
    layers = text.size("num_hidden_layers", 30, maximum=1024)
    text.refuse_unless("num_kv_shared_layers", (0, layers), 0)
    text.refuse_unless("hidden_size_per_layer_input", (0,), 0)
    text.refuse_unless("use_double_wide_mlp", (False,), False)
    text.values = text.values | {"num_kv_shared_layers": layers, "hidden_size_per_layer_input": 0}
    parsed = _parse_text(text, tied, kind)
    ordered = top.flag("use_ordered_embeddings")
    centroids = top.size("num_centroids", 2048)
    top_k = top.size("centroid_intermediate_top_k", 32)
    if ordered and parsed.vocab_size % centroids:
        raise top.refuse("num_centroids", f"a divisor of vocab_size {parsed.vocab_size}")
    if ordered and top_k > centroids:
        raise top.refuse("centroid_intermediate_top_k", f"at most num_centroids {centroids}")
    backbone = top.size("backbone_hidden_size", DEFAULT_BACKBONES[config["model_type"]])
    return DrafterConfig(parsed, backbone, ordered, centroids, top_k)


def _or_default(config: dict) -> object:
    """text_config, whose every key has a default."""
    found = config.get("text_config")
    return {} if found is None else found


def _refuse_other_weights(top: _Reader) -> None:
    """Keys that make Transformers read other tensors than those of the folder's usual files."""
    refuse_quantized(top.values.get("quantization_config"), top.where, "quantization_config")
    top.refuse_unless("transformers_weights", (None, "model.safetensors"), None)


def _parse_text(text: _Reader, tied: bool, kind: str) -> TextConfig:
    """`kind` is a key of DEFAULTS."""
    defaults = DEFAULTS[kind]
    refuse_quantized(text.values.get("quantization_config"), text.where, f"{text.path}quantization_config")
    if text.flag("enable_moe_block"):
        raise _mixture_of_experts(text)
    text.refuse_unless("attention_bias", (False,), False)
    text.refuse_unless("use_bidirectional_attention", (None, "vision"), None)
    num_layers = text.size("num_hidden_layers", 30, maximum=1024)
    layer_types = _layer_types(text, num_layers)
    shared = text.size("num_kv_shared_layers", 0, minimum=0, maximum=num_layers)
    k_eq_v = text.flag("attention_k_eq_v")
    head_dims, kv_heads = _heads(text, layer_types, k_eq_v)
    intermediate, wide = text.size("intermediate_size", 9216), text.flag("use_double_wide_mlp")
    first_wide = num_layers - shared if wide and shared < num_layers else num_layers
    per_layer_size = text.size("hidden_size_per_layer_input", defaults["hidden_size_per_layer_input"], minimum=0)
    if per_layer_size and kind == "gemma4_unified_text":
        raise text.refuse("hidden_size_per_layer_input", "0: the unified decoder has no per-layer embeddings")
    vocab_size = text.size("vocab_size", 262_144)
    per_layer_vocab = text.size("vocab_size_per_layer_input", 262_144, minimum=0) if per_layer_size else 0
    softcap = text.values.get("final_logit_softcapping")
    return TextConfig(
        vocab_size=vocab_size,
        vocab_size_per_layer_input=per_layer_vocab,
        hidden_size=text.size("hidden_size", 2304),
        num_layers=num_layers,
        layer_types=layer_types,
        intermediate_sizes=tuple(intermediate * (2 if layer >= first_wide else 1) for layer in range(num_layers)),
        num_heads=text.size("num_attention_heads", 8),
        kv_heads=kv_heads,
        head_dims=head_dims,
        sliding_window=text.size("sliding_window", defaults["sliding_window"]),
        num_kv_shared_layers=shared,
        per_layer_size=per_layer_size,
        softcap=None if softcap is None else text.number("final_logit_softcapping", 0),
        rms_norm_eps=text.number("rms_norm_eps", 1e-6),
        rope={kind: _rope(text, kind, head_dims[layer_types.index(kind)]) for kind in sorted(set(layer_types))},
        hidden_activation=text.refuse_unless("hidden_activation", ("gelu_pytorch_tanh",), "gelu_pytorch_tanh"),
        attention_k_eq_v=k_eq_v,
        attention_bias=False,
        max_position_embeddings=text.size("max_position_embeddings", defaults["max_position_embeddings"]),
        tie_word_embeddings=tied,
    )


def _layer_types(text: _Reader, num_layers: int) -> tuple[str, ...]:
    """As Gemma4TextConfig: five sliding and one full when the key is absent, and the last layer always full."""
    types = text.values.get("layer_types")
    if types is None:
        types = [FULL if layer % 6 == 5 else SLIDING for layer in range(num_layers)]
    if not isinstance(types, list) or len(types) != num_layers or any(kind not in (SLIDING, FULL) for kind in types):
        raise text.refuse("layer_types", f"{num_layers} times {SLIDING} or {FULL}")
    return (*types[:-1], FULL)


def _heads(text: _Reader, layer_types: tuple[str, ...], k_eq_v: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(head_dim, key/value heads) of each layer, from `per_layer_config` where there is one, else the global keys."""
    head_dim, kv_heads = text.size("head_dim", 256), text.size("num_key_value_heads", 4)
    overrides = _overrides(text, layer_types, k_eq_v)
    sizes = []
    for layer in range(len(layer_types)):
        override = _Reader(overrides.get(layer, {}), text.where, f"{text.path}per_layer_config.{layer}.")
        for key in override.values.keys() - {"head_dim", "num_key_value_heads"}:
            raise override.refuse(key, "head_dim and num_key_value_heads only")
        sizes.append((override.size("head_dim", head_dim), override.size("num_key_value_heads", kv_heads)))
    if len(set(zip(layer_types, sizes, strict=True))) != len(set(layer_types)):
        raise text.refuse("per_layer_config", "one head_dim and num_key_value_heads for all layers of a type")
    for dim, heads in sizes:
        if text.size("num_attention_heads", 8) % heads or dim % 2:
            expected = f"a multiple of the {heads} key/value heads, and an even head_dim ({dim})"
            raise text.refuse("num_attention_heads", expected)
    return tuple(dim for dim, _ in sizes), tuple(heads for _, heads in sizes)


def _overrides(text: _Reader, layer_types: tuple[str, ...], k_eq_v: bool) -> dict[int, object]:
    """Layer → what differs there. Transformers pads the layer numbers with zeros so that they sort."""
    overrides = text.values.get("per_layer_config")
    if overrides is None:
        full = {"head_dim": text.size("global_head_dim", 512)}
        if k_eq_v and text.values.get("num_global_key_value_heads") is not None:
            full["num_key_value_heads"] = text.size("num_global_key_value_heads", 0)
        return {layer: full for layer, kind in enumerate(layer_types) if kind == FULL}
    overrides = _Reader(overrides, text.where, f"{text.path}per_layer_config.").values
    layers = [int(key) if key.isdecimal() and len(key) <= 4 else -1 for key in overrides]
    if any(not 0 <= layer < len(layer_types) for layer in layers) or len(set(layers)) < len(layers):
        raise text.refuse("per_layer_config", f"layer numbers 0..{len(layer_types) - 1}, each once")
    return dict(zip(layers, overrides.values(), strict=True))


def _rope(text: _Reader, kind: str, head_dim: int) -> RopeConfig:
    every, path = text.values.get("rope_parameters"), f"{text.path}rope_parameters."
    kinds = {} if every is None else _Reader(every, text.where, path).values
    rope = _Reader(kinds.get(kind, DEFAULT_ROPE[kind]), text.where, f"{path}{kind}.")
    rope_type = rope.refuse_unless("rope_type", ("default", "proportional"), "default")
    rope.refuse_unless("factor", (1.0, 1), 1)
    # The default kind turns the whole head, whatever partial_rotary_factor says (Gemma4TextRotaryEmbedding).
    partial = rope.number("partial_rotary_factor", 1.0) if rope_type == "proportional" else 1.0
    if partial > 1 or partial * head_dim < 2:
        raise rope.refuse("partial_rotary_factor", f"a share of the {head_dim} dimensions that is at least one pair")
    return RopeConfig(rope_type, rope.number("rope_theta", 10_000.0), partial)


def _mixture_of_experts(text: _Reader) -> CheckpointError:
    experts = f"{text.path}enable_moe_block = True, {text.values.get('num_experts')!r} experts"
    expected = "a dense decoder: all weights of every layer are streamed for every token"
    title = f"Mixture-of-experts models are not supported ({text.path}enable_moe_block)"
    return _error(title, expected, experts, text.where)


def _error(title: str, expected: str, found: str, where: Path) -> CheckpointError:
    action = "Use a dense Gemma 4 checkpoint (E2B, E4B, 12B, 31B or a fine-tune of them) or its assistant."
    return CheckpointError(title, expected=expected, found=found[:300], where=str(where), action=action)
