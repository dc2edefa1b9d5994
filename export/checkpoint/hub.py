"""A name to a checkpoint's folder: one that is here, or a repository on the Hugging Face hub.

A folder that exists wins. A hub id is looked up, and its folder is the hub client's own cache: files come into it as
they are asked for, weights last.
"""

import difflib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint.files import is_there, printable
from export.checkpoint.hub_snapshot import HubFile, Snapshot, look_up
from export.errors import CheckpointError

HUB_ID = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[A-Za-z0-9][\w.+/-]*))?", re.ASCII)


@dataclass(frozen=True)
class Absent:
    """A repository's file that is not here, to read from where it is (safetensors.Remote) or to bring here."""

    snapshot: Snapshot
    file: HubFile

    @property
    def size(self) -> int:
        return self.file.size

    @property
    def missing_bytes(self) -> int:
        """Without what an ended download left."""
        from export.checkpoint.hub_download import part_bytes

        return self.size - part_bytes(self.snapshot, self.file)

    def read_into(self, begin: int, view: memoryview) -> None:
        """Fills `view` from byte `begin` of the file. Raises CheckpointError."""
        from export.checkpoint.hub_download import read_range

        read_range(self.snapshot, self.file, begin, view)

    def download(self, advance: Callable[[int], None]) -> None:
        """Brings it here; `advance` is told how many bytes of it are. Raises CheckpointError or OutputError."""
        from export.checkpoint.hub_download import download

        download(self.snapshot, self.file, advance)


@dataclass(frozen=True)
class Located:
    """A checkpoint's folder. `id` is the hub id, without its revision, or the folder's name; `snapshot` where it is a
    repository's at one commit, some of whose files may not be here yet."""

    id: str
    folder: Path
    snapshot: Snapshot | None = None

    @property
    def revision(self) -> str | None:
        """The commit, 40 hex digits; None for a folder."""
        return self.snapshot and self.snapshot.commit

    @property
    def named(self) -> str:
        """The id, with the commit where there is one."""
        return f"{self.id}@{self.revision}" if self.revision else self.id

    def has(self, name: str) -> bool:
        """Whether the folder has a file of that name, or the repository does."""
        return is_there(self.folder / name) or bool(self.snapshot and name in self.snapshot.files)

    def names(self) -> list[str]:
        """Of all files in the folder and in the repository, sorted."""
        return sorted({path.name for path in self.folder.glob("*")} | set(self.snapshot.files if self.snapshot else ()))

    def fetch(self, names: Iterable[str]) -> None:
        """Brings small files here, those that the repository has. Raises CheckpointError or OutputError."""
        if self.snapshot:
            self.snapshot.fetch_small(names)

    def absent(self) -> dict[str, Absent]:
        """The repository's files that are not here."""
        snapshot = self.snapshot
        if snapshot is None:
            return {}
        missing = {name: file for name, file in snapshot.files.items() if not os.path.exists(self.folder / name)}
        return {name: Absent(snapshot, file) for name, file in missing.items()}


def locate(name: "str | Path | Located") -> Located:
    """The folder of that name, or the hub's repository of that id (ORG/NAME or ORG/NAME@REVISION).

    Raises CheckpointError."""
    if isinstance(name, Located):
        return name
    if os.path.isdir(name):
        return Located(Path(name).resolve().name, Path(name))
    match = HUB_ID.fullmatch(str(name))
    if os.path.exists(name) or not match or ".." in str(name):
        raise _not_found(name)
    snapshot = look_up(match["repo"], match["revision"], _nearby(Path(str(name))))
    return Located(snapshot.repo, snapshot.folder, snapshot)


def _not_found(name: str | Path) -> CheckpointError:
    where, found = printable(name), "a file" if os.path.exists(name) else "no such folder"
    nearby = _nearby(Path(name))
    action = "Name the folder that holds config.json, or a hub id such as google/gemma-4-E2B-it."
    return CheckpointError(
        f"Checkpoint folder not found: {where}",
        expected="a folder",
        found=f"{found}{nearby and f'; {nearby}'}",
        where=where,
        action=action,
    )


def _nearby(path: Path) -> str:
    """What stands beside the first folder of `path` that is not there: "PARENT here holds NAME, NAME", or nothing."""
    whole = path
    try:
        while not path.parent.is_dir():
            path = path.parent
        folders = sorted(entry.name for entry in os.scandir(path.parent) if entry.is_dir())
    except (OSError, ValueError):
        return ""
    close = difflib.get_close_matches(path.name, folders, 3)
    if not close and (path != whole or path.parent == Path()):
        return ""
    named = ", ".join(map(printable, close or folders[:3])) or "no folder"
    return f"{printable(path.parent)} here holds {named}"
