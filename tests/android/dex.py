"""Class and method names of a dex file, read without a tool: header, string, type, method and class tables."""

import struct
from pathlib import Path


class Dex:
    def __init__(self, data: bytes):
        self.data = data
        assert data[:4] == b"dex\n"
        sizes = struct.unpack_from("<14I", data, 56)
        (self._strings, self._types, _, _, self._methods, self._classes) = (
            (sizes[i], sizes[i + 1]) for i in range(0, 12, 2)
        )

    def _string(self, index: int) -> str:
        at = struct.unpack_from("<I", self.data, self._strings[1] + 4 * index)[0]
        while self.data[at] & 0x80:  # the length, which is not needed: the text ends with a zero
            at += 1
        at += 1
        return self.data[at : self.data.index(b"\0", at)].decode(errors="replace")

    def _type(self, index: int) -> str:
        """`Ldev/slipstream/X;` as `dev.slipstream.X`."""
        name = self._string(struct.unpack_from("<I", self.data, self._types[1] + 4 * index)[0])
        return name[1:-1].replace("/", ".") if name.startswith("L") else name

    def classes(self) -> set[str]:
        """Those that are defined here."""
        count, begin = self._classes
        return {self._type(struct.unpack_from("<I", self.data, begin + 32 * i)[0]) for i in range(count)}

    def methods(self) -> set[str]:
        """`class.method` of every method that is defined or called."""
        count, begin = self._methods
        found = (struct.unpack_from("<HHI", self.data, begin + 8 * i) for i in range(count))
        return {f"{self._type(owner)}.{self._string(name)}" for owner, _, name in found}


def read_all(archive) -> tuple[set[str], set[str]]:
    """Classes and methods of every dex file of an open APK."""
    classes, methods = set(), set()
    for name in archive.namelist():
        if Path(name).match("classes*.dex"):
            dex = Dex(archive.read(name))
            classes |= dex.classes()
            methods |= dex.methods()
    return classes, methods
