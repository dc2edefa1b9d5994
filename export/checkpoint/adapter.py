"""A LoRA adapter as PEFT saves it: a folder of its own, or its tensors among a model's that was saved unmerged.

What would change the model in another way than `weight + scaling * up @ down`, or the copy of a whole tensor, is
refused by name: an adapter half applied computes something, but not what was trained. Used by checkpoint.py.
"""

import math
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint.config import TextConfig
from export.checkpoint.files import is_there, printable, read_json
from export.checkpoint.hub import Located, locate
from export.checkpoint.merged import LowRank, MergedTensors
from export.checkpoint.safetensors import TensorIndex, tensor_file
from export.checkpoint.spelling import Part, spelled, take_apart
from export.checkpoint.tensors import TOWERS, is_unused_kv
from export.errors import CheckpointError

CONFIG, WEIGHTS, PICKLE = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
WITHOUT_EFFECT = {
    "task_type", "peft_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode",
    "target_modules", "exclude_modules", "lora_dropout", "bias", "modules_to_save", "layers_to_transform",
    "layers_pattern", "megatron_config", "megatron_core", "loftq_config", "eva_config", "corda_config",
    "lora_ga_config", "qalora_group_size", "runtime_config", "fan_in_fan_out",
}  # fmt: skip
"""Keys that say how it was trained or where: which modules it changes stands in its tensors' names. Of `fan_in_fan_out`
PEFT makes false for Linear layers, whatever it says."""
FACTORS = {"r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "init_lora_weights", "ensure_weight_tying"}
BASE_KEPT = (True, False, None, "gaussian", "eva", "orthogonal")
"""Values of init_lora_weights that leave the base's weights alone (pissa, olora, loftq and their like do not)."""
MAX_PATTERNS, MAX_PATTERN = 2000, 300
SLOW = re.compile(r"\)[*+{?]|(?:[*+{].*){3}|\\[1-9]|\(\?")
"""Patterns that may take for ever, and no adapter needs: repeated groups, more than two repeats, references."""
FLOATS = ("BF16", "F32", "F16")
HEAD = "lm_head.weight"
MERGE = "Merge it with PEFT (merge_and_unload, then save_pretrained) and name that folder as --target."


@dataclass(frozen=True)
class Merged:
    """An adapter that was merged: what it is called and was trained on, how many of the model's tensors it changes, and
    how many of its own change no text (of towers, of keys and values that no layer reads) and were left out.

    `product_bytes`: the largest product of two factors, which a reader holds while it reads that tensor."""

    id: str
    located: Located
    folder: Path
    base: str | None
    changed: int
    unused: int
    product_bytes: int


@dataclass(frozen=True)
class Scaling:
    """adapter_config.json's factors, by module."""

    rank: int
    alpha: float
    root: bool
    ranks: dict[str, int]
    alphas: dict[str, float]

    def rank_of(self, module: str) -> int:
        return _matching(self.ranks, module, self.rank)

    def factor(self, module: str) -> float:
        """As peft.tuners.lora.LoraLayer.update_layer has it."""
        rank = self.rank_of(module)
        return _matching(self.alphas, module, self.alpha) / (math.sqrt(rank) if self.root else rank)


@dataclass(frozen=True)
class Adapter:
    """`id` is the hub id or the folder's name; `base` the model it was trained on, as its config names it.

    `keeps_tie`: a trained embedding table is the tied head's as well (PEFT's ensure_weight_tying)."""

    id: str
    located: Located
    folder: Path
    base: str | None
    tensors: TensorIndex
    scaling: Scaling
    keeps_tie: bool

    @classmethod
    def open(cls, name: str | Path | Located) -> "Adapter":
        """A folder's, or a hub repository's (ORG/NAME or ORG/NAME@REVISION). Raises CheckpointError."""
        located = locate(name)
        folder = located.folder
        if f"{folder}{located.id}" != printable(f"{folder}{located.id}"):
            raise _error("Adapter has no name in Unicode", "a folder's name in UTF-8", printable(located.id), folder)
        located.fetch([CONFIG])
        if not is_there(folder / CONFIG):
            raise _no_adapter(located)
        if not located.has(WEIGHTS):
            found = f"{PICKLE}, a pickle: reading it can run code" if located.has(PICKLE) else f"no {WEIGHTS}"
            raise _error("Adapter has no weights", WEIGHTS, found, folder, "Save it as safetensors (save_pretrained).")
        return cls._of(located, TensorIndex([tensor_file(folder / WEIGHTS, located.absent())]))

    @classmethod
    def beside(cls, located: Located, tensors: TensorIndex) -> "Adapter":
        """The adapter whose tensors stand among those of a model saved unmerged. Raises CheckpointError."""
        folder = located.folder
        if not is_there(folder / CONFIG):
            expected = f"{CONFIG} beside it, which says what the adapter is multiplied by"
            raise _error("Model was saved with an adapter that is not merged", expected, f"no {CONFIG}", folder, MERGE)
        return cls._of(located, tensors)

    @classmethod
    def _of(cls, located: Located, tensors: TensorIndex) -> "Adapter":
        path = located.folder / CONFIG
        values = read_json(path)
        keeps_tie = bool(values.get("ensure_weight_tying"))
        return cls(located.id, located, located.folder, _base(values), tensors, _scaling(values, path), keeps_tie)

    def merged(self, base: TensorIndex, config: TextConfig, prefix: str) -> tuple[MergedTensors, Merged]:
        """`base` with this adapter in it.

        Raises CheckpointError for a tensor that does not fit the model, or a kind that can't be merged."""
        changes, unused = self._changes(config, prefix)
        if not changes:
            found = f"{unused} tensors of other parts" if unused else "no tensors"
            raise self._refuse("Adapter changes no text", "LoRA tensors of the decoder's layers", found)
        table = f"{prefix}embed_tokens.weight"
        parted = HEAD in changes or (table in changes and not self.keeps_tie)
        if config.tie_word_embeddings and parted and HEAD not in base and table in base:
            # PEFT trains a copy of one of the two: the other stays what it was.
            base = base.joined({HEAD: table})
        low_rank, replaced = {}, {}
        for name, parts in changes.items():
            self._require_known(name, next(iter(parts.values())), base)
            if "" in parts:
                replaced[name] = self._whole(name, parts, base)
            else:
                low_rank[name] = self._pair(name, parts, base, config)
        merged = MergedTensors(base, self.tensors, low_rank, replaced)
        product_bytes = max((4 * math.prod(base.info(name).shape) for name in low_rank), default=0)
        return merged, Merged(self.id, self.located, self.folder, self.base, len(changes), unused, product_bytes)

    def _changes(self, config: TextConfig, prefix: str) -> tuple[dict[str, dict[str, str]], int]:
        """Tensor of the model → kind ("lora_A", "lora_B", "" for a whole copy) → the adapter's name for it."""
        changes: dict[str, dict[str, str]] = {}
        unused, adapters = 0, set()
        for stored in self.tensors.names():
            part = take_apart(stored)
            if part.kind in ("base_layer", "original_module") or (part.kind == "" and self._is_model):
                continue
            kind = "" if part.kind == "modules_to_save" else part.kind
            name = spelled(f"{part.module}.{part.leaf}", prefix)
            adapters.add(part.adapter)
            if set(name.split(".")) & set(TOWERS) or is_unused_kv(name.removeprefix(prefix), config):
                unused += 1
            elif kind not in ("", "lora_A", "lora_B") or part.leaf != "weight":
                raise self._refuse_kind(stored, part)
            elif kind in changes.setdefault(name, {}):
                found = f"{changes[name][kind]} and {stored}"
                raise self._refuse(f"Adapter changes a tensor twice: {name}", "one change to a tensor", found)
            else:
                changes[name][kind] = stored
        if len(adapters - {""}) > 1:
            found = ", ".join(sorted(adapters))[:200]
            raise self._refuse("Several adapters in one file", "one adapter", found)
        return changes, unused

    @property
    def _is_model(self) -> bool:
        """Whether the tensors are a whole model's, in which what PEFT has not marked is the base's own."""
        return any(file.path.name != WEIGHTS for file in self.tensors.files)

    def _require_known(self, name: str, stored: str, base: TensorIndex) -> None:
        if name not in base:
            expected = f"modules that the target has; it was trained on {self.base or 'another model'}"
            raise self._refuse(f"Adapter does not fit the target: no {name} there", expected, stored)

    def _whole(self, name: str, parts: dict[str, str], base: TensorIndex) -> str:
        if len(parts) > 1:
            raise self._refuse(f"Adapter changes a tensor twice: {name}", "one change", ", ".join(parts.values()))
        self._require_shape(name, parts[""], base.info(name).shape)
        return parts[""]

    def _pair(self, name: str, parts: dict[str, str], base: TensorIndex, config: TextConfig) -> LowRank:
        if len(parts) < 2:
            (stored,) = parts.values()
            raise self._refuse(
                f"Adapter lacks a factor of {name}", "lora_A and lora_B of each module", f"{stored} alone"
            )
        if name == HEAD and config.tie_word_embeddings:
            expected = "LoRA of modules whose weights no other shares: the head is the embedding table here"
            raise self._refuse("Adapter can't be merged: lm_head is tied", expected, parts["lora_A"], MERGE)
        shape, module = base.info(name).shape, take_apart(parts["lora_A"]).module
        rank = self.scaling.rank_of(module)
        if len(shape) != 2:
            raise self._refuse(f"Adapter does not fit the target: {name}", "a matrix", f"{list(shape)}")
        self._require_shape(name, parts["lora_A"], (rank, shape[1]))
        self._require_shape(name, parts["lora_B"], (shape[0], rank))
        return LowRank(parts["lora_A"], parts["lora_B"], self.scaling.factor(module))

    def _require_shape(self, name: str, stored: str, shape: tuple[int, ...]) -> None:
        info = self.tensors.info(stored)
        if info.shape != shape or info.dtype not in FLOATS:
            expected = f"{' or '.join(FLOATS)} {list(shape)}, as the target's {name} and {CONFIG} ask for"
            found = f"{info.dtype} {list(info.shape)}; it was trained on {self.base or 'a model that it does not name'}"
            raise self._refuse(f"Adapter does not fit the target: {stored}", expected, found)

    def _refuse_kind(self, stored: str, part: Part) -> CheckpointError:
        kinds = {"lora_magnitude_vector": "DoRA", "token_adapter": "trained tokens"}
        kind = kinds.get(part.kind, part.kind if part.kind else f"a {part.leaf}")
        return self._refuse(
            f"Adapter can't be merged: {kind}", "LoRA of linear layers, and whole tensors", stored, MERGE
        )

    def _refuse(self, title: str, expected: str, found: str, action: str = "") -> CheckpointError:
        return _error(title, expected, found, self.folder / WEIGHTS, action)


def refuse_as_model(located: Located) -> None:
    """Raises CheckpointError for an adapter's folder where a model's is wanted."""
    folder = located.folder
    if not is_there(folder / CONFIG):
        return
    base, path = _base(read_json(folder / CONFIG)), printable(located.named if located.snapshot else folder)
    named = "a model that it does not name" if base is None else base
    raise CheckpointError(
        f"This is an adapter and no model: {printable(located.id)}",
        expected="a model's folder, with config.json and its weights",
        found=f"{CONFIG} of an adapter trained on {named}",
        where=path,
        # Quoted: the name is whatever the adapter's maker wrote, and this is for a shell.
        action=f"Name both: --target {'BASE' if base is None else shlex.quote(base)} --adapter {shlex.quote(path)}",
    )


def _base(values: dict) -> str | None:
    base = values.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        return None
    return base[:200] if base.isprintable() else repr(base)[:200]


def _no_adapter(located: Located) -> CheckpointError:
    folder = located.folder
    inside = sorted(path.parent.name for path in folder.glob(f"*/{CONFIG}"))
    if inside:
        found, action = f"{len(inside)} adapters in folders of it", f"Name one of them: {folder / inside[0]}"
        return _error("Folder of adapters: one is merged at a time", CONFIG, found, folder, action)
    found = "a model's config.json" if located.has("config.json") else f"no {CONFIG}"
    return _error("Not an adapter", f"{CONFIG} and {WEIGHTS}, as PEFT saves them", found, folder)


def _scaling(values: dict, path: Path) -> Scaling:
    """Raises CheckpointError for what is no LoRA or asks for more than a sum of low rank."""

    def refuse(key: str, expected: str, title: str = "Adapter can't be merged") -> CheckpointError:
        return _error(f"{title}: {key}", expected, f"{key} = {values.get(key)!r}"[:300], path, MERGE)

    if values.get("peft_type") != "LORA":
        raise refuse("peft_type", "LORA")
    if values.get("use_dora"):
        raise refuse("use_dora", "LoRA without DoRA, whose magnitudes are not a sum")
    for key in sorted(values.keys() - WITHOUT_EFFECT - FACTORS):
        if values[key]:
            raise refuse(key, "LoRA of linear layers, and whole tensors (modules_to_save)")
    if values.get("init_lora_weights") not in BASE_KEPT:
        raise refuse("init_lora_weights", "an adapter to the base's own weights, which this kind changes first")
    rank, alpha = values.get("r", 8), values.get("lora_alpha", 8)
    ranks, alphas = values.get("rank_pattern") or {}, values.get("alpha_pattern") or {}
    for key, found in (("rank_pattern", ranks), ("alpha_pattern", alphas)):
        if not isinstance(found, dict) or len(found) > MAX_PATTERNS or not all(map(_is_pattern, found)):
            raise refuse(key, f"at most {MAX_PATTERNS} plain patterns of module names", "Adapter's config is not valid")
    for key, one in [("r", rank), *(("rank_pattern", one) for one in ranks.values())]:
        if type(one) is not int or not 1 <= one <= 1 << 16:
            raise refuse(key, "a rank of 1 and above", "Adapter's config is not valid")
    for key, one in [("lora_alpha", alpha), *(("alpha_pattern", one) for one in alphas.values())]:
        if type(one) not in (int, float) or not abs(one) < 1e9:
            raise refuse(key, "a number", "Adapter's config is not valid")
    return Scaling(rank, alpha, bool(values.get("use_rslora")), ranks, alphas)


def _is_pattern(text: str) -> bool:
    if len(text) > MAX_PATTERN or SLOW.search(text):
        return False
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _matching(by_pattern: dict, module: str, default):
    """The value of the first pattern that the end of `module` matches, as peft.utils.get_pattern_key."""
    for pattern, value in by_pattern.items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return value
    return default


def _error(title: str, expected: str, found: str, where: Path, action: str = "") -> CheckpointError:
    action = action or "Name an adapter that PEFT saved for this target, or the target that it was trained on."
    return CheckpointError(title, expected=expected, found=found[:500], where=printable(where), action=action)
