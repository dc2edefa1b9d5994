"""One lowered graph for all widths and contexts: traced at sizes that no model has, turned into the graph of any.

Every traced size is a prime of MARKERS. A size of the graph is a product of the model's own sizes, each of them without
that prime (`conflicts` holds every lowered graph to it), and of traced ones: its prime factors tell which.
"""

from collections.abc import Iterable, Iterator
from dataclasses import astuple
from functools import lru_cache

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.errors import GraphError
from export.graphs.flatbuffer import constant, operator, weight_name
from export.plan import Width

MARKERS = (Width(1009, 3001, 20011), Width(1013, 3011, 20021), Width(1019, 3019, 20023), Width(1021, 3023, 20029))
"""Sizes to trace at, all primes; `slots` is what layers with a window read."""
SIZE_OPERANDS = {"RESHAPE": 1, "BROADCAST_TO": 1, "SLICE": 2}
"""Operations whose constant operand of that index holds the sizes of the output."""
LARGEST_RANK = 8
"""Integer constants with more values than this are tables of tokens, not sizes."""


def with_width(model: schema.ModelT, wanted: Width) -> schema.ModelT:
    """`model`, a graph lowered at one of MARKERS, brought to the sizes of `wanted` in place.

    Raises GraphError for a graph that was lowered at other sizes."""
    lowered = traced_width(model)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if _is_slot_numbers(model, tensor, lowered):
                model.buffers[tensor.buffer].data = np.arange(wanted.capacity, dtype=np.float32).view(np.uint8)
            if tensor.shape is not None and weight_name(tensor) is None:
                tensor.shape = _sizes(tensor.shape, lowered, wanted)
        done: set[int] = set()
        for op, operand, tensor, values in _integer_operands(model, graph):
            kind = operator(model, op)
            if tensor.buffer in done:
                continue
            if SIZE_OPERANDS.get(kind) == operand:
                new = _sizes(values, lowered, wanted)
            elif kind == "MINIMUM":
                new = _bounds(values, lowered, wanted)
            else:
                continue
            done.add(tensor.buffer)
            model.buffers[tensor.buffer].data = new.view(np.uint8)
        for op in graph.operators:
            options = op.builtinOptions
            if operator(model, op) == "RESHAPE" and options is not None and options.newShape is not None:
                options.newShape = _sizes(options.newShape, lowered, wanted)
    return model


def traced_width(model: schema.ModelT) -> Width:
    """The one of MARKERS that the graph was lowered at, told by its mask's slots. Raises GraphError when it is none."""
    definition = model.signatureDefs[0]
    tensors = model.subgraphs[definition.subgraphIndex].tensors
    slots = [int(tensors[m.tensorIndex].shape[-1]) for m in definition.inputs if m.name == b"mask"]
    for width in MARKERS:
        if slots == [width.capacity]:
            return width
    raise GraphError(
        "A graph was not lowered by this version",
        expected=f"a mask over one of {', '.join(str(w.capacity) for w in MARKERS)} slots",
        found=f"{slots[0]} slots" if slots else "no mask",
        where="the lowered graph",
        action="Lower again: --from lower.",
    )


def mistakable(sizes: Iterable[int], width: Width) -> list[int]:
    """Those of a model's own `sizes` that would be taken for traced ones."""
    return sorted({size for size in sizes if _factors(size, width) != (size, 0, 0, 0)})


def conflicts(model: schema.ModelT, lowered: Width) -> list[str]:
    """What in a lowered graph would be substituted and must not be, or must be and would not: empty when it is sound.

    Weights and tables have the model's own sizes; traced ones belong to activations, and in constants to the operands
    that `with_width` knows."""
    found = []
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            fixed = weight_name(tensor) is not None or (data is not None and len(data) > 0)
            if fixed and tensor.shape is not None and not _is_slot_numbers(model, tensor, lowered):
                found += [f"{tensor.name.decode()} has size {size}" for size in mistakable(tensor.shape, lowered)]
        for op, operand, _, values in _integer_operands(model, graph):
            kind = operator(model, op)
            if SIZE_OPERANDS.get(kind) == operand:
                continue
            allowed = _bound_numbers(lowered) if kind == "MINIMUM" else ()
            suspect = {*mistakable(values.tolist(), lowered), *(_bound_numbers(lowered) & {*values.tolist()})}
            found += [f"operand {operand} of {kind} is {value}" for value in sorted(suspect.difference(allowed))]
    return found


def _integer_operands(model: schema.ModelT, graph: schema.SubGraphT) -> Iterator[tuple]:
    """Every use of a constant that can hold sizes, as (operation, operand's index, tensor, values)."""
    for op in graph.operators:
        for operand, index in enumerate(op.inputs):
            tensor = graph.tensors[index]
            values = constant(model, tensor) if index >= 0 else None
            if values is not None and values.size <= LARGEST_RANK:
                yield op, operand, tensor, values


def _is_slot_numbers(model: schema.ModelT, tensor: schema.TensorT, lowered: Width) -> bool:
    """Whether the tensor is the constant 0, 1, 2, ... over all slots, which masks are made of."""
    data = model.buffers[tensor.buffer].data
    if tensor.type != schema.TensorType.FLOAT32 or data is None or len(data) != 4 * lowered.capacity:
        return False
    return np.array_equal(np.frombuffer(bytes(data), np.float32), np.arange(lowered.capacity, dtype=np.float32))


def _sizes(values, lowered: Width, wanted: Width) -> np.ndarray:
    return np.array([_size(int(value), lowered, wanted) for value in values], np.int32)


@lru_cache(maxsize=1 << 16)
def _size(value: int, lowered: Width, wanted: Width) -> int:
    rest, *powers = _factors(value, lowered)
    for new, power in zip(astuple(wanted), powers, strict=True):
        rest *= new**power
    return rest


def _factors(value: int, width: Width) -> tuple[int, int, int, int]:
    """`value` without the traced primes, and how often it has each of them."""
    powers = [0, 0, 0]
    for i, prime in enumerate(astuple(width)):
        while value > 0 and value % prime == 0:
            value, powers[i] = value // prime, powers[i] + 1
    return value, *powers


def _bound_numbers(width: Width) -> set[int]:
    """What MINIMUM bounds slots by: their number, and the last one that a window may begin at."""
    return {width.capacity, width.capacity - width.slots}


def _bounds(values: np.ndarray, lowered: Width, wanted: Width) -> np.ndarray:
    new = {lowered.capacity: wanted.capacity, lowered.capacity - lowered.slots: wanted.capacity - wanted.slots}
    return np.array([new.get(int(value), int(value)) for value in values], np.int32)
