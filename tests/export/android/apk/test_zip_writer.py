"""The archive: readable by others, aligned, and the same bytes each time."""

import random
import struct
import zipfile

import pytest

from export.android.apk.zip_writer import PAGE, Entry, write_zip

DRAW = random.Random(2)
ENTRIES = [
    Entry("AndroidManifest.xml", b"<manifest/>" * 50, is_stored=False),
    Entry("resources.arsc", DRAW.randbytes(1003), is_stored=True),
    Entry("lib/arm64-v8a/libone.so", DRAW.randbytes(20_001), is_stored=True, alignment=PAGE),
    Entry("lib/x86_64/libone.so", b"", is_stored=True, alignment=PAGE),
    Entry("assets/ü", b"x" * 7, is_stored=True, alignment=PAGE),
    Entry("classes.dex", DRAW.randbytes(5000), is_stored=False),
]


@pytest.fixture
def path(tmp_path):
    write_zip(tmp_path / "a.zip", ENTRIES)
    return tmp_path / "a.zip"


def data_offset(path, info):
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return info.header_offset + 30 + name + extra


def test_others_read_it(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {e.name: e.content for e in ENTRIES}


def test_stored_entries_begin_where_they_are_mapped(path):
    with zipfile.ZipFile(path) as archive:
        for entry in ENTRIES:
            info = archive.getinfo(entry.name)
            assert (info.compress_type == zipfile.ZIP_STORED) == entry.is_stored
            if entry.is_stored:
                assert data_offset(path, info) % entry.alignment == 0


def test_the_same_bytes_and_no_time(path, tmp_path):
    (tmp_path / "large").write_bytes(ENTRIES[2].content)
    other = [*ENTRIES[:2], Entry(ENTRIES[2].name, tmp_path / "large", True, PAGE), *ENTRIES[3:]]
    write_zip(tmp_path / "b.zip", other)
    assert (tmp_path / "b.zip").read_bytes() == path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1981, 1, 1, 0, 0, 0)}


def test_an_empty_archive(tmp_path):
    write_zip(tmp_path / "empty.zip", [])
    with zipfile.ZipFile(tmp_path / "empty.zip") as archive:
        assert archive.namelist() == []
