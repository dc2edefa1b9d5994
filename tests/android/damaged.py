"""Bundles that are damaged in every way we could think of, by name, for readers that must agree about them."""

import hashlib
import io
import random
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

from litert_lm_builder import litertlm_builder

from export.bundle.sections import Part, build_header
from export.bundle.writer import BundleWriter
from runtime_spec.bundle.digests import seal, sums_hex
from runtime_spec.bundle.header import read_header
from runtime_spec.bundle.manifest import ALIGNMENT
from tests.bundles import TOKENIZER_JSON, manifest

Cases = Iterator[tuple[str, bytes]]


def ranges_of(data: bytes) -> dict[str, tuple[int, int]]:
    return {s.name: (s.begin, s.end) for s in read_header(data[:ALIGNMENT], len(data), "test")}


def resealed(data: bytes) -> bytes:
    """The file as an attacker would leave it: header and manifest hashes made anew after tampering."""
    begin = data.rindex(b'{"chat":')
    text = data[begin:]
    header = data[:ALIGNMENT]
    for key, value in ((b"header_sha256", hashlib.sha256(header).hexdigest()), (b"header_sums", sums_hex(header))):
        text = re.sub(rb'"%s":"[0-9a-f]+"' % key, b'"%s":"%s"' % (key, value.encode()), text, count=1)
    return data[:begin] + seal(text)


def with_header(data: bytes, ranges: dict[str, tuple[int, int]]) -> bytes:
    return resealed(build_header(ranges) + data[ALIGNMENT:])


def flipped(data: bytes, *offsets: int, by: int = 1) -> bytes:
    result = bytearray(data)
    for offset in offsets:
        result[offset] ^= by
    return bytes(result)


def one_changed_byte(data: bytes) -> Cases:
    """In every part of the file, and in bytes drawn from all of it."""
    draw, ranges = random.Random(1), ranges_of(data)
    begin, seal_at = data.rindex(b'{"chat":'), data.index(b'"manifest_sha256"')
    end = struct.unpack_from("<Q", data, 24)[0]
    offsets = [*range(0, 36), *range(36, end, 7), end - 1, end, ALIGNMENT - 1]
    offsets += [*range(seal_at, seal_at + 150, 3), begin, begin + 1, len(data) - 2, len(data) - 1]
    for first, last in ranges.values():
        offsets += [first, first + 1, (first + last) // 2, last - 1, *([last] if last < len(data) else [])]
    offsets += [draw.randrange(len(data)) for _ in range(80)]
    for offset in sorted(set(offsets)):
        yield f"byte {offset}", flipped(data, offset, by=draw.randrange(1, 256))


def several_changed_bytes(data: bytes) -> Cases:
    ranges = ranges_of(data)
    drafter, main = ranges["drafter"][0], ranges["main"][0]
    begin = data.rindex(b'{"chat":')
    seal_at = data.index(b'"manifest_sha256":"') + 19
    yield "two blocks", flipped(data, drafter + 4096, drafter + 5000, drafter + 8200, by=255)
    yield "two sections", flipped(data, drafter + 5, main + 5)
    yield "padding and a section", flipped(data, ranges["drafter"][1], ranges["traces"][0])
    yield "a shared byte and its neighbour", flipped(data, ranges["main"][1] - 1, ranges["main"][1] - 2)
    yield "two bytes of the header", flipped(data, 40, 60)
    yield "two bytes of the manifest", flipped(data, begin + 40, begin + 60)
    yield "two digits of the hash", flipped(data, seal_at, seal_at + 9)
    yield "two digits of the sums", flipped(data, seal_at + 64 + 19, seal_at + 64 + 22)
    yield "header and manifest", flipped(data, 40, begin + 40)
    yield "a zeroed block", data[: drafter + 4096] + bytes(4096) + data[drafter + 8192 :]
    yield "a zeroed header", bytes(ALIGNMENT) + data[ALIGNMENT:]
    first, last = ranges["llm_metadata"], ranges["tokenizer"]
    size = min(first[1] - first[0], last[1] - last[0])
    swapped = bytearray(data)
    swapped[first[0] : first[0] + size] = data[last[0] : last[0] + size]
    swapped[last[0] : last[0] + size] = data[first[0] : first[0] + size]
    yield "the bytes of two sections swapped", bytes(swapped)


def other_sizes(data: bytes) -> Cases:
    draw = random.Random(2)
    sizes = [0, 1, 7, 8, 31, 32, 33, 4096, ALIGNMENT - 1, ALIGNMENT, ALIGNMENT + 1, len(data) - 1]
    for size in sizes + [draw.randrange(len(data)) for _ in range(20)]:
        yield f"cut to {size}", data[:size]
    yield "a byte more", data + b"\0"
    yield "a block more", data + bytes(ALIGNMENT)
    yield "twice", data + data


def changed_headers(data: bytes) -> Cases:
    """With hashes made anew: structure, and not digests, must tell."""
    ranges = ranges_of(data)
    begin, end = ranges["drafter"]
    for name, value in {
        "a section less": {k: v for k, v in ranges.items() if k != "drafter"},
        "sections swapped": ranges | {"drafter": ranges["main"], "main": ranges["drafter"]},
        "another order": dict(sorted(ranges.items(), key=lambda item: (item[0] == "manifest", item[0]))),
        "the manifest not last": {k: ranges[k] for k in (*list(ranges)[:-2], "manifest", "traces")},
        "no manifest": {k: v for k, v in ranges.items() if k != "manifest"},
        "no sections": {},
        "begin not aligned": ranges | {"drafter": (begin + 1, end)},
        "begin in the header": ranges | {"drafter": (0, end)},
        "end before begin": ranges | {"drafter": (begin, begin - 1)},
        "an empty section": ranges | {"drafter": (begin, begin)},
        "end beyond the file": ranges | {"drafter": (begin, len(data) + 1)},
        "end beyond any file": ranges | {"drafter": (begin, 2**64 - 1)},
        "begin beyond any file": ranges | {"drafter": (2**64 - ALIGNMENT, 2**64 - 1)},
        "a byte less": ranges | {"drafter": (begin, end - 1)},
        "a manifest that ends early": ranges | {"manifest": (ranges["manifest"][0], len(data) - 1)},
    }.items():
        yield name, with_header(data, value)
    for end in (0, 24, 32, 33, 40, ALIGNMENT, ALIGNMENT + 1, 2**63, 2**64 - 1):
        yield f"header end {end}", resealed(data[:24] + end.to_bytes(8, "little") + data[32:])


def hostile_headers(data: bytes) -> Cases:
    """Drawn changes of the flatbuffer, with hashes made anew."""
    draw, end = random.Random(3), struct.unpack_from("<Q", data, 24)[0]
    words = (b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4), bytes(8), b"\xff" * 8, b"\0\0\0\x80")
    for index in range(300):
        header = bytearray(data[:end])
        word = draw.choice((*words, draw.randbytes(1), draw.randbytes(1), draw.randbytes(4)))
        offset = draw.randrange(32, end - 8)
        header[offset : offset + len(word)] = word
        yield f"{index}", resealed(bytes(header) + data[end:])


