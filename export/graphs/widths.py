"""One lowered graph for all widths: traced over a sentinel number of tokens, turned into the graph of any."""

from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graphs.flatbuffer import constant, load, operator
from export.plan import Width

# Constant operands that hold sizes; MINIMUM's is the last slot that a window may begin at.
SIZE_OPERANDS = {"RESHAPE": (1,), "BROADCAST_TO": (1,), "SLICE": (2,), "MINIMUM": (1,)}


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
