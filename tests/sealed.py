"""Bundles with valid digests over any content: what somebody else could make. And a small one of ours to begin with."""

import hashlib
import json
import zlib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from export.bundle.metadata import llm_metadata
from export.bundle.sections import build_header, pack_tokenizer, pack_traces, round_up
from export.chat.engine import EngineTemplate
from runtime_spec.bundle.contents import CHOICES, expected_models, expected_signatures
from runtime_spec.bundle.digests import SectionDigest, seal, sums_hex
from runtime_spec.bundle.manifest import ALIGNMENT, Config, Manifest, Signature, Tokens
from runtime_spec.bundle.reader import Bundle
from runtime_spec.litert.runtime import Models
from runtime_spec.reference.record import record_with_margins
from runtime_spec.reference.trace import Header, Trace, Turn, trace_text
from tests.bundles import CHAT, manifest
from tests.tiny_graphs import graphs

PIECES = ["<pad>", "<eos>", "<bos>", "<unk>", "<|turn>", "<turn|>", "▁", "\n", *map(chr, range(ord("a"), ord("z") + 1))]
PIECES += ["th", "he", "the", *(f"<unused{i}>" for i in range(27))]


def tiny_manifest(chooses: bool = False, **changes: object) -> Manifest:
    """A manifest whose signatures follow from the rest; with `chooses` its graphs make the greedy choice."""
    config = Config(
        vocab_size=len(PIECES),
        hidden_size=8,
        num_layers=3,
        sliding_window=16,
        layer_types=("sliding_attention", "full_attention", "sliding_attention"),
        kv_heads=(1, 2),
        head_dims=(4, 8),
        kv_layers=(0, 1),
        drafter_kv_layers={"sliding_attention": 0, "full_attention": 1},
        per_layer_size=4,
        softcap=30.0,
    )
    tokens, chat = Tokens(2, 0, (1, 5)), CHAT
    values = {"config": config, "tokens": tokens, "chat": chat, "prefill_lengths": (4, 16), "verify_widths": (2, 4)}
    # The signatures are checked against widths when a manifest is made: any will do until the true ones are known.
    any_one = Signature({}, dict.fromkeys(CHOICES) if chooses else {})
    first = manifest(**values, signatures={"main": dict.fromkeys(_NAMES, any_one), "drafter": {}}, **changes)
    return replace(first, signatures={name: expected_signatures(first, name) for name in expected_models(first)})


_NAMES = ("prefill_4", "prefill_16", "decode", "verify", "verify_2")


def tokenizer_json(**changes: object) -> bytes:
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    values = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": piece, **special} for i, piece in enumerate(PIECES[:6])],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": False, "ignore_merges": False,
            "vocab": {piece: i for i, piece in enumerate(PIECES)}, "merges": [["t", "h"], ["h", "e"], ["th", "e"]],
        },
    }  # fmt: skip
    return json.dumps(values | changes).encode()


def tiny_sections(made: Manifest, **traces: bytes) -> dict[str, bytes]:
    """Every section of a bundle with that manifest, its traces recorded unless given."""
    models = graphs(made)
    sections = {
        "llm_metadata": llm_metadata(made.tokens, made.context_length, made.chat, EngineTemplate("{{ bos_token }}")),
        "tokenizer": pack_tokenizer(tokenizer_json()),
        **models,
    }
    return sections | {"traces": pack_traces(traces or {"drafted": _trace(made, models)})}


def _trace(made: Manifest, models: dict[str, bytes]) -> bytes:
    memory = {name: np.frombuffer(content, np.uint8).copy() for name, content in models.items()}
    opened = Models({name: view.data for name, view in memory.items()}, 1, None, made.signatures)
    try:
        widths, turns = opened.target.verify_widths, (Turn((2, 9, 11), 12), Turn((8, 20), 6))
        header = Header("drafted", made.context_length, widths, made.draft_tokens, (1,), True, 0.0, turns)
        rounds = record_with_margins(header, opened.target.comparing(), opened.drafter)
        return trace_text(Trace(header, rounds)).encode()
    finally:
        opened.close()


def seal_bundle(path: Path, sections: dict[str, bytes], values: Manifest | dict) -> Path:
    """Writes the sections one after the other under a manifest of `values` and their digests, whatever they are."""
    values = json.loads(values.to_json()) if isinstance(values, Manifest) else dict(values)
    entries, ranges, position = [], {}, ALIGNMENT
    for name, content in sections.items():
        position = round_up(position, ALIGNMENT)
        ranges[name] = (position, position + len(content))
        digest = SectionDigest(*ranges[name])
        digest.feed_whole(memoryview(content))
        digest.feed_blocks(memoryview(content))
        sha256, blocks = digest.result()
        begin, end = ranges[name]
        entries.append({"name": name, "begin": begin, "end": end, "sha256": sha256, "blocks": asdict(blocks)})
        position += len(content)
    values |= {"sections": entries, "shared_weights": values.get("shared_weights") or []}
    begin = round_up(position, ALIGNMENT)
    header = build_header({**ranges, "manifest": (begin, begin + len(_json(values)))})
    values |= {"header_sha256": hashlib.sha256(header).hexdigest(), "header_sums": sums_hex(header)}
    with path.open("wb") as file:
        file.write(header)
        for name, content in sections.items():
            file.seek(ranges[name][0])
            file.write(content)
        file.seek(begin)
        file.write(seal(_json(values)))
    return path


def _json(values: dict) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def opened_sections(path: Path) -> tuple[dict[str, bytes], dict]:
    """The sections of a bundle, each with all of its bytes, and its manifest's values: for sealing them changed."""
    with Bundle.open(path) as bundle:
        sections = {section.name: bytes(section.data) for section in bundle.sections if section.name != "manifest"}
        return sections, json.loads(bundle.manifest.to_json()) | {"shared_weights": []}


def stated_tokenizer(size: int, content: bytes) -> bytes:
    """A tokenizer section that states `size`."""
    return size.to_bytes(8, "little") + zlib.compress(content)
