"""What draft steps of E2B's assistant cost: `python -m tests.scale.draft_step FOLDER [--threads 1] [--position 500]`.

Exports the drafter alone, at its real shape with random weights in int8 (FOLDER takes 0.5 GB), and times calls of
LiteRT-LM's signature and of ours beside what reading memory costs, in the same run. The token and the hidden state are
others in each call, so that rows come from memory. `--profile` adds what each kind of operation takes.
"""

import argparse
import ctypes
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from export.bundle.assemble import EMBEDDING, TARGET_EMBEDDING, drafter_model
from export.checkpoint.config import parse_drafter, parse_target
from export.choices.recipe import Recipe, Storage
from export.graphs.jobs import GraphJob
from export.graphs.lowering import lower_all
from export.modules.drafts import Drafts
from export.modules.reads import drafter_reads
from export.plan import Width
from export.weights.plan import Weight, plan_weights
from export.weights.stream import PlannedModel, write_group
from runtime_spec.bundle.manifest import ALIGNMENT
from runtime_spec.litert.compiled import CompiledModel, aligned_zeros
from runtime_spec.litert.library import Library
from tests.checkpoints import drafter_config, target_config
from tests.scale.exports import machine

CAPACITY, LENGTHS, CALLS = 2048, (1, 2, 3, 4), 60


class RandomSource:
    """Normal weights of deviation 1/sqrt(fan-in), vectors of ones: what a WeightSource gives, without a checkpoint."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]):
        self._shapes, self._draw = shapes, torch.Generator().manual_seed(0)

    def key(self, name: str) -> str:
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def rows(self, name: str, begin: int, end: int) -> torch.Tensor:
        shape = self._shapes[name]
        if len(shape) == 1:
            return torch.ones(1, shape[0])
        return torch.randn(end - begin, shape[1], generator=self._draw) * shape[1] ** -0.5

    def codes(self, name: str) -> None:
        return None


def build(folder: Path) -> tuple[Path, list[Weight], int]:
    """The drafter's model, its weights, and how many of the head's rows a step reads."""
    target, drafter = (parse(config("e2b"), folder) for parse, config in (
        (parse_target, target_config), (parse_drafter, drafter_config),
    ))  # fmt: skip
    ordering = np.random.default_rng(0).permutation(drafter.text.vocab_size)
    reads = drafter_reads(drafter, CAPACITY)
    parts = target, drafter, reads.window is not None, reads.prefix, ordering.tobytes()
    jobs = [GraphJob("drafter", *parts), GraphJob("drafts", *parts, steps=LENGTHS[-1])]
    graphs = {job.kind: path for job, path, _ in lower_all(jobs, folder / "graphs")}
    module = Drafts(
        drafter, target.drafter_kv_layers, CAPACITY, torch.from_numpy(ordering),
        lambda *shape: torch.nn.Parameter(torch.empty(shape, device="meta"), requires_grad=False),
        vocab_size=target.vocab_size, count=1,
    )  # fmt: skip
    recipe = Recipe.load("int8")

    def stored(name: str, shape: tuple[int, ...]) -> Storage:
        return recipe.storage(EMBEDDING if name == TARGET_EMBEDDING else f"drafter.{name}", shape)

    model = drafter_model(graphs, Width(1, reads.window, CAPACITY), LENGTHS, stored)
    source = RandomSource({name: tuple(p.shape) for name, p in module.named_parameters()})
    weights = plan_weights(model, source.shape, stored)
    path = folder / "drafter.tflite"
    with path.open("wb") as stream:
        write_group(stream, [PlannedModel("drafter", model, weights, source)], ALIGNMENT)
    return path, weights, drafter.centroid_top_k * drafter.text.vocab_size // drafter.num_centroids


def step_bytes(weights: list[Weight], head_rows: int) -> int:
    """What a step reads of its weights at least."""
    tables = ("head.weight", "head.weight.scales", TARGET_EMBEDDING)
    whole = sum(weight.nbytes for weight in weights if weight.name not in tables)
    table = {weight.name: weight for weight in weights}
    return whole + head_rows * (table["head.weight"].shape[1] + 4) + table[TARGET_EMBEDDING].shape[1]


def read_speed(threads: int = 1) -> float:
    """GB/s at which `threads` read 512 MB each, the best of five."""
    values, best = [np.ones(1 << 26, np.int64) for _ in range(threads)], np.inf
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            begin = time.perf_counter()
            list(pool.map(np.max, values))
            best = min(best, time.perf_counter() - begin)
    return sum(one.nbytes for one in values) / best / 1e9


class Calls:
    """The signatures of a drafter, with inputs that differ from call to call. The model stands from `begin` to `end` in
    the file at `path`; packed weights go to `packed`."""

    def __init__(self, path: Path, begin: int, end: int, packed: Path, threads: int, position: int, profiled: bool):
        self._library = library = Library()
        if profiled:
            _profile(library)
        self._content = aligned_zeros(end - begin)
        self._content[:] = np.fromfile(path, np.uint8, end - begin, offset=begin)
        environment = library.create("LiteRtCreateEnvironment", 0, None)
        place = self._content.ctypes.data, self._content.size
        self.model = CompiledModel(library, environment, *place, threads, packed)
        self._draw = np.random.default_rng(0)
        names = self.model.signatures["mtp_drafter"].inputs
        caches = {n: self.model.buffer(t) for n, t in names.items() if n.startswith("kv_cache")}
        for cache in caches.values():
            cache.array[...] = self._draw.standard_normal(cache.array.shape, np.float32)
        self._calls = {name: self.model.bind(name, caches) for name in self.model.signatures}
        for call in self._calls.values():
            call.inputs["input_pos"][0] = position - 1
            call.inputs["mask"][...] = np.where(np.arange(CAPACITY) < position, 0.0, -1e4)

    def run(self, name: str) -> float:
        """Seconds of one call."""
        inputs = self._calls[name].inputs
        inputs["activations"][...] = self._draw.standard_normal(inputs["activations"].shape, np.float32)
        if "token_ids" in inputs:
            inputs["token_ids"][...] = self._draw.integers(262_144)
        begin = time.perf_counter()
        self._calls[name].run()
        return time.perf_counter() - begin

    def profile(self, name: str) -> str:
        """LiteRT's own account of CALLS calls, by kind of operation."""
        shared, handle, text = self._library.shared, ctypes.c_void_p(), ctypes.c_char_p()
        self._library.call("LiteRtCompiledModelGetProfiler", self.model._compiled, ctypes.byref(handle))
        shared.LiteRtResetProfiler(handle)
        shared.LiteRtStartProfiler(handle)
        for _ in range(CALLS):
            self.run(name)
        shared.LiteRtStopProfiler(handle)
        self._library.call("LiteRtGetProfileSummary", handle, self.model._compiled, ctypes.byref(text))
        found = text.value.decode()
        return found[found.index("Summary by node type") :].partition("\n\n")[0]


