"""The greedy choice of each row of a pass, as LiteRT's operations (`choices` of modules/selection.py)."""

from math import isqrt

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graphs.editor import Builtin, Editor, Op, options

COUNT = 2
"""So many logits of a row are told: their difference says how close the choice was."""
GROUPED_FROM = 1 << 10
"""Shorter rows are searched as they are: a nanosecond a logit, where groups are some more operations."""
GATHER_BATCHED = 5
"""The operation's version that has batchDims."""


def expand_choices(editor: Editor, call: Op, _: int) -> list[Op]:
    """(logits[1, T, V]) to the greedy choices int32[T] and the two largest logits [T, 2].

    TOPK_V2, of equals the first, is no delegate's: it takes 0.3 ms for 262,144 logits. XNNPACK finds the largest of
    each group, and only the two groups with the largest of these are searched: 0.1 ms with what sees that all are
    numbers (`python -m tests.scale.target_choice`)."""
    (logits,), (tokens, largest) = call.inputs, call.outputs
    _, rows, vocab = (int(size) for size in editor.tensor(logits).shape)
    graph, size, integers = _Operations(editor), group_size(vocab), editor.integers
    searched = flat = graph.reshape(logits, [rows, vocab])
    if size is not None:
        groups = graph.reshape(logits, [rows, vocab // size, size])
        maxima = graph.add("REDUCE_MAX", [groups, integers([2])], [rows, vocab // size], "Reducer")
        _, chosen = graph.topk(maxima, rows)
        picked = [rows, COUNT, size]
        picked = graph.add("GATHER", [groups, chosen], picked, "Gather", GATHER_BATCHED, axis=1, batchDims=1)
        searched = graph.reshape(picked, [rows, COUNT * size])
    # Zero, or no number where the row has no sum. Added before the search, which begins where a delegate's part ends.
    total = graph.add("SUM", [flat, integers([1])], [rows, 1], "Reducer", keepDims=True)
    zero = editor.new_tensor("zero", [1], schema.TensorType.FLOAT32, np.zeros(1, np.float32))
    none = graph.add("MUL", [total, zero], [rows, 1], "Mul")
    searched = graph.add("ADD", [searched, none], list(editor.tensor(searched).shape), "Add")
    _, places = graph.topk(searched, rows, largest)
    if size is not None:
        # The first group is the lowest of those that have the largest logit: the place is one of its own.
        begins = graph.integer("MUL", [chosen, integers([size])], [rows, COUNT], "Mul")
        places = graph.integer("ADD", [begins, places], [rows, COUNT], "Add")
    first = graph.integer("SLICE", [places, integers([0, 0]), integers([rows, 1])], [rows, 1], "Slice")
    graph.reshape(first, [rows], tokens)
    return graph.operators


def group_size(vocab: int) -> int | None:
    """How many logits a group has: about as many as there are groups. None: rows are searched as they are."""
    if vocab < GROUPED_FROM:
        return None
    size = next(size for size in range(isqrt(vocab), 0, -1) if vocab % size == 0)
    return size if 4 * size * size > vocab else None


class _Operations:
    """Operations in the making; each gives the tensor that it makes."""

    def __init__(self, editor: Editor):
        self.editor, self.operators = editor, []

    def add(self, name: str, inputs: list[int], out: int | list[int], kind: str, version: int = 1, **given) -> int:
        """`out` is a tensor, or the shape of a new one of floats; `given` are fields of the options of this `kind`."""
        if isinstance(out, list):
            out = self.editor.new_tensor("choice", out, schema.TensorType.FLOAT32)
        self._append(name, inputs, [out], kind, version, given)
        return out

    def integer(self, name: str, inputs: list[int], shape: list[int], kind: str) -> int:
        return self.add(name, inputs, self.editor.new_tensor("choice", shape, schema.TensorType.INT32), kind)

    def reshape(self, source: int, shape: list[int], out: int | None = None) -> int:
        return self.add("RESHAPE", [source, self.editor.integers(shape)], shape if out is None else out, "Reshape")

    def topk(self, source: int, rows: int, out: int | None = None) -> tuple[int, int]:
        """(values, places), [rows, COUNT] each, of [rows, N]; `out` is the tensor for the values, None a new one."""
        values = self.editor.new_tensor("choice", [rows, COUNT], schema.TensorType.FLOAT32) if out is None else out
        found = values, self.editor.new_tensor("choice", [rows, COUNT], schema.TensorType.INT32)
        self._append("TOPK_V2", [source, self.editor.integers(COUNT)], found, "TopKV2", 1, {})
        return found

    def _append(self, name: str, inputs, outputs, kind: str, version: int, given: dict) -> None:
        chosen = options(kind)
        for key, value in given.items():
            setattr(chosen[1], key, value)
        self.operators.append(self.editor.new_op(getattr(Builtin, name), inputs, outputs, chosen, version))
