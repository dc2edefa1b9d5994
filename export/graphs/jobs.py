"""Which graphs an export needs, and what the bytes of each depend on."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from export.checkpoint.config import DrafterConfig, TextConfig
from export.modules.pieces import (
    Composition,
    Piece,
    compose_drafter,
    compose_drafts,
    compose_look_up,
    compose_target,
)
from export.modules.reads import drafter_reads, target_reads
from export.plan import Plan, Width

TOOLS = ("torch", "litert-torch", "litert-converter")
SOURCES = (
    "graphs/editor.py", "graphs/flatbuffer.py", "graphs/jobs.py", "graphs/link.py", "graphs/lower.py",
    "graphs/lowering.py", "graphs/merge.py", "graphs/prune.py", "graphs/traced.py", "graphs/upstream.py",
    "graphs/widths.py", "modules",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class GraphJob:
    """One graph to lower; everything its bytes depend on but the tools and this code. `windowed` and `prefixed`: which
    parts of the caches it reads, as in Reads; how many slots there are is no part of it. `scales`: how many a row of
    the per-layer table has. `steps`: of a graph that drafts, the most in one call."""

    kind: str
    config: TextConfig
    drafter: DrafterConfig | None = None
    windowed: bool = False
    prefixed: bool = False
    token_ordering: bytes = b""
    scales: int = 1
    steps: int = 1

    def key(self) -> str:
        return f"{self.kind}-{self._digest(self.steps, _tools())}"

    def piece_name(self, piece: Piece, width: Width) -> str:
        """Names what a lowered piece's bytes depend on, within one version of the tools: graphs share pieces."""
        return f"{piece.name}-{self._digest(piece, width, self.composition().module)}"

    def _digest(self, *more: object) -> str:
        ordering = hashlib.sha256(self.token_ordering).hexdigest()
        reads = f"{self.windowed} {self.prefixed} {ordering} {self.scales}"
        text = " ".join(map(str, (self.config, self.drafter, reads, *more)))
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def sizes(self) -> set[int]:
        """Every integer of the configs."""
        return {*_integers(asdict(self.config)), *(_integers(asdict(self.drafter)) if self.drafter else ())}

    def sources(self) -> dict[str, int]:
        """Layer type of the drafter → the target's layer whose caches it reads."""
        return {kind: self.config.drafter_kv_layers[kind] for kind in self.drafter.text.kinds}

    def composition(self) -> Composition:
        return COMPOSITIONS[self.kind](self)


def jobs(plan: Plan) -> list[GraphJob]:
    """Those whose pieces take longest first."""
    config = plan.target.config
    # One graph serves every width: with a window where the narrowest has one.
    reads = target_reads(config, 1, plan.capacity)
    parts = reads.window is not None, reads.prefix
    found = [GraphJob(kind, config, None, *parts) for kind in ("verify", "prefill")]
    if plan.drafter:
        ordering = b""
        if plan.drafter.config.use_ordered_embeddings:
            ordering = plan.drafter.tensors.read("masked_embedding.token_ordering").astype(np.int64).tobytes()
        reads = drafter_reads(plan.drafter.config, plan.capacity)
        of_drafter = config, plan.drafter.config, reads.window is not None, reads.prefix, ordering
        found += [GraphJob("drafts", *of_drafter, steps=plan.draft_lengths[-1]), GraphJob("drafter", *of_drafter)]
    found.append(GraphJob("embedder", config))
    if config.per_layer_size:
        found.append(GraphJob("per_layer_embedder", config, scales=plan.per_layer_scales))
    return found


def _of_target(job: GraphJob) -> Composition:
    return Composition("target", partial(compose_target, job.config, job.kind == "verify"), job.config)


def _of_drafter(job: GraphJob) -> Composition:
    return Composition("drafter", partial(compose_drafter, job.drafter, job.sources()), job.drafter.text)


def _of_drafts(job: GraphJob) -> Composition:
    return Composition("drafter", partial(compose_drafts, job.drafter, job.sources(), job.steps), job.drafter.text)


def _of_embedder(job: GraphJob) -> Composition:
    return Composition(job.kind, compose_look_up, job.config)


COMPOSITIONS = {
    "verify": _of_target,
    "prefill": _of_target,
    "drafter": _of_drafter,
    "drafts": _of_drafts,
    "embedder": _of_embedder,
    "per_layer_embedder": _of_embedder,
}


def _integers(values: object) -> Iterator[int]:
    """All integers of nested dicts and sequences."""
    if isinstance(values, dict):
        values = tuple(values.values())
    if isinstance(values, tuple | list):
        for value in values:
            yield from _integers(value)
    elif type(values) is int:
        yield values


def _tools() -> str:
    digest = hashlib.sha256()
    for name in SOURCES:
        root = Path(__file__).parents[1] / name
        for path in sorted(root.glob("*.py")) if root.is_dir() else [root]:
            digest.update(path.read_bytes())
    return " ".join(f"{tool} {version(tool)}" for tool in TOOLS) + digest.hexdigest()
