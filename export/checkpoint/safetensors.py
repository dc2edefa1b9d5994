"""Safetensors shards read by position: headers checked whole, rows fetched with pread into the caller's buffer.

Files are never mapped: mapped pages count as resident memory, pages read do not (the export's memory bound).
Imports errors only (numpy inside `read`); used by checkpoint.py and the stages that stream weights.
"""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from export.checkpoint.files import (
    MAX_INDEX,
    is_pointer,
    is_there,
    open_file,
    parse_json,
    pointer_error,
    printable,
    read_file,
)
from export.errors import CheckpointError

if TYPE_CHECKING:
    from export.checkpoint.codes import Codes

# The format allows 100 MB; E2B's header takes a quarter of one, and parsing takes ten times the header's size.
MAX_HEADER_BYTES = 32 << 20
MAX_TENSORS, MAX_METADATA, MAX_SHARDS, MAX_NAME = 200_000, 10_000, 500, 1000
# Bytes per element.
DTYPES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip
# NumPy type of a stored float's bits, and those bits of positive infinity: what is not finite is not below.
FLOATS = {"BF16": ("<u2", 0x7F80), "F16": ("<u2", 0x7C00), "F32": ("<u4", 0x7F800000)}
INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
AHEAD_BYTES, AHEAD_HEADER_BYTES = 32 << 20, 512 << 10


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor's bytes are: `nbytes` from byte `begin` of the shard, row-major, little-endian."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    nbytes: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one step along the first dimension."""
        return DTYPES[self.dtype] * math.prod(self.shape[1:])


