"""Models into a bundle, one tensor at a time: read a block of rows, quantise it, write it where its buffer lies.

No float copy of the model and no intermediate .tflite exists. Models of one group follow each other as

    root A | root B | weights both use | A's own | B's own

and each one's section runs from its root to the last byte it uses: sections may overlap, and what two models use
stands in the file once.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema

from export.alignment import round_up
from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.codes import Codes
from export.checkpoint.names import tensor_name
from export.errors import CheckpointError
from export.graphs.flatbuffer import pack
from export.weights.keep import repacked
from export.weights.plan import ALIGNMENT, Weight
from export.weights.quantize import CHUNK_BYTES, Quantizer, row_chunks
from runtime_spec.bundle.manifest import SharedWeights

THREADS = 2
"""That quantise a weight's rows; each computes alone."""
TORCH_TYPES = {"BF16": torch.bfloat16, "F32": torch.float32, "F16": torch.float16}


class WeightSource(Protocol):
    """Where the values of a model's weights come from."""

    def key(self, name: str) -> str:
        """The same for two weights exactly if their values are the same tensor."""

    def shape(self, name: str) -> tuple[int, ...]: ...

    def rows(self, name: str, begin: int, end: int) -> torch.Tensor:
        """Rows begin..end as [n, k] in any float type, valid until the next call; a vector is its one row."""

    def codes(self, name: str) -> Codes | None:
        """Of a weight that is stored as the codes that it has; None where values are to be quantised."""

    def code_rows(self, name: str, begin: int, end: int) -> memoryview:
        """Bytes of codes in the checkpoint's own packing, valid until the next call."""

    def scales(self, name: str) -> np.ndarray:
        """float32[rows, groups] of a weight that is codes."""


class CheckpointSource:
    """Weights by traced parameter name, read with pread (mapped pages would count as resident memory). With
    `keep_codes`, codes that the checkpoint has are handed on."""

    def __init__(self, checkpoint: Checkpoint, keep_codes: bool = False):
        self.checkpoint, self.keep_codes, self.scratch = checkpoint, keep_codes, bytearray(CHUNK_BYTES)

    def key(self, name: str) -> str:
        return f"{self.checkpoint.role}:{tensor_name(self.checkpoint, name)}"

    def shape(self, name: str) -> tuple[int, ...]:
        return self.checkpoint.tensors.info(tensor_name(self.checkpoint, name)).shape

    def rows(self, name: str, begin: int, end: int) -> torch.Tensor:
        stored = tensor_name(self.checkpoint, name)
        info = self.checkpoint.tensors.info(stored)
        if len(info.shape) == 1:
            return torch.from_numpy(self.checkpoint.tensors.read(stored))[None]
        needed = (end - begin) * info.row_bytes
        if len(self.scratch) < needed:
            self.scratch = bytearray(needed)
        view = self.checkpoint.tensors.rows(stored, begin, end, self.scratch)
        return torch.frombuffer(view, dtype=TORCH_TYPES[info.dtype]).view(end - begin, info.shape[1])

    def codes(self, name: str) -> Codes | None:
        return self.checkpoint.tensors.codes(tensor_name(self.checkpoint, name)) if self.keep_codes else None

    def code_rows(self, name: str, begin: int, end: int) -> memoryview:
        stored = tensor_name(self.checkpoint, name)
        needed = (end - begin) * self.checkpoint.tensors.codes(stored).row_bytes
        if len(self.scratch) < needed:
            self.scratch = bytearray(needed)
        return self.checkpoint.tensors.code_rows(stored, begin, end, self.scratch)

    def scales(self, name: str) -> np.ndarray:
        return self.checkpoint.tensors.scales(tensor_name(self.checkpoint, name))


@dataclass
class PlannedModel:
    """A graph whose weights are planned, and what fills them."""

    name: str
    model: schema.ModelT
    weights: list[Weight]
    source: WeightSource
    root_size: int = field(init=False)

    def __post_init__(self):
        self.root_size = len(pack(self.model))

    def write_root(self, stream: BinaryIO, begin: int) -> None:
        root = pack(self.model)
        if len(root) != self.root_size:
            raise AssertionError(f"root of {self.name} changed from {self.root_size} to {len(root)} bytes")
        stream.seek(begin)
        stream.write(root)


class WrittenModels(NamedTuple):
    """Each model's (begin, end) by name, and the ranges that several use, in bytes from the group's begin."""

    sections: dict[str, tuple[int, int]]
    shared: tuple[SharedWeights, ...]


def write_group(stream: BinaryIO, models: Sequence[PlannedModel], section_alignment: int) -> WrittenModels:
    """Writes `models` from the stream's position 0 on, their roots at multiples of `section_alignment` bytes.

    Two models share a weight when it is the same tensor stored the same way."""
    begins, cursor = [], 0
    for model in models:
        cursor = round_up(cursor, section_alignment)
        begins.append(cursor)
        cursor += model.root_size
    ends = [b + m.root_size for b, m in zip(begins, models, strict=True)]
    users: dict[tuple, list[tuple[int, Weight]]] = {}
    for i, model in enumerate(models):
        for weight in model.weights:
            users.setdefault((model.source.key(weight.name), weight.storage), []).append((i, weight))
    shared, writer = [], _WeightWriter(stream)
    for (key, _), users_of_key in sorted(users.items(), key=lambda item: len(item[1]) == 1):
        first_model, first = users_of_key[0]
        start = cursor = round_up(cursor, ALIGNMENT)
        cursor = writer.write(first, models[first_model].source, cursor, [weight for _, weight in users_of_key])
        for i, weight in users_of_key:
            _relative(weight, first, start, begins[i])
            ends[i] = cursor
        if len(users_of_key) > 1:
            shared.append(SharedWeights(key, start, cursor, tuple(models[i].name for i, _ in users_of_key)))
    for model, model_begin in zip(models, begins, strict=True):
        model.write_root(stream, model_begin)
    return WrittenModels({m.name: (b, e) for m, b, e in zip(models, begins, ends, strict=True)}, tuple(shared))


