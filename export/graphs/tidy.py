"""Rewrites of lowered graphs towards what XNNPACK runs well, and of our own calls into LiteRT's operations.

Each rewrite works on flatbuffer objects, in `tidy`'s order, on the graph of one width.
"""

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.errors import GraphError
from export.graphs.flatbuffer import constant, operator

SPREAD_TABLE_LIMIT = 1 << 18
"""Bytes of the table up to which a mask is spread by a product."""
INT8_ONE = 127
FULLY_CONNECTED_HYBRID = 3
"""The operation's version that takes int8 weights and float inputs."""
Op, Builtin, Options = schema.OperatorT, schema.BuiltinOperator, schema.BuiltinOptions


def tidy(model: schema.ModelT) -> schema.ModelT:
    """All rewrites, in order."""
    for graph in model.subgraphs:
        editor = Editor(model, graph)
        keep_mean_dims(editor)
        attention_matmuls(editor)
        delegated_broadcasts(editor)
        expand_calls(editor)
    return model


class Editor:
    """One graph under rewriting: new tensors and operations, and who uses what."""

    def __init__(self, model: schema.ModelT, graph: schema.SubGraphT):
        self.model, self.graph = model, graph
        self._codes: dict[int, int] = {}

    def kind(self, op: Op) -> str:
        return operator(self.model, op)

    def tensor(self, index: int) -> schema.TensorT:
        return self.graph.tensors[index]

    def code(self, builtin: int, version: int = 1) -> int:
        if builtin not in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), version
            self.model.operatorCodes.append(code)
            self._codes[builtin] = len(self.model.operatorCodes) - 1
        return self._codes[builtin]

    def new_tensor(self, name: str, shape, dtype: int, values: np.ndarray | None = None) -> int:
        """Index of a new tensor, constant when it has `values`."""
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.hasRank = name.encode(), dtype, True
        tensor.shape = np.array(shape, np.int32)
        tensor.buffer = 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def integers(self, values) -> int:
        """A constant of int32, scalar or vector."""
        array = np.array(values, np.int32)
        return self.new_tensor("integers", array.shape, schema.TensorType.INT32, array)

    def new_op(self, builtin: int, inputs, outputs, options: tuple[int, object] | None = None, version: int = 1) -> Op:
        op = Op()
        op.opcodeIndex = self.code(builtin, version)
        op.inputs, op.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if options:
            op.builtinOptionsType, op.builtinOptions = options
        return op

    def users(self) -> dict[int, list[Op]]:
        found: dict[int, list[Op]] = {}
        for op in self.graph.operators:
            for i in op.inputs:
                found.setdefault(int(i), []).append(op)
        return found

    def drop(self, ops: list[Op]) -> None:
        gone = {id(op) for op in ops}
        self.graph.operators = [op for op in self.graph.operators if id(op) not in gone]


def keep_mean_dims(editor: Editor) -> None:
    """MEAN, ADD, RESHAPE back, RSQRT becomes MEAN with kept dimensions, ADD, RSQRT: one operation less a norm."""
    users, tensor, dropped = editor.users(), editor.tensor, []

    def only_user(op: Op, kind: str) -> Op | None:
        found = users.get(int(op.outputs[0]), [])
        return found[0] if len(found) == 1 and editor.kind(found[0]) == kind else None

    for mean in editor.graph.operators:
        if editor.kind(mean) != "MEAN" or mean.builtinOptions.keepDims:
            continue
        add = only_user(mean, "ADD")
        reshape = add and only_user(add, "RESHAPE")
        rsqrt = reshape and only_user(reshape, "RSQRT")
        if not rsqrt or list(tensor(reshape.outputs[0]).shape[:-1]) != list(tensor(mean.outputs[0]).shape):
            continue
        for index in (mean.outputs[0], add.outputs[0]):
            tensor(index).shape = tensor(reshape.outputs[0]).shape
        mean.builtinOptions.keepDims = True
        rsqrt.inputs = np.array([add.outputs[0]], np.int32)
        dropped.append(reshape)
    editor.drop(dropped)


