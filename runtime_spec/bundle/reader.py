"""Reader of a .litertlm with Slipstream's manifest. Any damage ends in a BundleError, whatever the bytes are.

`Bundle.open` checks the file's header and manifest, `verify_hashes` every byte. Sections may overlap: models that share
weights hold them in common bytes.
"""

import contextlib
import json
import mmap
import os
import stat
import zlib
from dataclasses import replace
from pathlib import Path

from runtime_spec.bundle.digests import Damage, header_damage, read_exactly, scan, seal_damage, section_damage
from runtime_spec.bundle.header import BINARY_PREFIX, Section, bundle_error, read_header
from runtime_spec.bundle.limits import MAX_TOKENIZER, tokenizer_limit
from runtime_spec.bundle.manifest import ALIGNMENT, Manifest
from runtime_spec.errors import BundleError

MAX_MANIFEST = 16 * 2**20
_MANIFEST_START = b'{"chat":'


class Bundle:
    """An open bundle, memory-mapped. Use as a context manager, or `close` it; views die with it."""

    def __init__(self, path: Path, descriptor: int, view: mmap.mmap, sections: tuple[Section, ...], manifest: Manifest):
        self.path, self.size, self.manifest = path, len(view), manifest
        self._descriptor, self._mapped = descriptor, view
        whole = memoryview(view)
        self.sections = tuple(replace(section, data=whole[section.begin : section.end]) for section in sections)

    @classmethod
    def open(cls, path: str | os.PathLike) -> "Bundle":
        """BundleError when it can't be opened, is no bundle of ours, is newer, or its header or manifest is damaged."""
        path = Path(path)
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except (OSError, ValueError) as error:
            raise bundle_error("Bundle can't be opened", "a readable file", error, path) from None
        try:
            view = _map(descriptor, path)
            sections, manifest = _load(view, path)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor, view, sections, manifest)

    @property
    def descriptor(self) -> int:
        """The open file, valid until `close`: what it reads is what was opened, whatever the path names by now."""
        return self._descriptor

    def section(self, name: str) -> Section:
        for section in self.sections:
            if section.name == name:
                return section
        raise bundle_error("Bundle lacks a section", name, ", ".join(s.name for s in self.sections), self.path)

    def has(self, name: str) -> bool:
        return any(section.name == name for section in self.sections)

    def tokenizer_json(self) -> bytes:
        """The tokenizer.json: 8 bytes of its size, then zlib. BundleError when the stream is not exactly that."""
        limit = tokenizer_limit(self.manifest.config.vocab_size)
        return unpack_tokenizer(self.section("tokenizer").data, f"{self.path}, section tokenizer", limit)

    def llm_metadata(self) -> bytes:
        """LiteRT-LM's LlmMetadata message, serialized."""
        return bytes(self.section("llm_metadata").data)

    def traces(self) -> dict[str, str]:
        """Golden traces by name, each JSON Lines text."""
        return unpack_traces(bytes(self.section("traces").data), f"{self.path}, section traces")

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        with contextlib.suppress(BufferError):  # someone still holds a slice: the mapping goes with it
            for section in self.sections:
                section.data.release()
            self._mapped.close()

    def __enter__(self) -> "Bundle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _map(descriptor: int, path: Path) -> mmap.mmap:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        raise bundle_error("Not a .litertlm bundle", "a file with a header", f"{status.st_size} bytes", path)
    try:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise bundle_error("Bundle can't be mapped", f"{status.st_size} bytes of address space", error, path) from None


def _load(view: mmap.mmap, path: Path) -> tuple[tuple[Section, ...], Manifest]:
    """Header and manifest, each proven by the manifest's digests."""
    header, problem, sections = view[:ALIGNMENT], None, ()
    try:
        sections = read_header(header, len(view), path)
        manifest = _read_manifest(view, sections, path)
    except BundleError as error:
        # A damaged header leads nowhere; the manifest still stands at the file's end and tells which byte it is.
        manifest, problem = _manifest_at_tail(view), error
        if manifest is None:
            raise
    damage = header_damage(header, manifest.header_sha256, manifest.header_sums)
    if damage is not None:
        raise damage.error(path)
    if problem is not None:
        raise problem
    listed = [(s.name, s.begin, s.end) for s in manifest.sections]
    actual = [(s.name, s.begin, s.end) for s in sections[:-1]]
    if listed != actual:
        raise bundle_error("Bundle's header and manifest differ", f"sections {listed}", actual, path)
    return sections, manifest


