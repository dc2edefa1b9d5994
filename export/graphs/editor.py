"""A graph under rewriting, as flatbuffer objects."""

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.choices.recipe import Storage
from export.graphs.flatbuffer import operator

Op, Builtin, Options = schema.OperatorT, schema.BuiltinOperator, schema.BuiltinOptions
Stored = Callable[[str, tuple[int, ...]], Storage]
"""How a weight of that name and shape will be stored."""


def in_float(*_) -> Storage:
    """As Stored: every weight as float32."""
    return Storage(32)


def options(name: str) -> tuple[int, object]:
    """New options of an operation, with their type: what `Editor.new_op` takes."""
    return getattr(Options, f"{name}Options"), getattr(schema, f"{name}OptionsT")()


class Editor:
    """One graph under rewriting: new tensors and operations, and who uses what."""

    def __init__(self, model: schema.ModelT, graph: schema.SubGraphT, stored: Stored = in_float):
        self.model, self.graph, self.stored = model, graph, stored
        self._codes: dict[int, int] = {}

    def kind(self, op: Op) -> str:
        return operator(self.model, op)

    def tensor(self, index: int) -> schema.TensorT:
        return self.graph.tensors[index]

    def code(self, builtin: int, version: int = 1) -> int:
        if builtin not in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), version
            self.model.operatorCodes.append(code)
            self._codes[builtin] = len(self.model.operatorCodes) - 1
        return self._codes[builtin]

    def new_tensor(self, name: str, shape, dtype: int, values: np.ndarray | None = None) -> int:
        """Index of a new tensor, constant when it has `values`."""
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.hasRank = name.encode(), dtype, True
        tensor.shape = np.array(shape, np.int32)
        tensor.buffer = 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def integers(self, values) -> int:
        """A constant of int32, scalar or vector."""
        array = np.array(values, np.int32)
        return self.new_tensor("integers", array.shape, schema.TensorType.INT32, array)

    def new_op(self, builtin: int, inputs, outputs, options: tuple[int, object] | None = None, version: int = 1) -> Op:
        op = Op()
        op.opcodeIndex = self.code(builtin, version)
        op.inputs, op.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if options:
            op.builtinOptionsType, op.builtinOptions = options
        return op

    def users(self) -> dict[int, list[Op]]:
        found: dict[int, list[Op]] = {}
        for op in self.graph.operators:
            for i in op.inputs:
                found.setdefault(int(i), []).append(op)
        return found

    def drop(self, ops: list[Op]) -> None:
        gone = {id(op) for op in ops}
        self.graph.operators = [op for op in self.graph.operators if id(op) not in gone]
