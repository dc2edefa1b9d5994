"""Small bundles for the tests of the container: real layout, arbitrary section bytes."""

import random
from pathlib import Path
from typing import BinaryIO

from export.bundle.metadata import llm_metadata
from export.bundle.sections import Group, Part, pack_tokenizer
from export.bundle.writer import BundleWriter
from export.chat.engine import EngineTemplate
from runtime_spec.bundle.manifest import (
    ALIGNMENT,
    Config,
    Manifest,
    Model,
    Recipe,
    SharedWeights,
    Signature,
    TensorSpec,
    Tokens,
)
from runtime_spec.chat.format import Affixes, ChatFormat

CHAT = ChatFormat(
    start="",
    system=Affixes("<|turn>system\n", "<turn|>\n"),
    user=Affixes("<|turn>user\n", "<turn|>\n"),
    model=Affixes("<|turn>model\n", "<turn|>\n"),
    user_prefix_after_system="<|turn>user\n",
    reply="<|turn>model\n",
)
TOKENS = Tokens(bos=2, pad=0, stop=(1, 6))
TOKENIZER_JSON = b'{"model":{"type":"BPE","vocab":{}}}' * 40
TRACES = {"plain": b'{"trace":1}\n{"index":0}\n', "chat": '{"text":"日本"}\n'.encode()}
_TENSOR = {"x": TensorSpec("float32", (1, 4))}


def manifest(**changes: object) -> Manifest:
    """A valid manifest without sections and hashes."""
    config = Config(
        vocab_size=32,
        hidden_size=8,
        num_layers=3,
        sliding_window=16,
        layer_types=("sliding_attention", "full_attention", "sliding_attention"),
        kv_heads=(1, 1),
        head_dims=(4, 8),
        kv_layers=(0, 1),
        drafter_kv_layers={"sliding_attention": 0, "full_attention": 1},
        per_layer_size=0,
        softcap=30.0,
    )
    names = ("prefill_8", "prefill_32", "decode", "verify", "verify_8")
    signature = Signature(_TENSOR, _TENSOR)
    values: dict = {
        "target": Model("demo/target", "gemma4"),
        "drafter": Model("demo/drafter", "gemma4_assistant"),
        "config": config,
        "context_length": 64,
        "draft_tokens": 3,
        "prefill_lengths": (8, 32),
        "verify_widths": (4, 8),
        "signatures": {"main": dict.fromkeys(names, signature), "drafter": {"mtp_drafter": signature}},
        "tokens": TOKENS,
        "chat": CHAT,
        "recipe": Recipe("float", {"*": {"bits": 32}}),
    }
    return Manifest(**(values | changes))


def section_bytes(name: str, size: int) -> bytes:
    return random.Random(name).randbytes(size)


def parts() -> list[Part | Group]:
    """Metadata, tokenizer, an embedder and a main graph that share a table of 40,000 bytes, a drafter."""
    metadata = llm_metadata(TOKENS, 64, CHAT, EngineTemplate("{{ bos_token }}"))
    return [
        Part("llm_metadata", lambda stream: stream.write(metadata)),
        Part("tokenizer", lambda stream: stream.write(pack_tokenizer(TOKENIZER_JSON))),
        Group(_write_shared),
        Part("drafter", lambda stream: stream.write(section_bytes("drafter", 9000))),
    ]


def _write_shared(stream: BinaryIO) -> tuple[dict[str, tuple[int, int]], tuple[SharedWeights, ...]]:
    """The table first, the graphs' own bytes after it, as a writer does that needs the table's scales for them."""
    main, table, end = ALIGNMENT, ALIGNMENT + 30_016, ALIGNMENT + 70_016
    for position, name, size in ((table, "embed_tokens", 40_000), (0, "embedder", 1000), (main, "main", 30_000)):
        stream.seek(position)
        stream.write(section_bytes(name, size))
    shared = SharedWeights("embed_tokens", table, end, ("embedder", "main"))
    return {"embedder": (0, end), "main": (main, end)}, (shared,)


def write_bundle(path: Path, **changes: object) -> Path:
    writer = BundleWriter(path)
    writer.write_models(parts())
    writer.finish(TRACES, manifest(**changes))
    return path
