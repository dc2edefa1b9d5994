"""What an export will take and give, from shapes alone: sizes, disk, memory, time. Known before any work.

Bytes of weights follow from config and recipe exactly; graphs are counted by what one layer of one signature takes
(measured on the demo: 1.06 MB of graph in 3 prefill and 4 scoring signatures of 14 layers).
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from export.bundle.config import manifest_config
from export.bundle.sections import round_up
from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.config import DrafterConfig, TextConfig
from export.checkpoint.files import printable
from export.checkpoint.tensors import expected_tensors
from export.choices.recipe import Storage
from export.errors import MachineError, OutputError
from export.modules.reads import gathers_head
from export.plan import PER_LAYER_SCALES, PER_LAYER_TABLE, Plan
from runtime_spec.bundle.manifest import ALIGNMENT, MAX_BLOCKS, MIN_BLOCK
from runtime_spec.bundle.memory import Graphs, working_bytes

SCORING_LAYER_BYTES, PREFILL_LAYER_BYTES, DRAFTER_LAYER_BYTES = 13_000, 8_000, 8_700
SPREAD_TABLE_LIMIT = 1 << 18
BLOCK_TEXT_BYTES = 45
"""Of the manifest's JSON, for each block of a section."""
PADDING = 64
"""Most bytes that alignment adds to a tensor."""
LOWERING_MEMORY = int(2.4e9)
"""Two processes that lower pieces of graphs, 1.1 GB each, the libraries for the most part."""
BASE_MEMORY, MEMORY_A_BUNDLE_BYTE = int(1.1e9), 0.4
"""Of the stages after it: 1.86 GiB of E2B in int4 (tests/scale/e2b.json)."""
SMALL_PAIR = 50_000_000
"""Parameters up to which the float pair decodes beside the stored one."""
LOWER_SECONDS = 25.0
"""Layers that are alike are lowered once, so that their number hardly counts."""
CHECKPOINT_BYTES_A_SECOND, HASHED_BYTES_A_SECOND, EVIDENCE_BYTES_A_SECOND = 150e6, 375e6, 180e6
"""Measured on two cores at E2B's size (tests/scale/e2b.json); each stage has a start of some seconds."""
STAGE_SECONDS = 6.0


@dataclass(frozen=True)
class Forecast:
    """Bytes, and seconds on a machine of two cores.

    `sections` of the bundle by name; two that share weights count them both, `bundle_bytes` once. `disk_bytes` and
    `memory_bytes` are what this machine needs, `cache_bytes` and `device_memory_bytes` what the phone does: keys and
    values, and all that decoding takes. `read_bytes` of the checkpoints; `skipped_bytes` are not read.
    `download_bytes` are to come from the hub into `download_folder`, its client's cache; they count in nothing else."""

    sections: dict[str, int]
    bundle_bytes: int
    read_bytes: int
    skipped_bytes: int
    disk_bytes: int
    memory_bytes: int
    cache_bytes: int
    device_memory_bytes: int
    seconds: float
    download_bytes: int = 0
    download_folder: str | None = None


