"""The graph of several draft steps for any fewer: the first steps are the same, whatever comes after."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graphs.editor import Builtin, Editor, options
from export.graphs.prune import drop_tensors, drop_unused
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
    drop_unused(editor, {*tokens, *logits})
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
    drop_tensors(editor, definition)
    return model


def _joined(editor: Editor, name: str, parts: list[int], shape: list[int], kind: int) -> int:
    """The parts one after the other, as a tensor of `shape`."""
    flat, joined = editor.new_tensor(name, [int(np.prod(shape))], kind), editor.new_tensor(name, shape, kind)
    editor.graph.operators += [
        editor.new_op(Builtin.CONCATENATION, parts, [flat], options("Concatenation")),
        editor.new_op(Builtin.RESHAPE, [flat, editor.integers(shape)], [joined], options("Reshape")),
    ]
    return joined
