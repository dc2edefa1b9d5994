"""What a graph can do without: operations that nobody needs, and those that do again what another has done."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graphs.editor import Editor, Op
from export.graphs.flatbuffer import weight_name


def drop_unused(editor: Editor, wanted: set[int]) -> None:
    """Drops every operation that none of the `wanted` tensors needs."""
    kept, wanted = [], set(wanted)
    for op in reversed(editor.graph.operators):
        if wanted & {int(i) for i in op.outputs}:
            wanted |= {int(i) for i in op.inputs}
            kept.append(op)
    editor.graph.operators = kept[::-1]


def drop_tensors(editor: Editor, definition: schema.SignatureDefT) -> None:
    """Drops every tensor that nothing uses; the others move up."""
    graph, maps = editor.graph, [*definition.inputs, *definition.outputs]
    used = {int(i) for op in graph.operators for i in (*op.inputs, *op.outputs)} | {int(m.tensorIndex) for m in maps}
    moved = {old: new for new, old in enumerate(sorted(used - {-1}))} | {-1: -1}
    graph.tensors = [tensor for i, tensor in enumerate(graph.tensors) if i in moved]

    def places(indices) -> np.ndarray:
        return np.array([moved[int(i)] for i in indices], np.int32)

    for op in graph.operators:
        op.inputs, op.outputs = places(op.inputs), places(op.outputs)
    graph.inputs, graph.outputs = places(graph.inputs), places(graph.outputs)
    for one in maps:
        one.tensorIndex = moved[int(one.tensorIndex)]


def share_equal(editor: Editor, definition: schema.SignatureDefT) -> None:
    """Has equal constants, equal weights and equal operations over equal values stand once."""
    kept, seen, same = [], {}, {-1: -1}
    made = {int(i) for op in editor.graph.operators for i in op.outputs}
    for i, tensor in enumerate(editor.graph.tensors):
        if i not in made:
            same[i] = seen.setdefault(_identity(editor, tensor, i), i)
    for op in editor.graph.operators:
        op.inputs = np.array([same[int(i)] for i in op.inputs], np.int32)
        first = seen.setdefault((op.opcodeIndex, tuple(op.inputs.tolist()), *_options(op)), op)
        same |= {int(mine): int(theirs) for mine, theirs in zip(op.outputs, first.outputs, strict=True)}
        if first is op:
            kept.append(op)
    editor.graph.operators = kept
    for output in definition.outputs:
        output.tensorIndex = same[int(output.tensorIndex)]
    editor.graph.outputs = np.array([same[int(i)] for i in editor.graph.outputs], np.int32)


def _identity(editor: Editor, tensor: schema.TensorT, index: int) -> tuple:
    """Of a tensor that no operation makes: equal for equal constants and for the same weight."""
    shape = tuple(int(size) for size in tensor.shape) if tensor.shape is not None else ()
    if name := weight_name(tensor):
        return "weight", name, tensor.type, shape
    data = editor.model.buffers[tensor.buffer].data
    content = b"" if data is None else bytes(data)
    # The sizes of a scalar are a constant without bytes.
    return ("constant", content, tensor.type, shape) if content or 0 in shape else ("input", index)


def _options(op: Op) -> tuple:
    return tuple(_plain(options) for options in (op.builtinOptions, op.builtinOptions2))


def _plain(options: object) -> tuple | None:
    """The fields of an operation's options, in a form that can be compared."""
    if options is None:
        return None
    values = {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in vars(options).items()}
    return type(options).__name__, repr(values)
