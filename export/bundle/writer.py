"""Writer of the .litertlm: sections streamed through callbacks, then traces and a manifest with every digest.

Two phases, so that engines can run the models before the bundle is complete: `write_models`, then `finish`. Both work
on `.NAME.partial` beside the output, which replaces the output at the very end. The same input gives the same bytes.
The container's rules are in `runtime_spec/bundle/reader.py`.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from export.bundle.sections import Group, Part, SectionStream, build_header, pack_tokenizer, pack_traces, round_up
from export.errors import OutputError
from runtime_spec.bundle.digests import CHUNK, read_exactly, scan, seal, sums_hex
from runtime_spec.bundle.header import read_header
from runtime_spec.bundle.manifest import ALIGNMENT, Manifest, SectionEntry, SharedWeights

__all__ = ["BundleWriter", "Group", "Part", "build_header", "pack_tokenizer"]
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class BundleWriter:
    """Writes one bundle. `sections` maps each name to its (begin, end) once the models are written.

    `expected_bytes` is only for the message when the disk is full. Every OSError of writing is an OutputError.
    """

    def __init__(self, path: Path, expected_bytes: int = 0):
        self.path = Path(path)
        self.partial = self.path.with_name(f".{self.path.name}.partial")
        self.sections: dict[str, tuple[int, int]] = {}
        self.shared_weights: tuple[SharedWeights, ...] = ()
        self._expected_bytes = expected_bytes

    def write_models(self, parts: Sequence[Part | Group]) -> dict[str, tuple[int, int]]:
        """Phase 1: every section but traces and manifest, with a header that engines can open already.

        Leaves `partial`; whatever goes wrong removes it. Returns `sections`.
        """
        self.sections, self.shared_weights = {}, ()
        try:
            with self._open(os.O_CREAT | os.O_TRUNC) as descriptor:
                for part in parts:
                    begin = round_up(max([ALIGNMENT, *(end for _, end in self.sections.values())]), ALIGNMENT)
                    write = self._write_group if isinstance(part, Group) else self._write_part
                    write(descriptor, part, begin)
                self._end_phase(descriptor, max(end for _, end in self.sections.values()), self.sections)
        except BaseException:
            self.discard()
            raise
        return self.sections

    def finish(self, traces: Mapping[str, bytes], manifest: Manifest) -> str:
        """Phase 2: appends traces and manifest with all digests, puts bundle and NAME.sha256 in place.

        `manifest` comes without sections and hashes; its `shared_weights`, when empty, are the writer's own.
        Returns the bundle's SHA-256. A failed write removes `partial`; an interruption leaves it to `resume`.
        """
        try:
            with self._open() as descriptor:
                sections, text, header = self._seal(descriptor, traces, manifest)
                begin, end = sections["manifest"]
                self._stream(descriptor, begin).write(text)
                self._end_phase(descriptor, end, sections, header)
                digest = self._file_sha256(descriptor, end)
            self._put_in_place(digest)
        except OutputError:
            self.discard()
            raise
        return digest

    @classmethod
    def resume(cls, path: Path) -> "BundleWriter":
        """A writer ready for `finish`, from an earlier run's `partial` or, without one, from the finished bundle.

        OutputError when there is neither; BundleError when its header is damaged.
        """
        writer = cls(path)
        source = writer.partial if writer.partial.exists() else writer.path
        try:
            with source.open("rb") as stream:
                found = read_header(stream.read(ALIGNMENT), source.stat().st_size, source)
                models = [section for section in found if section.data_type != "GenericBinaryData"]
                writer.sections = {section.name: (section.begin, section.end) for section in models}
                if source == writer.path:
                    writer._copy_models(stream)
        except OSError as error:
            raise _output_error("No export to resume", "a partial or finished bundle", error, source) from None
        return writer

    def discard(self) -> None:
        """Removes the partial file, if any."""
        with suppress(OSError):
            self.partial.unlink()

    def _copy_models(self, stream: BinaryIO) -> None:
        end = max(end for _, end in self.sections.values())
        stream.seek(0)
        try:
            with self._open(os.O_CREAT | os.O_TRUNC) as descriptor:
                copy = self._stream(descriptor, 0)
                while copy.tell() < end:
                    copy.write(stream.read(min(CHUNK, end - copy.tell())))
                self._end_phase(descriptor, end, self.sections)
        except BaseException:
            self.discard()
            raise

    def _write_part(self, descriptor: int, part: Part, begin: int) -> None:
        stream = self._stream(descriptor, begin)
        part.write(stream)
        self._add_section(part.name, begin, begin + stream.length)

    def _write_group(self, descriptor: int, group: Group, begin: int) -> None:
        sections, shared = group.write(self._stream(descriptor, begin))
        for name, (start, end) in sections.items():
            self._add_section(name, begin + start, begin + end)
        self.shared_weights += tuple(replace(s, begin=begin + s.begin, end=begin + s.end) for s in shared)

    def _add_section(self, name: str, begin: int, end: int) -> None:
        if name in self.sections:
            raise ValueError(f"section {name} written twice")
        self.sections[name] = (begin, end)

    def _seal(
        self, descriptor: int, traces: Mapping[str, bytes], manifest: Manifest
    ) -> tuple[dict[str, tuple[int, int]], bytes, bytes]:
        """Writes the traces; returns the final sections, the manifest's JSON with all hashes, and the header."""
        end = max(end for _, end in self.sections.values())
        self._truncate(descriptor, end)  # drops what an interrupted run left behind the models
        begin = round_up(end, ALIGNMENT)
        stream = self._stream(descriptor, begin)
        stream.write(pack_traces(traces))
        ranges = {**self.sections, "traces": (begin, begin + stream.length)}
        begin = round_up(begin + stream.length, ALIGNMENT)
        self._truncate(descriptor, begin)
        digests, stray = scan(descriptor, begin, ranges, ((0, ALIGNMENT),))
        if stray is not None:
            raise ValueError(f"byte {stray[0]} between two sections is not zero")
        entries = tuple(SectionEntry(name, *ranges[name], *digests[name]) for name in ranges)
        shared = manifest.shared_weights or self.shared_weights
        manifest = replace(manifest, sections=entries, shared_weights=shared)
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

    def _put_in_place(self, digest: str) -> None:
        checksum = self.path.with_name(f"{self.path.name}.sha256")
        temporary = checksum.with_name(f".{checksum.name}.partial")
        try:
            temporary.write_text(f"{digest}  {self.path.name}\n", encoding="ascii")
            os.replace(self.partial, self.path)
            os.replace(temporary, checksum)
            folder = os.open(self.path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            raise self._full(len(digest) + len(self.path.name), error) from None

    def _file_sha256(self, descriptor: int, size: int) -> str:
        digest, buffer = hashlib.sha256(), memoryview(bytearray(min(CHUNK, size)))
        for offset in range(0, size, CHUNK):
            digest.update(read_exactly(descriptor, buffer[: min(CHUNK, size - offset)], offset))
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
        self.discard()
        return OutputError(
            "Disk is full",
            expected=f"room for at least {max(needed, self._expected_bytes)} bytes",
            found=f"{error.strerror}; {free} bytes free once the unfinished file is removed",
            where=str(self.path),
            action="Free some space, or choose another folder with --out. A previous output is untouched.",
        )


def _output_error(title: str, expected: str, error: OSError, where: Path) -> OutputError:
    action = "Choose another folder with --out, or mend its permissions."
    return OutputError(title, expected=expected, found=str(error), where=str(where), action=action)
