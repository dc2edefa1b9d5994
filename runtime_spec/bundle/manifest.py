"""The bundle's manifest: what a runtime must know besides the graphs, as frozen dataclasses and canonical JSON.

Field names are the JSON keys. Reading is strict: an unknown, missing or mistyped key is a BundleError that names it.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from runtime_spec.bundle.json_fields import (
    INT63_MAX,
    check,
    check_ascending,
    check_hex,
    check_int,
    decode,
    manifest_error,
    optional,
    unique_keys,
    without_defaults,
)
from runtime_spec.chat.format import ChatFormat
from runtime_spec.errors import BundleError

FORMAT, VERSION = "slipstream", 1
ALIGNMENT = 16 * 1024  # of every section, and the size of the header region
MIN_BLOCK, MAX_BLOCKS = 4096, 1024
MAX_THREADS = 64
SECTION_NAMES = ("llm_metadata", "tokenizer", "embedder", "per_layer_embedder", "main", "drafter", "traces")
ROLES = ("target", "drafter", "adapter")
LINK = r"https://[!-~]{1,1992}"
LAYER_TYPES = ("sliding_attention", "full_attention")


@dataclass(frozen=True)
class Model:
    id: str
    model_type: str


@dataclass(frozen=True)
class License:
    """As a model card names it: an SPDX identifier or the hub's (`gemma`), or its makers' own name for it, and where
    its text is, if that is said."""

    name: str
    link: str | None

    def __post_init__(self) -> None:
        check(1 <= len(self.name) <= 200, "sources license.name", "1 to 200 characters", self.name)
        if self.link is not None:
            valid = bool(re.fullmatch(LINK, self.link))
            check(valid, "sources license.link", "an https address of at most 2000 characters", self.link)


@dataclass(frozen=True)
class Source:
    """Where a part of the bundle came from: a checkpoint or adapter by what it was called (a hub id or a folder's
    name), its commit on the Hugging Face hub (null for a folder), the SHA-256 of each file that decides what the bundle
    computes, and its licence if its model card names one."""

    role: str
    id: str
    revision: str | None
    files: dict[str, str]
    license: License | None = field(default=None, metadata=optional("an object"))

    def __post_init__(self) -> None:
        check(self.role in ROLES, "sources role", f"one of {ROLES}", self.role)
        if self.revision is not None:
            check_hex("sources revision", self.revision, 40)
        for name, digest in self.files.items():
            check_hex(f"sources {name[:40]}", digest, 64)


@dataclass(frozen=True)
class Config:
    """Numbers of the target that a runtime needs. `kv_heads` and `head_dims` have one entry per cache layer."""

    vocab_size: int
    hidden_size: int
    num_layers: int
    sliding_window: int
    layer_types: tuple[str, ...]
    kv_heads: tuple[int, ...]
    head_dims: tuple[int, ...]
    kv_layers: tuple[int, ...]
    drafter_kv_layers: dict[str, int]
    per_layer_size: int
    softcap: float | None

    def __post_init__(self) -> None:
        for name in ("vocab_size", "hidden_size", "num_layers", "sliding_window"):
            check_int(f"config.{name}", getattr(self, name), 1)
        check_int("config.per_layer_size", self.per_layer_size, 0)
        check(set(self.layer_types) <= set(LAYER_TYPES), "config.layer_types", f"{LAYER_TYPES}", self.layer_types)
        check(
            len(self.layer_types) == self.num_layers,
            "config.layer_types",
            f"{self.num_layers} entries",
            len(self.layer_types),
        )
        check_ascending("config.kv_layers", self.kv_layers, 0)
        for name in ("kv_heads", "head_dims"):
            values = getattr(self, name)
            check(len(values) == len(self.kv_layers), f"config.{name}", f"{len(self.kv_layers)} entries", len(values))
            for value in values:
                check_int(f"config.{name}", value, 1)
        for kind, layer in self.drafter_kv_layers.items():
            key = f"config.drafter_kv_layers.{kind}"
            check(kind in LAYER_TYPES, key, f"one of {LAYER_TYPES}", kind)
            check(layer in self.kv_layers, key, "a layer of config.kv_layers", layer)
        check(self.softcap is None or self.softcap > 0, "config.softcap", "a positive number or null", self.softcap)


@dataclass(frozen=True)
class TensorSpec:
    dtype: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        check(bool(re.fullmatch("[a-z]{1,8}[0-9]{0,3}", self.dtype)), "signatures dtype", "a type name", self.dtype)
        check(len(self.shape) <= 8, "signatures shape", "at most 8 dimensions", self.shape)
        for size in self.shape:
            check_int("signatures shape", size, 1)


@dataclass(frozen=True)
class Signature:
    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


@dataclass(frozen=True)
class Tokens:
    bos: int
    pad: int
    stop: tuple[int, ...]


@dataclass(frozen=True)
class SamplingDefaults:
    """How the checkpoint's makers sample from it; DECODE.md says what each number means, and when it is off."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    repetition_window: int

    def __post_init__(self) -> None:
        check(self.temperature >= 0, "sampling.temperature", "a number of at least 0", self.temperature)
        check_int("sampling.top_k", self.top_k, 0)
        check(0 < self.top_p <= 1, "sampling.top_p", "a number above 0, at most 1", self.top_p)
        check(0 <= self.min_p < 1, "sampling.min_p", "a number from 0, below 1", self.min_p)
        penalty = self.repetition_penalty
        check(penalty > 0, "sampling.repetition_penalty", "a number above 0", penalty)
        check_int("sampling.repetition_window", self.repetition_window, 0)


