"""What storing weights costs them, and what that takes: `python -m tests.scale.weight_error`.

Squared error in percent of the weights' own squares: of drawn rows as long as Gemma 4 E2B's (1,536 of most, 8,960 of
the per-layer table, 12,288 of wide feed-forwards), by our ways and ai-edge-quantizer's; and of the demo pair's tensors,
by recipe and kind. Then the seconds of a processor that choosing scales and packing take.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.tensors import expected_tensors
from export.choices.recipe import LEAST_ERROR, MAXIMUM, Recipe, Storage, kind_of
from export.cli.main import DEMO
from export.evidence.float_ports import one_torch_thread
from export.weights.quantize import Quantizer, row_chunks
from export.weights.stream import CheckpointSource
from tests.export.weights.spectra import SPECTRA, drawn, quantizers
from tests.scale.exports import machine
from tests.scale.tables import table

WIDTHS = (1536, 8960, 12_288)
DRAWN = 600_000
"""Weights of a spectrum at each width."""
Way = Callable[[np.ndarray], np.ndarray]
"""float32[n, k] to what is decoded with in its place."""


def stored(rows: np.ndarray, storage: Storage) -> np.ndarray:
    """float32[n, k] as the bundle's codes and scales have them."""
    group = storage.block or rows.shape[1]
    scales = torch.empty(rows.size // group, dtype=torch.float16 if storage.block else torch.float32)
    codes = Quantizer(rows.size).store(torch.from_numpy(rows), storage, scales).numpy().view(np.int8)
    if storage.bits == 4:
        codes = np.stack([codes << 4 >> 4, codes >> 4], -1)
    return (codes.reshape(-1, group) * scales.float().numpy()[:, None]).reshape(rows.shape)


def _ours(storage: Storage) -> Way:
    return lambda rows: stored(rows, storage)


def _theirs(way: str, bits: int) -> Way:
    return lambda rows: np.multiply(*quantizers(rows, way, bits))


WAYS = {
    "int8 maximum": _ours(Storage(8)),
    "int8 OCTAV": _theirs("OCTAV", 8),
    "int4 maximum": _ours(Storage(4)),
    "int4 MSE": _theirs("MSE", 4),
    "int4 OCTAV": _theirs("OCTAV", 4),
    "int4 least_error": _ours(Storage(4, 0, LEAST_ERROR)),
    "int4 blocks of 32": _ours(Storage(4, 32)),
}


def relative_error(rows: np.ndarray, found: np.ndarray) -> float:
    """Squared error as a share of the squares."""
    exact = rows.astype(np.float64)
    return float(((found - exact) ** 2).sum() / (exact**2).sum())


def drawn_errors(weights: int = DRAWN) -> dict[tuple[str, int], dict[str, float]]:
    """(spectrum, width) → way → error, of about `weights` weights each."""
    found = {}
    for spectrum in SPECTRA:
        for width in WIDTHS:
            rows = drawn(spectrum, max(1, weights // width), width)
            found[spectrum, width] = {name: relative_error(rows, way(rows)) for name, way in WAYS.items()}
    return found


def recipes() -> dict[str, Recipe]:
    """Those that quantise, and int4 with scales from the largest weight."""
    found = {name: Recipe.load(name) for name in ("int8", "int4", "int4-blocks")}
    largest = tuple(replace(rule, scales=MAXIMUM) for rule in found["int4"].rules)
    return found | {"int4 with maximum": replace(found["int4"], rules=largest)}


def demo_errors() -> dict[str, dict[str, float]]:
    """Kind → recipe → error over all tensors of the kind, of target and drafter."""
    squares: dict = defaultdict(lambda: defaultdict(float))
    for role, prefix in (("target", ""), ("drafter", "drafter.")):
        checkpoint = Checkpoint.open(DEMO / role, role)
        source = CheckpointSource(checkpoint)
        for tensor, shape in expected_tensors(checkpoint.config, checkpoint.prefix).items():
            if len(shape) != 2:
                continue
            name = tensor.removeprefix(checkpoint.prefix)
            rows = source.rows(name, 0, shape[0]).float().numpy()
            for recipe, chosen in recipes().items():
                found = stored(rows, chosen.storage(prefix + name, shape))
                squares[kind_of(prefix + name)][recipe] += ((found - rows.astype(np.float64)) ** 2).sum()
            squares[kind_of(prefix + name)][""] += (rows.astype(np.float64) ** 2).sum()
    return {kind: {name: own[name] / own[""] for name in own if name} for kind, own in squares.items()}


def seconds(storage: Storage, width: int, weights: int = 30_000_000) -> float:
    """Of a processor for 1e9 weights in bf16, in chunks as they are streamed, on this thread."""
    ((_, count), *_) = row_chunks(1 << 20, width)
    rows = torch.from_numpy(drawn("Student t of 6", count, width)).bfloat16()
    quantizer, scales, taken = Quantizer(rows.numel()), torch.empty(count), []
    for _ in range(max(3, weights // rows.numel())):
        begin = time.thread_time()
        quantizer.store(rows, storage, scales)
        taken.append(time.thread_time() - begin)
    return float(np.median(taken)) / rows.numel() * 1e9


def _percent(values: dict[str, float]) -> list[str]:
    return [f"{100 * value:.4f}" if value < 1e-3 else f"{100 * value:.2f}" for value in values.values()]


def main() -> None:
    if len(sys.argv) > 1:
        raise SystemExit(__doc__)
    print("squared error, % of the weights' squares")
    print(table(["drawn rows of", *WAYS], [[f"{w:,} {s}", *_percent(v)] for (s, w), v in drawn_errors().items()]))
    print()
    print(table(["the demo pair's", *recipes()], [[kind, *_percent(values)] for kind, values in demo_errors().items()]))
    print(f"\nseconds of one processor for 1e9 weights, medians; {machine()['cpu']}")
    storages = {"int8": Storage(8), "int4 maximum": Storage(4), "int4 least_error": Storage(4, 0, LEAST_ERROR)}
    with one_torch_thread():
        lines = [[f"rows of {w:,}", *(f"{seconds(one, w):.2f}" for one in storages.values())] for w in WIDTHS]
    print(table(["", *storages], lines))


if __name__ == "__main__":
    main()