def forecast(plan: Plan, lowered: bool) -> Forecast:
    """`lowered`: whether the graphs are there already."""
    sections = _sections(plan)
    table = _stored_bytes(*_storage(plan, plan.target, _table(plan.target)))
    # The embedder's table is also the head, and what the drafter looks tokens up in.
    shared = table * (plan.target.config.tie_word_embeddings + (plan.drafter is not None))
    bundle = sum(round_up(nbytes, ALIGNMENT) for nbytes in sections.values()) + ALIGNMENT - shared
    read, skipped = _checkpoint_bytes(plan)
    cache = cache_bytes(plan.target.config, plan.capacity)
    packed = sections["main"] + (sections["drafter"] - table if plan.drafter else 0)
    drafting = 1 + len(plan.draft_lengths) if plan.drafter else 0
    graphs = Graphs(plan.device.prefill_lengths, (1, *plan.verify_widths), drafting)
    decoding = working_bytes(manifest_config(plan.target.config), plan.capacity, graphs)
    logits = 4 * plan.target.config.vocab_size * 384
    float_pair = 8 * plan.num_parameters if plan.drafter and plan.num_parameters <= SMALL_PAIR else 0
    # Quantising and the float pass beside it each hold an adapter's product for one tensor.
    products = 2 * plan.target.adapter.product_bytes if plan.target.adapter else 0
    working = BASE_MEMORY + int(MEMORY_A_BUNDLE_BYTE * bundle) + float_pair + products
    seconds = (
        (0 if lowered else LOWER_SECONDS)
        + STAGE_SECONDS * 2
        + read / CHECKPOINT_BYTES_A_SECOND
        + bundle / EVIDENCE_BYTES_A_SECOND
        + bundle / HASHED_BYTES_A_SECOND
    )
    return Forecast(
        sections=sections,
        bundle_bytes=bundle,
        read_bytes=read,
        skipped_bytes=skipped,
        disk_bytes=bundle + int(1.1 * packed) + logits + min(bundle, 100_000_000) + 16_000_000,
        memory_bytes=max(0 if lowered else LOWERING_MEMORY, working),
        cache_bytes=cache,
        device_memory_bytes=packed + decoding,
        seconds=seconds,
        download_bytes=sum(file.missing_bytes for file in plan.absent),
        download_folder=printable(plan.absent[0].snapshot.root.parent) if plan.absent else None,
    )


def check_machine(found: Forecast, out: Path, present_bytes: int) -> None:
    """Raises OutputError when a disk, MachineError when the memory can't hold the export. `present_bytes` of what
    `disk_bytes` counts stand there already."""
    folder, needed = _existing(out), found.disk_bytes - present_bytes
    what = "the bundle, and packed weights while it is checked"
    if found.download_folder:
        cache = _existing(Path(found.download_folder))
        if os.stat(cache).st_dev == os.stat(folder).st_dev:
            needed += found.download_bytes
            what += f", and {found.download_bytes / 1e9:.2f} GB from the hub in {found.download_folder}"
        else:
            action = "Free some space, or set HF_HOME to a folder with room."
            _require_room("the download", cache, found.download_bytes, "what comes from the hub", action)
    action = "Free some space, choose another folder with --out, or a recipe with fewer bits."
    _require_room("the export", folder, needed, what, action)
    memory = available_memory()
    if memory is not None and memory < found.memory_bytes:
        raise MachineError(
            "The machine's memory can't hold the export",
            expected=f"{found.memory_bytes / 1e9:.2f} GB available",
            found=f"{memory / 1e9:.2f} GB, swap counted",
            where="/proc/meminfo",
            action="Close other programs, or export on a larger machine.",
        )


def _existing(path: Path) -> Path:
    """The folder, or what there is of those it will be in."""
    return next(folder for folder in [path.absolute(), *path.absolute().parents] if folder.exists())


def _require_room(holds: str, folder: Path, needed: int, what: str, action: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"The disk can't hold {holds}",
            expected=f"{needed / 1e9:.2f} GB free: {what}",
            found=f"{free / 1e9:.2f} GB",
            where=str(folder),
            action=action,
        )