class TensorFile:
    """One shard: its header, parsed and checked against the file's size, and its open file.

    Raises CheckpointError when the header breaks the format or the file is shorter or longer than the header says.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self.file = open_file(path)  # stays open for `read_into`
            self.size = os.fstat(self.file.fileno()).st_size
            self._parse()
        except OSError as error:
            raise _error("Tensor file can't be read", path, "a readable safetensors file", str(error)) from error

    def _parse(self) -> None:
        header_bytes, header = self._header()
        self.header_bytes = header_bytes
        header.pop("__metadata__", None)
        self.tensors = {name: self._info(name, entry, 8 + header_bytes) for name, entry in header.items()}
        self._check_layout(8 + header_bytes)

    def __reduce__(self):
        """Pickled as its path: another process opens the file itself."""
        return TensorFile, (self.path,)

    def read_into(self, info: TensorInfo, offset: int, view: memoryview) -> None:
        """Fills `view` (writable bytes) from byte `offset` of the tensor."""
        position, done = info.begin + offset, 0
        # Tensors are read front to back: the disk goes on while these bytes are worked on.
        os.posix_fadvise(self.file.fileno(), position + len(view), AHEAD_BYTES, os.POSIX_FADV_WILLNEED)
        while done < len(view):
            count = os.preadv(self.file.fileno(), [view[done:]], position + done)
            if count == 0:
                found = f"end of file after {position + done:,} bytes"
                raise _error("Tensor file is truncated", self.path, f"at least {position + len(view):,} bytes", found)
            done += count

    def close(self) -> None:
        self.file.close()

    def _read(self, length: int, begin: int) -> bytes:
        return os.pread(self.file.fileno(), length, begin)

    def _header(self) -> tuple[int, dict]:
        if is_pointer(self._read(64, 0)):
            raise pointer_error(self.path)
        start = self._read(8, 0)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > self.size - 8:
            expected = f"at least {8 + length:,} bytes" if len(start) == 8 else "a header length in the first 8 bytes"
            raise _error("Tensor file is truncated in its header", self.path, expected, f"{self.size:,} bytes")
        if length > MAX_HEADER_BYTES:
            expected = f"a header of at most {MAX_HEADER_BYTES:,} bytes"
            raise _error("Tensor file header is too long", self.path, expected, f"{length:,} bytes")
        try:
            raw = self._read(length, 8)
            # Counted before anything is built of them: each tensor is an object with a dozen values at most.
            objects = raw.count(b"{")
            if objects > MAX_TENSORS + 2:
                raise ValueError(f"more than {MAX_TENSORS:,} tensors")
            return length, parse_json(raw, 12 * objects + MAX_METADATA, _distinct)
        except ValueError as error:
            raise _error("Tensor file header is not valid", self.path, "a JSON object", str(error)) from error

    def _info(self, name: str, entry: object, data: int) -> TensorInfo:
        """`entry` of the header, offsets made absolute; its sizes must agree with each other."""
        if len(name) > MAX_NAME or not name.isprintable():
            expected = f"printable text of at most {MAX_NAME} characters"
            raise _error("Tensor file header has a name that is refused", self.path, expected, repr(name[:200]))
        if not isinstance(entry, dict) or {"dtype", "shape", "data_offsets"} - entry.keys():
            raise self._tensor_error(name, "dtype, shape and data_offsets", repr(entry))
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise self._tensor_error(name, f"a dtype of {', '.join(DTYPES)}", repr(dtype))
        if not _sizes(shape) or not _sizes(offsets) or len(offsets) != 2:
            raise self._tensor_error(name, "sizes of zero and above", f"shape {shape!r}, data_offsets {offsets!r}")
        nbytes = DTYPES[dtype] * math.prod(shape)
        if offsets[1] - offsets[0] != nbytes:
            expected = f"{nbytes:,} bytes for {dtype} {shape}"
            raise self._tensor_error(name, expected, f"data_offsets {offsets} ({offsets[1] - offsets[0]:,} bytes)")
        return TensorInfo(dtype, tuple(shape), data + offsets[0], nbytes)

    def _check_layout(self, data: int) -> None:
        """Tensors follow each other without gap or overlap and end where the file ends."""
        end = data
        for name, info in sorted(self.tensors.items(), key=lambda item: (item[1].begin, item[1].nbytes)):
            if info.begin != end:
                kind = "overlaps the tensor before it" if info.begin < end else "leaves a gap before it"
                raise self._tensor_error(name, f"data from byte {end:,}", f"byte {info.begin:,}: it {kind}")
            end = info.begin + info.nbytes
        if end != self.size:
            title = "Tensor file is truncated" if self.size < end else "Tensor file has bytes after its last tensor"
            raise _error(title, self.path, f"{end:,} bytes, as its header says", f"{self.size:,} bytes")

    def _tensor_error(self, name: str, expected: str, found: str) -> CheckpointError:
        return _error(f"Tensor file header is wrong about {name[:200]}", self.path, expected, found[:300])


class Remote(Protocol):
    """A file that is not here yet."""

    size: int

    def read_into(self, begin: int, view: memoryview) -> None:
        """Fills `view` from byte `begin` of the file."""


class RemoteTensorFile(TensorFile):
    """A shard that is not here yet, under the path that it will have: its header, and parts of tensors by position."""

    def __init__(self, path: Path, remote: Remote):
        self.path, self.remote, self.size = path, remote, remote.size
        # One request brings most headers whole.
        self._start = memoryview(bytearray(min(self.size, AHEAD_HEADER_BYTES)))
        remote.read_into(0, self._start)
        self._parse()

    def __reduce__(self):
        raise TypeError(f"{self.path.name} is not here yet")

    def read_into(self, info: TensorInfo, offset: int, view: memoryview) -> None:
        self.remote.read_into(info.begin + offset, view)

    def close(self) -> None:
        """Nothing is open."""

    def _read(self, length: int, begin: int) -> bytes:
        length = min(length, self.size - begin)
        if begin + length <= len(self._start):
            return bytes(self._start[begin : begin + length])
        whole = bytearray(length)
        self.remote.read_into(begin, memoryview(whole))
        return bytes(whole)


class TensorIndex:
    """All tensors of a checkpoint by name, over one or many shards. Processes each open their own."""

    def __init__(self, files: Iterable[TensorFile]):
        self.files = list(files)
        # Name → the file that holds it, and its name there.
        self._places: dict[str, tuple[TensorFile, str]] = {}
        for file in self.files:
            for name in file.tensors:
                if name in self._places:
                    first = self._places[name][0].path.name
                    raise _error("Tensor stands in two files", file.path, f"{name} in {first} only", "it here as well")
                self._places[name] = file, name

    def renamed(self, names: dict[str, str]) -> "TensorIndex":
        """The tensors that are keys of `names`, under its values, which are distinct."""
        chosen = TensorIndex([])
        chosen.files = self.files
        chosen._places = {new: self._places[old] for old, new in names.items()}
        return chosen

    def joined(self, names: dict[str, str]) -> "TensorIndex":
        """These tensors, and beside them those that are values of `names` once more, under its keys."""
        more = TensorIndex([])
        more.files = self.files
        more._places = self._places | {new: self._places[old] for new, old in names.items()}
        return more

    @classmethod
    def open(cls, folder: Path, absent: Mapping[str, Remote] | None = None) -> "TensorIndex":
        """The tensors of `folder`: its model.safetensors, else the shards that its index names. Of `absent` files, by
        name, headers are read where they are.

        In this order as in Transformers (5.22.2, modeling_utils._get_resolved_checkpoint_files): a model saved again in
        one file leaves the old index. Raises CheckpointError.
        """
        absent = absent or {}
        if is_there(folder / SINGLE_NAME) or SINGLE_NAME in absent or not is_there(folder / INDEX_NAME):
            return cls([tensor_file(folder / SINGLE_NAME, absent)])
        weight_map = _weight_map(folder / INDEX_NAME)
        shards = sorted(set(weight_map.values()))
        missing = [shard for shard in shards if not is_there(folder / shard) and shard not in absent]
        if missing:
            found = f"{len(shards) - len(missing)} of {len(shards)}"
            raise _error(
                "Tensor file is missing", folder / missing[0], f"the {len(shards)} files of {INDEX_NAME}", found
            )
        index = cls(tensor_file(folder / shard, absent) for shard in shards)
        for name, shard in weight_map.items():
            if name not in index or index.file_of(name).path.name != shard:
                raise _error(
                    "Tensor is not where the index says", folder / shard, f"{name} in {shard}", "it is not there"
                )
        return index

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def names(self) -> list[str]:
        return list(self._places)

    def info(self, name: str) -> TensorInfo:
        file, stored = self._places[name]
        return file.tensors[stored]

    def stored_bytes(self, name: str) -> int:
        """What the tensor takes in its file."""
        return self.info(name).nbytes

    def codes(self, name: str) -> "Codes | None":
        """Of a tensor that the file holds as codes, how; None of any other."""
        return None

    def file_of(self, name: str) -> TensorFile:
        return self._places[name][0]

    def rows(self, name: str, begin: int, end: int, out: bytearray | memoryview | None = None) -> memoryview:
        """Raw bytes of rows begin..end (first dimension) in the tensor's own dtype.

        They are written at the start of `out` (any writable buffer; allocated when None), and the view returned covers
        just them: `torch.frombuffer(view, dtype=...)` or `np.frombuffer` reads it without a copy.
        Raises CheckpointError for a float that is not finite.
        """
        info = self.info(name)
        if not info.shape or not 0 <= begin <= end <= info.shape[0]:
            raise IndexError(f"rows {begin}..{end} of {name} {info.shape}")
        count = (end - begin) * info.row_bytes
        view = memoryview(bytearray(count) if out is None else out).cast("B")[:count]
        if len(view) < count:
            raise ValueError(f"buffer of {len(view)} bytes for {count}")
        self._fill(name, begin, view)
        self._require_finite(name, view, begin)
        return view

    def read(self, name: str):
        """The whole tensor as a NumPy array: floats as float32, integers as int64. For vectors and small tables.

        Raises CheckpointError for a float that is not finite.
        """
        import numpy as np

        info = self.info(name)
        raw = bytearray(info.nbytes)
        self._fill(name, 0, memoryview(raw))
        self._require_finite(name, memoryview(raw), 0)
        if info.dtype in FLOATS:
            return as_float32(raw, info.dtype).reshape(info.shape)
        return np.frombuffer(raw, {"I64": "<i8", "I32": "<i4"}[info.dtype]).astype(np.int64).reshape(info.shape)

    def _fill(self, name: str, begin: int, view: memoryview) -> None:
        """Fills `view` with whole rows from `begin` on, in the tensor's own dtype."""
        info = self.info(name)
        self.file_of(name).read_into(info, begin * info.row_bytes if info.shape else 0, view)

    def _require_finite(self, name: str, view: memoryview, begin: int) -> None:
        """`view`: bytes of whole rows from `begin` on. Two reductions over the bits, so that it costs next to nothing:
        as integers, positive floats have their order, and negative ones theirs above them."""
        import numpy as np

        info = self.info(name)
        if info.dtype not in FLOATS or not len(view):
            return
        kind, infinity = FLOATS[info.dtype]
        bits, sign = np.frombuffer(view, kind), 1 << (8 * DTYPES[info.dtype] - 1)
        if bits.view(kind.replace("u", "i")).max() < infinity and bits.max() < infinity + sign:
            return
        at = int(np.flatnonzero(bits & (sign - 1) >= infinity)[0])
        row, value = divmod(at, info.row_bytes // DTYPES[info.dtype]) if info.shape else (0, 0)
        found = "infinity" if bits[at] & (sign - 1) == infinity else "NaN"
        raise _error(
            f"Weight is not finite: {name}, row {begin + row}",
            self.file_of(name).path,
            "finite numbers",
            f"{found} at value {value} of row {begin + row}",
            action="Train or convert the checkpoint again: no model computes with such a weight.",
        )

    def close(self) -> None:
        for file in self.files:
            file.close()


def tensor_file(path: Path, absent: Mapping[str, Remote]) -> TensorFile:
    """The file that is here, or its header from where it is."""
    remote = absent.get(path.name)
    return TensorFile(path) if remote is None else RemoteTensorFile(path, remote)


def as_float32(raw: bytearray | memoryview, dtype: str):
    """Stored floats as a NumPy array."""
    import numpy as np

    if dtype == "BF16":  # float32 with the low half of the mantissa cut off
        return np.left_shift(np.frombuffer(raw, "<u2"), 16, dtype=np.uint32).view(np.float32)
    return np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[dtype]).astype(np.float32)


