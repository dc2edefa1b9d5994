"""Digests of a bundle's bytes, computed in one streaming pass, and what they tell about damage.

The writer stores them in the manifest, the reader compares. Three layers: a SHA-256 over a section, a truncated
SHA-256 a block, and two sums a block from which the index of a single changed byte follows.
"""

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from runtime_spec.bundle.manifest import MAX_BLOCKS, MIN_BLOCK, Blocks
from runtime_spec.errors import BundleError

CHUNK = 4 * 1024 * 1024
_PIECE, _ROW = 256 * 1024, 512
_SEAL_KEYS = b'"manifest_sha256":"', b'","manifest_sums":"'


@dataclass(frozen=True)
class Damage:
    """Bytes [begin, end) of the file are wrong; `expected` and `found` are byte values when it is exactly one byte."""

    sections: tuple[str, ...]
    begin: int
    end: int
    expected: int | None = None
    found: int | None = None

    def error(self, path: object) -> BundleError:
        names = " and ".join(self.sections)
        exact = self.end - self.begin == 1
        place = f"byte {self.begin}" if exact else f"between bytes {self.begin} and {self.end - 1}"
        known = self.expected is not None and self.found is not None
        return BundleError(
            f"Bundle is damaged in {names}",
            expected=f"0x{self.expected:02x}" if known else "the bytes that the manifest's digest was made from",
            found=f"0x{self.found:02x}" if known else "other bytes",
            where=f"{path}, section {names}, {place}",
            action="Copy or download the bundle again, or export it again.",
        )


def block_size(length: int) -> int:
    """The smallest power of two, at least 4096, that cuts `length` bytes into at most 1024 blocks."""
    size = MIN_BLOCK
    while size * MAX_BLOCKS < length:
        size *= 2
    return size


def byte_sums(data: memoryview | bytes) -> tuple[int, int]:
    """(sum b_i, sum (i+1) * b_i), exact. Row and column sums, because they need no wide copy of the bytes."""
    codes = np.frombuffer(data, np.uint8)
    first = second = 0
    for start in range(0, len(codes), _PIECE):
        piece = codes[start : start + _PIECE]
        whole = len(piece) // _ROW * _ROW
        table, rest = piece[:whole].reshape(-1, _ROW), piece[whole:].astype(np.int64)
        rows, columns = table.sum(axis=1, dtype=np.uint32), table.sum(axis=0, dtype=np.uint32)
        total = int(rows.sum()) + int(rest.sum())
        second += _ROW * int(rows @ np.arange(len(rows))) + int(columns @ np.arange(1, _ROW + 1))
        second += int(rest @ np.arange(whole + 1, len(piece) + 1)) + start * total
        first += total
    return first, second


