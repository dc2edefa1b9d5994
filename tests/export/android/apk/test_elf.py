"""What is read of an ELF file: against libraries made here, and against those of LiteRT's wheel."""

import importlib.util
import random
from contextlib import suppress
from pathlib import Path

import pytest

from export.android.apk.elf import read_elf
from tests.export.android.apk.elves import elf


def test_a_small_library():
    found = read_elf(elf("x86_64", 4096, ("libc.so",), ("one", "two"), ("malloc",)))
    assert (found.abi, found.page, found.needed) == ("x86_64", 4096, ("libc.so",))
    assert found.symbols == {"one", "two"}


def test_the_wheels_library():
    folder = Path(importlib.util.find_spec("ai_edge_litert").submodule_search_locations[0])
    found = read_elf((folder / "libLiteRt.so").read_bytes())
    assert found.abi == "x86_64" and "libc.so.6" in found.needed
    assert {"LiteRtCreateEnvironment", "LiteRtRunCompiledModel"} <= found.symbols and "malloc" not in found.symbols


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"MZ" * 100, elf()[:70], elf()[:200], elf()[:64] + bytes(400)])
def test_no_library(data):
    with pytest.raises(ValueError):
        read_elf(data)


def test_damage_never_ends_in_another_error():
    whole, draw = elf(defined=("one", "two", "three")), random.Random(3)
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(draw.randrange(1, 6)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        with suppress(ValueError):
            read_elf(bytes(data[: draw.randrange(len(data))] if draw.random() < 0.3 else data))
