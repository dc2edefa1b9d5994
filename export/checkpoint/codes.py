"""Checkpoints that hold codes: quantisation-aware training saved by Transformers' method `gemma`.

Such a folder has, for each quantised module, codes of 2, 4 or 8 bits and one float32 scale a row. Codes of 8 bits are
signed bytes; of 2 and 4 bits they are packed into bytes, the first lowest, with 2 or 8 added (Transformers 5.22.2,
integrations/gemma_quant.py). Beside them stand scales of activations and of caches, which are left out: LiteRT rounds
activations by their own range, and our caches are float.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint.files import printable
from export.checkpoint.quantization import BITS, Quantization
from export.checkpoint.quantized import METHOD
from export.checkpoint.safetensors import FLOATS, TensorFile, TensorIndex, TensorInfo, as_float32
from export.checkpoint.tensors import TOWERS
from export.errors import CheckpointError

# Leaf of the codes → leaf of their scales, for look-ups and for all else.
EMBEDDING, LINEAR = ("embedding_quantized", "embedding_scale"), ("weight", "weight_scale")
ACTIVATIONS = ("input_activation_scale", "output_activation_scale")
CACHES = ("k_cache_scale", "v_cache_scale")
SMALLEST = 2.0**-126
"""XNNPACK takes no scale that float32 holds with fewer bits."""


@dataclass(frozen=True)
class Codes:
    """One tensor's codes: names of codes and scales in the file, `bits` a code, and `groups` scales a row of `width`
    codes."""

    codes: str
    scales: str
    bits: int
    width: int
    groups: int

    @property
    def row_bytes(self) -> int:
        return -(-self.width * self.bits // 8)

    @property
    def stored_bits(self) -> int:
        """The fewest bits in which LiteRT's kernels take these codes: rows fill whole bytes there."""
        return next(bits for bits in BITS if bits >= self.bits and self.width * bits % 8 == 0)


@dataclass(frozen=True)
class CodesFound:
    """What of a checkpoint is codes: tensors by bits in the file, those that are `widened` by bits there and here,
    and scales that are not used: of `activations` (calibrated ones) and of `caches`."""

    tensors: Mapping[int, int]
    widened: Mapping[tuple[int, int], int]
    activations: int
    caches: int

    def to_json(self) -> dict:
        return {
            "method": METHOD,
            "tensors": {f"int{bits}": count for bits, count in self.tensors.items()},
            "widened": {f"int{old} to int{new}": count for (old, new), count in self.widened.items()},
            "unused_activation_scales": self.activations,
            "unused_cache_scales": self.caches,
        }


