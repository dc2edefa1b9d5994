"""Files written whole or not at all, what went wrong with them in words, and their digests.

Standard library and export.errors only: an exported Android project carries it for its check. The bundle has a writer
of its own.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from export.errors import OutputError


def write_atomically(path: Path, data: bytes) -> None:
    """Writes `data` to `path`, whose folder is made: a reader finds the old content or the new. Raises OutputError."""
    with replacing(path) as partial:
        partial.write_bytes(data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which takes its place at the end, or is removed on an error; the folder is
    made. An OSError is an OutputError."""
    partial = path.with_name(f".{path.name}.partial")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # One that a killed run left may be a link, or not ours to write to.
        partial.unlink(missing_ok=True)
        try:
            yield partial
            os.replace(partial, path)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise


@contextmanager
def output_errors(where: Path, title: str = "Output can't be written") -> Iterator[None]:
    """Turns an OSError inside into an OutputError that names `where`."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            title,
            expected="a place that can be written to, with room",
            found=str(error),
            where=str(where),
            action="Free some space, mend the permissions, or name another place.",
        ) from error


def file_sha256(path: Path) -> str:
    """Hex digest of a file's bytes. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