def available_memory() -> int | None:
    """Bytes that programs may still take, swap counted; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        values = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
        return 1024 * (values["MemAvailable"] + values["SwapFree"])
    except (OSError, ValueError, KeyError, IndexError):
        return None


def cache_bytes(config: TextConfig, capacity: int) -> int:
    """Of keys and values in float32: every layer that owns a cache, all slots."""
    return sum(2 * 4 * config.kv_heads[i] * config.head_dims[i] * capacity for i in config.kv_layers)


def _sections(plan: Plan) -> dict[str, int]:
    target, layers = plan.target, plan.target.config.num_layers
    tables = {"embedder": [_table(target)]}
    if target.config.per_layer_size:
        scales = [PER_LAYER_SCALES] if plan.per_layer_scales > 1 else []
        tables["per_layer_embedder"] = [target.prefix + name for name in (PER_LAYER_TABLE, *scales)]
    in_tables = {name for names in tables.values() for name in names}
    expected = expected_tensors(target.config, target.prefix)
    main = [name for name in expected if name not in in_tables]
    if target.config.tie_word_embeddings:
        main.append(_table(target))
    signatures = SCORING_LAYER_BYTES * (1 + len(plan.verify_widths)) + PREFILL_LAYER_BYTES * len(
        plan.device.prefill_lengths
    )
    found = {
        "llm_metadata": 300 + (len(plan.chat.engine.text) if plan.chat else 0),
        "tokenizer": os.stat(target.tokenizer.path).st_size // 4,
    }
    found |= {name: _weights(plan, target, names) for name, names in tables.items()}
    found["main"] = signatures * layers + _weights(plan, target, main)
    if plan.drafter:
        names = [n for n in expected_tensors(plan.drafter.config, "model.") if not n.endswith("token_ordering")]
        steps = (1 + sum(plan.draft_lengths)) * plan.drafter.text.num_layers
        graph = DRAFTER_LAYER_BYTES * steps + _sparse_head(plan.drafter.config)
        table = _weights(plan, target, [_table(target)])
        found["drafter"] = graph + _weights(plan, plan.drafter, names) + table
    blocks = sum(min(MAX_BLOCKS, nbytes // MIN_BLOCK + 1) for nbytes in found.values())
    found["manifest"] = 32_000 + BLOCK_TEXT_BYTES * blocks
    return found


def _sparse_head(config: DrafterConfig) -> int:
    """Bytes of the tables that say which token is of which cluster, and of the one that spreads a small choice."""
    if not config.use_ordered_embeddings:
        return 0
    members = config.text.vocab_size * config.num_centroids
    # Of a gathered head its scales stand beside the clusters.
    tables = 2 if gathers_head(config) else 1
    return 4 * config.text.vocab_size * tables + (members if members <= SPREAD_TABLE_LIMIT else 0)


def _weights(plan: Plan, checkpoint: Checkpoint, names: list[str]) -> int:
    """Codes, scales and zero points of these tensors as one model stores them."""
    storages = {name: _storage(plan, checkpoint, name) for name in names}
    total = sum(_stored_bytes(*stored) for stored in storages.values())
    counts = {s.num_scales(shape) for s, shape in storages.values() if s.bits < 32 and not s.block}
    return total + 8 * sum(counts)


def _storage(plan: Plan, checkpoint: Checkpoint, name: str) -> tuple[Storage, tuple[int, ...]]:
    shape = checkpoint.tensors.info(name).shape
    parameter = "head.weight" if name == "lm_head.weight" else name.removeprefix(checkpoint.prefix)
    return plan.storage(checkpoint, parameter, shape), shape


def _stored_bytes(storage: Storage, shape: tuple[int, ...]) -> int:
    return storage.nbytes(shape) + (2 if storage.block else 4) * storage.num_scales(shape) + PADDING // 2


def _table(target: Checkpoint) -> str:
    return f"{target.prefix}embed_tokens.weight"


def _checkpoint_bytes(plan: Plan) -> tuple[int, int]:
    """(read, skipped) bytes of both checkpoints' tensors."""
    read = total = 0
    for checkpoint in filter(None, (plan.target, plan.drafter)):
        expected = expected_tensors(checkpoint.config, checkpoint.prefix)
        sizes = dict(_tensor_bytes(checkpoint))
        read += sum(sizes[name] for name in expected)
        total += sum(sizes.values())
    return read, total - read


def _tensor_bytes(checkpoint: Checkpoint) -> Iterator[tuple[str, int]]:
    for name in checkpoint.tensors.names():
        yield name, checkpoint.tensors.stored_bytes(name)