def attention_matmuls(editor: Editor) -> None:
    """FULLY_CONNECTED over a reshaped cache becomes BATCH_MATMUL over the cache itself.

    The converter prefers the former, whose filter XNNPACK only takes when it is constant: attention would run outside
    the delegate."""
    makers = {int(op.outputs[0]): op for op in editor.graph.operators if editor.kind(op) == "RESHAPE"}
    freed = []
    for op in editor.graph.operators:
        if editor.kind(op) != "FULLY_CONNECTED" or int(op.inputs[1]) not in makers:
            continue
        reshape = makers[int(op.inputs[1])]
        op.opcodeIndex = editor.code(Builtin.BATCH_MATMUL)
        op.inputs = np.array([op.inputs[0], reshape.inputs[0]], np.int32)
        op.builtinOptionsType, op.builtinOptions = Options.BatchMatMulOptions, schema.BatchMatMulOptionsT()
        op.builtinOptions.adjY = True
        freed.append(reshape)
    users = editor.users()
    editor.drop([reshape for reshape in freed if int(reshape.outputs[0]) not in users])


def delegated_broadcasts(editor: Editor) -> None:
    """BROADCAST_TO becomes an addition of zeros, which XNNPACK takes."""
    for op in editor.graph.operators:
        if editor.kind(op) != "BROADCAST_TO":
            continue
        source, out = editor.tensor(op.inputs[0]), editor.tensor(op.outputs[0])
        shape = [o if o != s else 1 for s, o in zip(source.shape, out.shape, strict=True)]
        zeros = editor.new_tensor("zeros", shape, schema.TensorType.FLOAT32, np.zeros(shape, np.float32))
        op.opcodeIndex, op.inputs = editor.code(Builtin.ADD), np.array([op.inputs[0], zeros], np.int32)
        op.builtinOptionsType, op.builtinOptions = Options.AddOptions, schema.AddOptionsT()


def expand_calls(editor: Editor) -> None:
    """Calls that `lower` left, as operations the converter has no way to write."""
    operators, prefixes = [], {}
    for op in editor.graph.operators:
        if editor.kind(op) != "STABLEHLO_CUSTOM_CALL":
            operators.append(op)
            continue
        name, _, argument = op.builtinOptions2.callTargetName.decode().rpartition(".")
        if name not in CALLS:
            raise GraphError(
                f"Unknown call {name}", expected=", ".join(CALLS), found=name, where="the lowered graph",
                action="Report the checkpoint's config.json.",
            )  # fmt: skip
        operators += CALLS[name](editor, op, int(argument))
        if name == READ_PREFIX:
            prefixes[int(op.outputs[0])] = int(argument)
    editor.graph.operators = operators
    spread_lengths(editor, prefixes)


def _options(name: str) -> tuple[int, object]:
    return getattr(Options, f"{name}Options"), getattr(schema, f"{name}OptionsT")()


def _read_prefix(editor: Editor, call: Op, dim: int) -> list[Op]:
    """(source, count) to SLICE of the first `count` along `dim`."""
    source, count = call.inputs
    shape = editor.tensor(source).shape
    sizes = editor.new_tensor("prefix_shape", [len(shape)], schema.TensorType.INT32)
    pack = _options("Pack")
    pack[1].valuesCount = len(shape)
    parts = [count if i == dim else editor.integers(int(size)) for i, size in enumerate(shape)]
    begin = editor.integers([0] * len(shape))
    return [
        editor.new_op(Builtin.PACK, parts, [sizes], pack),
        editor.new_op(Builtin.SLICE, [source, begin, sizes], call.outputs, _options("Slice")),
    ]


def _kth_largest(editor: Editor, call: Op, k: int) -> list[Op]:
    """(values[N]) to the k-th largest, [1]."""
    float32, int32 = schema.TensorType.FLOAT32, schema.TensorType.INT32
    values, indices = editor.new_tensor("largest", [k], float32), editor.new_tensor("largest_at", [k], int32)
    last = [values, editor.integers([k - 1]), editor.integers([1])]
    return [
        editor.new_op(Builtin.TOPK_V2, [call.inputs[0], editor.integers(k)], [values, indices], _options("TopKV2")),
        editor.new_op(Builtin.SLICE, last, call.outputs, _options("Slice")),
    ]