def foreign(folder: Path) -> Cases:
    """What we never made."""
    (folder / "tokenizer.json").write_bytes(TOKENIZER_JSON)
    (folder / "manifest").write_bytes(b'{"format":"slipstream"}')
    for name, add in {
        "a tokenizer": lambda builder: builder.add_hf_tokenizer(str(folder / "tokenizer.json")),
        "a section called manifest": lambda builder: builder.add_generic_binary_data(str(folder / "manifest")),
        "a model of another kind": lambda builder: builder.add_tflite_model(
            str(folder / "manifest"), litertlm_builder.TfLiteModelType.EMBEDDER
        ),
    }.items():
        builder, stream = litertlm_builder.LitertLmFileBuilder(), io.BytesIO()
        builder.add_system_metadata(litertlm_builder.Metadata("Authors", "é", litertlm_builder.DType.STRING))
        add(builder)
        builder.build(stream)
        yield name, stream.getvalue()
    yield "text", b"not a bundle 'at' all\n" * 2000
    yield "quotes", b"\"'\\\x00\xff\n\r\t" * 4000
    yield "zeros", bytes(100_000)


def other_contents(folder: Path) -> Cases:
    """Whole bundles, every hash fitting, whose tokenizer or traces are not what they should be."""
    packed = len(TOKENIZER_JSON).to_bytes(8, "little") + zlib.compress(TOKENIZER_JSON)
    bomb = zlib.compress(bytes(2**24), 9)
    tokenizers = {
        "whole": packed,
        "empty": b"",
        "short": b"\1\2",
        "cut": packed[:-1],
        "without its end": packed[:-4],
        "longer": packed + b"\0",
        "a huge size": b"\xff" * 8 + packed[8:],
        "a negative size": b"\0" * 7 + b"\x80" + packed[8:],
        "a size too large by one": (len(TOKENIZER_JSON) + 1).to_bytes(8, "little") + packed[8:],
        "a size too small by one": (len(TOKENIZER_JSON) - 1).to_bytes(8, "little") + packed[8:],
        "a size of nothing": bytes(8) + packed[8:],
        "nothing": bytes(8) + zlib.compress(b""),
        "a false checksum": flipped(packed, len(packed) - 1),
        "no zlib": packed[:8] + b"\0" * 40,
        "a preset dictionary": packed[:8] + b"\x78\xbb" + packed[10:],
        "a bomb of a small size": (1000).to_bytes(8, "little") + bomb,
    }
    for name, tokenizer in tokenizers.items():
        yield f"tokenizer {name}", _bundle(folder, tokenizer, b'{"bytes":3,"trace":"a"}\n{}\n')
    traces = {
        "none": b"",
        "no header": b"{}\n",
        "a list": b"[]\n",
        "no newline": b"x",
        "a negative size": b'{"bytes":-1,"trace":"a"}\n',
        "a size beyond": b'{"bytes":9,"trace":"a"}\n',
        "a size of a float": b'{"bytes":1.0,"trace":"a"}\n{}',
        "a name of a number": b'{"bytes":0,"trace":1}\n',
        "deep": b"[" * 900 + b"\n",
        "no UTF-8": b'{"bytes":1,"trace":"a"}\n\xff',
        "a name of no UTF-8": b'{"bytes":1,"trace":"\xff"}\n1',
        "empty ones": b'{"bytes":0,"trace":"a"}\n{"bytes":0,"trace":"\xc3\xa9"}\n',
    }
    for name, text in traces.items():
        yield f"traces {name}", _bundle(folder, packed, text)


def _bundle(folder: Path, tokenizer: bytes, traces: bytes) -> bytes:
    """The writer would pack traces; here they are the section's bytes as they stand."""
    contents = {"llm_metadata": b"metadata", "tokenizer": tokenizer, "main": b"m" * 5000}
    writer = BundleWriter(folder / "contents.litertlm")
    writer.write_models([Part(name, _write(data)) for name, data in contents.items()])
    with patch("export.bundle.writer.pack_traces", return_value=traces):
        writer.finish({}, manifest())
    return writer.path.read_bytes()


def _write(data: bytes) -> Callable[[io.RawIOBase], object]:
    return lambda stream: stream.write(data)
