"""Weightless LiteRT graphs as flatbuffer objects: widths, tidier operations, merged signatures, planned weights.

`lower` traces one graph for all widths, over a sentinel number of tokens; `with_tokens` turns it into the graph of any
width. Nothing here touches the bytes of a weight.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.errors import SlipstreamError
from export.recipe import Storage

WEIGHT_PREFIX = "weight/"
ALIGNMENT = 64
OPERATORS = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
SHAPE_OPERANDS = {"RESHAPE": (1,), "BROADCAST_TO": (1,), "SLICE": (2,)}


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


def _constant(model: schema.ModelT, tensor: schema.TensorT) -> np.ndarray | None:
    data = model.buffers[tensor.buffer].data
    if data is None or tensor.type != schema.TensorType.INT32:
        return None
    return np.frombuffer(bytes(data), np.int32)


def with_tokens(path: Path, sentinel: int, tokens: int) -> schema.ModelT:
    """The graph at `path`, lowered over `sentinel` tokens, as a graph over `tokens`."""
    model = load(path)

    def replaced(values) -> np.ndarray:
        values = np.asarray(values, np.int32)
        return np.where((values > 0) & (values % sentinel == 0), values // sentinel * tokens, values).astype(np.int32)

    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.shape is not None:
                tensor.shape = replaced(tensor.shape)
        done: set[int] = set()
        for op in graph.operators:
            kind = operator(model, op)
            if kind == "RESHAPE" and op.builtinOptions is not None and op.builtinOptions.newShape is not None:
                op.builtinOptions.newShape = replaced(op.builtinOptions.newShape)
            for operand in SHAPE_OPERANDS.get(kind, ()):
                if operand >= len(op.inputs):
                    continue
                buffer = graph.tensors[op.inputs[operand]].buffer
                constant = _constant(model, graph.tensors[op.inputs[operand]])
                if constant is not None and buffer not in done:
                    done.add(buffer)
                    model.buffers[buffer].data = replaced(constant).view(np.uint8)
    return model


def keep_mean_dims(model: schema.ModelT) -> None:
    """MEAN, ADD, RESHAPE back, RSQRT becomes MEAN with kept dimensions, ADD, RSQRT: one operation less a norm."""
    for graph in model.subgraphs:
        users: dict[int, list[schema.OperatorT]] = {}
        for op in graph.operators:
            for i in op.inputs:
                users.setdefault(int(i), []).append(op)

        def only_user(op: schema.OperatorT, kind: str, users=users) -> schema.OperatorT | None:
            found = users.get(int(op.outputs[0]), [])
            return found[0] if len(found) == 1 and operator(model, found[0]) == kind else None

        dropped = []
        for mean in graph.operators:
            if operator(model, mean) != "MEAN" or mean.builtinOptions.keepDims:
                continue
            add = only_user(mean, "ADD")
            reshape = add and only_user(add, "RESHAPE")
            rsqrt = reshape and only_user(reshape, "RSQRT")
            if not rsqrt or list(graph.tensors[reshape.outputs[0]].shape[:-1]) != list(
                graph.tensors[mean.outputs[0]].shape
            ):
                continue
            for tensor in (mean.outputs[0], add.outputs[0]):
                graph.tensors[tensor].shape = graph.tensors[reshape.outputs[0]].shape
            mean.builtinOptions.keepDims = True
            rsqrt.inputs = np.array([add.outputs[0]], np.int32)
            dropped.append(id(reshape))
        graph.operators = [op for op in graph.operators if id(op) not in dropped]


def attention_matmuls(model: schema.ModelT) -> None:
    """FULLY_CONNECTED over a reshaped cache becomes BATCH_MATMUL over the cache itself.

    The converter prefers the former, whose filter XNNPACK only takes when it is constant: attention would run outside
    the delegate."""
    code = None
    for graph in model.subgraphs:
        makers = {int(op.outputs[0]): op for op in graph.operators if operator(model, op) == "RESHAPE"}
        dropped = set()
        for op in graph.operators:
            if operator(model, op) != "FULLY_CONNECTED" or int(op.inputs[1]) not in makers:
                continue
            reshape = makers[int(op.inputs[1])]
            if code is None:
                code = _add_code(model, schema.BuiltinOperator.BATCH_MATMUL)
            op.opcodeIndex = code
            op.inputs = np.array([op.inputs[0], reshape.inputs[0]], np.int32)
            op.builtinOptionsType = schema.BuiltinOptions.BatchMatMulOptions
            op.builtinOptions = schema.BatchMatMulOptionsT()
            op.builtinOptions.adjY = True
            dropped.add(id(reshape))
        graph.operators = [op for op in graph.operators if id(op) not in dropped]


def delegated_broadcasts(model: schema.ModelT) -> None:
    """BROADCAST_TO becomes an addition of zeros, which XNNPACK takes."""
    code = None
    for graph in model.subgraphs:
        for op in graph.operators:
            if operator(model, op) != "BROADCAST_TO":
                continue
            source, out = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
            if code is None:
                code = _add_code(model, schema.BuiltinOperator.ADD)
            shape = [o if o != s else 1 for s, o in zip(source.shape, out.shape, strict=True)]
            zeros = schema.TensorT()
            zeros.name, zeros.type, zeros.hasRank = b"zeros", schema.TensorType.FLOAT32, True
            zeros.shape = np.array(shape, np.int32)
            buffer = schema.BufferT()
            buffer.data = np.zeros(4 * int(np.prod(shape)), np.uint8)
            model.buffers.append(buffer)
            zeros.buffer = len(model.buffers) - 1
            graph.tensors.append(zeros)
            op.opcodeIndex, op.inputs = code, np.array([op.inputs[0], len(graph.tensors) - 1], np.int32)
            op.builtinOptionsType, op.builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()


def tidy(model: schema.ModelT) -> schema.ModelT:
    """All rewrites, in order."""
    keep_mean_dims(model)
    attention_matmuls(model)
    delegated_broadcasts(model)
    return model


def _add_code(model: schema.ModelT, builtin: int) -> int:
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


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
