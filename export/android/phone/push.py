"""A large file onto the phone, in pieces: an interruption costs one piece, and the phone says itself that all of it
arrived.

Pieces are appended to `.DIGEST.part` beside the destination. That file's length is the only state, so whatever ends
the command, the next one goes on from there; the name holds the digest, so that another file starts anew.
"""

import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from export.android.phone.adb import Phone
from export.errors import PhoneError

PIECE = 32 << 20
SLOWEST = 500_000
"""Bytes a second below which a transfer counts as stuck."""
Progress = Callable[[int, int], None]


def push(phone: Phone, file: Path, digest: str, destination: str, progress: Progress, piece: int = PIECE) -> int:
    """Puts `file`, whose SHA-256 is `digest`, at `destination` atomically; returns the bytes that had to be sent.

    Nothing is sent if it is there already. Raises PhoneError."""
    size, folder = file.stat().st_size, str(PurePosixPath(destination).parent)
    if _digest(phone, destination, size) == digest:
        progress(size, size)
        return 0
    part = f"{folder}/.{digest[:16]}.part"
    _drop_others(phone, folder, part)
    done = min(_length(phone, part), size)
    _check_room(phone, folder, size - done + min(piece, size - done))
    sent, begin = 0, done
    progress(done, size)
    with file.open("rb") as source, tempfile.TemporaryDirectory() as scratch:
        source.seek(done)
        while done < size:
            data = source.read(min(piece, size - done))
            _append(phone, data, part, Path(scratch) / "piece", done)
            done, sent = done + len(data), sent + len(data)
            progress(done, size)
    _finish(phone, part, destination, size, digest, begin)
    return sent


def _append(phone: Phone, data: bytes, part: str, scratch: Path, done: int) -> None:
    scratch.write_bytes(data)
    piece = f"{part}.piece"
    result = phone.run(["push", str(scratch), piece], 60 + len(data) / SLOWEST)
    if result.code != 0:
        raise _failed(phone, "A piece of the bundle did not arrive", result.err or result.out, part)
    append = f"cat {_q(piece)} >> {_q(part)} && rm {_q(piece)} && stat -c %s {_q(part)}"
    length = phone.shell(append, 60 + len(data) / SLOWEST).strip()
    if length != str(done + len(data)):
        phone.try_shell(f"rm -f {_q(part)} {_q(piece)}")
        raise _failed(phone, "A piece of the bundle did not arrive whole", f"{length} bytes", part)


def _finish(phone: Phone, part: str, destination: str, size: int, digest: str, begin: int) -> None:
    found = _digest(phone, part, size)
    if found != digest:
        phone.try_shell(f"rm -f {_q(part)}")
        what = f"{found}, with {begin} bytes of an earlier try"
        raise PhoneError(
            "The bundle arrived damaged",
            expected=f"SHA-256 {digest}",
            found=what,
            where=f"{phone.serial}:{part}, now removed",
            action="Run it again; try another cable or port if it happens twice.",
        )
    phone.shell(f"mv -f {_q(part)} {_q(destination)}")


def _drop_others(phone: Phone, folder: str, part: str) -> None:
    """Unfinished pushes of other files, and a piece that was not appended."""
    phone.shell(f"mkdir -p {_q(folder)}")
    name = PurePosixPath(part).name
    phone.try_shell(f'cd {_q(folder)} && for f in .*.part .*.piece; do [ "$f" = {_q(name)} ] || rm -f "$f"; done')


def _check_room(phone: Phone, folder: str, needed: int) -> None:
    """`df -k` of toybox: the last line's fourth column is the free space in KiB."""
    columns = phone.shell(f"df -k {_q(folder)}").strip().splitlines()[-1].split()
    free = int(columns[3]) * 1024 if len(columns) > 3 and columns[3].isdigit() else None
    if free is not None and free < needed:
        raise PhoneError(
            "The phone's storage is full",
            expected=f"{needed / 1e6:.0f} MB free",
            found=f"{free / 1e6:.0f} MB",
            where=f"{phone.serial}:{folder}",
            action="Free some storage, or export a smaller recipe.",
        )


def _length(phone: Phone, path: str) -> int:
    result = phone.try_shell(f"stat -c %s {_q(path)} 2>/dev/null || echo 0")
    return int(result.out.strip() or 0) if result.out.strip().isdigit() else 0


def _digest(phone: Phone, path: str, size: int) -> str | None:
    """The phone's own SHA-256 of a file of that size, or None without one."""
    if _length(phone, path) != size:
        return None
    return phone.shell(f"sha256sum {_q(path)}", 60 + size / (50 * SLOWEST)).split()[0]


def _failed(phone: Phone, title: str, found: str, part: str) -> PhoneError:
    return PhoneError(
        title,
        expected="the piece on the phone",
        found=found.strip()[-300:] or "no output",
        where=f"{phone.serial}:{part}",
        action="Run it again: it goes on with the piece that is missing.",
    )


def _q(path: str) -> str:
    return shlex.quote(path)
