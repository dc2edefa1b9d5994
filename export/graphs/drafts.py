"""The graph of several draft steps for any fewer: the first steps are the same, whatever comes after."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graphs.editor import Builtin, Editor, options
from export.modules.drafts import CONFIDENCE_LOGITS

TOKENS, LOGITS = "draft_tokens", "largest_logits"


def first_steps(model: schema.ModelT, count: int) -> schema.ModelT:
    """`model`, the lowered graph of `modules.drafts.Drafts`, cut to its first `count` steps in place. Outputs become
    draft_tokens int32[count] and largest_logits float[count, 8]."""
    (definition,) = model.signatureDefs
    editor = Editor(model, model.subgraphs[definition.subgraphIndex])
    steps = {output.name.decode(): int(output.tensorIndex) for output in definition.outputs}
    tokens = [steps[f"draft_token_{number}"] for number in range(1, count + 1)]
    logits = [steps[f"largest_logits_{number}"] for number in range(1, count + 1)]
    _drop_unused(editor, {*tokens, *logits})
    int32, float32 = schema.TensorType.INT32, schema.TensorType.FLOAT32
    outputs = [
        (TOKENS, _joined(editor, TOKENS, tokens, [count], int32)),
        (LOGITS, _joined(editor, LOGITS, logits, [count, CONFIDENCE_LOGITS], float32)),
    ]
    editor.graph.outputs = np.array([index for _, index in outputs], np.int32)
    definition.outputs = []
    for name, index in outputs:
        output = schema.TensorMapT()
        output.name, output.tensorIndex = name.encode(), index
        definition.outputs.append(output)
    _drop_tensors(editor, definition)
    return model


def _drop_unused(editor: Editor, wanted: set[int]) -> None:
    """Drops every operation that none of the `wanted` tensors needs."""
    kept = []
    for op in reversed(editor.graph.operators):
        if wanted & {int(i) for i in op.outputs}:
            wanted |= {int(i) for i in op.inputs}
            kept.append(op)
    editor.graph.operators = kept[::-1]


def _drop_tensors(editor: Editor, definition: schema.SignatureDefT) -> None:
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


def _joined(editor: Editor, name: str, parts: list[int], shape: list[int], kind: int) -> int:
    """The parts one after the other, as a tensor of `shape`."""
    flat, joined = editor.new_tensor(name, [int(np.prod(shape))], kind), editor.new_tensor(name, shape, kind)
    editor.graph.operators += [
        editor.new_op(Builtin.CONCATENATION, parts, [flat], options("Concatenation")),
        editor.new_op(Builtin.RESHAPE, [flat, editor.integers(shape)], [joined], options("Reshape")),
    ]
    return joined