@dataclass(frozen=True)
class Recipe:
    """How weights are stored; `accepted_loss` says which figures were outside the recipe's tolerances when the bundle
    was sealed all the same."""

    name: str
    tensors: dict[str, Any]
    accepted_loss: tuple[str, ...] = ()


@dataclass(frozen=True)
class Blocks:
    """Per block of `size` bytes: the first 16 hex digits of its SHA-256, and sum b_i, sum (i+1)*b_i."""

    size: int
    digests: tuple[str, ...]
    sums: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        power_of_two = self.size >= MIN_BLOCK and self.size & (self.size - 1) == 0
        check(power_of_two, "sections blocks.size", f"a power of two of at least {MIN_BLOCK}", self.size)
        check(len(self.digests) <= MAX_BLOCKS, "sections blocks.digests", "at most 1024", len(self.digests))
        check(len(self.sums) == len(self.digests), "sections blocks.sums", "one pair a digest", len(self.sums))
        for digest in self.digests:
            check_hex("sections blocks.digests", digest, 16)
        for pair in self.sums:
            for value in pair:
                check_int("sections blocks.sums", value, 0, INT63_MAX)


@dataclass(frozen=True)
class SectionEntry:
    name: str
    begin: int
    end: int
    sha256: str
    blocks: Blocks

    def __post_init__(self) -> None:
        key = f"sections {self.name[:40]}"
        check(self.name in SECTION_NAMES, key, f"one of {SECTION_NAMES}", self.name)
        check_int(f"{key} begin", self.begin, ALIGNMENT, INT63_MAX)
        check(self.begin % ALIGNMENT == 0, f"{key} begin", f"a multiple of {ALIGNMENT}", self.begin)
        check_int(f"{key} end", self.end, self.begin, INT63_MAX)
        check_hex(f"{key} sha256", self.sha256, 64)
        count = -(-(self.end - self.begin) // self.blocks.size)
        check(len(self.blocks.digests) == count, f"{key} blocks", f"{count} blocks", len(self.blocks.digests))


@dataclass(frozen=True)
class SharedWeights:
    """Bytes that several sections use in place: absolute file offsets."""

    name: str
    begin: int
    end: int
    sections: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """The whole manifest. The bundle's writer fills in `sections`, `shared_weights` and the hashes.

    `draft_tokens` is the most drafts a round: the drafter's or, in a bundle without one, those looked up in the text;
    0 there: no verify pass was made for drafts. `threads` of LiteRT suit the device that it was exported for."""

    target: Model
    drafter: Model | None
    config: Config
    context_length: int
    draft_tokens: int
    prefill_lengths: tuple[int, ...]
    verify_widths: tuple[int, ...]
    signatures: dict[str, dict[str, Signature]]
    tokens: Tokens
    chat: ChatFormat | None
    recipe: Recipe
    skipped: tuple[str, ...] = ()
    sources: tuple[Source, ...] = field(default=(), metadata=optional("at least one"))
    sampling: SamplingDefaults | None = field(default=None, metadata=optional("an object"))
    threads: int | None = field(default=None, metadata=optional("an integer"))
    sections: tuple[SectionEntry, ...] = ()
    shared_weights: tuple[SharedWeights, ...] = ()
    header_sha256: str = "0" * 64
    header_sums: str = "0" * 32
    manifest_sha256: str = "0" * 64
    manifest_sums: str = "0" * 32
    format: str = FORMAT
    version: int = VERSION

    def __post_init__(self) -> None:
        check_int("context_length", self.context_length, 1)
        check_int("draft_tokens", self.draft_tokens, 0 if self.drafter is None else 1, 64)
        if self.threads is not None:
            check_int("threads", self.threads, 1, MAX_THREADS)
        check(len(self.prefill_lengths) > 0, "prefill_lengths", "at least one length", self.prefill_lengths)
        check_ascending("prefill_lengths", self.prefill_lengths, 1)
        check_ascending("verify_widths", self.verify_widths, 2)
        self._check_tokens()
        self._check_signatures()
        self._check_sections()
        roles = [source.role for source in self.sources]
        check(len(set(roles)) == len(roles), "sources", "each role once", roles)
        for name, length in (
            ("header_sha256", 64),
            ("header_sums", 32),
            ("manifest_sha256", 64),
            ("manifest_sums", 32),
        ):
            check_hex(name, getattr(self, name), length)

    def _check_tokens(self) -> None:
        for key, ids in (("bos", (self.tokens.bos,)), ("pad", (self.tokens.pad,)), ("stop", self.tokens.stop)):
            for token in ids:
                check_int(f"tokens.{key}", token, 0, self.config.vocab_size - 1)

    def _check_signatures(self) -> None:
        needed = {"decode", *(f"prefill_{n}" for n in self.prefill_lengths)}
        needed |= {self.verify_signature(width) for width in self.verify_widths}
        missing = sorted(needed - set(self.signatures.get("main", {})))
        check(not missing, "signatures.main", f"signatures {sorted(needed)}", f"{missing} missing")
        if self.draft_tokens:
            width = self.draft_tokens + 1
            check(width in self.verify_widths, "verify_widths", f"draft_tokens + 1 = {width}", self.verify_widths)
        if self.drafter is not None:
            check("drafter" in self.signatures, "signatures", "signatures of the drafter", sorted(self.signatures))

    def _check_sections(self) -> None:
        ranges = {section.name: section for section in self.sections}
        check(len(ranges) == len(self.sections), "sections", "each name once", [s.name for s in self.sections])
        for shared in self.shared_weights if self.sections else ():
            for name in shared.sections:
                section = ranges.get(name)
                inside = section is not None and section.begin <= shared.begin <= shared.end <= section.end
                check(inside, f"shared_weights {shared.name[:40]}", f"bytes inside section {name}", shared)

    def verify_signature(self, width: int) -> str:
        """Name of the main graph's signature that scores `width` tokens at once."""
        if width == 1:
            return "decode"
        return "verify" if width == self.draft_tokens + 1 else f"verify_{width}"

    def to_json(self) -> bytes:
        """Canonical: sorted keys, no spaces, ASCII, a newline at the end. Optional keys are left out where there is
        nothing to say, as in bundles that were made before they were keys."""
        values = without_defaults(self)
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
        return text.encode("ascii") + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """Parses and checks; BundleError names the key, or the newer version, or what is no JSON."""
        try:
            value = json.loads(text.decode("utf-8"), object_pairs_hook=unique_keys)
        except (ValueError, RecursionError) as error:
            raise manifest_error("(whole)", "JSON", str(error) or type(error).__name__) from None
        check(isinstance(value, dict) and value.get("format") == FORMAT, "format", repr(FORMAT), _head(value, "format"))
        version = value.get("version")
        if isinstance(version, int) and version > VERSION:
            raise BundleError(
                "Bundle is newer than this runtime",
                expected=f"manifest version {VERSION}",
                found=f"manifest version {min(version, INT63_MAX)}",
                where="manifest key version",
                action="Use a newer Slipstream, or export the bundle with this one.",
            )
        check(version == VERSION, "version", str(VERSION), version)
        return decode(cls, value, "")


def _head(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else type(value).__name__
