"""Graphs of single signatures to one model."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graphs.flatbuffer import WEIGHT_PREFIX, weight_name


def merge(signatures: list[tuple[str, schema.ModelT]]) -> schema.ModelT:
    """One model with one signature a graph, in the given order; constants with equal bytes are stored once."""
    merged = schema.ModelT()
    first = signatures[0][1]
    merged.version, merged.description = first.version, b"slipstream"
    merged.operatorCodes, merged.subgraphs, merged.signatureDefs, merged.metadata = [], [], [], []
    merged.buffers = [schema.BufferT()]
    codes: dict[tuple, int] = {}
    constants: dict[bytes, int] = {}
    # Signature graphs first, in signature order; the graphs that operations call (scatter's body) after them.
    base, extra = {}, len(signatures)
    for i, (_, model) in enumerate(signatures):
        main = model.signatureDefs[0].subgraphIndex
        for j in range(len(model.subgraphs)):
            base[i, j] = i if j == main else extra
            extra += j != main
    placed: dict[int, schema.SubGraphT] = {}
    for i, (name, model) in enumerate(signatures):
        for j, graph in enumerate(model.subgraphs):
            _name_tensors(graph, f"{name}/" if base[i, j] == i else f"{name}/{j}/")
            _move(merged, model, graph, codes, constants, lambda k, i=i: base[i, k])
            placed[base[i, j]] = graph
        definition = model.signatureDefs[0]
        definition.signatureKey, definition.subgraphIndex = name.encode(), i
        model.subgraphs[model_main(model, base, i)].name = name.encode()
        merged.signatureDefs.append(definition)
    merged.subgraphs = [placed[k] for k in sorted(placed)]
    return merged


def model_main(model: schema.ModelT, base: dict, i: int) -> int:
    """Index within `model` of the subgraph that was placed as signature `i`."""
    return next(j for j in range(len(model.subgraphs)) if base[i, j] == i)


def _name_tensors(graph: schema.SubGraphT, prefix: str) -> None:
    """Names of its own for every tensor: the converter's repeat from signature to signature."""
    for i, tensor in enumerate(graph.tensors):
        name = weight_name(tensor)
        tensor.name = (f"{WEIGHT_PREFIX}{name}/{prefix}{i}" if name else f"{prefix}{i}").encode()


def _move(merged, model, graph, codes: dict, constants: dict, subgraph_at) -> None:
    for tensor in graph.tensors:
        data = model.buffers[tensor.buffer].data
        if data is None or len(data) == 0:
            tensor.buffer = 0
            continue
        content = bytes(data)
        if content not in constants:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(content, np.uint8)
            merged.buffers.append(buffer)
            constants[content] = len(merged.buffers) - 1
        tensor.buffer = constants[content]
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex]
        key = (code.deprecatedBuiltinCode, code.builtinCode, code.customCode, code.version)
        if key not in codes:
            codes[key] = len(merged.operatorCodes)
            merged.operatorCodes.append(code)
        op.opcodeIndex = codes[key]
        for options in (op.builtinOptions, op.builtinOptions2):
            for field_name in ("decompositionSubgraphIndex", "updateComputationSubgraphIndex"):
                if options is not None and hasattr(options, field_name):
                    setattr(options, field_name, subgraph_at(getattr(options, field_name)))
