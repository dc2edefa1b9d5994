"""From a folder's tensor files to the model that Transformers and PEFT would make of them, under our names.

Spelling first, then codes or the adapter, then whether the head is the embedding table. Used by checkpoint.py.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from export.checkpoint.adapter import CONFIG, HEAD, MERGE, Adapter, Merged
from export.checkpoint.adapter import WEIGHTS as ADAPTER_WEIGHTS
from export.checkpoint.codes import CodedTensors, CodesFound, read_codes, same_codes
from export.checkpoint.config import DrafterConfig, TextConfig
from export.checkpoint.files import is_there, printable
from export.checkpoint.hub import Located
from export.checkpoint.quantization import Quantization
from export.checkpoint.quantized import refuse_quantized_tensors
from export.checkpoint.safetensors import TensorIndex
from export.checkpoint.spelling import Part, respelled, take_apart
from export.checkpoint.tensors import TOWERS, expected_tensors, same_values
from export.errors import CheckpointError

UNQUANTIZED = "Name the 16-bit checkpoint that the codes were made from as --target, and the adapter beside it."


class Read(NamedTuple):
    tensors: TensorIndex
    config: TextConfig | DrafterConfig
    adapter: Merged | None
    codes: CodesFound | None


def read_tensors(
    located: Located,
    config: TextConfig | DrafterConfig,
    prefix: str,
    adapter: Adapter | None,
    quantization: Quantization | None = None,
) -> Read:
    """The checkpoint's tensors with `adapter`, or the one among them, merged; codes as `quantization` says. `config`
    says of the head what is so.

    Raises CheckpointError."""
    folder = located.folder
    files = TensorIndex.open(folder, located.absent())
    refuse_quantized_tensors(files.names(), folder, quantization is not None)
    stored = {old: _part(old) for old in files.names()}
    inside = any(part.kind.startswith("lora_") or part.kind == "modules_to_save" for part in stored.values())
    if inside and adapter:
        raise _error("Target holds an adapter already", "one adapter", f"LoRA tensors, and {adapter.id}", folder)
    if not inside and not adapter:
        _refuse_half(located, [old for old, part in stored.items() if part.kind])
    kept = {
        old: f"{part.module}.{part.leaf}" if part.module else part.leaf
        for old, part in stored.items()
        if part.kind in ("", "base_layer", "original_module")
    }
    tensors = respelled(files, kept, prefix)
    if inside:
        adapter = Adapter.beside(located, files)
    text = config.text if isinstance(config, DrafterConfig) else config
    codes = None
    if quantization:
        if adapter:
            raise _error("Adapter can't be merged into codes", "a checkpoint of 16 bits", f"codes, and {adapter.id}",
                         folder, UNQUANTIZED)  # fmt: skip
        tensors, codes = _read_codes(tensors, config, text, prefix, quantization)
    table, tied = f"{prefix}embed_tokens.weight", text.tie_word_embeddings
    if tied and HEAD in tensors and table not in tensors:
        tensors = tensors.joined({table: HEAD})
    merged = None
    if adapter:
        tensors, merged = adapter.merged(tensors, text, prefix)
    if tied and HEAD in tensors and table in tensors and not same_values(tensors, HEAD, table):
        # Transformers leaves them untied then, whatever config.json says (modeling_utils.tie_weights).
        text = replace(text, tie_word_embeddings=False)
        config = replace(config, text=text) if isinstance(config, DrafterConfig) else text
    elif codes and not tied and same_codes(tensors, HEAD, table):
        # Untied as the published ones are, whose layers are two kinds there, and yet one table: it is stored once.
        text = replace(text, tie_word_embeddings=True)
        config = replace(config, text=text) if isinstance(config, DrafterConfig) else text
    return Read(tensors, config, merged, codes)


def _read_codes(
    tensors: TensorIndex,
    config: TextConfig | DrafterConfig,
    text: TextConfig,
    prefix: str,
    quantization: Quantization,
) -> tuple[CodedTensors, CodesFound]:
    shapes = expected_tensors(config, prefix)
    if HEAD in tensors:
        shapes[HEAD] = (text.vocab_size, text.hidden_size)
    return read_codes(tensors, shapes, quantization, {f"{prefix}embed_tokens_per_layer.weight": text.num_layers})


def _part(name: str) -> Part:
    """Towers are skipped whole, whatever training left in them."""
    if set(name.split(".")) & set(TOWERS):
        module, _, leaf = name.rpartition(".")
        return Part(module, "", "", leaf)
    return take_apart(name)


def _refuse_half(located: Located, marked: list[str]) -> None:
    """The base of an unmerged model without its adapter, and a model with an adapter beside it: which is meant?"""
    folder = located.folder
    if marked:
        expected = "a merged model, or one with its adapter's tensors"
        raise _error("Model was saved without the adapter that it had", expected, marked[0], folder)
    if is_there(folder / CONFIG) and located.has(ADAPTER_WEIGHTS):
        found = f"both, the adapter in {ADAPTER_WEIGHTS}"
        apart = f"move {CONFIG} away"
        if located.snapshot:
            apart = f"name a copy of it without {CONFIG} (hf download {located.id} --local-dir DIR)"
        named = printable(located.named if located.snapshot else folder)
        action = f"Is it merged already, {apart}; is it not, add --adapter {named}"
        raise _error("Folder holds a model and an adapter", "a model, or an adapter", found, folder, action)


def _error(title: str, expected: str, found: str, where: Path, action: str = MERGE) -> CheckpointError:
    return CheckpointError(title, expected=expected, found=found[:300], where=printable(where), action=action)
