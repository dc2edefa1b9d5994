"""Streamed weights are ai-edge-quantizer's, bit for bit: codes, scales, and what the models compute."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe

from export import graph
from export.checkpoint import Checkpoint
from export.cli import DEMO
from export.device import Device
from export.jobs import jobs, run
from export.plan import make_plan
from export.recipe import Recipe, Storage
from export.stream import CheckpointSource, PlannedModel, write_group
from runtime_spec.manifest import ALIGNMENT


@pytest.fixture(scope="module")
def drafter_graph(tmp_path_factory):
    plan = make_plan(str(DEMO / "target"), str(DEMO / "drafter"), Device.load("pixel"), Recipe.load("int8"))
    job = next(job for job in jobs(plan) if job.kind == "drafter")
    path = tmp_path_factory.mktemp("graphs") / "drafter.tflite"
    run(job, path)
    return path


def streamed(path, out, storage):
    source = CheckpointSource(Checkpoint.open(DEMO / "drafter", "drafter"))
    model = graph.merge([("mtp_drafter", graph.tidy(graph.load(path)))])
    weights = graph.plan_weights(model, source.shape, lambda _, shape: storage if len(shape) > 1 else Storage(32))
    with out.open("wb") as stream:
        write_group(stream, [PlannedModel("drafter", model, weights, source)], ALIGNMENT)
    return out


def constant_weights(path):
    """Of every FULLY_CONNECTED: shape, type, codes, scales."""
    content = path.read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)

    def data(index):
        buffer = model.buffers[index]
        return bytes(buffer.data) if buffer.data is not None else content[buffer.offset : buffer.offset + buffer.size]

    tensors, found = model.subgraphs[0].tensors, []
    for op in model.subgraphs[0].operators:
        if graph.operator(model, op) != "FULLY_CONNECTED":
            continue
        tensor = tensors[op.inputs[1]]
        quantization = tensor.quantization
        if quantization.details is not None:
            scales = data(tensors[quantization.details.scales].buffer)
        else:
            scales = np.asarray(quantization.scale, np.float32).tobytes()
        found.append((tuple(tensor.shape), tensor.type, data(tensor.buffer), scales))
    return found


def outputs(path):
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    runner = interpreter.get_signature_runner("mtp_drafter")
    draw, inputs = np.random.default_rng(0), {}
    for name, detail in runner.get_input_details().items():
        value = draw.standard_normal(detail["shape"]).astype(np.float32)
        inputs[name] = np.array([7], np.int32) if name == "input_pos" else value * (name != "mask")
    return runner(**inputs)


@pytest.mark.parametrize(
    ("storage", "reference"),
    [
        (Storage(8), recipe.dynamic_wi8_afp32),
        (Storage(4), recipe.dynamic_wi4_afp32),
    ],
    ids=["int8", "int4"],
)
def test_codes_scales_and_outputs_are_the_quantizers(drafter_graph, tmp_path, storage, reference):
    ours = streamed(drafter_graph, tmp_path / "ours.tflite", storage)
    plain = streamed(drafter_graph, tmp_path / "float.tflite", Storage(32))
    theirs = tmp_path / "theirs.tflite"
    tool = quantizer.Quantizer(str(plain))
    tool.load_quantization_recipe(reference())
    tool.quantize().export_model(str(theirs), overwrite=True)
    assert constant_weights(ours) == constant_weights(theirs)
    found, expected = outputs(ours), outputs(theirs)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])
