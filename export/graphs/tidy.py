"""Rewrites of lowered graphs towards what XNNPACK runs well, and of our own calls into LiteRT's operations.

Each rewrite works on flatbuffer objects, in `tidy`'s order, on the graph of one width.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graphs.calls import expand_calls
from export.graphs.editor import Builtin, Editor, Op, Options, Stored, in_float, options

FEW_ROWS = 64
"""Query rows (tokens by heads that share a key) up to which a product with a cache is turned. At E2B's shape all passes
of so few gained by it, with one thread and with two; products of 256 rows did not."""


def tidy(model: schema.ModelT, stored: Stored = in_float) -> schema.ModelT:
    """All rewrites, in order. What codes need is other than what floats do: `stored` tells."""
    for graph in model.subgraphs:
        editor = Editor(model, graph, stored)
        keep_mean_dims(editor)
        attention_matmuls(editor)
        caches_first(editor)
        delegated_broadcasts(editor)
        expand_calls(editor)
    return model


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


def caches_first(editor: Editor) -> None:
    """Few rows times a cache become the cache times those rows, turned back.

    XNNPACK packs the second operand of a BATCH_MATMUL in each call, on one thread: a cache is larger than what is
    multiplied with it, as long as the rows are few."""
    operators = []
    for op in editor.graph.operators:
        operators.append(op)
        if editor.kind(op) != "BATCH_MATMUL" or op.builtinOptions.adjX or not op.builtinOptions.adjY:
            continue
        (rows, cache), (out,) = op.inputs, op.outputs
        shape = editor.tensor(rows).shape
        if shape[-2] > FEW_ROWS or len(shape) != len(editor.tensor(cache).shape):
            continue
        *outer, columns, lines = range(len(editor.tensor(out).shape))
        order = [*outer, lines, columns]
        turned = editor.new_tensor("turned", editor.tensor(out).shape[order], editor.tensor(out).type)
        op.inputs, op.outputs = np.array([cache, rows], np.int32), np.array([turned], np.int32)
        back = editor.new_op(Builtin.TRANSPOSE, [turned, editor.integers(order)], [out], options("Transpose"))
        operators.append(back)
    editor.graph.operators = operators


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
