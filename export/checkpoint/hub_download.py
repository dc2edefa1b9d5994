"""Bytes of the hub's files: whole ones into the cache, and parts by position for what the plan reads.

The client (huggingface_hub 2.4.0) throws away what it has of a file when a download ends early, and compares no
digest. Here the part stays beside the blob under a name of its own, the next run goes on behind it, and a file takes
its place in the cache only when its digest is the one that the hub lists.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import httpx2
from huggingface_hub import constants, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from export.checkpoint.digests import remember
from export.checkpoint.files import printable
from export.checkpoint.hub_errors import hub_error, is_passing
from export.checkpoint.hub_snapshot import BLOCK, Digest, HubFile, Snapshot
from export.errors import CheckpointError

PART = ".slipstream.part"
WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before asking again, as long as no byte comes. One that does begins them anew."""


def download(snapshot: Snapshot, file: HubFile, advance: Callable[[int], None]) -> None:
    """Brings `file` into the cache, behind what an earlier run left of it. `advance` is told how many bytes are here.

    Raises CheckpointError, or OutputError where it can't be written."""
    blob, what = snapshot.blob(file), snapshot.what(file.name)
    try:
        if not blob.exists():
            if file.size > constants.MAX_HTTP_DOWNLOAD_SIZE:
                raise _too_large(snapshot, file)
            blob.parent.mkdir(parents=True, exist_ok=True)
            _complete(snapshot, file, blob, advance)
        _link(blob, snapshot.folder / file.name)
    except (OSError, httpx2.HTTPError) as error:
        raise hub_error(error, snapshot.repo, what) from error


def part_bytes(snapshot: Snapshot, file: HubFile) -> int:
    """How much of an absent file an earlier run left; all of it where another revision shares it."""
    blob = snapshot.blob(file)
    with suppress(OSError):
        return blob.stat().st_size if blob.exists() else min(file.size, _part(blob).stat().st_size)
    return 0


def read_range(snapshot: Snapshot, file: HubFile, begin: int, view: memoryview) -> None:
    """Fills `view` from byte `begin` of a file that stays on the hub. Raises CheckpointError."""
    done, waits = 0, list(WAITS)
    while done < len(view):
        before = done
        try:
            with _asked(snapshot, file, begin + done, begin + len(view)) as (first, parts):
                skipped = begin + done - first  # a server that knows no ranges begins at 0
                for part in parts:
                    ahead = min(skipped, len(part))
                    skipped -= ahead
                    taken = part[ahead : ahead + len(view) - done]
                    view[done : done + len(taken)] = taken
                    done += len(taken)
                    if done == len(view):
                        break
            if done == before:
                raise httpx2.RemoteProtocolError("the answer ends before the bytes that were asked for")
        except (OSError, httpx2.HTTPError) as error:
            _wait_or_raise(error, waits, done > before, snapshot, file)


def _complete(snapshot: Snapshot, file: HubFile, blob: Path, advance: Callable[[int], None]) -> None:
    with open(_part(blob), "a+b", buffering=0) as part:
        # Held while it grows: another process that wants the same file waits here, and then finds it.
        fcntl.flock(part, fcntl.LOCK_EX)
        if blob.exists():
            with suppress(OSError):
                os.unlink(part.name)
            return
        digest = _received(snapshot, file, part, advance)
        if digest.known_by != file.digest:
            os.unlink(part.name)
            raise _altered(snapshot, file, digest.known_by)
        os.fsync(part.fileno())
        os.replace(part.name, blob)
    remember(blob, digest.sha256)


