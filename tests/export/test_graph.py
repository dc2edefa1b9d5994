"""Graphs of any width from one lowering, and what XNNPACK takes of them."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export import graph
from export.checkpoint import Checkpoint
from export.cli import DEMO
from export.jobs import GraphJob, run
from export.recipe import Storage
from export.stream import CheckpointSource, PlannedModel, write_group
from runtime_spec.manifest import ALIGNMENT

CAPACITY, SENTINEL = 128, 61


@pytest.fixture(scope="module")
def target():
    return Checkpoint.open(DEMO / "target", "target")


@pytest.fixture(scope="module")
def lowered(target, tmp_path_factory):
    """The verify graph over SENTINEL tokens and, traced on its own, over 5."""
    folder, found = tmp_path_factory.mktemp("graphs"), {}
    for tokens in (SENTINEL, 5):
        found[tokens] = folder / f"{tokens}.tflite"
        run(GraphJob("verify", target.config, None, CAPACITY, tokens), found[tokens])
    return found


def written(model, target, out):
    source = CheckpointSource(target)
    merged = graph.merge([("verify", model)])
    weights = graph.plan_weights(merged, source.shape, lambda *_: Storage(32))
    with out.open("wb") as stream:
        write_group(stream, [PlannedModel("main", merged, weights, source)], ALIGNMENT)
    return out


def outputs(path, width):
    runner = Interpreter(model_path=str(path), num_threads=1).get_signature_runner("verify")
    draw, inputs = np.random.default_rng(1), {}
    for name, detail in runner.get_input_details().items():
        inputs[name] = draw.standard_normal(detail["shape"]).astype(np.float32)
    inputs["input_pos"] = np.arange(9, 9 + width, dtype=np.int32)
    inputs["mask"] = np.where(np.arange(CAPACITY) <= inputs["input_pos"][:, None], 0.0, -1e4)[None, None].astype("f4")
    return runner(**inputs)


def test_a_substituted_width_computes_what_the_traced_one_does(lowered, target, tmp_path):
    substituted = graph.tidy(graph.with_tokens(lowered[SENTINEL], SENTINEL, 5))
    found = outputs(written(substituted, target, tmp_path / "a.tflite"), 5)
    expected = outputs(written(graph.load(lowered[5]), target, tmp_path / "b.tflite"), 5)
    assert found.keys() == expected.keys()
    for name in expected:
        # The untidied graph runs attention outside XNNPACK: another order of sums.
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4)


def test_the_delegate_takes_all_but_cache_updates(lowered, target, tmp_path):
    """Six layers own caches, so a pass is cut at six places; each further partition is a regression."""
    model = graph.tidy(graph.with_tokens(lowered[SENTINEL], SENTINEL, 1))
    path = written(model, target, tmp_path / "decode.tflite")
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    operators = len(graph.load(path).subgraphs[0].operators)
    assert len(interpreter._get_ops_details()) - operators == 7
