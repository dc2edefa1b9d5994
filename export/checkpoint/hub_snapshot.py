"""A repository on the Hugging Face hub at one commit: what files it has, and which of them are in the client's cache.

The cache is laid out as huggingface_hub lays it out (REPOSITORY/refs, blobs, snapshots/COMMIT), so that what is here
already is used, and what comes here serves others. The hub's list of a commit's files, which never changes, is kept
too: offline it says whether a snapshot is whole.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint.files import MAX_TOKENIZER, is_there, open_file, printable
from export.errors import CheckpointError, OutputError
from export.files import write_atomically
from runtime_spec.cache import cache_folder

COMMIT = re.compile("[0-9a-f]{40}")
DIGEST = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
NAME = re.compile(r"[^/\0]{1,255}")
BLOCK = 1 << 20


class Digest:
    """Of a file's bytes as they pass: its SHA-256, and what the hub knows it by."""

    def __init__(self, file: "HubFile"):
        self._sha256 = hashlib.sha256()
        # A file that is not in the hub's large storage is known by git's own digest.
        is_git = len(file.digest) == 40
        self._git = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False) if is_git else None

    def update(self, part: bytes | memoryview) -> None:
        self._sha256.update(part)
        if self._git:
            self._git.update(part)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def known_by(self) -> str:
        """As `HubFile.digest`."""
        return self._git.hexdigest() if self._git else self.sha256


@dataclass(frozen=True)
class HubFile:
    """A file of a repository. `digest`, its blob's name in the cache, is the SHA-256 of its bytes (64 hex digits), or,
    of a file in git itself, git's SHA-1 of it (40)."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True)
class Snapshot:
    """`repo` at `commit`; `revision` is what was asked for. `root` is the repository's folder in the cache.

    `is_current`: the hub said so now, or `revision` is the commit itself."""

    repo: str
    revision: str
    commit: str
    root: Path
    files: dict[str, HubFile]
    is_current: bool

    @property
    def folder(self) -> Path:
        return self.root / "snapshots" / self.commit

    def blob(self, file: HubFile) -> Path:
        return self.root / "blobs" / file.digest

    def what(self, name: str) -> str:
        """A file of it in messages."""
        return f"{self.repo}@{self.commit[:12]} {printable(name)}"

    def fetch_small(self, names: Iterable[str]) -> None:
        """Brings those of `names` here that the repository has; what is here is compared with what the hub lists.

        Raises CheckpointError or OutputError."""
        for file in (self.files[name] for name in names if name in self.files):
            if file.size > MAX_TOKENIZER:
                raise CheckpointError(
                    f"{printable(file.name)} is too large",
                    expected=f"at most {MAX_TOKENIZER:,} bytes",
                    found=f"{file.size:,} bytes",
                    where=self.what(file.name),
                    action="Name a repository that holds a Gemma 4 checkpoint.",
                )
            if os.path.exists(self.folder / file.name):
                self._require_same(file)
            else:
                from export.checkpoint.hub_download import download

                download(self, file, lambda done: None)

    def _require_same(self, file: HubFile) -> None:
        digest, path = Digest(file), self.folder / file.name
        with open_file(path) as opened:
            while part := opened.read(BLOCK):
                digest.update(part)
        if digest.known_by != file.digest:
            raise damaged(self, file, path, digest.known_by)


def damaged(snapshot: Snapshot, file: HubFile, path: Path, found: str) -> CheckpointError:
    """For a file of the cache that is not the hub's."""
    return CheckpointError(
        f"File in the hub's cache is damaged: {printable(file.name)}",
        expected=f"{file.digest}, as the hub lists it",
        found=found,
        where=printable(path),
        action=f"Remove {printable(os.path.realpath(path))} and run this again: it is downloaded anew.",
    )


