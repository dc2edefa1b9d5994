"""Random checkpoints of quantisation-aware training, as Transformers' method `gemma` has them: made of its own layers.

From a tiny pair's weights each row gets a scale and codes of 2, 4 or 8 bits; activation scales are those of a text that
the model ran over. As published: head and table are two modules with the same codes, the per-layer table has a scale a
layer, caches have scales too.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers.integrations.gemma_quant import QuantizedEmbedding, QuantizedLinear, replace_with_quant_layers
from transformers.utils.quantization_config import GemmaQuantizationConfig

from tests.checkpoints import transformers_class, write_pair

TARGET_BITS = {
    "quant_method": "gemma",
    "num_bits": 4,
    "quantize_embeddings": True,
    "module_quant_configs": {
        "^lm_head$": {"num_bits": 2},
        r"language_model\.embed_tokens$": {"num_bits": 2},
        r"language_model\.embed_tokens_per_layer$": {"num_bits": 4},
        r"language_model\.layers\.[0-4]\.mlp\.": {"num_bits": 4},
        r"language_model\.layers\.\d+\.mlp\.": {"num_bits": 2},
        r"language_model\.layers\.\d+\.per_layer_input_gate$": {"num_bits": 8},
        r"language_model\.layers\.\d+\.per_layer_projection$": {"num_bits": 8},
    },
    "modules_to_not_convert": ["model.embed_vision", "per_layer_model_projection"],
}
DRAFTER_BITS = {
    "quant_method": "gemma",
    "num_bits": 4,
    "quantize_embeddings": True,
    "module_quant_configs": {"embed_tokens$|lm_head$": {"num_bits": 8}, "_projection$": {"num_bits": 8}},
    "modules_to_not_convert": ["masked_embedding.centroids"],
}


def write_qat_pair(preset: str, out: Path, drafter: bool = False) -> tuple[Path, Path]:
    """A tiny pair whose target is codes, and its drafter if `drafter`. (target folder, drafter folder)."""
    plain = write_pair(preset, out / "plain")
    target = write_qat(plain[0], out / "target", TARGET_BITS)
    return target, write_qat(plain[1], out / "drafter", DRAFTER_BITS) if drafter else plain[1]


@torch.no_grad()
def write_qat(plain: Path, folder: Path, bits: dict) -> Path:
    """`plain` with the codes of its weights."""
    model = transformers_class(plain).from_pretrained(plain, dtype=torch.float32).eval()
    weights = {name: module.weight.clone() for name, module in model.named_modules() if hasattr(module, "weight")}
    shutil.copytree(plain, folder)
    for path in [*folder.glob("*.safetensors"), *folder.glob("*.index.json")]:
        path.unlink()
    config = json.loads((folder / "config.json").read_text())
    config |= {"quantization_config": bits, "tie_word_embeddings": False}
    _quantize(model, bits)
    for name, module in _coded(model):
        groups = config["text_config"]["num_hidden_layers"] if "per_layer" in name and _is_table(module) else 1
        _fill(module, weights[name], groups)
    if config["model_type"] == "gemma4":
        _calibrate(model, config["text_config"]["vocab_size"])
    coded = {name for name, _ in _coded(model)}
    tensors = {}
    for name, tensor in model.state_dict().items():
        kept = name.rpartition(".")[0] in coded or not tensor.is_floating_point()
        tensors[name] = (tensor if kept else tensor.bfloat16()).clone().contiguous()
    for layer in range(config["text_config"]["num_hidden_layers"] if config["model_type"] == "gemma4" else 0):
        for side in "kv":
            tensors[f"model.language_model.layers.{layer}.self_attn.{side}_cache_scale"] = torch.tensor(0.02)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def load_qat(folder: Path, activations: bool) -> torch.nn.Module:
    """The folder in Transformers' layers, in float32; without `activations` nothing but weights is rounded."""
    kind = transformers_class(folder)
    model, report = kind.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(report.values()), report
    if not activations:
        forget_activations(model)
    return model.eval()


def forget_activations(model: torch.nn.Module) -> None:
    """Zero stands for no scale: nothing but weights is rounded then."""
    for _, module in _coded(model):
        if not _is_table(module):
            module.input_activation_scale.data.zero_()
            module.output_activation_scale.data.zero_()


def _quantize(model: torch.nn.Module, bits: dict) -> None:
    values = {key: value for key, value in bits.items() if key != "quant_method"}
    replace_with_quant_layers(model, GemmaQuantizationConfig(**values), bits["modules_to_not_convert"])


def _coded(model: torch.nn.Module) -> list[tuple[str, torch.nn.Module]]:
    kinds = (QuantizedLinear, QuantizedEmbedding)
    return [(name, module) for name, module in model.named_modules() if isinstance(module, kinds)]


def _is_table(module: torch.nn.Module) -> bool:
    return isinstance(module, QuantizedEmbedding)


def _fill(module: torch.nn.Module, weight: torch.Tensor, groups: int) -> None:
    """Codes over the whole range, the lowest among them."""
    most = 1 << module.num_bits - 1
    rows = weight.view(len(weight), groups, -1)
    # Of two bits the largest code is 1: its scale is a row's deviation, or most codes would be 0.
    scales = rows.std(-1) if module.num_bits == 2 else rows.abs().amax(-1) / (most - 0.5)
    codes = (rows / scales[..., None]).round().clamp(-most, most - 1).to(torch.int8).view(weight.shape)
    packed = pack(codes, module.num_bits)
    names = ("embedding_quantized", "embedding_scale") if _is_table(module) else ("weight", "weight_scale")
    for name, value in zip(names, (packed, scales.contiguous()), strict=True):
        setattr(module, name, torch.nn.Parameter(value, requires_grad=False))


def pack(codes: torch.Tensor, bits: int) -> torch.Tensor:
    """int8[n, k] as the file has it: bytes, or uint8[n, k * bits / 8], the first code lowest."""
    if bits == 8:
        return codes
    per_byte = 8 // bits
    raw = (codes.to(torch.int16) + (1 << bits - 1)).view(len(codes), -1, per_byte)
    return (raw << torch.arange(0, 8, bits)).sum(-1).to(torch.uint8)


def as_stored(codes: np.ndarray, bits: int) -> np.ndarray:
    """int8[n, k] as the file has it, rows padded to whole bytes."""
    spare = -codes.shape[1] % (8 // bits)
    return pack(torch.from_numpy(np.pad(codes, ((0, 0), (0, spare)))), bits).numpy()


def _calibrate(model: torch.nn.Module, vocab_size: int) -> None:
    """Scales that a random text's largest activation just fits."""
    hooks = []

    def seen(module, given, out):
        module.input_activation_scale.fill_(given[0].abs().max() / 127)
        module.output_activation_scale.fill_(out.abs().max() / 127)

    for _, module in _coded(model):
        if not _is_table(module):
            hooks.append(module.register_forward_hook(seen))
    model(torch.randint(6, vocab_size, (1, 64), generator=torch.Generator().manual_seed(1)))
    for hook in hooks:
        hook.remove()
