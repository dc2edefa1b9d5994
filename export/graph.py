"""Weightless LiteRT graphs as flatbuffer objects: widths, merged signatures, planned weights.

`lower` traces one graph for all widths, over a sentinel number of tokens; `with_width` turns it into the graph of any.
 Nothing here touches the bytes of a weight.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.errors import SlipstreamError
from export.plan import Width
from export.recipe import Storage

WEIGHT_PREFIX = "weight/"
ALIGNMENT = 64
OPERATORS = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
# Constant operands that hold sizes; MINIMUM's is the last slot that a window may begin at.
SIZE_OPERANDS = {"RESHAPE": (1,), "BROADCAST_TO": (1,), "SLICE": (2,), "MINIMUM": (1,)}


class GraphError(SlipstreamError):
    """A lowered graph that is not what this pipeline can take."""

    exit_code = 12


def load(path: Path) -> schema.ModelT:
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)


def operator(model: schema.ModelT, op: schema.OperatorT) -> str:
    """The builtin's name, e.g. FULLY_CONNECTED."""
    code = model.operatorCodes[op.opcodeIndex]
    return OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]


def weight_name(tensor: schema.TensorT) -> str | None:
    """The checkpoint-relative name of an external weight; the writer appends counters after the closing slash."""
    name = tensor.name.decode()
    return name.split("/")[1] if name.startswith(WEIGHT_PREFIX) else None


def constant(model: schema.ModelT, tensor: schema.TensorT) -> np.ndarray | None:
    """The values of an int32 constant; None for any other tensor."""
    data = model.buffers[tensor.buffer].data
    if data is None or tensor.type != schema.TensorType.INT32:
        return None
    return np.frombuffer(bytes(data), np.int32)


def with_width(path: Path, lowered: Width, wanted: Width) -> schema.ModelT:
    """The graph at `path`, lowered for one width, as the graph of another.

    The lowered width's numbers must occur in the graph for no other reason: `plan` chooses them so."""
    model = load(path)
    exact = {lowered.slots: wanted.slots, lowered.capacity - lowered.slots: wanted.capacity - wanted.slots}
    if lowered.slots == lowered.capacity:
        exact = {}

    def replaced(values) -> np.ndarray:
        values = np.asarray(values, np.int32)
        factors = values // lowered.tokens
        found = np.where((values > 0) & (values % lowered.tokens == 0), factors * wanted.tokens, values)
        for old, new in exact.items():
            found[values == old] = new
        return found.astype(np.int32)

    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.shape is not None:
                tensor.shape = replaced(tensor.shape)
        done: set[int] = set()
        for op in graph.operators:
            kind = operator(model, op)
            if kind == "RESHAPE" and op.builtinOptions is not None and op.builtinOptions.newShape is not None:
                op.builtinOptions.newShape = replaced(op.builtinOptions.newShape)
            for operand in SIZE_OPERANDS.get(kind, ()):
                if operand >= len(op.inputs):
                    continue
                buffer = graph.tensors[op.inputs[operand]].buffer
                values = constant(model, graph.tensors[op.inputs[operand]])
                if values is not None and buffer not in done:
                    done.add(buffer)
                    model.buffers[buffer].data = replaced(values).view(np.uint8)
    return model


def merge(signatures: list[tuple[str, schema.ModelT]]) -> schema.ModelT:
    """One model with one signature a graph, in the given order; constants with equal bytes are stored once."""
    merged = schema.ModelT()
    first = signatures[0][1]
    merged.version, merged.description = first.version, b"slipstream"
    merged.operatorCodes, merged.subgraphs, merged.signatureDefs, merged.metadata = [], [], [], []
    merged.buffers = [schema.BufferT()]
    codes: dict[tuple, int] = {}
    constants: dict[bytes, int] = {}
    # Signature graphs first, in signature order; the graphs that operations call (scatter's body) after them.
    base, extra = {}, len(signatures)
    for i, (_, model) in enumerate(signatures):
        main = model.signatureDefs[0].subgraphIndex
        for j in range(len(model.subgraphs)):
            base[i, j] = i if j == main else extra
            extra += j != main
    placed: dict[int, schema.SubGraphT] = {}
    for i, (name, model) in enumerate(signatures):
        for j, graph in enumerate(model.subgraphs):
            _name_tensors(graph, f"{name}/" if base[i, j] == i else f"{name}/{j}/")
            _move(merged, model, graph, codes, constants, lambda k, i=i: base[i, k])
            placed[base[i, j]] = graph
        definition = model.signatureDefs[0]
        definition.signatureKey, definition.subgraphIndex = name.encode(), i
        model.subgraphs[model_main(model, base, i)].name = name.encode()
        merged.signatureDefs.append(definition)
    merged.subgraphs = [placed[k] for k in sorted(placed)]
    return merged


def model_main(model: schema.ModelT, base: dict, i: int) -> int:
    """Index within `model` of the subgraph that was placed as signature `i`."""
    return next(j for j in range(len(model.subgraphs)) if base[i, j] == i)


def _name_tensors(graph: schema.SubGraphT, prefix: str) -> None:
    """Names of its own for every tensor: the converter's repeat from signature to signature."""
    for i, tensor in enumerate(graph.tensors):
        name = weight_name(tensor)
        tensor.name = (f"{WEIGHT_PREFIX}{name}/{prefix}{i}" if name else f"{prefix}{i}").encode()


