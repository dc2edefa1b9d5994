"""As much of an ELF file as tells whether Android can load it: machine, page size, what it needs and what it offers."""

import struct
from dataclasses import dataclass

MACHINES = {183: "arm64-v8a", 62: "x86_64"}
"""e_machine to Android's name of the architecture."""
_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRTAB, _SYMTAB, _STRSZ = 1, 5, 6, 10


@dataclass(frozen=True)
class Elf:
    """`page` is the smallest alignment of its segments; `needed` names libraries, `symbols` what it defines."""

    abi: str | None
    page: int
    needed: tuple[str, ...]
    symbols: frozenset[str]


def read_elf(data: bytes) -> Elf:
    """Raises ValueError if it is no 64-bit little-endian shared library, or damaged."""
    try:
        return _read(data)
    except (struct.error, LookupError, OverflowError, UnicodeDecodeError, StopIteration) as error:
        raise ValueError(f"a damaged ELF file ({error})") from None


def _read(data: bytes) -> Elf:
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no 64-bit ELF file")
    machine, programs = struct.unpack_from("<H", data, 18)[0], _programs(data)
    loads = [program for program in programs if program[0] == _LOAD]
    dynamic = next((program for program in programs if program[0] == _DYNAMIC), None)
    if not loads or dynamic is None:
        raise ValueError("no shared library")

    def offset(address: int) -> int:
        """Where a virtual address lies in the file."""
        _, begin, virtual, _, _ = next(p for p in loads if p[2] <= address < p[2] + p[3])
        return address - virtual + begin

    entries = list(struct.iter_unpack("<QQ", data[dynamic[1] : dynamic[1] + dynamic[3] // 16 * 16]))
    tags = dict(entries)
    strings_at = offset(tags[_STRTAB])
    strings = data[strings_at : strings_at + tags[_STRSZ]]

    def name(index: int) -> str:
        return strings[index : strings.index(b"\0", index)].decode()

    needed = tuple(name(value) for tag, value in entries if tag == _NEEDED)
    symbols_at, symbols = offset(tags[_SYMTAB]), set()
    # The string table follows the symbols in every linker's layout that is in use here; else the sections tell.
    end = strings_at if strings_at > symbols_at else _symbols_end(data, symbols_at)
    for at in range(symbols_at + 24, end - 23, 24):
        index, _, _, section = struct.unpack_from("<IBBH", data, at)
        if section != 0 and index < len(strings):
            symbols.add(name(index))
    return Elf(MACHINES.get(machine), min(program[4] for program in loads), needed, frozenset(symbols))


def _programs(data: bytes) -> list[tuple[int, int, int, int, int]]:
    """Per program header: type, offset, virtual address, size in the file, alignment."""
    (begin,), (size, count) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<HH", data, 54)
    found = []
    for i in range(count):
        kind, _, offset, address, _, length, _, align = struct.unpack_from("<IIQQQQQQ", data, begin + i * size)
        found.append((kind, offset, address, length, align))
    return found


def _symbols_end(data: bytes, begin: int) -> int:
    """The end of the section that begins there."""
    (table,), (size, count) = struct.unpack_from("<Q", data, 40), struct.unpack_from("<HH", data, 58)
    headers = (struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count))
    return next(offset + length for _, _, _, _, offset, length in headers if offset == begin)
