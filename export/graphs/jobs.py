"""Lowering jobs: which graphs an export needs, run in parallel processes and cached by what they depend on."""

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from export.checkpoint.config import DrafterConfig, TextConfig
from export.plan import Plan

EMBEDDER_ROWS = 64
TOOLS = ("torch", "litert-torch", "litert-converter")
SOURCES = ("graphs/lower.py", "graphs/jobs.py", "modules")


@dataclass(frozen=True)
class GraphJob:
    """One graph to lower; everything its bytes depend on but the tools and this code."""

    kind: str
    config: TextConfig
    drafter: DrafterConfig | None
    capacity: int
    tokens: int
    token_ordering: bytes = b""

    def key(self) -> str:
        ordering = hashlib.sha256(self.token_ordering).hexdigest()
        text = f"{self.kind} {self.config} {self.drafter} {self.capacity} {self.tokens} {ordering} {_tools()}"
        return f"{self.kind}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def jobs(plan: Plan) -> list[GraphJob]:
    """The largest first: they bound the wall time."""
    config, capacity, tokens = plan.target.config, plan.capacity, plan.sentinel
    found = [GraphJob(kind, config, None, capacity, tokens) for kind in ("verify", "prefill")]
    if plan.drafter:
        ordering = b""
        if plan.drafter.config.use_ordered_embeddings:
            ordering = plan.drafter.tensors.read("masked_embedding.token_ordering").astype(np.int64).tobytes()
        found.append(GraphJob("drafter", config, plan.drafter.config, capacity, 1, ordering))
    found.append(GraphJob("embedder", config, None, capacity, 1))
    if config.per_layer_size:
        found.append(GraphJob("per_layer_embedder", config, None, capacity, 1))
    return found


def lower_all(wanted: list[GraphJob], folder: Path, processes: int = 2) -> Iterator[tuple[GraphJob, Path, bool]]:
    """Yields (job, graph file, whether it was cached) as each is ready."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for job in wanted:
        path = folder / f"{job.key()}.tflite"
        if path.exists():
            yield job, path, True
        else:
            missing.append((job, path))
    if not missing:
        return
    # Table order in lowered graphs depends on it.
    os.environ["PYTHONHASHSEED"] = "0"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(missing)), mp_context=context, initializer=_quiet) as pool:
        futures = {pool.submit(run, job, path): (job, path) for job, path in missing}
        for future in as_completed(futures):
            future.result()
            yield *futures[future], False


def run(job: GraphJob, out: Path) -> None:
    """Lowers one graph, in whatever process this is."""
    from export.graphs import lower

    BUILDERS[job.kind](job, lower, out)


def _target(job: GraphJob, lower, out: Path) -> None:
    from export.modules.target import Target, target_inputs

    module = Target(job.config, job.capacity, job.kind == "verify", lower.placeholder_weight)
    lower.lower(job.kind, module, target_inputs(job.config, job.capacity, job.tokens, lower.placeholder), out)


def _drafter(job: GraphJob, lower, out: Path) -> None:
    import torch

    from export.modules.drafter import Drafter
    from export.modules.target import cache_inputs

    ordering = torch.from_numpy(np.frombuffer(job.token_ordering, np.int64).copy())
    sources = {kind: job.config.drafter_kv_layers[kind] for kind in job.drafter.text.kinds}
    module = Drafter(job.drafter, sources, job.capacity, ordering, lower.placeholder_weight)
    inputs = {
        "activations": lower.placeholder((1, 1, 2 * job.drafter.backbone_hidden_size), torch.float32),
        "input_pos": lower.placeholder((1,), torch.int32),
        "mask": lower.placeholder((1, 1, 1, job.capacity), torch.float32),
    }
    for layer in sources.values():
        inputs |= cache_inputs(job.config, job.capacity, layer, lower.placeholder)
    lower.lower("mtp_drafter", module, inputs, out)


def _embedder(job: GraphJob, lower, out: Path) -> None:
    import torch

    from export.modules.embedder import Embedder

    config = job.config
    if job.kind == "embedder":
        name, shape, scale = "embed_tokens", (1, 1, config.hidden_size), config.hidden_size**0.5
    else:
        shape, scale = (1, 1, config.num_layers, config.per_layer_size), config.per_layer_size**0.5
        name = "embed_tokens_per_layer"
    module = Embedder(name, EMBEDDER_ROWS, shape, scale, lower.placeholder_weight)
    lower.lower(job.kind, module, {"token_ids": lower.placeholder((1, 1), torch.int32)}, out)


BUILDERS: dict[str, Callable] = {
    "verify": _target,
    "prefill": _target,
    "drafter": _drafter,
    "embedder": _embedder,
    "per_layer_embedder": _embedder,
}


def _tools() -> str:
    digest = hashlib.sha256()
    for name in SOURCES:
        root = Path(__file__).parents[1] / name
        for path in sorted(root.glob("*.py")) if root.is_dir() else [root]:
            digest.update(path.read_bytes())
    return " ".join(f"{tool} {version(tool)}" for tool in TOOLS) + digest.hexdigest()


def _quiet() -> None:
    """The converter logs to stdout and stderr of its process; a worker's are nobody's."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
