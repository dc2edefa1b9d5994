"""A bundle is proven before it runs: every section against its SHA-256, and by what a file is known again after that
(PACKED_WEIGHTS.md)."""

import hashlib
import os
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from runtime_spec.bundle.digests import CHUNK, read_exactly
from runtime_spec.bundle.reader import Bundle, verify_hashes
from runtime_spec.errors import BundleError

SETTLED_NS = 1_000_000_000
"""A file changed less than this ago is not known again: a further change might not show in its times."""


def identity(file: int | str | os.PathLike) -> str:
    """Device, inode, size, times of modification and of status change (ns) of a descriptor or path."""
    status = os.stat(file)
    parts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return ":".join(map(str, parts))


def prove(bundle: Bundle, known: Collection[str] = ()) -> str | None:
    """Reads every section and compares its SHA-256, unless the file's identity is among `known`.

    Returns the identity to be known by, None while the file is too young for one. Raises BundleError naming the first
    wrong byte, or saying that the file changed while it was read."""
    before = identity(bundle.descriptor)
    if before in known:
        return before
    entries = bundle.manifest.sections
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda entry: file_sha256(bundle.descriptor, entry.begin, entry.end), entries))
    if any(digest != entry.sha256 for digest, entry in zip(found, entries, strict=True)):
        verify_hashes(bundle)  # finds the byte
    if identity(bundle.descriptor) != before:
        raise BundleError(
            "Bundle changed while it was read",
            expected="a file that nobody writes to",
            found="other times or another size than before",
            where=str(bundle.path),
            action="Run the command again once the bundle is written.",
        )
    age = time.time_ns() - max(os.fstat(bundle.descriptor).st_mtime_ns, os.fstat(bundle.descriptor).st_ctime_ns)
    return before if age > SETTLED_NS else None


def file_sha256(descriptor: int, begin: int, end: int) -> str:
    """SHA-256 of bytes [begin, end) of an open file, read through a buffer of its own. BundleError if it can't be."""
    digest, buffer = hashlib.sha256(), memoryview(bytearray(min(CHUNK, end - begin)))
    for offset in range(begin, end, CHUNK):
        digest.update(read_exactly(descriptor, buffer[: min(CHUNK, end - offset)], offset))
    return digest.hexdigest()
