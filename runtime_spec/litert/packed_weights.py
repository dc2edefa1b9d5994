"""Packed weights kept between runs, and what makes them safe to trust (PACKED_WEIGHTS.md)."""

import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime_spec.bundle.proof import file_sha256, identity, prove
from runtime_spec.bundle.reader import Bundle
from runtime_spec.cache import cache_folder
from runtime_spec.errors import BundleError, PackingError, UsageError
from runtime_spec.litert.folder_lock import locked
from runtime_spec.litert.library import default_path
from runtime_spec.litert.pack import PACKED, file_name, pack_sections

LIMIT_VARIABLE, DEFAULT_LIMIT = "SLIPSTREAM_CACHE_BYTES", 16 * 2**30
SPARE = 16 * 2**20
MOST_PROVEN = 16
ENTRY = "entry.json"


@contextmanager
def kept(bundle: Bundle, models: list[str], threads: int) -> Iterator[Path | None]:
    """Proves the bundle, then yields the folder that its models' weights are packed in, made where there is none, and
    holds its lock meanwhile. None, after a warning, where nothing can be kept: the weights are packed in memory then.

    Raises BundleError for a bundle that differs from its digests, UsageError for a limit that is no number."""
    limit = _limit()
    try:
        folder = cache_folder() / "weights"
        folder.mkdir(parents=True, exist_ok=True)
        entry = Entry(folder, entry_key(bundle.manifest.manifest_sha256))
        lock = locked(entry.lock)
        descriptor = lock.__enter__()
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a user without a home
        prove(bundle)
        _warn(f"packed weights are not kept: {error}")
        yield None
        return
    try:
        yield _ready(entry, bundle, models, threads, descriptor, limit)
    finally:
        lock.__exit__(None, None, None)


@contextmanager
def for_once(bundle: Bundle, models: list[str], threads: int) -> Iterator[Path | None]:
    """The same in a folder of its own, which is removed afterwards; what is kept is neither read nor written."""
    with tempfile.TemporaryDirectory(prefix="slipstream-", ignore_cleanup_errors=True) as name:
        folder: Path | None = Path(name)
        try:
            pack_sections(bundle.descriptor, _ranges(bundle, models), folder, threads)
        except PackingError as error:
            _warn(f"weights are packed in memory: {error.found}")
            folder = None
        yield folder


def clean(root: Path | None = None) -> int:
    """Removes all packed weights below `root`, by default where runs keep them, but those that are being made or
    opened at this moment. Returns how many bytes that freed. PackingError when something can't be removed."""
    folder = (root or cache_folder()) / "weights"
    try:
        freed = sum(_remove_unlocked(entry) for entry in _entries(folder))
        for lock in folder.glob("*.lock"):
            with locked(lock, wait=False) as descriptor:
                if descriptor is not None:
                    lock.unlink()
    except OSError as error:
        raise PackingError(
            "Packed weights can't be removed",
            expected="a folder that can be written to",
            found=str(error),
            where=str(folder),
            action="Mend its permissions, or remove it by hand.",
        ) from None
    return freed


