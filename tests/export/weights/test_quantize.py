"""Streamed weights are ai-edge-quantizer's, bit for bit: codes, scales, and what the models compute."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import qtyping, quantizer
from ai_edge_quantizer.algorithms.uniform_quantize import uniform_quantize_tensor as uniform

from export.bundle.assemble import planned_models
from export.choices.device import Device
from export.choices.recipe import Recipe, Storage
from export.cli.main import DEMO
from export.graphs.flatbuffer import operator, weight_name
from export.graphs.jobs import jobs
from export.graphs.lowering import lower_all
from export.plan import Choices, make_plan
from export.weights.plan import plan_weights
from export.weights.quantize import SMALLEST, Quantizer
from export.weights.stream import PlannedModel, write_group
from runtime_spec.bundle.manifest import ALIGNMENT

OPERATIONS = ("FULLY_CONNECTED", "EMBEDDING_LOOKUP")
BLOCKS = {0: qtyping.QuantGranularity.CHANNELWISE, 32: qtyping.QuantGranularity.BLOCKWISE_32}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The demo pair's models by section, planned in float; the main graph with one signature of each kind."""
    device = replace(Device.load("pixel"), prefill_lengths=(32,), verify_widths=())
    plan = make_plan(Choices(str(DEMO / "target"), str(DEMO / "drafter"), device, Recipe.load("float")))
    graphs = {job.kind: path for job, path, _ in lower_all(jobs(plan), tmp_path_factory.mktemp("graphs"), 0)}
    return lambda: planned_models(plan, graphs)


def streamed(planned, out, storage):
    """The model with every matrix in `storage`, those that its blocks do not divide in float."""

    def choose(_, shape):
        divides = len(shape) > 1 and not (storage.block and np.prod(shape[1:]) % storage.block)
        return storage if divides else Storage(32)

    weights = plan_weights(planned.model, planned.source.shape, choose)
    with out.open("wb") as stream:
        write_group(stream, [PlannedModel(planned.name, planned.model, weights, planned.source)], ALIGNMENT)
    return out


def read(path):
    content = path.read_bytes()
    return schema.ModelT.InitFromPackedBuf(content, 0), content


def weighted(model):
    """(operation, output's name, weight tensor, graph) of everything that has a matrix of the checkpoint."""
    for part in model.subgraphs:
        for op in part.operators:
            if operator(model, op) in OPERATIONS and weight_name(part.tensors[op.inputs[1]]):
                yield operator(model, op), part.tensors[op.outputs[0]].name.decode(), op.inputs[1], part


def stored(path):
    """Of every stored matrix: shape, type, codes, scales."""
    model, content = read(path)
    found = []

    def data(index):
        buffer = model.buffers[index]
        return bytes(buffer.data) if buffer.data is not None else content[buffer.offset : buffer.offset + buffer.size]

    for _, _, index, part in weighted(model):
        tensor = part.tensors[index]
        quantization = tensor.quantization
        scales = b""
        if quantization is not None and quantization.details is not None:
            scales = data(part.tensors[quantization.details.scales].buffer)
        elif quantization is not None and quantization.scale is not None:
            scales = np.asarray(quantization.scale, np.float32).tobytes()
        found.append((tuple(tensor.shape), tensor.type, data(tensor.buffer), scales))
    return found


def quantized(plain, out, storage):
    """The float model at `plain` by ai-edge-quantizer, the same matrices of it."""
    tool, (model, _) = quantizer.Quantizer(str(plain)), read(plain)
    for kind, name, index, part in weighted(model):
        if not storage.block or part.tensors[index].shape[-1] % storage.block == 0:
            operation = qtyping.TFLOperationName(kind)
            tool.add_dynamic_config(f"^{re.escape(name)};?$", operation, storage.bits, BLOCKS[storage.block])
    tool.quantize().export_model(str(out), overwrite=True)
    return out


def outputs(path):
    """Of every signature, over random inputs."""
    interpreter, found = Interpreter(model_path=str(path), num_threads=1), {}
    for signature in interpreter.get_signature_list():
        runner, draw = interpreter.get_signature_runner(signature), np.random.default_rng(0)
        inputs = {}
        for name, detail in runner.get_input_details().items():
            shape = detail["shape"]
            inputs[name] = draw.standard_normal(shape).astype(np.float32) * (name != "mask")
            if detail["dtype"] == np.int32:
                inputs[name] = np.arange(7, 7 + np.prod(shape), dtype=np.int32).reshape(shape)
        found |= {f"{signature}/{name}": value for name, value in runner(**inputs).items()}
    return found