def _relative(weight: Weight, first: Weight, start: int, section_begin: int) -> None:
    weight.buffer.offset, weight.buffer.size = start - section_begin, weight.nbytes
    if weight.scale_buffer is not None:
        weight.scale_buffer.offset = round_up(start + weight.nbytes, ALIGNMENT) - section_begin
        weight.scale_buffer.size = 2 * weight.num_scales


class _WeightWriter:
    def __init__(self, stream: BinaryIO):
        self.stream, self.quantizers = stream, dict[int, Quantizer]()

    def write(self, weight: Weight, source: WeightSource, start: int, users: list[Weight]) -> int:
        """Streams the codes at `start` and block scales behind them; row scales go into every user's root."""
        if weight.scales_of is not None:
            self.stream.seek(start)
            self.stream.write(weight.scales_of.scales.tobytes())
            return start + weight.nbytes
        codes = source.codes(weight.name)
        if codes is not None:
            return self._keep(weight, source, codes, start, users)
        storage, scales = weight.storage, None
        if storage.bits < 32:
            scales = torch.empty(weight.num_scales, dtype=torch.float16 if storage.block else torch.float32)
        self._stream_rows(weight, source, start, scales)
        cursor = start + weight.nbytes
        if scales is None:
            return cursor
        if storage.block:
            cursor = round_up(cursor, ALIGNMENT)
            self.stream.seek(cursor)
            self.stream.write(scales.numpy().tobytes())
            return cursor + 2 * weight.num_scales
        for user in users:
            user.scales[:] = scales.numpy()
        return cursor

    def _stream_rows(self, weight: Weight, source: WeightSource, start: int, scales: torch.Tensor | None) -> None:
        """Quantises part after part on THREADS threads; `scales` are filled."""
        rows, width = weight.shape if len(weight.shape) == 2 else (1, int(np.prod(weight.shape)))
        row_bytes, row_scales = weight.nbytes // rows, weight.num_scales // rows
        left, reading, writing = deque(row_chunks(rows, width)), threading.Lock(), threading.Lock()
        most = (left[0][1] - left[0][0]) * width

        def work(number: int) -> None:
            quantizer = self._quantizer(number, most)
            while True:
                with reading:
                    # Sources are asked for one part after the other, in order, and their buffers are reused.
                    if not left:
                        return
                    begin, end = left.popleft()
                    values = quantizer.load(source.rows(weight.name, begin, end))
                part = scales[begin * row_scales : end * row_scales] if scales is not None else None
                try:
                    stored = quantizer.stored(values, weight.storage, part)
                except OverflowError as error:
                    raise _too_large(weight.name, begin, end, error) from error
                with writing:
                    self.stream.seek(start + begin * row_bytes)
                    self.stream.write(memoryview(stored.numpy()).cast("B"))

        _side_by_side(work, left)

    def _keep(self, weight: Weight, source: WeightSource, codes: Codes, start: int, users: list[Weight]) -> int:
        """Codes as they are, in LiteRT's packing, and their scales; of several scales a row a table of their own is
        stored, and the codes stand for themselves."""
        self.stream.seek(start)
        for begin, end in row_chunks(*weight.shape):
            self.stream.write(repacked(source.code_rows(weight.name, begin, end), codes, weight.storage.bits))
        scales = source.scales(weight.name)[:, 0] if codes.groups == 1 else np.ones(weight.shape[0], np.float32)
        for user in users:
            user.scales[:] = scales
        return start + weight.nbytes

    def _quantizer(self, number: int, elements: int) -> Quantizer:
        """That of a thread, for so many elements at a time."""
        found = self.quantizers.get(number)
        if found is None or found.values.numel() < elements:
            found = self.quantizers[number] = Quantizer(max(elements, CHUNK_BYTES // 4))
        return found


def _side_by_side(work: Callable[[int], None], left: deque) -> None:
    """`work(number)` on as many threads as there is work `left` for, until none is; an error ends all."""

    def alone(number: int) -> None:
        try:
            work(number)
        except BaseException:
            left.clear()
            raise

    count = min(THREADS, len(left))
    if count <= 1:
        return alone(0)
    with ThreadPoolExecutor(count - 1) as pool:
        others = [pool.submit(alone, number) for number in range(1, count)]
        alone(0)
    for other in others:
        other.result()


def _too_large(name: str, begin: int, end: int, error: OverflowError) -> CheckpointError:
    return CheckpointError(
        f"Weight is too large for int4: {name}",
        expected="weights whose scales a float16 holds",
        found=str(error),
        where=f"rows {begin} to {end - 1} of {name}",
        action="Choose a recipe without blocks (int8), or train the checkpoint again.",
    )
