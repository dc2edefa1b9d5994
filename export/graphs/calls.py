"""Our own calls, which `lower` left in a graph, as operations that the converter has no way to write."""

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.errors import GraphError
from export.graphs.choices import expand_choices
from export.graphs.editor import Builtin, Editor, Op, options
from export.graphs.flatbuffer import WEIGHT_PREFIX, constant, weight_name
from export.graphs.lengths import spread_lengths
from export.modules.layers import HIDDEN

SPREAD_TABLE_LIMIT = 1 << 18
"""Bytes of the table up to which a mask is spread by a product."""
INT8_ONE = 127
FULLY_CONNECTED_HYBRID = 3
"""The operation's version that takes int8 weights and float inputs."""
SCALES = ".scales"
"""Behind the name of a weight: a vector of its rows' scales."""


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


def _read_prefix(editor: Editor, call: Op, dim: int) -> list[Op]:
    """(source, count) to SLICE of the first `count` along `dim`."""
    source, count = call.inputs
    shape = editor.tensor(source).shape
    sizes = editor.new_tensor("prefix_shape", [len(shape)], schema.TensorType.INT32)
    pack = options("Pack")
    pack[1].valuesCount = len(shape)
    parts = [count if i == dim else editor.integers(int(size)) for i, size in enumerate(shape)]
    begin = editor.integers([0] * len(shape))
    return [
        editor.new_op(Builtin.PACK, parts, [sizes], pack),
        editor.new_op(Builtin.SLICE, [source, begin, sizes], call.outputs, options("Slice")),
    ]


def _largest(editor: Editor, call: Op, k: int) -> list[Op]:
    """(values[N]) to the k largest and where they stand, [k] each."""
    return [
        editor.new_op(Builtin.TOPK_V2, [call.inputs[0], editor.integers(k)], call.outputs, options("TopKV2")),
    ]


def _zero_if_finite(editor: Editor, call: Op, _: int) -> list[Op]:
    """(values[N]) to the sum of their products with 0, [1]."""
    (values,), float32 = call.inputs, schema.TensorType.FLOAT32
    zero = editor.new_tensor("zero", [1], float32, np.zeros(1, np.float32))
    zeros, reducer = editor.new_tensor("zeros", editor.tensor(values).shape, float32), options("Reducer")
    reducer[1].keepDims = True
    return [
        editor.new_op(Builtin.MUL, [values, zero], [zeros], options("Mul")),
        editor.new_op(Builtin.SUM, [zeros, editor.integers([0])], call.outputs, reducer),
    ]


def _take(editor: Editor, call: Op, _: int) -> list[Op]:
    """(table[N, M], rows[k]) to [k, M]."""
    return [editor.new_op(Builtin.GATHER, call.inputs, call.outputs, options("Gather"))]


