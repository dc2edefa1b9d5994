"""What choosing tokens in the graph costs at E2B's shape: `python -m tests.scale.target_choice FOLDER [--threads 1]`.

Exports the head of the target alone, with random weights in int8 (FOLDER takes 0.4 GB), as it was and with the choice
of its tokens, and times calls of both over several rows, in turn, beside what our reference's host takes to look
through the logits. Rows are others in each call.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from export.bundle.assemble import EMBEDDING
from export.checkpoint.config import parse_target
from export.choices.recipe import Recipe
from export.graphs import lower
from export.graphs.flatbuffer import load
from export.graphs.merge import merge
from export.graphs.tidy import tidy
from export.modules import layers as ops
from export.modules.layers import Weight, weights_of
from export.modules.selection import choices
from export.weights.plan import plan_weights
from export.weights.stream import PlannedModel, write_group
from runtime_spec.bundle.manifest import ALIGNMENT
from runtime_spec.litert.compiled import CompiledModel, aligned_zeros
from runtime_spec.litert.library import Library
from runtime_spec.litert.logits import best_tokens
from tests.checkpoints import target_config
from tests.scale.draft_step import RandomSource
from tests.scale.exports import machine

ROWS, CALLS, WARM_UP = (1, 3, 5), 200, 10


class Head(nn.Module):
    """Logits of hidden states [1, T, H]; with `chooses` also what the target's graph says of them."""

    def __init__(self, config, chooses: bool):
        super().__init__()
        self.cap, self.chooses = config.softcap, chooses
        self.head = Weight(weights_of(lower.placeholder), config.vocab_size, config.hidden_size)

    def forward(self, hidden):
        logits = torch.tanh(ops.linear(hidden * (1.0 / self.cap), self.head)) * self.cap
        if not self.chooses:
            return {"logits": logits}
        tokens, largest = choices(logits)
        return {"logits": logits, "target_tokens": tokens, "largest_logits": largest}


def build(folder: Path) -> Path:
    """The model of signatures head_T and choice_T."""
    config, graphs, path = parse_target(target_config("e2b"), folder), [], folder / "head.tflite"
    for rows in ROWS:
        for name, chooses in (("head", False), ("choice", True)):
            given = {"hidden": lower.placeholder((1, rows, config.hidden_size))}
            lower.lower(name, Head(config, chooses), given, path)
            graphs.append((f"{name}_{rows}", tidy(load(path))))
    model, recipe = merge(graphs), Recipe.load("int8")
    source = RandomSource({"head.weight": (config.vocab_size, config.hidden_size)})
    weights = plan_weights(model, source.shape, lambda _, shape: recipe.storage(EMBEDDING, shape))
    with path.open("wb") as stream:
        write_group(stream, [PlannedModel("head", model, weights, source)], ALIGNMENT)
    return path


def measure(path: Path, threads: int) -> dict[str, dict[str, float]]:
    """Milliseconds by number of rows: the head, what the choice adds to it, and the host's walk."""
    library, content = Library(), aligned_zeros(path.stat().st_size)
    content[:] = np.fromfile(path, np.uint8)
    environment = library.create("LiteRtCreateEnvironment", 0, None)
    place, packed = (content.ctypes.data, content.size), path.with_suffix(".packed")
    model, draw = CompiledModel(library, environment, *place, threads, packed), np.random.default_rng(0)
    found = {}
    for rows in ROWS:
        calls = [model.bind(f"{name}_{rows}", {}) for name in ("head", "choice")]
        times = np.array([_once(calls, i, draw) for i in range(WARM_UP + CALLS)])[WARM_UP:] * 1e3
        # The fastest fifth, as a busy machine delays a call of twenty milliseconds by more than what is looked for.
        head, both, walk = np.quantile(times, 0.2, axis=0)
        values = {"head": head, "choice_in_the_graph": both - head, "choice_by_the_host": walk}
        found[str(rows)] = {name: round(float(value), 2) for name, value in values.items()}
    return found


def _once(calls: list, number: int, draw: np.random.Generator) -> tuple[float, float, float]:
    """Seconds of both calls, each the first in turn, and of the host, which must choose the same."""
    hidden = draw.standard_normal(calls[0].inputs["hidden"].shape, np.float32)
    seconds = [0.0, 0.0]
    for which in (0, 1) if number % 2 else (1, 0):
        calls[which].inputs["hidden"][...] = hidden
        begin = time.perf_counter()
        calls[which].run()
        seconds[which] = time.perf_counter() - begin
    begin = time.perf_counter()
    tokens = best_tokens(calls[1].outputs["logits"][0], 0)
    walk = time.perf_counter() - begin
    assert tokens == calls[1].outputs["target_tokens"].tolist()
    return *seconds, walk


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    found = measure(build(args.folder), args.threads)
    print(
        json.dumps(
            {"machine": machine(), "threads": args.threads, "fastest_fifth_milliseconds_by_rows": found}, indent=1
        )
    )


if __name__ == "__main__":
    main()
