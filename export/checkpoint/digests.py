"""SHA-256 of checkpoints' files, each read once: what the system says of a file (device, inode, size, times of
change) stands for its bytes until one of them changes, and the digest is kept under that."""

import hashlib
import os
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path

from export.checkpoint.files import open_file
from export.errors import OutputError
from export.files import write_atomically
from runtime_spec.cache import cache_folder

BLOCK = 4 << 20
# A file written to within the clock's own step would keep its times.
STEP_NS = 2_000_000_000


class Stopped(Exception):
    """The reading was asked to stop."""


def file_digest(path: Path, stop: threading.Event) -> str:
    """SHA-256 (hex) of the file, read only where it isn't known. Raises Stopped soon after `stop` is set, and
    CheckpointError where it can't be read."""
    with open_file(path) as file:
        status = os.fstat(file.fileno())
        if known := _known(status):
            return known
        digest, block = hashlib.sha256(), memoryview(bytearray(BLOCK))
        while count := file.readinto(block):
            if stop.is_set():
                raise Stopped
            digest.update(block[:count])
        found, after = digest.hexdigest(), os.fstat(file.fileno())
    if _key(after) == _key(status) and _is_settled(after):
        _keep(after, found)
    return found


def remember(path: Path, sha256: str) -> None:
    """Keeps the digest of a file that this process wrote and nobody else writes to."""
    with suppress(OSError):
        _keep(os.stat(path), sha256)


def _is_settled(status: os.stat_result) -> bool:
    return time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > STEP_NS


def _key(status: os.stat_result) -> str:
    parts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _path(status: os.stat_result) -> Path:
    return cache_folder() / "digests" / _key(status)


def _known(status: os.stat_result) -> str | None:
    with suppress(OSError, ValueError, RuntimeError):  # RuntimeError: a user without a home
        path = _path(status)
        if stat.S_ISREG(os.lstat(path).st_mode):
            text = path.read_text("ascii")
            if len(text) == 64 and int(text, 16) >= 0:
                return text
    return None


def _keep(status: os.stat_result, sha256: str) -> None:
    with suppress(OutputError, RuntimeError):
        write_atomically(_path(status), sha256.encode())