def short_digest(data: memoryview | bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def changed_byte(data: bytes, sums: tuple[int, int], is_original: Callable[[bytes], bool]) -> tuple[int, int] | None:
    """(index, original value) if changing one byte of `data` gives the bytes that had `sums`, else None."""
    first, second = byte_sums(data)
    index, remainder = divmod(second - sums[1], first - sums[0]) if first != sums[0] else (0, 1)
    index -= 1
    if remainder or not 0 <= index < len(data):
        return None
    value = data[index] - (first - sums[0])
    if not 0 <= value <= 255:
        return None
    return (index, value) if is_original(data[:index] + bytes([value]) + data[index + 1 :]) else None


class SectionDigest:
    """Digests of the bytes of one range [begin, end), fed in order. `whole` and `blocks` may run in two threads."""

    def __init__(self, begin: int, end: int):
        self.begin, self.end, self.size = begin, end, block_size(end - begin)
        self._whole = hashlib.sha256()
        self._block, self._filled, self._sums = hashlib.sha256(), 0, [0, 0]
        self._digests: list[str] = []
        self._pairs: list[tuple[int, int]] = []

    def feed_whole(self, data: memoryview) -> None:
        self._whole.update(data)

    def feed_blocks(self, data: memoryview) -> None:
        while data:
            piece = data[: self.size - self._filled]
            self._block.update(piece)
            first, second = byte_sums(piece)
            self._sums[0] += first
            self._sums[1] += second + self._filled * first
            self._filled += len(piece)
            data = data[len(piece) :]
            if self._filled == self.size:
                self._close_block()

    def _close_block(self) -> None:
        self._digests.append(self._block.hexdigest()[:16])
        self._pairs.append((self._sums[0], self._sums[1]))
        self._block, self._filled, self._sums = hashlib.sha256(), 0, [0, 0]

    def result(self) -> tuple[str, Blocks]:
        if self._filled:
            self._close_block()
        return self._whole.hexdigest(), Blocks(self.size, tuple(self._digests), tuple(self._pairs))


def scan(
    descriptor: int,
    size: int,
    ranges: Mapping[str, tuple[int, int]],
    covered: tuple[tuple[int, int], ...] = (),
    seen: Callable[[int, int], None] | None = None,
    begin: int = 0,
) -> tuple[dict[str, tuple[str, Blocks]], tuple[int, int] | None]:
    """One pass over the file from `begin` on, with a reused buffer (read, not mapped: mapped pages count as resident).

    Returns per range its SHA-256 and blocks, and (offset, value) of the first byte that is not zero outside all
    ranges and `covered`, or None. `seen(done, size)` is told of bytes as they are read. BundleError when the file ends
    before `size`.
    """
    digests = {name: SectionDigest(*bounds) for name, bounds in ranges.items()}
    gaps = _gaps(size, ((0, begin), *ranges.values(), *covered))
    buffer, stray = memoryview(bytearray(min(CHUNK, max(size, 1)))), None
    with ThreadPoolExecutor(2) as pool:
        for offset in range(begin, size, CHUNK):
            data = read_exactly(descriptor, buffer[: min(CHUNK, size - offset)], offset)
            jobs = []
            for digest in digests.values():
                piece = _overlap(data, offset, digest.begin, digest.end)
                if piece:
                    jobs += [pool.submit(digest.feed_whole, piece), pool.submit(digest.feed_blocks, piece)]
            stray = stray or _first_nonzero(data, offset, gaps)
            for job in jobs:
                job.result()
            if seen is not None:
                seen(offset + len(data), size)
    return {name: digest.result() for name, digest in digests.items()}, stray


def read_exactly(descriptor: int, buffer: memoryview, offset: int) -> memoryview:
    """Fills `buffer` from `offset` of the file; BundleError when the file is too short or can't be read."""
    done, reason = 0, "the end of the file"
    while done < len(buffer):
        try:
            count = os.preadv(descriptor, [buffer[done:]], offset + done)
        except OSError as error:
            count, reason = 0, str(error)
        if count == 0:
            raise BundleError(
                "Bundle can't be read",
                expected=f"{len(buffer)} bytes",
                found=reason,
                where=f"byte {offset + done}",
                action="Copy or export the bundle again.",
            )
        done += count
    return buffer


def _overlap(data: memoryview, offset: int, begin: int, end: int) -> memoryview:
    return data[max(begin - offset, 0) : max(end - offset, 0)]


def _gaps(size: int, ranges: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    gaps, position = [], 0
    for begin, end in sorted(ranges):
        if begin > position:
            gaps.append((position, begin))
        position = max(position, end)
    return [*gaps, (position, size)] if position < size else gaps


def _first_nonzero(data: memoryview, offset: int, gaps: list[tuple[int, int]]) -> tuple[int, int] | None:
    for begin, end in gaps:
        piece = _overlap(data, offset, begin, end)
        if piece:
            marks = np.frombuffer(piece, np.uint8) != 0
            index = int(marks.argmax())
            if marks[index]:
                return max(begin, offset) + index, piece[index]
    return None


def section_damage(
    descriptor: int, name: str, begin: int, stored: tuple[str, Blocks], actual: tuple[str, Blocks], end: int
) -> Damage | None:
    """The first wrong byte, or block when more than one byte of it changed, of a section whose digests differ."""
    if stored == actual:
        return None
    blocks, size = stored[1], stored[1].size
    wrong = (
        [i for i, digest in enumerate(actual[1].digests) if digest != blocks.digests[i]]
        if size == actual[1].size
        else []
    )
    if not wrong:
        return Damage((name,), begin, end)
    start = begin + wrong[0] * size
    data = bytes(read_exactly(descriptor, memoryview(bytearray(min(size, end - start))), start))
    digest = blocks.digests[wrong[0]]
    hit = changed_byte(data, blocks.sums[wrong[0]], lambda original: short_digest(original) == digest)
    if hit is None:
        return Damage((name,), start, start + len(data))
    return Damage((name,), start + hit[0], start + hit[0] + 1, hit[1], data[hit[0]])


def sums_hex(data: bytes) -> str:
    """Both byte sums as 2 * 16 hex digits: a fixed width, because the manifest's size stands in the header."""
    return "{:016x}{:016x}".format(*byte_sums(data))


def header_damage(header: bytes, sha256: str, sums: str) -> Damage | None:
    if hashlib.sha256(header).hexdigest() == sha256:
        return None
    pair = int(sums[:16], 16), int(sums[16:], 16)
    hit = changed_byte(header, pair, lambda original: hashlib.sha256(original).hexdigest() == sha256)
    if hit is None:
        return Damage(("header",), 0, len(header))
    return Damage(("header",), hit[0], hit[0] + 1, hit[1], header[hit[0]])


def seal(text: bytes) -> bytes:
    """Manifest JSON with its own hash and sums filled in, both made with all of their digits at zero."""
    at = _seal_positions(text)
    blank = _blank(text, at)
    digest, sums = hashlib.sha256(blank).hexdigest().encode(), sums_hex(blank).encode()
    return blank[: at[0]] + digest + blank[at[0] + 64 : at[1]] + sums + blank[at[1] + 32 :]


def _seal_positions(text: bytes) -> tuple[int, int] | None:
    """Where the digits of the hash and of the sums begin. Either key is enough: the other may be what is damaged."""
    found = text.find(_SEAL_KEYS[0])
    sha = found + len(_SEAL_KEYS[0])
    if found < 0:
        found = text.find(_SEAL_KEYS[1][2:])
        sha = found - 2 - 64
    sums = sha + 64 + len(_SEAL_KEYS[1])
    return (sha, sums) if found >= 0 and sha >= 0 and sums + 32 <= len(text) else None


def _blank(text: bytes, at: tuple[int, int]) -> bytes:
    return text[: at[0]] + b"0" * 64 + text[at[0] + 64 : at[1]] + b"0" * 32 + text[at[1] + 32 :]


def seal_damage(text: bytes, begin: int) -> Damage | None:
    """What is wrong with manifest JSON that stands at `begin` of the file, judged by its own hash; None without one."""
    at = _seal_positions(text)
    if at is None:
        return None
    blank = _blank(text, at)
    stored_sha, stored_sums = text[at[0] : at[0] + 64], text[at[1] : at[1] + 32]
    sha, sums = hashlib.sha256(blank).hexdigest().encode(), sums_hex(blank).encode()
    if stored_sha == sha and stored_sums == sums:
        return None
    if stored_sha == sha:
        return _digit_damage(begin + at[1], sums, stored_sums)
    if stored_sums == sums:
        return _digit_damage(begin + at[0], sha, stored_sha)
    if re.fullmatch(rb"[0-9a-f]{32}", stored_sums):
        pair = int(stored_sums[:16], 16), int(stored_sums[16:], 16)
        hit = changed_byte(blank, pair, lambda original: hashlib.sha256(original).hexdigest().encode() == stored_sha)
        if hit is not None:
            return Damage(("manifest",), begin + hit[0], begin + hit[0] + 1, hit[1], blank[hit[0]])
    return Damage(("manifest",), begin, begin + len(text))


def _digit_damage(begin: int, expected: bytes, found: bytes) -> Damage:
    wrong = [i for i, (a, b) in enumerate(zip(expected, found, strict=True)) if a != b]
    first, last = begin + wrong[0], begin + wrong[-1] + 1
    one = len(wrong) == 1
    return Damage(("manifest",), first, last, expected[wrong[0]] if one else None, found[wrong[0]] if one else None)
