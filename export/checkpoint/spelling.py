"""The ways in which savers spell a tensor's name, made one: prefixes of wrappers, and what PEFT puts in between."""

import re
from dataclasses import dataclass

from export.checkpoint.safetensors import TensorIndex
from export.errors import CheckpointError

ROOTS = (
    "embed_tokens", "embed_tokens_per_layer", "layers", "norm", "per_layer_model_projection",
    "per_layer_projection_norm",
)  # fmt: skip
"""What a decoder's tensors begin with, behind any prefix."""
WRAPPED = re.compile(rf"(?:(?:model|language_model)\.)*(?:((?:{'|'.join(ROOTS)})\..+)|(lm_head\..+))")
PEFT_PREFIX = "base_model.model."
PART = re.compile(
    r"\.(lora_[A-Za-z_]+|base_layer|original_module|modules_to_save|token_adapter)(?:\.([^.]+))?\.(weight|bias)"
    r"|\.(lora_magnitude_vector|lora_embedding_[AB]|token_adapter)\b.*"
)


@dataclass(frozen=True)
class Part:
    """A name of PEFT's taken apart: `kind` (lora_A, base_layer, …; "" for the module's own) of `module`'s `leaf`.

    `adapter` is the name that PEFT gives an adapter in memory, which adapter files leave out ("")."""

    module: str
    kind: str
    adapter: str
    leaf: str


def take_apart(name: str) -> Part:
    """`name` as PEFT writes it, without the prefix of its wrapper."""
    name = name.removeprefix(PEFT_PREFIX)
    found = PART.search(name)
    if found is None:
        module, _, leaf = name.rpartition(".")
        return Part(module, "", "", leaf)
    return Part(name[: found.start()], found[1] or found[4], found[2] or "", found[3] or "")


def spelled(name: str, prefix: str) -> str:
    """`name` as this project spells it, whatever wrapped the decoder; `prefix` is that of the decoder's own type."""
    found = WRAPPED.fullmatch(name)
    if found is None:
        return name
    return prefix + found[1] if found[1] else found[2]


def respelled(tensors: TensorIndex, stored: dict[str, str], prefix: str) -> TensorIndex:
    """Of `tensors`, those that are keys of `stored`, under their values spelled our way.

    Raises CheckpointError for two that would be one."""
    first: dict[str, str] = {}
    for old, name in stored.items():
        new = spelled(name, prefix)
        if new in first:
            raise CheckpointError(
                f"Tensor stands there under two names: {new}",
                expected="each tensor once",
                found=f"{first[new]} and {old}",
                where=str(tensors.file_of(old).path),
                action="Save the checkpoint again with save_pretrained: it is not clear which of the two is meant.",
            )
        first[new] = old
    return tensors.renamed({old: new for new, old in first.items()})