def look_up(repo: str, revision: str | None, nearby: str = "") -> Snapshot:
    """The repository's commit and files, from the hub; from the cache where the commit is named whole and its list is
    known, and where the hub can't be reached or must not be (HF_HUB_OFFLINE).

    `nearby` is for the message where there is none. Raises CheckpointError."""
    from huggingface_hub import HfApi, constants, errors
    from huggingface_hub.file_download import repo_folder_name

    from export.checkpoint.hub_errors import hub_error, is_unreachable

    asked = revision or constants.DEFAULT_REVISION
    try:
        root = Path(os.path.realpath(constants.HF_HUB_CACHE)) / repo_folder_name(repo_id=repo, repo_type="model")
    except errors.HFValidationError as error:
        raise hub_error(error, repo, repo, nearby) from error
    if COMMIT.fullmatch(asked) and (files := _kept_list(root.name, asked)) is not None:
        return Snapshot(repo, asked, asked, root, files, is_current=True)
    api = HfApi(endpoint=constants.ENDPOINT, library_name="slipstream")
    try:
        # Commit and files in one answer: they are of the same moment.
        info = api.model_info(repo, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        if info.id != repo:
            raise _renamed(repo, info.id, revision)
        files = _files(info.siblings, repo)
    except CheckpointError:
        raise
    # The client's own errors, its HTTP library's and the system's, different ones from release to release.
    except Exception as error:
        if is_unreachable(error) and (cached := _cached(repo, asked, root)):
            return cached
        raise hub_error(error, repo, f"{repo}@{asked}", nearby) from error
    if not COMMIT.fullmatch(info.sha or ""):
        raise _odd(repo, "a commit", repr(info.sha))
    _keep_list(root.name, info.sha, files)
    if asked != info.sha:
        # As the client does; a cache that can't be written to is told of where a file is to come into it.
        with suppress(OSError):
            (root / "refs" / asked).parent.mkdir(parents=True, exist_ok=True)
            (root / "refs" / asked).write_text(info.sha)
    return Snapshot(repo, asked, info.sha, root, files, is_current=True)


def _files(siblings: list | None, repo: str) -> dict[str, HubFile]:
    """The files of the repository's own folder, from RepoSiblings of huggingface_hub; their names may be used here."""
    found = {}
    for sibling in siblings or ():
        path, lfs = sibling.rfilename, sibling.lfs
        if not NAME.fullmatch(path) or path in (".", ".."):
            continue
        size, digest = (lfs.size, lfs.sha256) if lfs else (sibling.size, sibling.blob_id)
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise _odd(repo, f"a digest of {path[:100]}", repr(digest))
        if type(size) is not int or size < 0:
            raise _odd(repo, f"the size of {path[:100]}", repr(size))
        found[path] = HubFile(path, size, digest)
    return found


def _list_path(root_name: str, commit: str) -> Path:
    return cache_folder() / "hub" / root_name / f"{commit}.json"


def _keep_list(root_name: str, commit: str, files: dict[str, HubFile]) -> None:
    text = json.dumps({name: [file.size, file.digest] for name, file in files.items()})
    with suppress(OutputError, RuntimeError):  # RuntimeError: a user without a home
        write_atomically(_list_path(root_name, commit), text.encode())


def _kept_list(root_name: str, commit: str) -> dict[str, HubFile] | None:
    with suppress(OSError, ValueError, TypeError, AttributeError, RuntimeError):
        values = json.loads(_list_path(root_name, commit).read_bytes())
        return {name: HubFile(name, size, digest) for name, (size, digest) in values.items()}
    return None


def _cached(repo: str, asked: str, root: Path) -> Snapshot | None:
    """What an earlier run, or another program, left of that revision."""
    try:
        commit = asked if COMMIT.fullmatch(asked) else (root / "refs" / asked).read_text().strip()
    except (OSError, ValueError):
        return None
    folder = root / "snapshots" / commit
    if not COMMIT.fullmatch(commit) or not folder.is_dir():
        return None
    files = _kept_list(root.name, commit)
    if files is None:
        # Another program's: what it fetched is all that is known, and the blobs' names are the digests.
        if not (is_there(folder / "config.json") or is_there(folder / "adapter_config.json")):
            return None
        files = {}
        for path in sorted(folder.iterdir()):
            # The blob's own name: it may be a link itself, to a store that names files by another digest.
            name = os.path.basename(os.readlink(path)) if path.is_symlink() else ""
            if path.is_file() and DIGEST.fullmatch(name):
                files[path.name] = HubFile(path.name, path.stat().st_size, name)
        if not any(name.endswith(".safetensors") for name in files):
            return None
    return Snapshot(repo, asked, commit, root, files, is_current=COMMIT.fullmatch(asked) is not None)


def _renamed(repo: str, new: str, revision: str | None) -> CheckpointError:
    at = f"@{revision}" if revision else ""
    return CheckpointError(
        f"Repository has another name on the hub: {repo}",
        expected="a repository's present name: an old one can be taken by somebody else",
        found=f"the hub answers for {printable(new)[:200]}",
        where=repo,
        action=f"Name {printable(new)[:200]}{at} if that is what you mean.",
    )


def _odd(repo: str, expected: str, found: str) -> CheckpointError:
    action = "Unset HF_ENDPOINT, or name a folder instead of the hub id."
    title = f"The hub's answer is not understood: {repo}"
    return CheckpointError(title, expected=printable(expected), found=found[:200], where=repo, action=action)