def _read_manifest(view: mmap.mmap, sections: tuple[Section, ...], path: Path) -> Manifest:
    if "manifest" not in [s.name for s in sections if s.data_type == "GenericBinaryData"]:
        raise BundleError(
            "Bundle was not made by Slipstream",
            expected=f"a section {BINARY_PREFIX}manifest",
            found="a plain LiteRT-LM bundle with " + (", ".join(s.name for s in sections)[:200] or "no sections"),
            where=str(path),
            action="Export the checkpoints with Slipstream, or run this file with LiteRT-LM.",
        )
    last = sections[-1]
    if last.name != "manifest" or last.end != len(view):
        found = f"{last.name} up to byte {last.end} of {len(view)}"
        raise bundle_error("Bundle has bytes after its manifest", "the manifest as the file's end", found, path)
    return _parse_manifest(view, last.begin, path)


def _parse_manifest(view: mmap.mmap, begin: int, path: Path) -> Manifest:
    if len(view) - begin > MAX_MANIFEST:
        found = f"{len(view) - begin} bytes"
        raise bundle_error("Bundle's manifest is too large", f"at most {MAX_MANIFEST} bytes", found, path)
    text = view[begin:]
    damage = seal_damage(text, begin)
    if damage is not None:
        raise damage.error(path)
    manifest = Manifest.from_json(text)
    if manifest.to_json() != text:  # another spelling could hide the keys of the manifest's own hash
        raise bundle_error("Manifest is not valid", "canonical JSON", "another spelling of it", path)
    return manifest


def _manifest_at_tail(view: mmap.mmap) -> Manifest | None:
    """The intact manifest nearest to the file's end, found without the header, or None."""
    last = (len(view) - 1) // ALIGNMENT * ALIGNMENT
    for begin in range(last, max(ALIGNMENT, last - MAX_MANIFEST) - 1, -ALIGNMENT):
        if view[begin : begin + len(_MANIFEST_START)] == _MANIFEST_START:
            try:
                return _parse_manifest(view, begin, Path())
            except BundleError:
                return None
    return None


def unpack_tokenizer(data: memoryview, where: str, limit: int = MAX_TOKENIZER) -> bytes:
    """Never allocates more than the stated size: at most `limit`, and one that deflate can reach from these bytes."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(limit, 1032 * len(data)):
        raise bundle_error(
            "Bundle's tokenizer is damaged", f"at most {limit} bytes and a zlib stream", f"a size of {size}", where
        )
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data[8:], size + 1)
    except zlib.error as error:
        raise bundle_error("Bundle's tokenizer is damaged", "a zlib stream", error, where) from None
    if len(text) != size or not stream.eof or stream.unused_data:
        raise bundle_error("Bundle's tokenizer is damaged", f"{size} bytes", f"{len(text)} bytes or more", where)
    return text


def unpack_traces(data: bytes, where: str) -> dict[str, str]:
    """Per trace one line `{"bytes":N,"trace":NAME}` and N bytes of JSON Lines: the section as a whole is JSON Lines."""
    traces, position = {}, 0
    try:
        while position < len(data):
            start = data.index(b"\n", position) + 1
            head = json.loads(data[position:start])
            name, length = head["trace"], head["bytes"]
            if type(name) is not str or type(length) is not int or not 0 <= length <= len(data) - start:
                raise ValueError(f"header line {head}")
            traces[name] = data[start : start + length].decode("utf-8")
            position = start + length
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise bundle_error("Bundle's traces are damaged", "named traces", repr(error)[:200], where) from None
    return traces


def first_damage(bundle: Bundle) -> Damage | None:
    """The first byte of the file that differs from what the manifest's digests were made from, or None.

    Streams; header and manifest are proven already by `Bundle.open`. A byte that several sections share names all.
    """
    entries = {entry.name: entry for entry in bundle.manifest.sections}
    ranges = {name: (entry.begin, entry.end) for name, entry in entries.items()}
    manifest = bundle.section("manifest")
    covered = ((0, ALIGNMENT), (manifest.begin, manifest.end))
    digests, stray = scan(bundle._descriptor, bundle.size, ranges, covered)
    found = [] if stray is None else [Damage(("padding",), stray[0], stray[0] + 1, 0, stray[1])]
    for name, entry in entries.items():
        stored = entry.sha256, entry.blocks
        damage = section_damage(bundle._descriptor, name, entry.begin, stored, digests[name], entry.end)
        found += [] if damage is None else [damage]
    if not found:
        return None
    first = min(found, key=lambda damage: (damage.begin, damage.end))
    names = tuple(name for d in found if d.begin < first.end for name in d.sections)
    return Damage(names, first.begin, first.end, first.expected, first.found)


def verify_hashes(bundle: Bundle) -> None:
    """BundleError that names the section and the first wrong byte when any byte of the file changed."""
    damage = first_damage(bundle)
    if damage is not None:
        raise damage.error(bundle.path)
    header = bytes(read_exactly(bundle._descriptor, memoryview(bytearray(ALIGNMENT)), 0))
    damage = header_damage(header, bundle.manifest.header_sha256, bundle.manifest.header_sums)
    if damage is not None:
        raise damage.error(bundle.path)
