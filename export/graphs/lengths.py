"""Dimensions of a graph that are known at run time only: how much of a cache is in use."""

import numpy as np

from export.errors import GraphError
from export.graphs.editor import Editor, Op
from export.graphs.flatbuffer import constant


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
        if given == {0: rank - 2}:
            return rank - 2
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
