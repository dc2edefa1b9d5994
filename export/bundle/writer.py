"""Writer of the .litertlm: sections streamed through callbacks, then traces and a manifest with every digest.

Three steps, so that engines can run the models before the bundle is complete: `write_models`, `seal`, `place`. The
first two work on `.NAME.partial` beside the output, the last renames it. Models can be hashed between the first two.
The same input gives the same bytes. The container's rules are in `runtime_spec/bundle/reader.py`.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

from export.bundle.sections import Group, Part, SectionStream, build_header, pack_traces, round_up
from export.errors import OutputError
from export.files import write_atomically
from runtime_spec.bundle.digests import CHUNK, read_exactly, scan, seal, sums_hex
from runtime_spec.bundle.header import read_header
from runtime_spec.bundle.manifest import ALIGNMENT, Blocks, Manifest, SectionEntry, SharedWeights

Seen = Callable[[int, int], None]
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def unseen(done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class WrittenModels:
    """Every section but traces and manifest: name → (begin, end) in the file, and the ranges that several use."""

    sections: dict[str, tuple[int, int]]
    shared_weights: tuple[SharedWeights, ...]

    @property
    def end(self) -> int:
        return max(end for _, end in self.sections.values())

    def to_json(self) -> dict:
        return {"sections": self.sections, "shared_weights": [asdict(shared) for shared in self.shared_weights]}

    @classmethod
    def from_json(cls, values: dict) -> "WrittenModels":
        shared = (SharedWeights(**{**one, "sections": tuple(one["sections"])}) for one in values["shared_weights"])
        return cls({name: (begin, end) for name, (begin, end) in values["sections"].items()}, tuple(shared))


class BundleWriter:
    """Writes one bundle at `path`; `written` are its models, once they are. Every OSError of writing is an OutputError.

    `expected_bytes` is only for the message when the disk is full."""

    def __init__(self, path: Path, expected_bytes: int = 0):
        self.path = Path(path)
        self.partial = self.path.with_name(f".{self.path.name}.partial")
        self.written: WrittenModels | None = None
        self._expected_bytes = expected_bytes
        self._digests: dict[str, tuple[str, Blocks]] | None = None

    def write_models(self, parts: Sequence[Part | Group]) -> WrittenModels:
        """Every section but traces and manifest, with a header that engines can open already.

        Leaves `partial`; whatever goes wrong removes it."""
        # A new file: a process of an earlier run that outlived its parent can only write into the old one.
        self.discard()
        self._digests = None
        sections: dict[str, tuple[int, int]] = {}
        shared: list[SharedWeights] = []
        try:
            with self._open(os.O_CREAT | os.O_EXCL) as descriptor:
                for part in parts:
                    begin = round_up(max([ALIGNMENT, *(end for _, end in sections.values())]), ALIGNMENT)
                    found, used = self._write(descriptor, part, begin)
                    if found.keys() & sections.keys():
                        raise ValueError(f"sections {', '.join(found.keys() & sections.keys())} written twice")
                    sections |= found
                    shared += used
                self.written = WrittenModels(sections, tuple(shared))
                self._end_phase(descriptor, self.written.end, sections)
        except BaseException:
            self.discard()
            raise
        return self.written

    def reopen(self, written: WrittenModels | None = None) -> None:
        """Makes `partial` hold models again, from an earlier run's partial or, without one, from the finished bundle:
        `written`, or any.

        OutputError when neither holds them; BundleError when a header is damaged."""
        self._digests = None
        source = self.partial if self.partial.exists() else self.path
        try:
            with source.open("rb") as stream:
                found = read_header(stream.read(ALIGNMENT), source.stat().st_size, source)
                models = {s.name: (s.begin, s.end) for s in found if s.data_type != "GenericBinaryData"}
                if written is None:
                    written = WrittenModels(models, ())
                if models != written.sections:
                    raise _output_error(
                        "No export to resume", "the models of the earlier run", "other sections", source
                    )
                if source == self.path:
                    self._copy_models(stream, written)
        except OSError as error:
            raise _output_error("No export to resume", "a partial or finished bundle", error, source) from None
        self.written = written

    @classmethod
    def resume(cls, path: Path) -> "BundleWriter":
        """A writer that has reopened whatever models there are."""
        writer = cls(path)
        writer.reopen()
        return writer

    def finish(self, traces: Mapping[str, bytes], manifest: Manifest) -> str:
        """`seal`, then `place`. Returns the bundle's SHA-256."""
        digest = self.seal(traces, manifest)
        self.place(digest)
        return digest

    def seal(self, traces: Mapping[str, bytes], manifest: Manifest, seen: Seen = unseen) -> str:
        """Appends traces and manifest with all digests to `partial`; returns the bundle's SHA-256.

        `manifest` comes without sections and hashes; its `shared_weights`, when empty, are the writer's own. What
        `hash_models` has hashed is not read for that again. An interruption or a full disk leaves what `reopen` can
        go on from. `seen(done, total)` is told of bytes as they are hashed."""
        with self._open() as descriptor:
            sections, text, header = self._sealed(descriptor, traces, manifest, seen)
            begin, end = sections["manifest"]
            self._stream(descriptor, begin).write(text)
            self._end_phase(descriptor, end, sections, header)
            return self._file_sha256(descriptor, end, seen)

    def hash_models(self, seen: Seen = unseen) -> None:
        """Hashes what `write_models` wrote, for `seal`, which does it otherwise: models are done while engines run them
        and traces are recorded. `seen` is told as by `seal`, and may raise to end it early."""
        with self._open() as descriptor:
            self._digests = _scanned(descriptor, self.written.end, self.written.sections, seen)

    def place(self, digest: str) -> None:
        """Puts NAME.sha256 and then the sealed bundle in place: where the bundle stands, all before it is done."""
        checksum = self.path.with_name(f"{self.path.name}.sha256")
        write_atomically(checksum, f"{digest}  {self.path.name}\n".encode())
        try:
            os.replace(self.partial, self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        except OSError as error:
            raise self._full(0, error) from None

    def discard(self) -> None:
        """Removes the partial file, if any."""
        with suppress(OSError):
            self.partial.unlink()

    def _copy_models(self, stream: BinaryIO, written: WrittenModels) -> None:
        stream.seek(0)
        try:
            with self._open(os.O_CREAT | os.O_EXCL) as descriptor:
                copy = self._stream(descriptor, 0)
                while copy.tell() < written.end:
                    copy.write(stream.read(min(CHUNK, written.end - copy.tell())))
                self._end_phase(descriptor, written.end, written.sections)
        except BaseException:
            self.discard()
            raise

    def _write(
        self, descriptor: int, part: Part | Group, begin: int
    ) -> tuple[dict[str, tuple[int, int]], tuple[SharedWeights, ...]]:
        stream = self._stream(descriptor, begin)
        if isinstance(part, Part):
            part.write(stream)
            return {part.name: (begin, begin + stream.length)}, ()
        sections, shared = part.write(stream)
        placed = {name: (begin + start, begin + end) for name, (start, end) in sections.items()}
        return placed, tuple(replace(s, begin=begin + s.begin, end=begin + s.end) for s in shared)

    def _sealed(
        self, descriptor: int, traces: Mapping[str, bytes], manifest: Manifest, seen: Seen
    ) -> tuple[dict[str, tuple[int, int]], bytes, bytes]:
        """Writes the traces; returns the final sections, the manifest's JSON with all hashes, and the header."""
        written = self.written
        self._truncate(descriptor, written.end)  # drops what an interrupted run left behind the models
        begin = round_up(written.end, ALIGNMENT)
        stream = self._stream(descriptor, begin)
        stream.write(pack_traces(traces))
        ranges = {**written.sections, "traces": (begin, begin + stream.length)}
        begin = round_up(begin + stream.length, ALIGNMENT)
        self._truncate(descriptor, begin)
        if self._digests is None:
            digests = _scanned(descriptor, begin, ranges, seen)
        else:
            digests = self._digests | _scanned(descriptor, begin, {"traces": ranges["traces"]}, unseen, written.end)
        entries = tuple(SectionEntry(name, *ranges[name], *digests[name]) for name in ranges)
        manifest = replace(manifest, sections=entries, shared_weights=manifest.shared_weights or written.shared_weights)
        manifest = Manifest.from_json(manifest.to_json())  # as any reader will see it
        sections = {**ranges, "manifest": (begin, begin + len(manifest.to_json()))}
        header = build_header(sections)
        hashes = {"header_sha256": hashlib.sha256(header).hexdigest(), "header_sums": sums_hex(header)}
        return sections, seal(replace(manifest, **hashes).to_json()), header

    def _end_phase(
        self, descriptor: int, size: int, sections: Mapping[str, tuple[int, int]], header: bytes | None = None
    ) -> None:
        self._truncate(descriptor, size)
        self._stream(descriptor, 0).write(header or build_header(sections))
        os.fsync(descriptor)

    def _file_sha256(self, descriptor: int, size: int, seen: Seen) -> str:
        digest, buffer = hashlib.sha256(), memoryview(bytearray(min(CHUNK, size)))
        for offset in range(0, size, CHUNK):
            digest.update(read_exactly(descriptor, buffer[: min(CHUNK, size - offset)], offset))
            seen(min(offset + CHUNK, size), size)
        return digest.hexdigest()

    @contextmanager
    def _open(self, flags: int = 0) -> Iterator[int]:
        try:
            descriptor = os.open(self.partial, os.O_RDWR | os.O_CLOEXEC | flags, 0o666)
        except OSError as error:
            raise self._full(0, error) from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _truncate(self, descriptor: int, size: int) -> None:
        try:
            os.ftruncate(descriptor, size)
        except OSError as error:
            raise self._full(size, error) from None

    def _stream(self, descriptor: int, begin: int) -> SectionStream:
        return SectionStream(descriptor, begin, self._full)

    def _full(self, needed: int, error: OSError) -> OutputError:
        if error.errno not in _FULL:
            return _output_error("Output can't be written", "a folder that can be written to", error, self.path)
        free = shutil.disk_usage(self.path.parent).free
        with suppress(OSError):
            free += self.partial.stat().st_blocks * 512
        return OutputError(
            "Disk is full",
            expected=f"room for at least {max(needed, self._expected_bytes)} bytes",
            found=f"{error.strerror}; {free} bytes free once the unfinished file is removed",
            where=str(self.path),
            action="Free some space, or choose another folder with --out. A previous output is untouched.",
        )


def _scanned(
    descriptor: int, size: int, ranges: Mapping[str, tuple[int, int]], seen: Seen, begin: int = ALIGNMENT
) -> dict[str, tuple[str, Blocks]]:
    """Digests of `ranges` in the bytes from `begin` to `size`, all else of which must be zero."""
    digests, stray = scan(descriptor, size, ranges, seen=seen, begin=begin)
    if stray is not None:
        raise ValueError(f"byte {stray[0]} between two sections is not zero")
    return digests


def _output_error(title: str, expected: str, error: object, where: Path) -> OutputError:
    action = "Choose another folder with --out, or mend its permissions."
    return OutputError(title, expected=expected, found=str(error), where=str(where), action=action)