def _received(snapshot: Snapshot, file: HubFile, part: BinaryIO, advance: Callable[[int], None]) -> Digest:
    """Fills `part` to the file's size and returns the digest of all of it."""
    digest, done = _digest_so_far(file, part)
    waits = list(WAITS)
    while done < file.size:
        before = done
        try:
            with _asked(snapshot, file, done, file.size) as (first, parts):
                if first != done:
                    part.truncate(0)
                    digest, done = Digest(file), 0
                for received in parts:
                    _write(part, received)
                    digest.update(received)
                    done += len(received)
                    advance(done)
                    if done > file.size:
                        os.unlink(part.name)
                        raise _altered(snapshot, file, f"more than {file.size:,} bytes")
            if done < file.size:
                raise httpx2.RemoteProtocolError(f"the answer ended after {done:,} of {file.size:,} bytes")
        except (OSError, httpx2.HTTPError) as error:
            if isinstance(error, HfHubHTTPError) and error.response.status_code == 416:
                os.unlink(part.name)
                raise _altered(snapshot, file, f"{done:,} bytes of {file.size:,} and no more") from error
            _wait_or_raise(error, waits, done > before, snapshot, file)
    return digest


def _write(part: BinaryIO, received: bytes) -> None:
    """All of it: a disk that fills up takes a part first, and says so at the next."""
    view = memoryview(received)
    while view:
        view = view[part.write(view) :]


def _digest_so_far(file: HubFile, part: BinaryIO) -> tuple[Digest, int]:
    """Of what an earlier run left, read once; more than the file has is thrown away."""
    digest, done = Digest(file), 0
    if os.fstat(part.fileno()).st_size > file.size:
        part.truncate(0)
    part.seek(0)
    while read := part.read(BLOCK):
        digest.update(read)
        done += len(read)
    return digest, done


@contextmanager
def _asked(snapshot: Snapshot, file: HubFile, begin: int, end: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Asks for bytes begin..end of the file: (position of the first byte of the answer, its parts)."""
    url = hf_hub_url(snapshot.repo, file.name, revision=snapshot.commit, endpoint=constants.ENDPOINT)
    headers = build_hf_headers(library_name="slipstream") | {"Accept-Encoding": "identity"}
    if begin or end < file.size:
        headers["Range"] = f"bytes={begin}-{end - 1}"
    # Redirects are followed to wherever large files lie; credentials don't go along (httpx2 strips them).
    with get_session().stream("GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
        hf_raise_for_status(response)
        # Parts as they come: of larger ones what came of the last would be lost where the connection breaks.
        yield begin if response.status_code == 206 else 0, response.iter_bytes()


def _wait_or_raise(error: Exception, waits: list[float], came: bool, snapshot: Snapshot, file: HubFile) -> None:
    """Waits before the next try, or raises the error as this program's own."""
    if came:
        waits[:] = WAITS
    if not is_passing(error) or not waits:
        raise hub_error(error, snapshot.repo, snapshot.what(file.name)) from error
    time.sleep(waits.pop(0))


def _link(blob: Path, path: Path) -> None:
    """The file's name in the snapshot, as the client makes it."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # a link to a blob that was removed
    try:
        os.symlink(os.path.relpath(blob, path.parent), path)
    except FileExistsError:
        return
    except OSError:
        # A file system without links: the client keeps the file itself there.
        os.replace(blob, path)


def _part(blob: Path) -> Path:
    return blob.with_name(blob.name + PART)


def _altered(snapshot: Snapshot, file: HubFile, found: str) -> CheckpointError:
    return CheckpointError(
        f"Downloaded file is not the hub's: {printable(file.name)}",
        expected=f"{file.digest}, as the hub lists it",
        found=found,
        where=snapshot.what(file.name),
        action="What came is removed: run this again. If it fails again, a proxy or mirror (HF_ENDPOINT) alters files.",
    )


def _too_large(snapshot: Snapshot, file: HubFile) -> CheckpointError:
    most = constants.MAX_HTTP_DOWNLOAD_SIZE
    command = f"hf download {snapshot.repo} {printable(file.name)} --revision {snapshot.commit}"
    return CheckpointError(
        f"The hub hands out no file of this size over HTTP: {printable(file.name)}",
        expected=f"at most {most / 1e9:.0f} GB",
        found=f"{file.size / 1e9:.1f} GB",
        where=snapshot.what(file.name),
        action=f"Download it with the hub's own client and run this again, which finds it: {command}",
    )