def assert_same(ours, theirs, storage):
    """Shapes, types, codes and scales; of a block without a scale only that ours is of zeros (as in the demo's row of
    padding, where the quantizer divides by zero and what it stores is the machine's choice)."""
    assert [one[:2] for one in ours] == [one[:2] for one in theirs]
    for (shape, _, codes, scales), (_, _, their_codes, their_scales) in zip(ours, theirs, strict=True):
        if not storage.block or np.prod(shape) // storage.block * 2 != len(scales):
            assert (codes, scales) == (their_codes, their_scales)
            continue
        expected, blocks = np.frombuffer(their_scales, np.float16), (-1, storage.block // 2)
        found, none = np.frombuffer(codes, np.uint8).reshape(blocks), expected == 0
        np.testing.assert_array_equal(np.frombuffer(scales, np.float16), np.where(none, SMALLEST, expected))
        np.testing.assert_array_equal(found[~none], np.frombuffer(their_codes, np.uint8).reshape(blocks)[~none])
        assert not found[none].any()


@pytest.mark.parametrize("storage", [Storage(8), Storage(4), Storage(4, 32)], ids=["int8", "int4", "int4 block 32"])
@pytest.mark.parametrize("name", ["main", "drafter", "embedder", "per_layer_embedder"])
def test_codes_scales_and_outputs_are_the_quantizers(name, storage, models, tmp_path):
    ours = streamed(models()[name], tmp_path / "ours.tflite", storage)
    plain = streamed(models()[name], tmp_path / "float.tflite", Storage(32))
    theirs = quantized(plain, tmp_path / "theirs.tflite", storage)
    assert_same(stored(ours), stored(theirs), storage)
    assert stored(ours) != stored(plain)
    found, expected = outputs(ours), outputs(theirs)
    assert found.keys() == expected.keys()
    for key in expected:
        np.testing.assert_array_equal(found[key], expected[key], err_msg=key)


class Pruned:
    """Weights whose first block of every row is zero, and whose second is too small for a float16 scale."""

    def __init__(self, source):
        self.key, self.shape, self.codes, self._rows = source.key, source.shape, source.codes, source.rows

    def rows(self, name, begin, end):
        rows = self._rows(name, begin, end).clone()
        if len(self.shape(name)) > 1 and rows.shape[1] >= 64:
            rows[:, :32] = 0
            rows[:, 32:64] *= 1e-8
        return rows


def test_blocks_of_zeros_decode(models, tmp_path):
    """A layer widened or pruned has such blocks; a scale of zero would be divided by, and XNNPACK refuses it."""
    found = {}
    for name, storage in (("first", Storage(4, 32)), ("again", Storage(4, 32)), ("float", Storage(32))):
        planned = models()["drafter"]
        planned.source = Pruned(planned.source)
        found[name] = streamed(planned, tmp_path / f"{name}.tflite", storage)
    assert found["first"].read_bytes() == found["again"].read_bytes()
    scales = [np.frombuffer(block, np.float16) for _, kind, _, block in stored(found["first"]) if kind != 0]
    assert min(each.min() for each in scales) == SMALLEST
    ours, exact = outputs(found["first"]), outputs(found["float"])
    for key, value in ours.items():
        assert np.isfinite(value).all()
        # Tokens are either the same or others: of single steps, what they are chosen from is compared.
        if key.startswith("mtp_drafter/"):
            assert np.corrcoef(value.ravel(), exact[key].ravel())[0, 1] > 0.9, key


def quantizers_blocks(rows):
    """(codes int8[n, k], scales float16[n, k / 32]) as ai-edge-quantizer computes them."""
    blocks, kind = rows.reshape(len(rows), -1, 32), qtyping.QuantGranularity.BLOCKWISE_32
    zero, scale = uniform.tensor_zp_scale_from_min_max(blocks.min(2), blocks.max(2), 4, True, kind)
    params = qtyping.UniformQuantParams(4, 1, scale, zero, symmetric=True, block_size=32)
    return uniform.uniform_quantize(rows, params, is_blockwise_quant=True), scale.astype(np.float16)


def our_blocks(rows):
    scales = torch.empty(rows.size // 32, dtype=torch.float16)
    packed = Quantizer(rows.size).store(torch.from_numpy(rows), Storage(4, 32), scales).numpy().view(np.int8)
    return np.stack([packed << 4 >> 4, packed >> 4], -1).reshape(rows.shape), scales.numpy().reshape(len(rows), -1)


def test_small_blocks_are_the_quantizers_as_long_as_it_has_a_scale():
    """Scales of few bits fall below max / 7: the codes past the last one are cut, not wrapped into the other sign."""
    rows = np.random.default_rng(0).uniform(-1, 1, (200, 32)).astype(np.float32)
    rows *= np.geomspace(3e-7, 1e-4, 200, dtype=np.float32)[:, None]
    codes, scales = quantizers_blocks(rows)
    found, ours = our_blocks(rows)
    assert (scales > 0).all() and codes.max() == 7 and codes.min() == -8
    np.testing.assert_array_equal(ours, scales)
    np.testing.assert_array_equal(found, codes)


def test_a_block_without_a_scale_has_the_smallest_one():
    rows = np.zeros((2, 64), np.float32)
    rows[1, 32:] = np.linspace(-1e-7, 1e-7, 32)
    with np.errstate(all="ignore"):
        assert (quantizers_blocks(rows)[1] == 0).all()
    codes, scales = our_blocks(rows)
    assert (scales == SMALLEST).all() and not codes[0].any() and not codes[1, :32].any()
    np.testing.assert_allclose(codes[1, 32:] * SMALLEST, rows[1, 32:], atol=SMALLEST / 2)
