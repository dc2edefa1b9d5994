"""Codes on their way into a bundle: the numbers of the checkpoint, bit for bit, in what LiteRT's kernels take."""

import tracemalloc
from types import SimpleNamespace

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from export.checkpoint.codes import CodedTensors, Codes, unpack
from export.checkpoint.safetensors import TensorIndex
from export.choices.recipe import Storage
from export.weights import keep
from export.weights.keep import repacked
from export.weights.plan import TYPES, Weight
from export.weights.stream import CheckpointSource, _WeightWriter
from tests.published import write_hole
from tests.qat_checkpoints import as_stored

ROWS = 48
SHAPES = [(8, 40, 8), (4, 40, 4), (2, 40, 2), (4, 41, 8), (2, 42, 4), (2, 41, 8), (8, 41, 8)]
"""Bits in the file, codes a row, bits in the bundle."""


def random_codes(bits, width, rows=ROWS):
    """(int8[rows, width], what the file holds): every code occurs, the lowest in the first place."""
    most = 1 << bits - 1
    values = np.random.default_rng(bits).integers(-most, most, (rows, width), np.int8)
    values[0, 0] = -most
    return values, as_stored(values, bits)


def litert_codes(stored, bits, shape):
    """int8[shape] of LiteRT's packing: two's complement, the first lowest, rows without gaps."""
    raw = np.frombuffer(stored, np.uint8)
    fields = ((raw[:, None] >> np.arange(0, 8, bits, dtype=np.uint8)) << (8 - bits)).astype(np.uint8)
    return (fields.view(np.int8) >> (8 - bits)).reshape(shape)


@pytest.mark.parametrize(("bits", "width", "stored"), SHAPES)
def test_codes_stay_and_are_widened_where_rows_do_not_fill_bytes(bits, width, stored):
    values, raw = random_codes(bits, width)
    codes = Codes("", "", bits, width, 1)
    assert codes.stored_bits == stored and raw.shape == (ROWS, codes.row_bytes)
    assert np.array_equal(unpack(memoryview(raw).cast("B"), codes), values)
    found = repacked(memoryview(raw).cast("B"), codes, stored)
    assert len(found) == Storage(stored).nbytes(values.shape)
    assert np.array_equal(litert_codes(found, stored, values.shape), values)


@pytest.mark.parametrize("flipped", [{4: 0, 2: 0}, {4: 0x80, 2: 0x82}, {4: 0xFF, 2: 0xFF}])
@pytest.mark.parametrize("bits", [2, 4])
def test_another_flip_is_another_number(bits, flipped, monkeypatch):
    values, raw = random_codes(bits, 40)
    monkeypatch.setattr(keep, "FLIPPED", flipped)
    found = repacked(memoryview(raw).cast("B"), Codes("", "", bits, 40, 1), bits)
    assert not np.array_equal(litert_codes(found, bits, values.shape), values)


def graph(kind, stored, scales, bits, shape):
    """One FULLY_CONNECTED or EMBEDDING_LOOKUP over the codes."""
    lookup = kind == "EMBEDDING_LOOKUP"
    model, subgraph, code, op = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT(), schema.OperatorT()
    model.version, model.buffers, subgraph.tensors = 3, [schema.BufferT(), schema.BufferT()], []
    model.buffers[1].data = np.frombuffer(stored, np.uint8)
    sizes = [((1,) if lookup else (1, shape[1]), schema.TensorType.INT32 if lookup else 0), (shape, TYPES[bits])]
    for size, dtype in [*sizes, ((1, shape[1] if lookup else shape[0]), schema.TensorType.FLOAT32)]:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = b"t", list(size), dtype, int(dtype == TYPES[bits])
        subgraph.tensors.append(tensor)
    quantization = subgraph.tensors[1].quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = scales, np.zeros(len(scales), np.int64)
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
    code.version = 4 if lookup else 12
    op.inputs, op.outputs = ([0, 1] if lookup else [0, 1, -1]), [2]
    if not lookup:
        op.builtinOptionsType, op.builtinOptions = (
            schema.BuiltinOptions.FullyConnectedOptions,
            schema.FullyConnectedOptionsT(),
        )
    model.operatorCodes, subgraph.operators, model.subgraphs = [code], [op], [subgraph]
    subgraph.inputs, subgraph.outputs = [0], [2]
    builder = flatbuffers.Builder(1 << 12)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def run(content, given):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_litert_computes_with_every_code(bits):
    """Look-ups are exact. A product's activations are rounded to 255 steps by LiteRT: with one that is exact in them,
    so are its sums of codes."""
    width = 64
    values, raw = random_codes(bits, width)
    scales = np.random.default_rng(9).uniform(0.01, 0.1, ROWS).astype(np.float32)
    stored = repacked(memoryview(raw).cast("B"), Codes("", "", bits, width, 1), bits)
    exact = values.astype(np.float32) * scales[:, None]
    found = [run(graph("EMBEDDING_LOOKUP", stored, scales, bits, values.shape), np.int32([row])) for row in range(ROWS)]
    assert np.array_equal(np.stack(found), exact)
    given = np.random.default_rng(3).integers(-127, 128, (1, width)).astype(np.float32)
    given[0, :2] = -127, 128
    found = run(graph("FULLY_CONNECTED", stored, scales, bits, values.shape), given)
    np.testing.assert_allclose(found, (exact.astype(np.float64) @ given[0]), rtol=1e-5, atol=1e-4)


def test_codes_are_streamed(tmp_path):
    """A table of 32 MB in chunks: nothing of its size is ever held but its scales."""
    rows, width = 1 << 16, 1024
    tensors = {"t.codes": ("U8", (rows, width // 2)), "t.scales": ("F32", (rows, 1))}
    write_hole(tmp_path / "model.safetensors", tensors)
    coded = CodedTensors(TensorIndex.open(tmp_path), {"t.weight": Codes("t.codes", "t.scales", 4, width, 1)}, ())
    source = CheckpointSource(SimpleNamespace(tensors=coded, prefix=""), keep_codes=True)
    weight = Weight("t.weight", (rows, width), Storage(4), None, None)
    weight.scales = np.zeros(rows, np.float32)
    written = []
    stream = SimpleNamespace(seek=lambda _: None, write=lambda part: written.append((len(part), part[0])))
    tracemalloc.start()
    end = _WeightWriter(stream).write(weight, source, 0, [weight])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert end == sum(size for size, _ in written) == rows * width // 2 and {first for _, first in written} == {0x88}
    assert peak < 4 << 20
