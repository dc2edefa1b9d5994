"""Graphs of a few operations with the tensors that a bundle's have, so that a bundle opens and decodes in milliseconds.

Tokens depend on everything a graph is given (embedding, position, mask, per-layer row, cache), so that a wrong input
shows. What they say means nothing.
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from runtime_spec.bundle.contents import expected_signatures
from runtime_spec.bundle.manifest import Manifest, Signature

OP = schema.BuiltinOperator
CHOSEN = 0
"""Which of the two largest logits a graph that chooses says."""
TYPES = {"float32": schema.TensorType.FLOAT32, "int32": schema.TensorType.INT32}


class Model:
    """One flatbuffer model, put together signature by signature."""

    def __init__(self):
        self.model = schema.ModelT()
        self.model.version, self.model.description = 3, b"tiny"
        self.model.operatorCodes, self.model.subgraphs, self.model.signatureDefs = [], [], []
        self.model.buffers, self.model.metadata = [schema.BufferT()], []

    def signature(self, name: str, signature: Signature) -> "Graph":
        graph = Graph(self.model, name, signature)
        self.model.subgraphs.append(graph.graph)
        return graph

    def pack(self) -> bytes:
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


class Graph:
    def __init__(self, model: schema.ModelT, name: str, signature: Signature):
        self.model, self.signature = model, signature
        self.graph = schema.SubGraphT()
        self.graph.name, self.graph.tensors, self.graph.operators = name.encode(), [], []
        self.inputs = {
            key: self.tensor(f"{name}/{key}", spec.shape, spec.dtype) for key, spec in signature.inputs.items()
        }
        self._key = name

    def tensor(self, name: str, shape: tuple[int, ...], dtype: str = "float32", data: np.ndarray | None = None) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), list(shape), TYPES[dtype], 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, value: np.ndarray) -> int:
        return self.tensor(f"{self._key}/c{len(self.graph.tensors)}", value.shape, str(value.dtype), value)

    def call(self, code: int, inputs: list[int], shape: tuple[int, ...], options: object = None, kind: int = 0) -> int:
        """An operation with one float output of `shape`; its tensor."""
        output = self.tensor(f"{self._key}/t{len(self.graph.tensors)}", shape)
        self._append(code, inputs, [output], options, kind)
        return output

    def _append(self, code: int, inputs: list[int], outputs: list[int], options: object, kind: int) -> None:
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self._code(code), inputs, outputs
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self.graph.operators.append(operator)

    def _code(self, code: int) -> int:
        known = [one.builtinCode for one in self.model.operatorCodes]
        if code not in known:
            one = schema.OperatorCodeT()
            one.builtinCode, one.deprecatedBuiltinCode, one.version = code, min(code, 127), 1
            self.model.operatorCodes.append(one)
            return len(known)
        return known.index(code)

    def add(self, a: int, b: int, shape: tuple[int, ...]) -> int:
        return self.call(OP.ADD, [a, b], shape, schema.AddOptionsT(), schema.BuiltinOptions.AddOptions)

    def scale(self, a: int, factor: float, shape: tuple[int, ...]) -> int:
        other = self.constant(np.full((1,), factor, np.float32))
        return self.call(OP.MUL, [a, other], shape, schema.MulOptionsT(), schema.BuiltinOptions.MulOptions)

    def reshape(self, a: int, shape: tuple[int, ...]) -> int:
        options = schema.ReshapeOptionsT()
        options.newShape = list(shape)
        sizes = self.constant(np.array(shape, np.int32))
        return self.call(OP.RESHAPE, [a, sizes], shape, options, schema.BuiltinOptions.ReshapeOptions)

    def rows(self, a: int, axes: tuple[int, ...], rows: int, factor: float) -> int:
        """The sum over `axes`, scaled, as [1, rows, 1]."""
        shape = self.graph.tensors[a].shape
        summed = tuple(1 if i in axes else int(size) for i, size in enumerate(shape))
        options = schema.ReducerOptionsT()
        options.keepDims = True
        kind = schema.BuiltinOptions.ReducerOptions
        total = self.call(OP.SUM, [a, self.constant(np.array(axes, np.int32))], summed, options, kind)
        return self.scale(self.reshape(total, (1, rows, 1)), factor, (1, rows, 1))

    def dense(self, a: int, rows: int, weights: np.ndarray) -> int:
        options = schema.FullyConnectedOptionsT()
        options.keepNumDims = True
        kind, shape = schema.BuiltinOptions.FullyConnectedOptions, (1, rows, weights.shape[0])
        return self.call(OP.FULLY_CONNECTED, [a, self.constant(weights), -1], shape, options, kind)

    def choices(self, logits: int, rows: int) -> dict[str, int]:
        """What a graph says of its logits [1, rows, V]."""
        flat = self.reshape(logits, (rows, int(self.graph.tensors[logits].shape[-1])))
        largest, places = (self.tensor(f"{self._key}/{kind}", (rows, 2), kind) for kind in ("float32", "int32"))
        kind, two = schema.BuiltinOptions.TopKV2Options, self.constant(np.array(2, np.int32))
        self._append(OP.TOPK_V2, [flat, two], [largest, places], schema.TopKV2OptionsT(), kind)
        tokens, first = (self.tensor(f"{self._key}/chosen", shape, "int32") for shape in ((rows,), (rows, 1)))
        inputs = [places, *(self.constant(np.array(ends, np.int32)) for ends in ([0, CHOSEN], [rows, 1]))]
        self._append(OP.SLICE, inputs, [first], schema.SliceOptionsT(), schema.BuiltinOptions.SliceOptions)
        inputs, kind = [first, self.constant(np.array([rows], np.int32))], schema.BuiltinOptions.ReshapeOptions
        self._append(OP.RESHAPE, inputs, [tokens], schema.ReshapeOptionsT(), kind)
        return {"target_tokens": tokens, "largest_logits": largest}

    def finish(self, outputs: dict[str, int]) -> None:
        self.graph.inputs, self.graph.outputs = list(self.inputs.values()), list(outputs.values())
        definition = schema.SignatureDefT()
        definition.signatureKey, definition.subgraphIndex = self._key.encode(), len(self.model.signatureDefs)
        definition.inputs, definition.outputs = _maps(self.inputs), _maps(outputs)
        self.model.signatureDefs.append(definition)


def _maps(tensors: dict[str, int]) -> list:
    maps = []
    for name, index in tensors.items():
        one = schema.TensorMapT()
        one.name, one.tensorIndex = name.encode(), index
        maps.append(one)
    return maps


def graphs(manifest: Manifest, seed: int = 0) -> dict[str, bytes]:
    """The models of a bundle with this manifest, by section name."""
    draw, config = np.random.default_rng(seed), manifest.config
    embedding = draw.standard_normal((config.vocab_size, config.hidden_size)).astype(np.float32)
    found = {"embedder": _embedder(manifest, "embedder", embedding), "main": _main(manifest, embedding)}
    if config.per_layer_size:
        table = draw.standard_normal((config.vocab_size, config.num_layers * config.per_layer_size))
        found["per_layer_embedder"] = _embedder(manifest, "per_layer_embedder", table.astype(np.float32))
    if manifest.drafter:
        found["drafter"] = _drafter(manifest, embedding, draw)
    return found


def _embedder(manifest: Manifest, name: str, table: np.ndarray) -> bytes:
    model = Model()
    for key, signature in expected_signatures(manifest, name).items():
        graph = model.signature(key, signature)
        options, kind = schema.GatherOptionsT(), schema.BuiltinOptions.GatherOptions
        shape = (1, 1, table.shape[1])
        row = graph.call(OP.GATHER, [graph.constant(table), graph.inputs["token_ids"]], shape, options, kind)
        graph.finish({"embeddings": graph.reshape(row, signature.outputs["embeddings"].shape)})
    return model.pack()


def _main(manifest: Manifest, embedding: np.ndarray) -> bytes:
    model = Model()
    for key, signature in expected_signatures(manifest, "main").items():
        graph, shape = model.signature(key, signature), signature.inputs["embeddings"].shape
        rows, hidden = shape[1], graph.inputs["embeddings"]
        position = graph.call(OP.CAST, [graph.inputs["input_pos"]], (rows,))
        seen = [graph.scale(graph.reshape(position, (1, rows, 1)), 0.1, (1, rows, 1))]
        seen.append(graph.rows(graph.inputs["mask"], (3,), rows, 1e-5))
        if "per_layer_embeddings" in graph.inputs:
            seen.append(graph.rows(graph.inputs["per_layer_embeddings"], (2, 3), rows, 0.1))
        for one in seen:
            hidden = graph.add(hidden, one, shape)
        outputs = {}
        for name in (name for name in signature.outputs if name.startswith("kv_cache")):
            outputs[name] = graph.scale(graph.inputs[name], 1.0, signature.outputs[name].shape)
        if "logits" in signature.outputs:
            outputs["logits"] = graph.dense(hidden, rows, embedding)
            outputs["activations"] = graph.scale(hidden, 0.5, shape)
        if "target_tokens" in signature.outputs:
            outputs |= graph.choices(outputs["logits"], rows)
        graph.finish(outputs)
    return model.pack()


def _drafter(manifest: Manifest, embedding: np.ndarray, draw: np.random.Generator) -> bytes:
    model, size = Model(), 2 * manifest.config.hidden_size
    for key, signature in expected_signatures(manifest, "drafter").items():
        graph, shape = model.signature(key, signature), (1, 1, size)
        hidden, position = graph.inputs["activations"], graph.call(OP.CAST, [graph.inputs["input_pos"]], (1,))
        seen = [graph.scale(graph.reshape(position, (1, 1, 1)), 0.1, (1, 1, 1))]
        seen += [graph.rows(graph.inputs["mask"], (3,), 1, 1e-5)]
        caches = [index for name, index in graph.inputs.items() if name.startswith("kv_cache")]
        seen += [graph.rows(cache, (1, 2, 3), 1, 0.1) for cache in caches]
        for one in seen:
            hidden = graph.add(hidden, one, shape)
        logits = graph.dense(hidden, 1, np.concatenate([embedding, 0.1 * embedding], 1))
        weights = draw.standard_normal((size // 2, size)).astype(np.float32)
        graph.finish({"logits": logits, "projected_activations": graph.dense(hidden, 1, weights)})
    return model.pack()