class CodedTensors(TensorIndex):
    """A checkpoint's tensors, those of `coded` by the names of float weights: whoever reads rows gets code times scale
    in float32, whoever asks for `codes` gets the codes.

    Where a row has several scales they can be read as a table of their own, `MODULE.scale`."""

    def __init__(self, base: TensorIndex, coded: Mapping[str, Codes], hidden: Iterable[str]):
        super().__init__([])
        self.files = base.files
        self._base, self._coded = base, dict(coded)
        inner = {name for codes in coded.values() for name in (codes.codes, codes.scales)}
        self._hidden = frozenset(hidden) | inner
        self._places = {name: place for name, place in base._places.items() if name not in self._hidden}
        self._places |= {name: base._places[codes.codes] for name, codes in coded.items()}
        self._tables = {scale_name(name): codes for name, codes in coded.items() if codes.groups > 1}

    def joined(self, names: dict[str, str]) -> "CodedTensors":
        """Also under the keys of `names`, be they codes or not."""
        coded = {new: self._coded[old] for new, old in names.items() if old in self._coded}
        rest = {new: old for new, old in names.items() if old not in self._coded}
        return CodedTensors(self._base.joined(rest), self._coded | coded, self._hidden)

    def codes(self, name: str) -> Codes | None:
        return self._coded.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self._places or name in self._tables

    def file_of(self, name: str) -> TensorFile:
        return self._base.file_of(self._tables[name].scales) if name in self._tables else super().file_of(name)

    def info(self, name: str) -> TensorInfo:
        """Of codes, the shape of what they stand for, in F32."""
        if name in self._tables:
            return self._base.info(self._tables[name].scales)
        codes = self._coded.get(name)
        if codes is None:
            return super().info(name)
        stored = self._base.info(codes.codes)
        shape = (stored.shape[0], codes.width)
        return TensorInfo("F32", shape, stored.begin, 4 * shape[0] * shape[1])

    def stored_bytes(self, name: str) -> int:
        """In the file: codes and scales."""
        codes = self._coded.get(name)
        if codes is None:
            return super().stored_bytes(name)
        return sum(self._base.info(part).nbytes for part in (codes.codes, codes.scales))

    def scales(self, name: str):
        """float32[rows, groups] of a tensor of codes."""
        return self._base.read(self._coded[name].scales)

    def code_rows(self, name: str, begin: int, end: int, out: bytearray | memoryview) -> memoryview:
        """The bytes of rows begin..end as they stand in the file, at the start of `out`."""
        codes = self._coded[name]
        view = memoryview(out).cast("B")[: (end - begin) * codes.row_bytes]
        self._base.file_of(codes.codes).read_into(self._base.info(codes.codes), begin * codes.row_bytes, view)
        return view

    def _fill(self, name: str, begin: int, view: memoryview) -> None:
        if name in self._tables:
            self._base._fill(self._tables[name].scales, begin, view)
            return
        codes = self._coded.get(name)
        if codes is None:
            self._base._fill(name, begin, view)
            return
        import numpy as np

        out = np.frombuffer(view, "<f4").reshape(-1, codes.groups, codes.width // codes.groups)
        raw = self.code_rows(name, begin, begin + len(out), bytearray(len(out) * codes.row_bytes))
        scales = bytearray(self._base.info(codes.scales).row_bytes * len(out))
        kind = self._base.info(codes.scales).dtype
        self._base._fill(codes.scales, begin, memoryview(scales))
        out[:] = unpack(raw, codes).reshape(out.shape)
        out *= as_float32(scales, kind).reshape(len(out), codes.groups, 1)


def unpack(raw: memoryview, codes: Codes):
    """Whole rows of codes as they stand in the file to int8[rows, width]."""
    import numpy as np

    if codes.bits == 8:
        return np.frombuffer(raw, np.int8).reshape(-1, codes.width)
    packed = np.frombuffer(raw, np.uint8).reshape(-1, codes.row_bytes, 1)
    shifts = np.arange(0, 8, codes.bits, dtype=np.uint8)
    values = ((packed >> shifts) & ((1 << codes.bits) - 1)).view(np.int8) - np.int8(1 << codes.bits - 1)
    return values.reshape(len(packed), -1)[:, : codes.width]


def scale_name(weight: str) -> str:
    """The table of a weight's scales, where a row has several."""
    return f"{weight.rpartition('.')[0]}.scale"


def read_codes(
    tensors: TensorIndex, shapes: Mapping[str, tuple[int, ...]], quantization: Quantization, blocks: Mapping[str, int]
) -> tuple[CodedTensors, CodesFound]:
    """`tensors` with the codes among `shapes` (name → shape of the weights that a model reads) as weights.

    `blocks`: how many scales a row may have where it may have several, by name. Raises CheckpointError for codes
    that are not what `quantization` says, and for scales that are missing, misshapen, or that no kernel takes."""
    coded = {}
    for name, shape in shapes.items():
        codes = _codes(tensors, name, shape, quantization, blocks.get(name, 1)) if len(shape) == 2 else None
        if codes is not None:
            _check_scales(tensors, codes)
            coded[name] = codes
    known = {codes.scales for codes in coded.values()}
    hidden, calibrated, caches = set(), 0, 0
    for name in tensors.names():
        if set(name.split(".")) & set(TOWERS):
            continue
        module, _, leaf = name.rpartition(".")
        used = f"{module}.weight" in shapes
        if leaf in ACTIVATIONS and used:
            calibrated += _is_calibrated(tensors, name)
        if leaf in CACHES:
            caches += 1
        if leaf in (EMBEDDING[1], LINEAR[1]) and used and name not in known:
            raise _error(f"Scale without codes: {name}", f"codes beside it, {' or '.join(EMBEDDING[:1] + LINEAR[:1])}",
                         "none of these bytes", tensors.file_of(name).path)  # fmt: skip
        if leaf in ACTIVATIONS + CACHES:
            hidden.add(name)
    widened = Counter((c.bits, c.stored_bits) for c in coded.values() if c.stored_bits != c.bits)
    counts = Counter(codes.bits for codes in coded.values())
    return CodedTensors(tensors, coded, hidden), CodesFound(
        dict(sorted(counts.items())), dict(sorted(widened.items())), calibrated, caches
    )


def _codes(
    tensors: TensorIndex, name: str, shape: tuple[int, ...], quantization: Quantization, blocks: int
) -> Codes | None:
    """None where the weight is no codes, in the file as in the config."""
    module = name.rpartition(".")[0]
    is_embedding = module.rpartition(".")[2] in ("embed_tokens", "embed_tokens_per_layer")
    leaf, scale = EMBEDDING if is_embedding else LINEAR
    stored, bits = f"{module}.{leaf}", quantization.bits(module, is_embedding)
    there = stored in tensors and tensors.info(stored).dtype not in FLOATS
    if bits is None and not there:
        return None
    if bits is None or not there:
        expected = "weights of 16 or 32 bits" if bits is None else f"{bits} bits a code in {stored}"
        present = stored if stored in tensors else name if name in tensors else None
        found = f"{tensors.info(present).dtype} in {present}" if present else f"no {stored}"
        where = tensors.file_of(present).path if present else tensors.files[0].path.parent
        raise _error(f"Codes are not what quantization_config says: {name}", expected, found, where)
    info, codes = tensors.info(stored), Codes(stored, f"{module}.{scale}", bits, shape[1], 1)
    wanted = ("I8" if bits == 8 else "U8", (shape[0], codes.row_bytes))
    if (info.dtype, info.shape) != wanted:
        expected = f"{wanted[0]} {list(wanted[1])}: {bits} bits for each of {list(shape)}"
        found = f"{info.dtype} {list(info.shape)}"
        raise _error(f"Codes are not what quantization_config says: {stored}", expected, found,
                     tensors.file_of(stored).path)  # fmt: skip
    if codes.scales not in tensors:
        raise _error(f"Scale is missing: {codes.scales}", f"a scale for each of {shape[0]} rows", f"no {codes.scales}",
                     tensors.file_of(stored).path)  # fmt: skip
    scales = tensors.info(codes.scales)
    if scales.dtype not in FLOATS or scales.shape not in ((shape[0], 1), (shape[0], blocks)):
        expected = f"floats [{shape[0]}, 1]" + (f" or [{shape[0]}, {blocks}]" if blocks > 1 else "")
        found = f"{scales.dtype} {list(scales.shape)}"
        raise _error(f"Scale has another shape or dtype: {codes.scales}", expected, found,
                     tensors.file_of(codes.scales).path)  # fmt: skip
    return Codes(stored, codes.scales, bits, shape[1], scales.shape[1])


def _is_calibrated(tensors: TensorIndex, name: str) -> bool:
    """A scale of 0 stands for none. Raises CheckpointError for what is no scalar, or not finite."""
    info = tensors.info(name)
    if info.dtype not in FLOATS or info.shape not in ((), (1,)):
        found = f"{info.dtype} {list(info.shape)}"
        raise _error(f"Scale has another shape or dtype: {name}", "one float", found, tensors.file_of(name).path)
    return bool(tensors.read(name).reshape(-1)[0])


def _check_scales(tensors: TensorIndex, codes: Codes) -> None:
    """Raises CheckpointError for a scale that is not finite, or zero or below, or too small for LiteRT's kernels."""
    import numpy as np

    scales = tensors.read(codes.scales)
    wrong = np.argwhere(scales < SMALLEST)
    if len(wrong):
        row, group = map(int, wrong[0])
        raise _error(
            f"Scale is not above zero: {codes.scales}, row {row}",
            f"numbers from {SMALLEST:g} on",
            f"{scales[row, group]:g} at value {group} of row {row}",
            tensors.file_of(codes.scales).path,
        )


def same_codes(tensors: CodedTensors, one: str, other: str) -> bool:
    """Whether two weights are the same codes and scales, byte for byte; read in blocks."""
    import numpy as np

    first, second = tensors.codes(one), tensors.codes(other)
    if first is None or second is None or tensors.info(one).shape != tensors.info(other).shape:
        return False
    if (first.bits, first.groups) != (second.bits, second.groups):
        return False
    if not np.array_equal(tensors.scales(one), tensors.scales(other)):
        return False
    rows = tensors.info(one).shape[0]
    step = max(1, (8 << 20) // first.row_bytes)
    buffers = [bytearray(step * first.row_bytes) for _ in range(2)]
    for begin in range(0, rows, step):
        end = min(begin + step, rows)
        mine, others = (
            tensors.code_rows(name, begin, end, out) for name, out in zip((one, other), buffers, strict=True)
        )
        if mine != others:
            return False
    return True


def _error(title: str, expected: str, found: str, where: Path) -> CheckpointError:
    action = "Download or save the checkpoint again; Transformers 5.22 must be able to load it with its own layers."
    return CheckpointError(title, expected=expected, found=found[:300], where=printable(where), action=action)
