"""What the automatic draft length learnt about a bundle on this machine, kept between runs (PACKED_WEIGHTS.md)."""

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from runtime_spec.cache import cache_folder
from runtime_spec.drafting.auto import Auto
from runtime_spec.drafting.known import from_dict, to_dict
from runtime_spec.errors import UsageError
from runtime_spec.litert.packed_weights import entry_key

FOLDER = "drafting"
MOST_BYTES = 1 << 20
"""A file that is larger is none of ours."""
MOST_FILES = 64


def place(manifest_sha256: str, threads: int) -> Path | None:
    """The file for a bundle's bytes, this library, this kind of processor and so many threads; None for a user without
    a home, for whom nothing is kept. Reads the whole library once."""
    try:
        return cache_folder() / FOLDER / f"{entry_key(manifest_sha256)}-{threads}.json"
    except (OSError, RuntimeError):
        return None


def recall(policy: Auto, path: Path | None) -> None:
    """Tells a new `policy` what is kept in `path`. What can't be read is as good as nothing: it is learnt again."""
    if path is None:
        return
    with suppress(OSError, ValueError, RecursionError, UsageError), path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
        if len(data) <= MOST_BYTES:
            from_dict(policy, json.loads(data))


def keep(policy: Auto, path: Path | None) -> None:
    """Writes what `policy` knows, whole or not at all. A folder that can't be written to keeps nothing."""
    if path is None:
        return
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump(to_dict(policy), file)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
        kept = sorted(path.parent.glob("*.json"), key=lambda other: other.stat().st_mtime_ns)
        for oldest in kept[:-MOST_FILES]:
            oldest.unlink()


def forget(root: Path) -> int:
    """Removes all that is kept below `root`; how many bytes that freed."""
    freed = 0
    for path in (root / FOLDER).glob("*.json"):
        with suppress(OSError):
            size = path.stat().st_size
            path.unlink()
            freed += size
    return freed