def _cluster_logits(editor: Editor, call: Op, size: int) -> list[Op]:
    """(hidden[1, D], head[V, D] in the clusters' order, chosen[k]) to the logits of those clusters, [1, k * size].

    Codes of eight bits are gathered as they are, multiplied by the kernel that rounds the hidden state as XNNPACK does
    for all other weights, and scaled after it. EMBEDDING_LOOKUP makes floats of them one by one: it took two thirds of
    a draft step of E2B's (`python -m tests.scale.draft_step`)."""
    hidden, head, chosen = call.inputs
    float32, int32 = schema.TensorType.FLOAT32, schema.TensorType.INT32
    (count,), (vocab, width) = editor.tensor(chosen).shape, editor.tensor(head).shape
    begins, steps, rows = (
        editor.new_tensor("rows", shape, int32) for shape in ([count, 1], [count, size], [count * size])
    )
    first = editor.new_tensor("rows", [count, 1], int32)
    found = [
        editor.new_op(Builtin.RESHAPE, [chosen, editor.integers([count, 1])], [begins], options("Reshape")),
        editor.new_op(Builtin.MUL, [begins, editor.integers([[size]])], [first], options("Mul")),
        editor.new_op(Builtin.ADD, [first, editor.integers([list(range(size))])], [steps], options("Add")),
        editor.new_op(Builtin.RESHAPE, [steps, editor.integers([count * size])], [rows], options("Reshape")),
    ]
    name = weight_name(editor.tensor(head))
    storage = editor.stored(name, (int(vocab), int(width)))
    if (storage.bits, storage.block) != (8, 0):
        table, product = editor.new_tensor("table", [count * size, width], float32), options("BatchMatMul")
        product[1].adjY = True
        found.append(editor.new_op(Builtin.EMBEDDING_LOOKUP, [rows, head], [table]))
        return [*found, editor.new_op(Builtin.BATCH_MATMUL, [hidden, table], call.outputs, product)]
    codes = editor.new_tensor("codes", [count * size, width], schema.TensorType.INT8)
    editor.tensor(codes).quantization = quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = np.ones(1, np.float32), np.zeros(1, np.int64)
    scales = editor.new_tensor(f"{WEIGHT_PREFIX}{name}{SCALES}/", [vocab // size, size], float32)
    picked = editor.new_tensor("scales", [count, size], float32)
    unscaled, factors = (editor.new_tensor("scales", [1, count * size], float32) for _ in range(2))
    flat = editor.integers([1, count * size])
    product = options("FullyConnected")
    return [
        *found,
        editor.new_op(Builtin.GATHER, [head, rows], [codes], options("Gather")),
        editor.new_op(Builtin.FULLY_CONNECTED, [hidden, codes, -1], [unscaled], product, FULLY_CONNECTED_HYBRID),
        editor.new_op(Builtin.GATHER, [scales, chosen], [picked], options("Gather")),
        editor.new_op(Builtin.RESHAPE, [picked, flat], [factors], options("Reshape")),
        editor.new_op(Builtin.MUL, [unscaled, factors], call.outputs, options("Mul")),
    ]


def _spread_logits(editor: Editor, call: Op, vocab_size: int) -> list[Op]:
    """(logits[N], tokens[N]) to [V], HIDDEN where there is none.

    SCATTER_ND leaves zeros: what hides them is scattered likewise, exactly. The converter's own scatter calls a graph
    for every value, which takes four times as long."""
    logits, tokens = call.inputs
    float32, (count,) = schema.TensorType.FLOAT32, editor.tensor(logits).shape
    places = editor.new_tensor("places", [count, 1], schema.TensorType.INT32)
    spread, shown, hidden = (editor.new_tensor("spread", [vocab_size], float32) for _ in range(3))
    shape = editor.integers([vocab_size])
    ones = editor.new_tensor("shown", [count], float32, np.full(count, -HIDDEN, np.float32))
    all_hidden = editor.new_tensor("hidden", [1], float32, np.full(1, HIDDEN, np.float32))
    return [
        editor.new_op(Builtin.RESHAPE, [tokens, editor.integers([count, 1])], [places], options("Reshape")),
        editor.new_op(Builtin.SCATTER_ND, [places, logits, shape], [spread], options("ScatterNd")),
        editor.new_op(Builtin.SCATTER_ND, [places, ones, shape], [shown], options("ScatterNd")),
        editor.new_op(Builtin.ADD, [shown, all_hidden], [hidden], options("Add")),
        editor.new_op(Builtin.ADD, [spread, hidden], call.outputs, options("Add")),
    ]


def _spread_mask(editor: Editor, call: Op, _: int) -> list[Op]:
    """(mask[1, N], group[M]) to mask[1, M]: FULLY_CONNECTED over one 1 a row, or GATHER where that would be large."""
    mask, groups = call.inputs
    group_of, count = constant(editor.model, editor.tensor(groups)), int(editor.tensor(mask).shape[1])
    if group_of is None or count * len(group_of) > SPREAD_TABLE_LIMIT:
        gather = options("Gather")
        gather[1].axis = 1
        return [editor.new_op(Builtin.GATHER, call.inputs, call.outputs, gather)]
    rows = np.zeros((len(group_of), count), np.int8)
    rows[np.arange(len(group_of)), group_of] = INT8_ONE
    table = editor.new_tensor("members", rows.shape, schema.TensorType.INT8, rows)
    editor.tensor(table).quantization = quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = np.full(1, 1 / INT8_ONE, np.float32), np.zeros(1, np.int64)
    inputs, product = [mask, table, -1], options("FullyConnected")
    return [editor.new_op(Builtin.FULLY_CONNECTED, inputs, call.outputs, product, FULLY_CONNECTED_HYBRID)]


READ_PREFIX = "slipstream.read_prefix"
CALLS: dict[str, Callable[[Editor, Op, int], list[Op]]] = {
    READ_PREFIX: _read_prefix,
    "slipstream.largest": _largest,
    "slipstream.zero_if_finite": _zero_if_finite,
    "slipstream.choices": expand_choices,
    "slipstream.take": _take,
    "slipstream.cluster_logits": _cluster_logits,
    "slipstream.spread_logits": _spread_logits,
    "slipstream.spread_mask": _spread_mask,
}
"""What stands for each call that `lower` left; the number after its name is the last argument."""