def _spread_mask(editor: Editor, call: Op, _: int) -> list[Op]:
    """(mask[1, N], group[M]) to mask[1, M]: FULLY_CONNECTED over one 1 a row, or GATHER where that would be large."""
    mask, groups = call.inputs
    group_of, count = constant(editor.model, editor.tensor(groups)), int(editor.tensor(mask).shape[1])
    if group_of is None or count * len(group_of) > SPREAD_TABLE_LIMIT:
        options = _options("Gather")
        options[1].axis = 1
        return [editor.new_op(Builtin.GATHER, call.inputs, call.outputs, options)]
    rows = np.zeros((len(group_of), count), np.int8)
    rows[np.arange(len(group_of)), group_of] = INT8_ONE
    table = editor.new_tensor("members", rows.shape, schema.TensorType.INT8, rows)
    editor.tensor(table).quantization = quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = np.full(1, 1 / INT8_ONE, np.float32), np.zeros(1, np.int64)
    inputs, options = [mask, table, -1], _options("FullyConnected")
    return [editor.new_op(Builtin.FULLY_CONNECTED, inputs, call.outputs, options, FULLY_CONNECTED_HYBRID)]


READ_PREFIX = "slipstream.read_prefix"
CALLS: dict[str, Callable[[Editor, Op, int], list[Op]]] = {
    READ_PREFIX: _read_prefix,
    "slipstream.kth_largest": _kth_largest,
    "slipstream.spread_mask": _spread_mask,
}
"""What stands for each call that `lower` left; the number after its name is the last argument."""


def spread_lengths(editor: Editor, prefixes: dict[int, int]) -> None:
    """Marks the dimension that is a prefix's length as known at run time only, in all that is computed from it.

    `prefixes`: tensor to that dimension."""
    lengths = dict(prefixes)
    for op in editor.graph.operators:
        given = {i: lengths[int(tensor)] for i, tensor in enumerate(op.inputs) if int(tensor) in lengths}
        if given and int(op.outputs[0]) not in lengths:
            found = _length_dimension(editor, op, given)
            if found is not None:
                lengths[int(op.outputs[0])] = found
    for index, dim in lengths.items():
        tensor = editor.tensor(index)
        tensor.shapeSignature = np.array(tensor.shape, np.int32)
        tensor.shapeSignature[dim] = -1


def _length_dimension(editor: Editor, op: Op, given: dict[int, int]) -> int | None:
    """Where the length stands in the output of `op`, None when it is summed over; `given`: operand to dimension."""
    kind, rank = editor.kind(op), len(editor.tensor(op.inputs[0]).shape)
    if kind in ("ADD", "MUL", "SOFTMAX"):
        # Operands of other ranks line up at their last dimension.
        (from_end,) = {len(editor.tensor(op.inputs[i]).shape) - dim for i, dim in given.items()}
        return len(editor.tensor(op.outputs[0]).shape) - from_end
    if kind == "BATCH_MATMUL":
        if 0 in given and given[0] == rank - 1:
            return None
        keys = rank - 2 if op.builtinOptions.adjY else rank - 1
        if given == {1: keys}:
            return rank - 1
    if kind == "TRANSPOSE":
        return constant(editor.model, editor.tensor(op.inputs[1])).tolist().index(given[0])
    if kind == "RESHAPE":
        shapes = [[int(size) for size in editor.tensor(i).shape] for i in (op.inputs[0], op.outputs[0])]
        if given[0] == rank - 1 or _without_ones(shapes[0]) == _without_ones(shapes[1]):
            dim = len(shapes[1]) - (rank - given[0])
            shapes[1][dim] = -1
            op.inputs = np.array([op.inputs[0], editor.integers(shapes[1])], np.int32)
            if op.builtinOptions is not None:
                op.builtinOptions.newShape = np.array(shapes[1], np.int32)
            return dim
    raise GraphError(
        f"{kind} over a part of the cache",
        expected="ADD, MUL, SOFTMAX, BATCH_MATMUL, TRANSPOSE, or RESHAPE that leaves it where it is",
        found=f"{kind} with the length in {given}",
        where="the lowered graph",
        action="Report the checkpoint's config.json.",
    )


def _without_ones(shape: list[int]) -> list[int]:
    """The shape without leading ones."""
    return shape[next((i for i, size in enumerate(shape) if size != 1), len(shape)) :]
