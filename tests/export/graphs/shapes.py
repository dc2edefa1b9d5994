"""The rule that tests hold graphs to: the shape of every operation's output, from its operands alone.

Knows the operations that lowered graphs have before they are tidied, each by LiteRT's documentation of it, and nothing
of how the graphs are made."""

import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graphs.flatbuffer import constant, operator

BYTES = {
    schema.TensorType.FLOAT32: 4,
    schema.TensorType.INT32: 4,
    schema.TensorType.INT64: 8,
    schema.TensorType.BOOL: 1,
}


def complaints(model) -> list[str]:
    """What is inconsistent in the graph; empty when nothing is."""
    found = []
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data, shape = model.buffers[tensor.buffer].data, _shape(tensor)
            if data is not None and len(data) and len(data) != BYTES[tensor.type] * math.prod(shape):
                found.append(f"{tensor.name.decode()} {shape} has {len(data)} bytes")
        for op in graph.operators:
            kind = operator(model, op)
            inputs = [graph.tensors[i] if i >= 0 else None for i in op.inputs]
            shapes = [_shape(tensor) if tensor is not None else None for tensor in inputs]
            values = [constant(model, tensor) if tensor is not None else None for tensor in inputs]
            given = _shape(graph.tensors[op.outputs[0]])
            try:
                expected = RULES[kind](op, shapes, values, given)
            except (AssertionError, ValueError, IndexError) as error:
                expected = f"no shape ({error})"
            if expected != given:
                found.append(f"{kind} of {shapes}: {given}, not {expected}")
    return found


def _shape(tensor) -> tuple[int, ...]:
    return () if tensor.shape is None else tuple(int(size) for size in tensor.shape)


def _broadcast(op, shapes, values, given):
    return np.broadcast_shapes(*shapes)


def _same(op, shapes, values, given):
    return shapes[0]


def _reshape(op, shapes, values, given):
    assert math.prod(shapes[0]) == math.prod(given), "elements differ"
    if op.builtinOptions is not None and op.builtinOptions.newShape is not None:
        assert tuple(op.builtinOptions.newShape) == given, "option differs"
    return given if len(values) < 2 or values[1] is None else tuple(values[1].tolist())


def _fully_connected(op, shapes, values, given):
    rows, (columns, inner) = shapes[0], shapes[1]
    assert rows[-1] == inner, "inner sizes differ"
    keep = op.builtinOptions.keepNumDims
    return (*rows[:-1], columns) if keep else (math.prod(rows[:-1]), columns)


def _batch_matmul(op, shapes, values, given):
    a, b = list(shapes[0]), list(shapes[1])
    a[-2:] = a[:-3:-1] if op.builtinOptions.adjX else a[-2:]
    b[-2:] = b[:-3:-1] if op.builtinOptions.adjY else b[-2:]
    assert a[-1] == b[-2], "inner sizes differ"
    return (*np.broadcast_shapes(tuple(a[:-2]), tuple(b[:-2])), a[-2], b[-1])


def _reduce(op, shapes, values, given):
    axes = {int(axis) % len(shapes[0]) for axis in values[1].reshape(-1)}
    kept = [1 if i in axes else size for i, size in enumerate(shapes[0])]
    return tuple(kept if op.builtinOptions.keepDims else [s for i, s in enumerate(kept) if i not in axes])


def _slice(op, shapes, values, given):
    sizes = values[2].tolist()
    begins = [0] * len(sizes) if values[1] is None else values[1].tolist()
    fits = all(s > 0 and b + s <= whole for b, s, whole in zip(begins, sizes, shapes[0], strict=True))
    assert fits, f"{sizes} from {begins} do not fit"
    return tuple(sizes)


def _concatenation(op, shapes, values, given):
    axis = op.builtinOptions.axis % len(shapes[0])
    assert len({(*s[:axis], *s[axis + 1 :]) for s in shapes}) == 1, "other sizes differ"
    return (*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :])


def _update_slice(op, shapes, values, given):
    assert all(part <= whole for part, whole in zip(shapes[1], shapes[0], strict=True)), "the update does not fit"
    return shapes[0]


def _transpose(op, shapes, values, given):
    return tuple(shapes[0][i] for i in values[1])


def _broadcast_to(op, shapes, values, given):
    return np.broadcast_shapes(shapes[0], tuple(values[1].tolist()))


def _pack(op, shapes, values, given):
    axis = op.builtinOptions.axis
    return (*shapes[0][:axis], len(shapes), *shapes[0][axis:])


def _top_k(op, shapes, values, given):
    return (*shapes[0][:-1], int(values[1].reshape(-1)[0]))


def _lookup(op, shapes, values, given):
    return (*shapes[0], *shapes[1][1:])


def _gather_nd(op, shapes, values, given):
    return (*shapes[1][:-1], *shapes[0][shapes[1][-1] :])


def _call(op, shapes, values, given):
    """Of the first result, which stands for all."""
    _, kind, argument = op.builtinOptions2.callTargetName.decode().split(".")
    return {
        "read_prefix": lambda: shapes[0],
        "spread_mask": lambda: (1, *shapes[1]),
        "largest": lambda: (int(argument),),
        "zero_if_finite": lambda: (1,),
        "choices": lambda: (shapes[0][1],),
        "take": lambda: (*shapes[1], *shapes[0][1:]),
        "cluster_logits": lambda: (1, math.prod(shapes[2]) * int(argument)),
        "spread_logits": lambda: (int(argument),),
    }[kind]()


RULES = {
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM"), _broadcast),
    **dict.fromkeys(("LESS", "LESS_EQUAL", "GREATER_EQUAL", "LOGICAL_AND", "SELECT", "SELECT_V2"), _broadcast),
    **dict.fromkeys(("RSQRT", "COS", "SIN", "GELU", "TANH", "SOFTMAX", "CAST", "STABLEHLO_SCATTER"), _same),
    "RESHAPE": _reshape,
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _batch_matmul,
    "MEAN": _reduce,
    "REDUCE_MAX": _reduce,
    "REDUCE_ALL": _reduce,
    "SLICE": _slice,
    "CONCATENATION": _concatenation,
    "DYNAMIC_UPDATE_SLICE": _update_slice,
    "TRANSPOSE": _transpose,
    "BROADCAST_TO": _broadcast_to,
    "PACK": _pack,
    "GATHER_ND": _gather_nd,
    "EMBEDDING_LOOKUP": _lookup,
    "TOPK_V2": _top_k,
    "STABLEHLO_CUSTOM_CALL": _call,
}
