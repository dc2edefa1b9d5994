"""An unsigned APK's archive: the same entries give the same bytes, and what is mapped from it starts on a page.

Time stamps are fixed. Stored entries are padded through the extra field 0xD935, by which signers keep the alignment.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PAGE = 16384
WORD = 4
DATE = 1 << 5 | 1 | 1 << 9
"""1981-01-01, the first that every tool accepts."""
_UTF8 = 0x800


@dataclass(frozen=True)
class Entry:
    """`content` is bytes, or a file that is stored as it is. `alignment` counts only for what is stored."""

    name: str
    content: bytes | Path
    is_stored: bool
    alignment: int = WORD


def write_zip(path: Path, entries: Iterable[Entry]) -> None:
    """Writes the archive. Names must be different, and sizes below 4 GiB."""
    directory, count = b"", 0
    with path.open("wb") as file:
        for entry in entries:
            data = entry.content.read_bytes() if isinstance(entry.content, Path) else entry.content
            directory += _write_entry(file, entry, data)
            count += 1
        begin = file.tell()
        file.write(directory)
        file.write(struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(directory), begin, 0))


def _write_entry(file, entry: Entry, data: bytes) -> bytes:
    """Writes one entry; returns its record in the central directory."""
    body, method, extra = data, 0, b""
    if not entry.is_stored:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        body, method = packer.compress(data) + packer.flush(), 8
    name, begin = entry.name.encode(), file.tell()
    if entry.is_stored:
        pad = -(begin + 30 + len(name) + 6) % entry.alignment
        extra = struct.pack("<HHH", 0xD935, 2 + pad, entry.alignment) + bytes(pad)
    sizes = (20, _UTF8, method, 0, DATE, zlib.crc32(data), len(body), len(data), len(name))
    file.write(b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", *sizes, len(extra)) + name + extra)
    file.write(body)
    record = b"PK\x01\x02" + struct.pack("<HHHHHHIIIHH", 20, *sizes, 0)
    return record + struct.pack("<HHHII", 0, 0, 0, 0, begin) + name