def _move(merged, model, graph, codes: dict, constants: dict, subgraph_at) -> None:
    for tensor in graph.tensors:
        data = model.buffers[tensor.buffer].data
        if data is None or len(data) == 0:
            tensor.buffer = 0
            continue
        content = bytes(data)
        if content not in constants:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(content, np.uint8)
            merged.buffers.append(buffer)
            constants[content] = len(merged.buffers) - 1
        tensor.buffer = constants[content]
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex]
        key = (code.deprecatedBuiltinCode, code.builtinCode, code.customCode, code.version)
        if key not in codes:
            codes[key] = len(merged.operatorCodes)
            merged.operatorCodes.append(code)
        op.opcodeIndex = codes[key]
        for options in (op.builtinOptions, op.builtinOptions2):
            for field_name in ("decompositionSubgraphIndex", "updateComputationSubgraphIndex"):
                if options is not None and hasattr(options, field_name):
                    setattr(options, field_name, subgraph_at(getattr(options, field_name)))


@dataclass
class Weight:
    """One stored tensor of a model: who fills it, how it is stored, where its buffers lie (from the section's begin).

    `shape` is the checkpoint's: vectors are [N] here, whatever rank the graph gives them."""

    name: str
    shape: tuple[int, ...]
    storage: Storage
    buffer: schema.BufferT
    scale_buffer: schema.BufferT | None
    scales: np.ndarray | None = None

    @property
    def num_scales(self) -> int:
        return self.storage.num_scales(self.shape)

    @property
    def nbytes(self) -> int:
        return self.storage.nbytes(self.shape)


def plan_weights(model: schema.ModelT, shape_of, storage_of) -> list[Weight]:
    """Gives every named tensor of `model` its stored type, quantisation and one buffer a name, in order of first use.

    `shape_of(name)` is the checkpoint's shape: it also gives an embedder, lowered with few rows, its real size.
    `storage_of(name, shape)` decides how it is stored."""
    weights: dict[str, Weight] = {}
    for graph in model.subgraphs:
        for tensor in list(graph.tensors):
            name = weight_name(tensor)
            if name is None:
                continue
            shape = shape_of(name)
            if len(shape) > 1:
                tensor.shape = np.array(shape, np.int32)
            if name not in weights:
                weights[name] = _new_weight(model, name, shape, storage_of(name, shape))
            _store(graph, tensor, weights[name], model)
    return list(weights.values())


def _new_weight(model: schema.ModelT, name: str, shape: tuple[int, ...], storage: Storage) -> Weight:
    buffers = [schema.BufferT() for _ in range(2 if storage.block else 1)]
    for buffer in buffers:
        # Fields at their default are left out of a flatbuffer: its size must not change when the real ones are set.
        buffer.offset = buffer.size = 2
    model.buffers += buffers
    weight = Weight(name, shape, storage, buffers[0], buffers[1] if storage.block else None)
    if storage.bits < 32 and not storage.block:
        weight.scales = np.zeros(weight.num_scales, np.float32)
    return weight


def _store(graph, tensor, weight: Weight, model: schema.ModelT) -> None:
    tensor.buffer = model.buffers.index(weight.buffer)
    storage = weight.storage
    if storage.bits == 32:
        return
    tensor.type = {8: schema.TensorType.INT8, 4: schema.TensorType.INT4}[storage.bits]
    tensor.quantization = quantization = schema.QuantizationParametersT()
    quantization.quantizedDimension = 0
    if storage.block:
        scales = schema.TensorT()
        scales.name, scales.type, scales.hasRank = tensor.name + b"_scales", schema.TensorType.FLOAT16, True
        scales.shape = np.array([weight.shape[0], weight.shape[1] // storage.block], np.int32)
        scales.buffer = model.buffers.index(weight.scale_buffer)
        graph.tensors.append(scales)
        quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
        details = quantization.details = schema.BlockwiseQuantizationT()
        details.scales, details.zeroPoints, details.blockSize = len(graph.tensors) - 1, -1, storage.block
    else:
        # One array object a weight, now and when it is filled: the packed size must not change.
        quantization.scale = weight.scales
        quantization.zeroPoint = _zeros(weight.num_scales)


_ZEROS: dict[int, np.ndarray] = {}


def _zeros(count: int) -> np.ndarray:
    return _ZEROS.setdefault(count, np.zeros(count, np.int64))


class _SharingBuilder(flatbuffers.Builder):
    """Writes each large array object once: a weight's scales serve all signatures (42 MB to 10 at E2B's size)."""

    def __init__(self):
        super().__init__(1 << 20)
        self.written: dict[int, int] = {}

    def CreateNumpyVector(self, array):
        if array.size < 64:
            return super().CreateNumpyVector(array)
        if id(array) not in self.written:
            self.written[id(array)] = super().CreateNumpyVector(array)
        return self.written[id(array)]


def pack(model: schema.ModelT) -> memoryview:
    """The flatbuffer's bytes."""
    builder = _SharingBuilder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return memoryview(builder.Bytes)[builder.Head() :]


def fingerprint(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