class Entry:
    """One bundle's packed weights on one kind of processor: ROOT/weights/KEY. Used under its lock only."""

    def __init__(self, root: Path, key: str):
        self.folder, self.new, self.lock = root / key, root / f"{key}.new", root / f"{key}.lock"

    def read(self) -> dict:
        """entry.json, or what stands for none."""
        with suppress(OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
            found = json.loads((self.folder / ENTRY).read_bytes())
            files, proven = found["files"], found["proven"]
            texts = [text for file in files.values() for text in (file["sha256"], file["identity"])] + list(proven)
            if all(isinstance(text, str) for text in texts):
                return {"files": files, "proven": proven}
        return {"files": {}, "proven": []}

    def is_intact(self, noted: dict, models: list[str]) -> bool:
        """Whether the files are those that were packed; a file with other times is read, and noted anew if it is."""
        files = noted["files"]
        if not (self.folder / ENTRY).is_file() or set(files) != {file_name(m) for m in models if m in PACKED}:
            return False
        try:
            for name, file in files.items():
                found = identity(self.folder / name)
                if found != file["identity"]:
                    if _sha256(self.folder / name) != file["sha256"]:
                        return False
                    file["identity"] = found
        except (OSError, BundleError):
            return False
        return True

    def write(self, folder: Path, noted: dict) -> None:
        """Puts entry.json into `folder`; its time of modification says when the entry was last opened."""
        partial = folder / f".{ENTRY}.partial"
        partial.write_text(json.dumps(noted, separators=(",", ":"), sort_keys=True))
        os.replace(partial, folder / ENTRY)


def _ready(entry: Entry, bundle: Bundle, models: list[str], threads: int, lock: int, limit: int) -> Path | None:
    """The entry's folder, made or opened, with the bundle proven; None after a warning."""
    noted = entry.read()
    proven = prove(bundle, noted["proven"])
    noted["proven"] = [one for one in noted["proven"] if one != proven] + ([proven] if proven else [])
    noted["proven"] = noted["proven"][-MOST_PROVEN:]
    try:
        if entry.is_intact(noted, models):
            with suppress(OSError):  # a disk that is full now does not spoil what is there
                entry.write(entry.folder, noted)
            return entry.folder
        _make(entry, bundle, models, threads, lock, noted["proven"])
        _hold_limit(entry, limit)
        return entry.folder
    except (OSError, PackingError) as error:
        for folder in (entry.new, entry.folder):
            shutil.rmtree(folder, ignore_errors=True)
        _warn(f"packed weights are not kept: {error.found if isinstance(error, PackingError) else error}")
        return None
    except BaseException:
        shutil.rmtree(entry.new, ignore_errors=True)
        raise


def _make(entry: Entry, bundle: Bundle, models: list[str], threads: int, lock: int, proven: list[str]) -> None:
    for folder in (entry.folder, entry.new):
        if folder.exists():
            shutil.rmtree(folder)
    ranges = _ranges(bundle, models)
    needed = sum(end - begin for begin, end in ranges.values()) * 5 // 4 + SPARE
    free = shutil.disk_usage(entry.new.parent).free
    if free < needed:
        raise OSError(f"{needed} bytes are needed in {entry.new.parent}, {free} are free")
    entry.new.mkdir()
    # The child holds the lock too: if this process is killed, nobody else packs until the child has ended.
    pack_sections(bundle.descriptor, ranges, entry.new, threads, (lock,))
    names = [file_name(name) for name in models if name in PACKED]
    files = {name: {"sha256": _sha256(entry.new / name), "identity": identity(entry.new / name)} for name in names}
    entry.write(entry.new, {"files": files, "proven": proven})
    os.rename(entry.new, entry.folder)


def _ranges(bundle: Bundle, models: list[str]) -> dict[str, tuple[int, int]]:
    return {name: (bundle.section(name).begin, bundle.section(name).end) for name in models}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_sha256(file.fileno(), 0, path.stat().st_size)


def entry_key(manifest_sha256: str) -> str:
    library = hashlib.sha256(default_path().read_bytes()).hexdigest()
    parts = [manifest_sha256, library, platform.machine(), *sorted(_features())]
    return hashlib.sha256("".join(f"{part}\n" for part in parts).encode()).hexdigest()[:32]


def _features() -> set[str]:
    """The processor's, as Linux lists them for its first core."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            name, _, values = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return set(values.split())
    return set()


def _limit() -> int:
    text = os.environ.get(LIMIT_VARIABLE, str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise UsageError(
            f"{LIMIT_VARIABLE} is no number of bytes",
            expected="a whole number from 0",
            found=repr(text[:40]),
            where=f"the environment variable {LIMIT_VARIABLE}",
            action="Leave it out for 16 GiB.",
        )
    return int(text)


def _entries(folder: Path) -> list[Path]:
    """Every folder of packed weights, the least recently opened first."""
    found = [path for path in folder.glob("*") if path.is_dir() and not path.is_symlink()]
    return sorted(found, key=_opened_at)


def _opened_at(folder: Path) -> float:
    for path in (folder / ENTRY, folder):
        with suppress(OSError):
            return path.stat().st_mtime
    return 0.0


def _bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size
    return total


def _hold_limit(own: Entry, limit: int) -> None:
    """Removes what was opened longest ago until the rest is within the limit; what is locked stays."""
    entries = _entries(own.folder.parent)
    sizes = {path: _bytes(path) for path in entries}
    total = sum(sizes.values())
    for path in entries:
        if total > limit and path != own.folder and _remove_unlocked(path):
            total -= sizes[path]


def _remove_unlocked(folder: Path) -> int:
    """Removes an entry unless somebody holds its lock; the bytes that freed."""
    lock = folder.with_name(f"{folder.name.removesuffix('.new')}.lock")
    with locked(lock, wait=False) as descriptor:
        if descriptor is None:
            return 0
        size = _bytes(folder)
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        lock.unlink(missing_ok=True)
        return size


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)
