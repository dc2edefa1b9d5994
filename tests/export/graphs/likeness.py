"""Whether two graphs compute the same by the same operations, whatever the order and the names of their tensors."""

import hashlib
from collections import Counter

import numpy as np

from export.graphs.flatbuffer import operator, weight_name


def operations(model):
    """How often the graph has each operation."""
    (graph,) = model.subgraphs
    return Counter(operator(model, op) for op in graph.operators)


def results(model):
    """Output → what it is computed by: a digest over the operations, constants, weights and inputs behind it."""
    (graph,), (definition,) = model.subgraphs, model.signatureDefs
    known = {-1: "none"}
    for one in definition.inputs:
        tensor = graph.tensors[one.tensorIndex]
        known[int(one.tensorIndex)] = digest("input", one.name, tensor.type, list(tensor.shape))

    def of(index):
        if index not in known:
            tensor = graph.tensors[index]
            data = model.buffers[tensor.buffer].data
            shape = [] if tensor.shape is None else list(tensor.shape)
            name, content = weight_name(tensor), b"" if data is None else bytes(data)
            assert name or content or 0 in shape, f"nothing makes {tensor.name}"
            known[index] = digest(name or content, tensor.type, shape)
        return known[index]

    for op in graph.operators:
        options = [plain(one) for one in (op.builtinOptions, op.builtinOptions2)]
        version = model.operatorCodes[op.opcodeIndex].version
        made = digest(operator(model, op), version, options, [of(int(i)) for i in op.inputs])
        for number, index in enumerate(op.outputs):
            tensor = graph.tensors[index]
            known[int(index)] = digest(made, number, tensor.type, [] if tensor.shape is None else list(tensor.shape))
    return {one.name.decode(): of(int(one.tensorIndex)) for one in definition.outputs}


def plain(options):
    if options is None:
        return None
    return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in vars(options).items()}


def digest(*parts):
    return hashlib.sha256(repr([x.tolist() if isinstance(x, np.generic) else x for x in parts]).encode()).hexdigest()