def _profile(library: Library) -> None:
    for name in ("CompiledModelGetProfiler", "ResetProfiler", "StartProfiler", "StopProfiler", "GetProfileSummary"):
        count = {"CompiledModelGetProfiler": 2, "GetProfileSummary": 3}.get(name, 1)
        getattr(library.shared, f"LiteRt{name}").argtypes = [ctypes.c_void_p] * count
    add: Callable = library.add_options

    def add_both(options, identifier: str, toml: str) -> None:
        add(options, identifier, toml)
        add(options, "runtime_options_string", "enable_profiling = true\n")

    library.add_options = add_both


def timed(calls: Calls) -> tuple[dict[str, float], dict[str, float]]:
    """Median and fastest milliseconds of a call, by signature."""
    seconds = {name: [] for name in calls.model.signatures}
    for _ in range(CALLS):
        # In turn, so that a busy machine is busy for all.
        for name, times in seconds.items():
            times.append(calls.run(name))
    warm = {name: times[CALLS // 6 :] for name, times in seconds.items()}
    median = {name: round(1e3 * float(np.median(times)), 2) for name, times in warm.items()}
    return median, {name: round(1e3 * min(times), 2) for name, times in warm.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--position", type=int, default=500)
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    path, weights, head_rows = build(args.folder)
    packed = path.with_suffix(".packed")
    calls = Calls(path, 0, path.stat().st_size, packed, args.threads, args.position, args.profile)
    names = list(calls.model.signatures)
    if args.profile:
        for name in names[:: len(names) - 1]:
            print(name, calls.profile(name), sep="\n")
        return
    median, fastest = timed(calls)
    speed, needed = read_speed(), step_bytes(weights, head_rows)
    result = {
        "machine": machine(), "threads": args.threads, "position": args.position, "median_milliseconds": median,
        "fastest_milliseconds": fastest,
        "read_gigabytes_a_second": round(speed, 1), "megabytes_a_step": round(needed / 1e6, 1),
        "milliseconds_to_read_them": round(needed / speed / 1e6, 2),
    }  # fmt: skip
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