def _weight_map(path: Path) -> dict[str, str]:
    """`weight_map` of an index: tensor name → file name, which may not lead out of the folder."""
    expected = "JSON with a weight_map of tensor names to file names"
    raw = read_file(path, MAX_INDEX)
    try:
        weight_map = parse_json(raw)["weight_map"]
        names = set(weight_map.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _error("Tensor index is not valid", path, expected, f"{type(error).__name__}: {error}") from error
    for name in names:
        if not isinstance(name, str) or not _is_shard(name):
            expected = "names of .safetensors files in the same folder"
            raise _error("Tensor index names a file that is refused", path, expected, repr(name)[:300])
    if len(names) > MAX_SHARDS:
        raise _error("Tensor index names too many files", path, f"at most {MAX_SHARDS}", f"{len(names):,}")
    if not names:
        raise _error("Tensor index is empty", path, "at least one tensor", "none")
    return weight_map


def _is_shard(name: str) -> bool:
    """Also refuses what no file system takes: 255 bytes are a name's limit."""
    return name.endswith(".safetensors") and name.isprintable() and "/" not in name and len(name.encode()) <= 255


def _sizes(values: object) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= 8
        and all(type(value) is int and 0 <= value < 2**63 for value in values)
    )


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("a key stands there twice")
    return mapping


def _error(title: str, path: Path, expected: str, found: str, action: str = "") -> CheckpointError:
    action = action or "Download or copy the checkpoint again; compare the file's size with its source."
    title = f"{title}: {printable(path.name)}"
    return CheckpointError(title, expected=expected, found=found, where=printable(path), action=action)
