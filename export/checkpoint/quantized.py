"""Folders whose weights someone quantised already: refused by the name of the method, with the way back to 16 bits.

Codes of another scheme, quantised once more, would be a loss that no check here could tell from the recipe's own. Those
of quantisation-aware training are kept: see codes.py.
Imports errors only.
"""

import re
from pathlib import Path

from export.errors import CheckpointError

METHOD = "gemma"
"""The one that is read."""
NAMES = {"bitsandbytes": "bitsandbytes", "gptq": "GPTQ", "awq": "AWQ"}
UNANNOUNCED = "a method that config.json does not name"
TENSORS = {
    "bitsandbytes": re.compile(r"\.weight\.(absmax|quant_map|nested_\w+|quant_state\.bitsandbytes__\w+)|\.SCB$"),
    "GPTQ or AWQ": re.compile(r"\.(qweight|qzeros|g_idx)$"),
    UNANNOUNCED: re.compile(r"^(?!.*_tower\.).*\.(weight_scale|weight_packed|embedding_quantized)$"),
}
"""Names that only such a folder has: some savers leave the config's key out."""


def refuse_quantized(config: object, where: Path, key: str) -> None:
    """Raises CheckpointError unless `config`, the value of config.json's `key`, is None or of a method that is read."""
    if config is None:
        return
    if key == "quantization_config" and isinstance(config, dict) and config.get("quant_method") == METHOD:
        return
    values = config if isinstance(config, dict) else {}
    # bitsandbytes' older configs name no method.
    method = str(values.get("quant_method") or ("bitsandbytes" if "load_in_4bit" in values else "unknown method"))
    bits = values.get("bits") or (4 if values.get("load_in_4bit") else 8 if values.get("load_in_8bit") else None)
    name = NAMES.get(method, method) + (f", {bits} bits" if type(bits) is int else "")
    raise _error(name, f"{key} = {config!r}"[:300], where, key)


def refuse_quantized_tensors(names: list[str], folder: Path, announced: bool) -> None:
    """Raises CheckpointError for tensors that are codes, or what codes are multiplied by. `announced`: whether
    config.json says how those of quantisation-aware training are to be read."""
    for method, pattern in TENSORS.items():
        if announced and method == UNANNOUNCED:
            continue
        found = next(filter(pattern.search, names), None)
        if found:
            raise _error(method, found, folder, "tensors")


def _error(method: str, found: str, where: Path, key: str) -> CheckpointError:
    return CheckpointError(
        f"Weights are quantised already: {method} ({key})",
        expected="weights of 16 or 32 bits: the recipe quantises them",
        found=found,
        where=str(where),
        action="Name the 16-bit checkpoint that it was made from, a LoRA adapter trained on this one beside it "
        "(--adapter); or merge to 16 bits: load it with Transformers, dequantize(), save_pretrained.",
    )
