"""A Hugging Face folder or hub id → a checked checkpoint: config, tokenizer files, and tensors ready to be streamed.

Everything is checked before any work: dialect, names, shapes and sizes of the tensors, the tokenizer. Imports neither
torch nor transformers.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint.adapter import CONFIG as ADAPTER_CONFIG
from export.checkpoint.adapter import Adapter, Merged, refuse_as_model
from export.checkpoint.codes import CodesFound
from export.checkpoint.config import (
    DrafterConfig,
    TextConfig,
    parse_drafter,
    parse_target,
)
from export.checkpoint.families import DRAFTER_TYPES, TARGET_PREFIXES
from export.checkpoint.files import MAX_TOKENIZER, is_there, printable, read_file, read_json
from export.checkpoint.hub import Absent, Located, locate
from export.checkpoint.quantization import Quantization, parse_quantization
from export.checkpoint.reading import read_tensors
from export.checkpoint.safetensors import INDEX_NAME, SINGLE_NAME, RemoteTensorFile, TensorFile, TensorIndex
from export.checkpoint.tensors import SkippedTower, check_ordering, check_tensors, skipped_towers
from export.checkpoint.tokenizer import TokenizerFiles
from export.errors import CheckpointError

PICKLES = re.compile(r"pytorch_model.*\.bin|.*\.(pt|pth|ckpt|pkl)")
CONFIGS = ("config.json", "generation_config.json", INDEX_NAME, ADAPTER_CONFIG)
TEXTS = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
SMALL_FILES = (*CONFIGS[:2], *TEXTS, INDEX_NAME)
# Below this the fingerprint covers every byte; above it, sizes, times and samples.
FULL_HASH_BYTES = 256 << 20
SAMPLE_BYTES, SAMPLES = 1 << 20, 128


@dataclass(frozen=True)
class Checkpoint:
    """A target or a drafter, checked. `id` is the hub id or the folder's name: no machine's path ends in a bundle.
    With an adapter it is "TARGET + ADAPTER". Its weights may be on the hub still: `absent` names those files. `codes`:
    what of it quantisation-aware training left as codes."""

    id: str
    located: Located
    folder: Path
    role: str
    model_type: str
    prefix: str
    config: TextConfig | DrafterConfig
    tensors: TensorIndex
    tokenizer: TokenizerFiles | None
    skipped: tuple[SkippedTower, ...]
    adapter: Merged | None = None
    codes: CodesFound | None = None

    @classmethod
    def open(
        cls, name: str | Path | Located, role: str | None = None, adapter: str | Path | Located | None = None
    ) -> "Checkpoint":
        """Opens a folder, or a repository of the Hugging Face hub (ORG/NAME or ORG/NAME@REVISION): its small files are
        fetched, of its weights only the headers are read where they are not in the cache.

        `role` ("target" or "drafter") is what it is wanted for, None when either will do. A target needs a tokenizer.
        `adapter`, a LoRA adapter's folder or hub id, is merged into the tensors as they are read.
        Raises CheckpointError.
        """
        located = locate(name)
        folder = located.folder
        if f"{folder}{located.id}" != printable(f"{folder}{located.id}"):
            raise _error("Checkpoint has no name in Unicode", "a folder's name in UTF-8", printable(located.id), folder)
        # What is refused is refused by the smallest file that shows it.
        located.fetch(CONFIGS)
        _require_weights(located)
        values = _config(folder)
        model_type = values.get("model_type")
        found_role = "drafter" if model_type in DRAFTER_TYPES else "target"
        if role not in (None, found_role):
            raise _error(f"Checkpoint is not a {role}", f"a {role}", f"model_type {model_type}, a {found_role}", folder)
        parse = parse_drafter if found_role == "drafter" else parse_target
        config = parse(values, folder / "config.json")
        text = config if found_role == "target" else config.text
        prefix = TARGET_PREFIXES.get(model_type, "model.")
        quantization = _quantization(values, config, prefix, folder / "config.json")
        located.fetch(TEXTS)
        read = read_tensors(located, config, prefix, adapter and Adapter.open(adapter), quantization)
        tensors, config = read.tensors, read.config
        check_tensors(tensors, config, prefix, folder)
        if found_role == "drafter" and config.use_ordered_embeddings:
            check_ordering(tensors)
        tokenizer = None
        if found_role == "target" or is_there(folder / "tokenizer.json"):
            tokenizer = TokenizerFiles.read(folder, values, text.vocab_size)
        if tokenizer:
            _require_rows(text, tokenizer, folder / "config.json")
        skipped = skipped_towers(tensors)
        name = f"{located.id} + {read.adapter.id}" if adapter else located.id
        found = (tensors, tokenizer, skipped, read.adapter, read.codes)
        return cls(name, located, folder, found_role, model_type, prefix, config, *found)

    @property
    def text(self) -> TextConfig:
        """The decoder's config, of a target and a drafter alike."""
        return self.config.text if isinstance(self.config, DrafterConfig) else self.config

    @property
    def sources(self) -> tuple[Located, ...]:
        """Where its files are: its own folder, and behind it the adapter's where that is another."""
        beside = self.adapter and self.adapter.located
        return (self.located, beside) if beside and beside != self.located else (self.located,)

    @property
    def absent(self) -> dict[str, Absent]:
        """The files of its tensors that are on the hub still, by name; without any it can be exported."""
        files = {file.path: file.remote for file in self.tensors.files if isinstance(file, RemoteTensorFile)}
        return {path.name: remote for path, remote in files.items()}

    def files_of(self, located: Located) -> list[Path]:
        """The files of one of `sources` that are read."""
        tensors = [file.path for file in self.tensors.files if file.path.parent == located.folder]
        small = {ADAPTER_CONFIG} if self.adapter and self.adapter.located == located else set()
        if located == self.located:
            small |= {"config.json"} | ({INDEX_NAME} if tensors[0].name != SINGLE_NAME else set())
            if self.tokenizer:
                small |= {"generation_config.json", "tokenizer.json"}
            if self.role == "target":
                small |= set(TEXTS)
        return [located.folder / name for name in sorted(small) if is_there(located.folder / name)] + tensors

    def fingerprint(self) -> str:
        """SHA-256 (hex) that changes when anything does that an export reads: the identity of a work folder.

        The role, the configs, the tokenizer's files, the chat template, the index and every tensor file's name, size
        and header count whole. Tensors count whole up to FULL_HASH_BYTES in all, beyond that by the file's time of
        change and about SAMPLES samples: two seconds at most, and a copy of a large checkpoint may have another
        fingerprint. It has no place in a bundle. Raises CheckpointError when a file can't be read.
        """
        digest = hashlib.sha256(f"{self.role}\n{self.config!r}\n".encode())
        adapter = [self.adapter.folder / ADAPTER_CONFIG] if self.adapter else []
        for path in [*(self.folder / name for name in SMALL_FILES), *adapter]:
            if is_there(path):
                digest.update(f"{path.name} {hashlib.sha256(read_file(path, MAX_TOKENIZER)).hexdigest()}\n".encode())
        total = sum(file.size for file in self.tensors.files)
        step = SAMPLE_BYTES if total <= FULL_HASH_BYTES else max(SAMPLE_BYTES, total // SAMPLES)
        for file in self.tensors.files:
            digest.update(f"{file.path.name} {file.size}\n".encode())
            _hash_file(digest, file, step)
        return digest.hexdigest()


def _require_weights(located: Located) -> None:
    folder = located.folder
    if located.has(INDEX_NAME) or located.has(SINGLE_NAME):
        return
    refuse_as_model(located)
    pickles = [name for name in located.names() if PICKLES.fullmatch(name)]
    found = f"{printable(pickles[0])}, a pickle: reading it can run code" if pickles else "neither of them"
    title = "Pickle checkpoint refused" if pickles else "Checkpoint has no weights"
    action = "Save it as safetensors (save_pretrained does) and name that folder."
    raise CheckpointError(
        title, expected=f"{SINGLE_NAME} or {INDEX_NAME}", found=found, where=str(folder), action=action
    )


def _config(folder: Path) -> dict:
    path = folder / "config.json"
    values = read_json(path)
    model_type = values.get("model_type")
    supported = [*TARGET_PREFIXES, *DRAFTER_TYPES]
    if not isinstance(model_type, str) or model_type not in supported:
        expected = f"model_type {', '.join(supported[:-1])} or {supported[-1]}"
        raise _error("Not a Gemma 4 checkpoint", expected, f"model_type {model_type!r}"[:300], path)
    return values


def _quantization(values: dict, config: TextConfig | DrafterConfig, prefix: str, where: Path) -> Quantization | None:
    """How codes are to be read. Where no modules are named that have none, Transformers leaves out the head, what is
    tied to it, and the last module (HfQuantizer.get_modules_to_not_convert)."""
    text = config.text if isinstance(config, DrafterConfig) else config
    left_out = ("lm_head", *((f"{prefix}embed_tokens",) if text.tie_word_embeddings else ()))
    if isinstance(config, DrafterConfig):
        left_out += ("masked_embedding.centroids" if config.use_ordered_embeddings else "post_projection",)
    return parse_quantization(values.get("quantization_config"), where, left_out)


def _require_rows(text: TextConfig, tokenizer: TokenizerFiles, where: Path) -> None:
    """Raises CheckpointError where tokens were added to the embeddings and not to the per-layer ones: Transformers'
    look-up fails at the first of them."""
    rows, tokens = text.vocab_size_per_layer_input, text.vocab_size
    if not text.per_layer_size or rows >= tokens:
        return
    added = tokenizer.added_from(rows)
    names = f": the added token{'s' if len(added) > 1 else ''} {', '.join(map(repr, added[:5]))}" if added else ""
    raise CheckpointError(
        "Tokens have no per-layer embedding: vocab_size_per_layer_input is smaller than vocab_size",
        expected=f"vocab_size_per_layer_input of at least vocab_size {tokens}: a row for every token",
        found=f"{rows} rows, none for ids {rows} to {tokens - 1}{names}{', …' if len(added) > 5 else ''}",
        where=printable(where),
        action="Grow embed_tokens_per_layer with embed_tokens (resize_token_embeddings leaves it out) and train "
        "the rows, or use unused pieces of the vocabulary in place of added tokens.",
    )


def _hash_file(digest, file: TensorFile, step: int) -> None:
    """The file's header and a sample of its bytes every `step` bytes; its time of change where those are not all."""
    descriptor = file.file.fileno()
    if step > SAMPLE_BYTES:
        digest.update(f"{os.fstat(descriptor).st_mtime_ns}\n".encode())
        digest.update(os.pread(descriptor, 8 + file.header_bytes, 0))
    for begin in range(0, file.size, step):
        digest.update(os.pread(descriptor, SAMPLE_BYTES, begin))


def _error(title: str, expected: str, found: str, where: str | Path) -> CheckpointError:
    action = "Use a complete Gemma 4 checkpoint in Hugging Face format (E2B, E4B, 12B, 31B, a fine-tune, an assistant)."
    return CheckpointError(title, expected=expected, found=found, where=printable(where), action=action)
