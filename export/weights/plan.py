"""A graph's weights planned: how each is stored, and the buffers that it will fill."""

from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.choices.recipe import Storage
from export.graphs.calls import SCALES
from export.graphs.flatbuffer import weight_name

ALIGNMENT = 64
"""Of a weight's bytes in the bundle, as XNNPACK reads them in place."""
UNKNOWN = 2
"""Stands for an offset or size that is not known yet. Not 0 or 1: LiteRT takes those for none, and a field at its
default is left out of a flatbuffer, whose size must not change when the real ones are set."""

TYPES = {8: schema.TensorType.INT8, 4: schema.TensorType.INT4, 2: schema.TensorType.INT2}


@dataclass
class Weight:
    """One stored tensor of a model: who fills it, how it is stored, where its buffers lie (from the section's begin).

    `shape` is the checkpoint's: vectors are [N] here, whatever rank the graph gives them. With `scales_of` it is no
    tensor of the checkpoint, but the scales of that weight's rows as values."""

    name: str
    shape: tuple[int, ...]
    storage: Storage
    buffer: schema.BufferT
    scale_buffer: schema.BufferT | None
    scales: np.ndarray | None = None
    scales_of: "Weight | None" = None

    @property
    def num_scales(self) -> int:
        return self.storage.num_scales(self.shape)

    @property
    def nbytes(self) -> int:
        return self.storage.nbytes(self.shape)


def plan_weights(model: schema.ModelT, shape_of, storage_of) -> list[Weight]:
    """Gives every named tensor of `model` its stored type, quantisation and one buffer a name, in order of first use.

    `shape_of(name)` is the checkpoint's shape: it also gives an embedder, lowered with few rows, its real size.
    `storage_of(name, shape)` decides how it is stored."""
    weights: dict[str, Weight] = {}
    zeros: dict[int, np.ndarray] = {}
    for graph in model.subgraphs:
        for tensor in list(graph.tensors):
            name = weight_name(tensor)
            if name is None:
                continue
            # Rows come before their scales, here as in the file.
            of = weights[name.removesuffix(SCALES)] if name.endswith(SCALES) else None
            shape = shape_of(name) if of is None else of.shape[:1]
            if len(shape) > 1:
                tensor.shape = np.array(shape, np.int32)
            if name not in weights:
                storage = storage_of(name, shape) if of is None else Storage(32)
                weights[name] = _new_weight(model, name, shape, storage)
                weights[name].scales_of = of
            count = weights[name].num_scales
            zero_points = zeros.setdefault(count, np.zeros(count, np.int64))
            _store(graph, tensor, weights[name], model, zero_points)
    return list(weights.values())


def _new_weight(model: schema.ModelT, name: str, shape: tuple[int, ...], storage: Storage) -> Weight:
    buffers = [schema.BufferT() for _ in range(2 if storage.block else 1)]
    for buffer in buffers:
        buffer.offset = buffer.size = UNKNOWN
    model.buffers += buffers
    weight = Weight(name, shape, storage, buffers[0], buffers[1] if storage.block else None)
    if storage.bits < 32 and not storage.block:
        weight.scales = np.zeros(weight.num_scales, np.float32)
    return weight


def _store(graph, tensor, weight: Weight, model: schema.ModelT, zero_points: np.ndarray) -> None:
    tensor.buffer = model.buffers.index(weight.buffer)
    storage = weight.storage
    if storage.bits == 32:
        return
    tensor.type = TYPES[storage.bits]
    tensor.quantization = quantization = schema.QuantizationParametersT()
    quantization.quantizedDimension = 0
    if storage.block:
        scales = schema.TensorT()
        scales.name, scales.type, scales.hasRank = tensor.name + b"_scales", schema.TensorType.FLOAT16, True
        scales.shape = np.array([weight.shape[0], weight.shape[1] // storage.block], np.int32)
        scales.buffer = model.buffers.index(weight.scale_buffer)
        graph.tensors.append(scales)
        quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
        details = quantization.details = schema.BlockwiseQuantizationT()
        details.scales, details.zeroPoints, details.blockSize = len(graph.tensors) - 1, -1, storage.block
    else:
        # One array object a weight, now and when it is filled: the packed size must not change.
        quantization.scale = weight.scales
        quantization.zeroPoint = zero_points
