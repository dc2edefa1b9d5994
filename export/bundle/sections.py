"""What the .litertlm's writer puts together: header, section streams, models with a shared tail, encodings."""

import io
import json
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import flatbuffers
from litert_lm_builder import litertlm_header_schema_py_generated as schema

from export.alignment import round_up  # noqa: F401  (of this module's positions, for the writer)
from export.errors import OutputError
from runtime_spec.bundle.header import BINARY_PREFIX, FLATBUFFER_AT, MAGIC, MODEL_TYPES
from runtime_spec.bundle.manifest import ALIGNMENT, SharedWeights

CONTAINER_VERSION = (1, 7, 0)  # litert_lm_builder 0.18.1's
ENGINE_HINTS = {"backend_constraint": "cpu", "prefer_activation_type": "fp32"}
"""What LiteRT-LM is told of the main model: no GPU has run it yet, and in half precision some were
reported to answer nothing but padding."""


class SectionStream(io.RawIOBase):
    """A writable, seekable window on the file: position 0 is the section's begin. `length` is the furthest reached.

    `full(end, error)` makes the error to raise when bytes up to `end` of the file can't be written.
    """

    def __init__(self, descriptor: int, begin: int, full: Callable[[int, OSError], OutputError]):
        self._descriptor, self._begin, self._full = descriptor, begin, full
        self._position, self.length = 0, 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.length}[whence] + offset
        if self._position < 0:
            raise ValueError(f"seek before the section's begin: {self._position}")
        self.length = max(self.length, self._position)
        return self._position

    def write(self, data: bytes) -> int:
        view = memoryview(data).cast("B")
        end = self._position + len(view)
        written = 0
        while written < len(view):
            try:
                written += os.pwrite(self._descriptor, view[written:], self._begin + self._position + written)
            except OSError as error:
                raise self._full(self._begin + end, error) from None
        self._position = end
        self.length = max(self.length, end)
        return len(view)


@dataclass(frozen=True)
class Part:
    """One section. `write` gets a stream whose position 0 is the section's begin; it may seek back."""

    name: str
    write: Callable[[BinaryIO], None]


@dataclass(frozen=True)
class Group:
    """Models whose sections may overlap. `write` gets a stream whose position 0 is the group's begin; it returns each
    model's (begin, end) and the ranges that several use, both relative to that."""

    write: Callable[[BinaryIO], tuple[Mapping[str, tuple[int, int]], tuple[SharedWeights, ...]]]


def build_header(sections: Mapping[str, tuple[int, int]]) -> bytes:
    """The 16 KiB header region for `sections` (name → begin, end). No uuid, no time stamp: same input, same bytes."""
    objects = [_section_object(name, begin, end) for name, (begin, end) in sections.items()]
    system = schema.SystemMetadataT(entries=[_pair("Authors", "Slipstream")])
    root = schema.LiteRTLMMetaDataT(systemMetadata=system, sectionMetadata=schema.SectionMetadataT(objects=objects))
    builder = flatbuffers.Builder(ALIGNMENT)
    builder.Finish(root.Pack(builder))
    flatbuffer = bytes(builder.Output())
    versions = b"".join(number.to_bytes(4, "little") for number in CONTAINER_VERSION)
    end = FLATBUFFER_AT + len(flatbuffer)
    header = MAGIC + versions + bytes(4) + end.to_bytes(8, "little") + flatbuffer
    if len(header) > ALIGNMENT:
        raise ValueError(f"header of {len(header)} bytes")
    return header.ljust(ALIGNMENT, b"\0")


def _section_object(name: str, begin: int, end: int) -> schema.SectionObjectT:
    kinds, items = schema.AnySectionDataType, []
    if name in MODEL_TYPES:
        kind, items = kinds.TFLiteModel, [_pair("model_type", MODEL_TYPES[name])]
        if name == "main":
            items += [_pair(*item) for item in ENGINE_HINTS.items()]
    elif name in ("traces", "manifest"):
        kind, items = kinds.GenericBinaryData, [_pair("name", BINARY_PREFIX + name)]
    else:
        kind = {"llm_metadata": kinds.LlmMetadataProto, "tokenizer": kinds.HF_Tokenizer_Zlib}[name]
    return schema.SectionObjectT(items=items, dataType=kind, beginOffset=begin, endOffset=end)


def _pair(key: str, value: str) -> schema.KeyValuePairT:
    return schema.KeyValuePairT(key=key, value=schema.StringValueT(value), valueType=schema.VData.StringValue)


def pack_traces(traces: Mapping[str, bytes]) -> bytes:
    """The traces section; `runtime_spec.bundle.unpack_traces` has its form."""
    lines = []
    for name in sorted(traces):
        head = json.dumps({"bytes": len(traces[name]), "trace": name}, separators=(",", ":"))
        lines += [head.encode() + b"\n", traces[name]]
    return b"".join(lines)


def pack_tokenizer(tokenizer_json: bytes) -> bytes:
    """An HF_Tokenizer_Zlib section: the size as 8 bytes, little endian, then the zlib stream."""
    return len(tokenizer_json).to_bytes(8, "little") + zlib.compress(tokenizer_json, 9)
