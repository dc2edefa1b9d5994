"""What decoding takes of a device's memory, from a manifest's numbers alone (BUNDLE.md, *Memory on the device*)."""

from dataclasses import dataclass

from runtime_spec.bundle.manifest import Config, Manifest

FLOAT_BYTES = 4
PREFIX_STEP = 128
"""Slots by which the part of a cache that full layers read grows; a shorter cache is read where it lies."""
GRAPH_LAYER_BYTES = 250_000
"""Of one layer in one signature of the target: scales, operations, what lies between them. Measured on E2B."""
PROCESS_BYTES = 96 << 20
"""Program, code, tokenizer, and what an app itself takes."""
WEIGHTS = ("main", "drafter")


@dataclass(frozen=True)
class Graphs:
    """Rows of the target's signatures that fill the cache, and of those that score; how many the drafter has."""

    filling: tuple[int, ...]
    scoring: tuple[int, ...]
    drafting: int


def resident_bytes(manifest: Manifest) -> int:
    """Bytes resident once every signature has run over a full context."""
    graphs = Graphs(manifest.prefill_lengths, (1, *manifest.verify_widths), len(manifest.signatures.get("drafter", ())))
    return weights_bytes(manifest) + working_bytes(manifest.config, manifest.context_length, graphs)


def weights_bytes(manifest: Manifest) -> int:
    """Bytes that sections of target and drafter cover, those that they share once: as much as packed weights."""
    covered = end = 0
    for section in sorted((s for s in manifest.sections if s.name in WEIGHTS), key=lambda section: section.begin):
        covered += max(0, section.end - max(section.begin, end))
        end = max(end, section.end)
    return covered


def working_bytes(config: Config, capacity: int, graphs: Graphs) -> int:
    """Bytes of all but the weights."""
    slots = [2 * FLOAT_BYTES * heads * size for heads, size in zip(config.kv_heads, config.head_dims, strict=True)]
    full = {
        layer: slot
        for layer, slot in zip(config.kv_layers, slots, strict=True)
        if config.layer_types[layer] == "full_attention"
    }
    widths, drafted = (*graphs.filling, *graphs.scoring), full.get(config.drafter_kv_layers.get("full_attention"), 0)
    copies = len(widths) * sum(full.values()) + graphs.drafting * drafted if capacity > PREFIX_STEP else 0
    rows = max(widths) * (config.hidden_size + config.num_layers * config.per_layer_size)
    logits = max(graphs.scoring) * config.vocab_size
    return (
        capacity * (sum(slots) + copies)
        + FLOAT_BYTES * (rows + logits + sum(widths) * capacity)
        + GRAPH_LAYER_BYTES * config.num_layers * len(widths)
        + PROCESS_BYTES
    )
