"""Checked checkpoints as Transformers' models, read through the export's own readers.

Names are respelled, an adapter is merged, towers stay behind, and there is never a second copy of the weights.
"""

from collections.abc import Callable

import torch
from torch import nn
from transformers import Gemma4AssistantConfig, Gemma4AssistantForCausalLM, Gemma4ForCausalLM, Gemma4TextConfig

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.config import DrafterConfig, TextConfig
from export.checkpoint.names import TIED_HEAD, tensor_name
from export.checkpoint.safetensors import FLOATS
from export.floats import convert

READ_BYTES = 32 << 20
STORED = {torch.float32: "F32", torch.bfloat16: "BF16"}


def load_target(target: Checkpoint, dtype: torch.dtype, device: str, read: Callable[[int], None]) -> Gemma4ForCausalLM:
    """The text model, frozen. `read` is told of the bytes as they come. Raises CheckpointError."""
    model = _empty(lambda: Gemma4ForCausalLM(text_config(target.config)))
    return _filled(model, target, dtype, device, read).requires_grad_(False).eval()


def load_drafter(drafter: Checkpoint, device: str, read: Callable[[int], None]) -> Gemma4AssistantForCausalLM:
    """In float, to be trained. Raises CheckpointError."""
    config = drafter_config(drafter.config)
    return _filled(_empty(lambda: Gemma4AssistantForCausalLM(config)), drafter, torch.float32, device, read).eval()


def text_config(config: TextConfig) -> Gemma4TextConfig:
    """What Transformers needs to know, out of what was checked."""
    rope = {}
    for kind, one in config.rope.items():
        rope[kind] = {"rope_type": one.type, "rope_theta": one.theta}
        if one.type != "default":
            rope[kind]["partial_rotary_factor"] = one.partial_rotary_factor
    shapes = {
        i: {"head_dim": config.head_dims[i], "num_key_value_heads": config.kv_heads[i]}
        for i in range(config.num_layers)
    }
    made = Gemma4TextConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_sizes[0],
        use_double_wide_mlp=len(set(config.intermediate_sizes)) > 1,
        num_hidden_layers=config.num_layers,
        layer_types=list(config.layer_types),
        num_attention_heads=config.num_heads,
        num_key_value_heads=config.kv_heads[0],
        head_dim=config.head_dims[0],
        per_layer_config=shapes,
        sliding_window=config.sliding_window,
        num_kv_shared_layers=config.num_kv_shared_layers,
        hidden_size_per_layer_input=config.per_layer_size,
        vocab_size_per_layer_input=config.vocab_size_per_layer_input,
        final_logit_softcapping=config.softcap,
        rms_norm_eps=config.rms_norm_eps,
        rope_parameters=rope,
        hidden_activation=config.hidden_activation,
        attention_k_eq_v=config.attention_k_eq_v,
        attention_bias=config.attention_bias,
        max_position_embeddings=config.max_position_embeddings,
        tie_word_embeddings=config.tie_word_embeddings,
    )
    made._attn_implementation = "sdpa"
    return made


def drafter_config(config: DrafterConfig) -> Gemma4AssistantConfig:
    made = Gemma4AssistantConfig(
        text_config=text_config(config.text),
        backbone_hidden_size=config.backbone_hidden_size,
        use_ordered_embeddings=config.use_ordered_embeddings,
        num_centroids=config.num_centroids,
        centroid_intermediate_top_k=config.centroid_top_k,
        tie_word_embeddings=config.text.tie_word_embeddings,
    )
    made._attn_implementation = "sdpa"
    return made


def stored_names(model: nn.Module, checkpoint: Checkpoint) -> dict[str, str]:
    """The name of every parameter and kept buffer → the checkpoint's tensor behind it; a tied head's is the table's."""
    found = {}
    for name in model.state_dict():
        parameter = TIED_HEAD if name == "lm_head.weight" else name.removeprefix("model.")
        found[name] = tensor_name(checkpoint, parameter)
    return found


def _empty(make: Callable[[], nn.Module]) -> nn.Module:
    """The module without memory for its weights; what it computes for itself, as rotary tables, is real."""
    with torch.device("meta"):
        model = make()
    decoder = model.get_decoder()
    decoder.rotary_emb = type(decoder.rotary_emb)(decoder.config)
    for module in model.modules():
        if hasattr(module, "scalar_embed_scale"):
            module.embed_scale = torch.tensor(module.scalar_embed_scale)
    return model


def _filled(model: nn.Module, checkpoint: Checkpoint, dtype: torch.dtype, device: str, read) -> nn.Module:
    names, tensors = stored_names(model, checkpoint), {}
    for stored in names.values():
        if stored not in tensors:
            tensors[stored] = _tensor(checkpoint, stored, dtype, read).to(device)
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    state = {name: tensors[stored].reshape(shapes[name]) for name, stored in names.items()}
    model.load_state_dict(state, assign=True)
    if checkpoint.text.tie_word_embeddings:
        model.lm_head.weight = model.get_decoder().embed_tokens.weight
    return model.to(device)


def _tensor(checkpoint: Checkpoint, name: str, dtype: torch.dtype, read) -> torch.Tensor:
    """A whole tensor in `dtype`, or whole numbers, read in blocks of rows."""
    info = checkpoint.tensors.info(name)
    if info.dtype not in FLOATS:
        read(info.nbytes)
        return torch.from_numpy(checkpoint.tensors.read(name))
    values = torch.empty(info.shape, dtype=dtype)
    out, width = memoryview(values.flatten().view(torch.uint8).numpy()), values[0].numel() * dtype.itemsize
    step = max(1, READ_BYTES // info.row_bytes)
    for begin in range(0, info.shape[0], step):
        end = min(begin + step, info.shape[0])
        convert(checkpoint.tensors.rows(name, begin, end), info.dtype, out[begin * width : end * width], STORED[dtype])
        read((end - begin) * info.row_bytes)
    return values
