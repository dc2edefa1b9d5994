"""Android's binary XML, written: a manifest with the package that a test wants, in either form of its strings."""

import struct


def binary_manifest(package: str, utf8: bool = True, first: str = "manifest") -> bytes:
    """One element named `first`, with versionName before the package, as aapt2 writes it."""
    strings = ["versionName", "package", first, "1.0", package]
    absent = 0xFFFFFFFF
    attributes = [(0, 3), (1, 4)]
    element = struct.pack("<IIHHHHHH", absent, 2, 20, 20, len(attributes), 0, 0, 0)
    for key, value in attributes:
        element += struct.pack("<IIIHBBI", absent, key, value, 8, 0, 3, value)
    body = _pool(strings, utf8) + _chunk(0x0180, b"\0" * 8) + _chunk(0x0102, struct.pack("<II", 1, absent), element)
    return struct.pack("<HHI", 3, 8, 8 + len(body)) + body


def _chunk(kind: int, header: bytes, rest: bytes = b"") -> bytes:
    size = 8 + len(header) + len(rest)
    return struct.pack("<HHI", kind, 8 + len(header), size) + header + rest


def _pool(strings: list[str], utf8: bool) -> bytes:
    written = [_utf8(text) if utf8 else _utf16(text) for text in strings]
    begins = [sum(map(len, written[:number])) for number in range(len(written))]
    data = b"".join(written)
    data += b"\0" * (-len(data) % 4)
    start = 28 + 4 * len(strings)
    header = struct.pack("<IIIII", len(strings), 0, 1 << 8 if utf8 else 0, start, 0)
    return _chunk(1, header, struct.pack(f"<{len(begins)}I", *begins) + data)


def _utf8(text: str) -> bytes:
    def length(number: int) -> bytes:
        return bytes([number]) if number < 0x80 else bytes([0x80 | number >> 8, number & 0xFF])

    data = text.encode()
    return length(len(text)) + length(len(data)) + data + b"\0"


def _utf16(text: str) -> bytes:
    return struct.pack("<H", len(text)) + text.encode("utf-16-le") + b"\0\0"
