"""The .litertlm header: magic, version, the header's end, a flatbuffer of sections, all in the first 16 KiB.

The layout and the flatbuffer's schema are LiteRT-LM's (`litert_lm_builder`). Whatever the bytes are, reading ends in
sections within the file or in a BundleError.
"""

import struct
from dataclasses import dataclass, field

from litert_lm_builder import litertlm_header_schema_py_generated as schema

from runtime_spec.bundle.manifest import ALIGNMENT
from runtime_spec.errors import BundleError

MAGIC = b"LITERTLM"
HEADER_END_AT, FLATBUFFER_AT = 24, 32
_MAX_SECTIONS, _MAX_ITEMS = 64, 32
_TYPE_NAMES = {v: k for k, v in vars(schema.AnySectionDataType).items() if not k.startswith("_")}
_NAMES = {"LlmMetadataProto": "llm_metadata", "HF_Tokenizer_Zlib": "tokenizer"}
MODEL_TYPES = {
    "embedder": "tf_lite_embedder",
    "per_layer_embedder": "tf_lite_per_layer_embedder",
    "main": "tf_lite_prefill_decode",
    "drafter": "tf_lite_mtp_drafter",
}
BINARY_PREFIX = "slipstream_"  # of the metadata "name" of our generic binary sections


@dataclass(frozen=True)
class Section:
    """Bytes [begin, end) of the file. `name` is the manifest's; `model_type` is LiteRT-LM's for a TFLite model."""

    name: str
    data_type: str
    model_type: str | None
    begin: int
    end: int
    data: memoryview = field(default=memoryview(b""), repr=False, compare=False)


def bundle_error(title: str, expected: str, found: object, where: object) -> BundleError:
    action = "Copy or download the bundle again, or export it again."
    return BundleError(title, expected=expected, found=str(found), where=str(where), action=action)


def read_header(header: bytes, size: int, where: object) -> tuple[Section, ...]:
    """Sections of a LiteRT-LM header, its first 16 KiB, in a file of `size` bytes; BundleError when it is none."""
    if not header.startswith(MAGIC):
        raise bundle_error("Not a .litertlm bundle", f"{MAGIC!r} at byte 0", repr(header[:8]), where)
    if len(header) < ALIGNMENT:
        raise bundle_error("Bundle is truncated", f"at least {ALIGNMENT} bytes", f"{size} bytes", where)
    end = struct.unpack_from("<Q", header, HEADER_END_AT)[0]
    if not FLATBUFFER_AT < end <= ALIGNMENT:
        raise bundle_error("Bundle's header is damaged", f"a header within {ALIGNMENT} bytes", end, f"{where}, byte 24")
    try:
        sections = _parse_sections(header[FLATBUFFER_AT:end])
    except (struct.error, ValueError, TypeError, IndexError, OverflowError, AttributeError) as error:
        raise bundle_error("Bundle's header is damaged", "a list of sections", error, where) from None
    for section in sections:
        if not ALIGNMENT <= section.begin <= section.end or section.begin % ALIGNMENT:
            found = f"bytes {section.begin} to {section.end}"
            raise bundle_error(
                "Bundle's header is damaged", f"{section.name} at a multiple of {ALIGNMENT}", found, where
            )
        if section.end > size:
            found = f"a file of {size} bytes"
            raise bundle_error("Bundle is truncated", f"{section.name} up to byte {section.end}", found, where)
    return sections


def _parse_sections(flatbuffer: bytes) -> tuple[Section, ...]:
    table = schema.LiteRTLMMetaData.GetRootAs(flatbuffer, 0).SectionMetadata()
    count = table.ObjectsLength()
    if count > _MAX_SECTIONS:
        raise ValueError(f"{count} sections")
    sections = []
    for index in range(count):
        item = table.Objects(index)
        labels = _labels(item)
        data_type = _TYPE_NAMES.get(item.DataType(), "unknown")
        name = _section_name(data_type, labels)
        sections.append(Section(name, data_type, labels.get("model_type"), item.BeginOffset(), item.EndOffset()))
    return tuple(sections)


def _section_name(data_type: str, labels: dict[str, str]) -> str:
    """Our name of a section, or ASCII text about a foreign one: it may go to a terminal."""
    if data_type == "TFLiteModel":
        model_type = labels.get("model_type", "")
        return next((name for name, kind in MODEL_TYPES.items() if kind == model_type), ascii(model_type))
    label = labels.get("name", "")
    if data_type == "GenericBinaryData" and label.startswith(BINARY_PREFIX):
        return ascii(label.removeprefix(BINARY_PREFIX))[1:-1]
    return _NAMES.get(data_type, data_type)


def _labels(item: schema.SectionObject) -> dict[str, str]:
    """The string-valued metadata of a section."""
    if item.ItemsLength() > _MAX_ITEMS:
        raise ValueError(f"{item.ItemsLength()} metadata items in a section")
    labels = {}
    for index in range(item.ItemsLength()):
        pair = item.Items(index)
        union = pair.Value() if pair.ValueType() == schema.VData.StringValue else None
        if union is not None:
            text = schema.StringValue()
            text.Init(union.Bytes, union.Pos)
            labels[(pair.Key() or b"").decode()] = (text.Value() or b"").decode()
    return labels
