"""The application id of an APK: the attribute `package` of its manifest, which is XML in Android's binary form.

The form is that of ResourceTypes.h in Android's sources: chunks, each of a type, the length of its header and its own
length; of them a pool of strings and the start of the first element are read.
"""

import struct
import zipfile
import zlib
from pathlib import Path

from export.android.phone.application import Application
from export.errors import ApkError

MANIFEST = "AndroidManifest.xml"
LARGEST = 16 << 20
"""Bytes of a manifest that are read."""
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error)
STRING_POOL, XML, START_ELEMENT = 0x0001, 0x0003, 0x0102
UTF8 = 1 << 8


def apk_application(apk: Path) -> Application:
    """Raises ApkError for a file that is no APK, UsageError for one whose id Android would not take."""
    if not apk.is_file():
        raise ApkError("No such APK", expected="a file", found="nothing", where=str(apk), action="Name another one.")
    try:
        with zipfile.ZipFile(apk) as archive, archive.open(MANIFEST) as file:
            id = package(file.read(LARGEST))
    except (OSError, RuntimeError, LookupError, ValueError, *DAMAGE) as error:
        raise ApkError(
            "An APK's manifest can't be read",
            expected=f"{MANIFEST}, in Android's binary form, that names its package",
            found=str(error) or type(error).__name__,
            where=str(apk),
            action="Build it anew with `python -m export apk`, or name another one with --apk.",
        ) from None
    return Application(id, f"{apk}, {MANIFEST}")


def package(manifest: bytes) -> str:
    """The package that a binary manifest names. Raises ValueError, LookupError or struct.error for bytes that are
    none."""
    kind, begin, size = struct.unpack_from("<HHI", manifest)
    if kind != XML:
        raise ValueError(f"a chunk of type {kind:#x}")
    strings: list[str] = []
    while begin < min(size, len(manifest)):
        kind, header, length = struct.unpack_from("<HHI", manifest, begin)
        if length < 8:
            raise ValueError(f"a chunk of {length} bytes")
        if kind == STRING_POOL:
            strings = _strings(manifest[begin : begin + length])
        elif kind == START_ELEMENT:
            return _package(manifest[begin + header : begin + length], strings)
        begin += length
    raise ValueError("no element")


def _package(element: bytes, strings: list[str]) -> str:
    _, name, start, size, count = struct.unpack_from("<IIHHH", element)
    for number in range(count):
        _, key, raw = struct.unpack_from("<III", element, start + number * size)
        if _of(strings, name) == "manifest" and _of(strings, key) == "package":
            return _of(strings, raw)
    raise ValueError(f"no package in the element {_of(strings, name)}")


def _of(strings: list[str], number: int) -> str:
    if number >= len(strings):
        raise ValueError(f"string {number} of {len(strings)}")
    return strings[number]


def _strings(pool: bytes) -> list[str]:
    header, _, count, _, flags, start = struct.unpack_from("<HIIIII", pool, 2)
    begins = struct.unpack_from(f"<{count}I", pool, header)
    read = _utf8 if flags & UTF8 else _utf16
    return [read(pool, start + begin) for begin in begins]


def _utf8(pool: bytes, at: int) -> str:
    """Behind its lengths in UTF-16 units and in bytes: of one byte each, or two where the first has its highest bit."""
    at += 2 if pool[at] & 0x80 else 1
    length, at = pool[at], at + 1
    if length & 0x80:
        length, at = (length & 0x7F) << 8 | pool[at], at + 1
    return pool[at : at + length].decode("utf-8", "replace")


def _utf16(pool: bytes, at: int) -> str:
    (length,) = struct.unpack_from("<H", pool, at)
    at += 2
    if length & 0x8000:
        length, at = (length & 0x7FFF) << 16 | struct.unpack_from("<H", pool, at)[0], at + 2
    return pool[at : at + 2 * length].decode("utf-16-le", "replace")
