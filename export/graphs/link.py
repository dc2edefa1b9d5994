"""A graph from its pieces, as the converter would have made it of the whole."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.errors import GraphError
from export.graphs.editor import Editor
from export.graphs.flatbuffer import WEIGHT_PREFIX, load, weight_name
from export.graphs.merge import merge
from export.graphs.prune import drop_tensors, drop_unused, share_equal
from export.modules.pieces import Composition, Piece


class Value(NamedTuple):
    """The output `name` of a call, or, where there is no call, the graph's input of that name."""

    call: int | None
    name: str


def link(name: str, composition: Composition, files: dict[Piece, Path]) -> schema.ModelT:
    """The graph that `composition` makes of the lowered pieces in `files`, as signature `name`.

    Raises GraphError for a piece that calls a graph of its own."""
    linker = _Linker(composition, files)
    return linker.linked(name, composition.compose(linker.run, _Inputs()))


class _Inputs(dict):
    def __missing__(self, name: str) -> Value:
        return Value(None, name)


class _Linker:
    def __init__(self, composition: Composition, files: dict[Piece, Path]):
        self._composition, self._files = composition, files
        self._calls: list[schema.ModelT] = []
        self._given: list[dict[str, Value]] = []

    def run(self, piece: Piece, values: dict[str, Value]) -> dict[str, Value]:
        lowered = self._composition.lowered_as(piece)
        model = load(self._files[lowered])
        if len(model.subgraphs) != 1:
            raise GraphError(
                f"The {piece.name} piece can't be linked", expected="one graph",
                found=f"{len(model.subgraphs)}, called by its operations", where=str(self._files[lowered]),
                action="Report the checkpoint's config.json.",
            )  # fmt: skip
        if piece != lowered:
            _rename_weights(model, f"layers.{lowered.layer}.", f"layers.{piece.layer}.")
        number = len(self._calls)
        self._calls.append(model)
        self._given.append(values)
        names = [output.name.decode() for output in model.signatureDefs[0].outputs]
        return {name: Value(number, name) for name in names}

    def linked(self, name: str, outputs: dict[str, Value]) -> schema.ModelT:
        _share_versions(self._calls)
        model = merge([(str(number), one) for number, one in enumerate(self._calls)])
        graph = schema.SubGraphT()
        graph.name, graph.tensors, graph.operators = name.encode(), [], []
        places: dict[Value, int] = {}
        for i, definition in enumerate(model.signatureDefs):
            _append(graph, model.subgraphs[i], definition, self._given[i], i, places)
        definition = schema.SignatureDefT()
        definition.signatureKey, definition.subgraphIndex = name.encode(), 0
        inputs = {value.name: place for value, place in places.items() if value.call is None}
        definition.inputs = [_named(name, place) for name, place in inputs.items()]
        definition.outputs = [_named(name, places[value]) for name, value in outputs.items()]
        graph.inputs = np.array([*inputs.values()], np.int32)
        graph.outputs = np.array([one.tensorIndex for one in definition.outputs], np.int32)
        model.subgraphs, model.signatureDefs = [graph], [definition]
        editor = Editor(model, graph)
        share_equal(editor, definition)
        drop_unused(editor, {int(i) for i in graph.outputs})
        drop_tensors(editor, definition)
        return model


def _share_versions(models: list[schema.ModelT]) -> None:
    """An operation has the highest version that any use of it in the graph asks for."""
    codes = [code for model in models for code in model.operatorCodes]
    versions: dict[int, int] = {}
    for code in codes:
        versions[code.builtinCode] = max(code.version, versions.get(code.builtinCode, 0))
    for code in codes:
        code.version = versions[code.builtinCode]


def _append(
    graph: schema.SubGraphT, piece: schema.SubGraphT, definition: schema.SignatureDefT,
    given: dict[str, Value], call: int, places: dict[Value, int],
) -> None:  # fmt: skip
    """The piece's operations after the graph's, over the values that it is given; its outputs are added to `places`,
    as are the graph's own inputs where they are used first."""
    moved = {-1: -1}
    for one in definition.inputs:
        value = given[one.name.decode()]
        if value not in places:
            places[value] = len(graph.tensors)
            graph.tensors.append(piece.tensors[one.tensorIndex])
        moved[int(one.tensorIndex)] = places[value]
    for i, tensor in enumerate(piece.tensors):
        if i not in moved:
            moved[i] = len(graph.tensors)
            graph.tensors.append(tensor)
    for op in piece.operators:
        op.inputs, op.outputs = ([moved[int(i)] for i in indices] for indices in (op.inputs, op.outputs))
        op.inputs, op.outputs = np.array(op.inputs, np.int32), np.array(op.outputs, np.int32)
        graph.operators.append(op)
    for one in definition.outputs:
        places[Value(call, one.name.decode())] = moved[int(one.tensorIndex)]


def _rename_weights(model: schema.ModelT, old: str, new: str) -> None:
    for tensor in model.subgraphs[0].tensors:
        name = weight_name(tensor)
        if name is not None and name.startswith(old):
            tensor.name = f"{WEIGHT_PREFIX}{new}{name.removeprefix(old)}/".encode()


def _named(name: str, place: int) -> schema.TensorMapT:
    found = schema.TensorMapT()
    found.name, found.tensorIndex = name.encode(), place
    return found
