"""The one way to a checkpoint folder's files: regular files of bounded size, inside the folder or its hub cache.

Whoever made a checkpoint chose every entry of its folder: a link to another file of this machine, a pipe that never
ends, a JSON of millions of values. Imports errors only; everything that reads a checkpoint reads it through here.
"""

import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from export.errors import CheckpointError

MIB = 1 << 20
MAX_JSON, MAX_INDEX, MAX_TOKENIZER = 16 * MIB, 64 * MIB, 64 * MIB
"""Bytes of config.json and its like, of the tensor index, and of tokenizer.json (the bundle's own limit)."""
MAX_VALUES, MAX_TOKENIZER_VALUES = 2_000_000, 8_000_000
"""Commas of a JSON file: each value may take a hundred bytes once it is parsed. Gemma's tokenizer has 1.5 million."""
CHUNK = MIB
KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}  # fmt: skip
XET_HASH = re.compile("[0-9a-f]{64}")
HALF_OF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def is_there(path: Path) -> bool:
    """Whether the folder has an entry of that name. A link to nothing counts: opening it says what is wrong."""
    return os.path.lexists(path)


def open_file(path: Path) -> BinaryIO:
    """Opens a checkpoint's file for reading, unbuffered.

    `path` may be a link to a file of the same folder, or, in the hub's cache (REPOSITORY/snapshots/REVISION), to one of
    REPOSITORY/blobs or of the store that repositories share. Raises CheckpointError for any other link and for what is
    no regular file.
    """
    try:
        real = Path(os.path.realpath(path, strict=True))
        if not _belongs(Path(os.path.realpath(path.parent, strict=True)), real):
            found = f"a link to {printable(real)}"
            raise _error("it is a link out of its folder", path, "a file, or a link to one of the same folder", found)
        # Asked before it is opened (opening a device can do things) and after it (the name may change hands).
        _require_regular(path, os.stat(real).st_mode)
        descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        file = open(descriptor, "rb", buffering=0)  # noqa: SIM115 (the caller closes it)
        _require_regular(path, os.fstat(descriptor).st_mode)
        return file
    except (OSError, ValueError) as error:
        raise _error("it can't be opened", path, "a file that can be read", _reason(error)) from error


def read_file(path: Path, limit: int) -> bytes:
    """The whole file, at most `limit` bytes of it. Raises CheckpointError; a size that lies does not help a file."""
    parts, size = [], 0
    with open_file(path) as file:
        try:
            while size <= limit and (part := file.read(CHUNK)):
                parts.append(part)
                size += len(part)
        except OSError as error:
            raise _error("reading fails", path, "a file that can be read", _reason(error)) from error
    if parts and is_pointer(parts[0]):
        raise pointer_error(path)
    if size > limit:
        raise _error("it is too large", path, f"at most {limit:,} bytes", f"more than {limit:,} bytes")
    return b"".join(parts)


def is_pointer(start: bytes) -> bool:
    """Whether a file that begins so is what a clone without Git LFS has in its place."""
    return start.startswith(b"version https://git-lfs.github.com/spec/")


def pointer_error(path: Path) -> CheckpointError:
    where = printable(path)
    return CheckpointError(
        f"{printable(path.name)[:200]} is a Git LFS pointer and not the file itself",
        expected="the file",
        found="what `git clone` leaves without Git LFS",
        where=where[:500],
        action="Run `git lfs pull` in that clone, or name the hub id instead of the folder.",
    )


def read_json(path: Path, limit: int = MAX_JSON, max_values: int = MAX_VALUES) -> dict:
    """A JSON object of at most `limit` bytes. Raises CheckpointError."""
    raw = read_file(path, limit)
    try:
        return parse_json(raw, max_values)
    except ValueError as error:
        raise _error("it is not valid", path, "a JSON object", str(error)) from error


def parse_json(raw: bytes, max_values: int = MAX_VALUES, pairs_hook: Callable | None = None) -> dict:
    """`raw` as a JSON object whose texts are all Unicode. Raises ValueError.

    `pairs_hook` is json's object_pairs_hook.
    """
    if raw.count(b",") > max_values:
        raise ValueError(f"more than {max_values:,} values")
    try:
        text = raw.decode("utf-8")
        values = json.loads(text, object_pairs_hook=pairs_hook)
        if HALF_OF_A_PAIR.search(text):
            json.dumps(values, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeEncodeError as error:
        raise ValueError(f"half of a surrogate pair, {error.object[error.start]!r}") from None
    if not isinstance(values, dict):
        raise ValueError(f"a {type(values).__name__}")
    return values


def printable(text: object) -> str:
    """`text` without what no terminal and no file in UTF-8 can take (names of files may hold any byte)."""
    return str(text).encode("utf-8", "backslashreplace").decode()


def _belongs(folder: Path, real: Path) -> bool:
    """Both without links. `blobs` must be a folder and no link either: an archive can bring one.

    Since 2.4 the hub's client keeps what came through Xet once for all repositories, in CACHE/blobs/AB/ABCD…, and a
    repository's blob is a link to it (huggingface_hub/utils/_shared_blobs.py)."""
    repositories = [parent.parent for parent in folder.parents if parent.name == "snapshots"]
    stores = [repository / "blobs" for repository in repositories]
    if XET_HASH.fullmatch(real.name):
        stores += [repository.parent / "blobs" / real.name[:2] for repository in repositories]
    return real.is_relative_to(folder) or real.parent in stores


def _require_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        found = KINDS.get(stat.S_IFMT(mode), "something else")
        raise _error("it is no regular file", path, "a regular file", found)


def _reason(error: Exception) -> str:
    """What the system says, without the path, which stands in the message already."""
    return printable(getattr(error, "strerror", None) or error)


def _error(fault: str, path: Path, expected: str, found: str) -> CheckpointError:
    where, name = printable(path), printable(path.name)[:200]
    title = f"{name} can't be read: {fault}"
    action = f"Put {name} itself into the folder: download or copy the checkpoint again."
    return CheckpointError(title, expected=expected, found=found[:300], where=where[:500], action=action)
