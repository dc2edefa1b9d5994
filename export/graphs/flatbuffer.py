"""Weightless LiteRT graphs as flatbuffer objects, and what the rewrites ask of them."""

from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

WEIGHT_PREFIX = "weight/"
OPERATORS = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}


def load(path: Path) -> schema.ModelT:
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)


def operator(model: schema.ModelT, op: schema.OperatorT) -> str:
    """The builtin's name, e.g. FULLY_CONNECTED."""
    code = model.operatorCodes[op.opcodeIndex]
    return OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]


def weight_name(tensor: schema.TensorT) -> str | None:
    """The checkpoint-relative name of an external weight; the writer appends counters after the closing slash."""
    name = tensor.name.decode()
    return name.split("/")[1] if name.startswith(WEIGHT_PREFIX) else None


def constant(model: schema.ModelT, tensor: schema.TensorT) -> np.ndarray | None:
    """The values of an int32 constant; None for any other tensor."""
    data = model.buffers[tensor.buffer].data
    if data is None or tensor.type != schema.TensorType.INT32:
        return None
    return np.frombuffer(bytes(data), np.int32)


class _SharingBuilder(flatbuffers.Builder):
    """Writes each large array object once: a weight's scales serve all signatures (42 MB to 10 at E2B's size)."""

    def __init__(self):
        super().__init__(1 << 20)
        self.written: dict[int, int] = {}

    def CreateNumpyVector(self, array):
        if array.size < 64:
            return super().CreateNumpyVector(array)
        if id(array) not in self.written:
            self.written[id(array)] = super().CreateNumpyVector(array)
        return self.written[id(array)]


def pack(model: schema.ModelT) -> memoryview:
    """The flatbuffer's bytes."""
    builder = _SharingBuilder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return memoryview(builder.Bytes)[builder.Head() :]
