"""A checkpoint's files: regular ones of bounded size, reached without leaving the folder or its hub cache."""

import os
import socket
from pathlib import Path

import pytest

from export.checkpoint import files
from export.checkpoint.files import MAX_TOKENIZER, is_there, open_file, parse_json, printable, read_file, read_json
from export.errors import CheckpointError
from runtime_spec.bundle import limits


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "secret").write_bytes(b"root:x:0:0")
    return tmp_path / "checkpoint"


def refused(path, *parts, limit=100):
    with pytest.raises(CheckpointError) as caught:
        read_file(path, limit)
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.exit_code == 3 and "root:x" not in str(caught.value)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


KINDS = {"a folder": Path.mkdir, "a pipe": os.mkfifo, "a socket": make_socket}


@pytest.mark.parametrize("kind", KINDS)
def test_only_regular_files_are_opened(folder, kind):
    """None of them may wait for somebody who never writes."""
    KINDS[kind](folder / "config.json")
    refused(folder / "config.json", "no regular file", kind)


def test_devices_are_refused():
    refused(Path("/dev/zero"), "no regular file", "a device")


@pytest.mark.parametrize("to", ["/dev/zero", "../secret", "/etc/passwd", "..", "loop", "absent", "x" * 5000])
def test_links_out_of_the_folder_to_nothing_and_to_themselves(folder, to):
    if to == "loop":
        (folder / "loop").symlink_to("config.json")
    path = folder / "config.json"
    if len(to) < 5000:
        path.symlink_to(to)
        assert is_there(path)
    refused(path if len(to) < 5000 else folder / to, "can't be read")


def test_links_inside_the_folder(folder):
    (folder / "sub").mkdir()
    (folder / "sub/real.json").write_bytes(b"{}")
    (folder / "config.json").symlink_to("sub/real.json")
    (folder.parent / "by another name").symlink_to(folder)
    assert read_file(folder / "config.json", 2) == b"{}"
    assert read_file(folder.parent / "by another name/config.json", 2) == b"{}"


def snapshot(folder):
    """As the hub's client lays them out: snapshots/REVISION/NAME is a link to ../../blobs/HASH."""
    repository = folder / "models--org--name"
    (repository / "blobs").mkdir(parents=True)
    (repository / "snapshots/0123").mkdir(parents=True)
    (repository / "blobs/abcd").write_bytes(b"{}")
    (repository / "snapshots/0123/config.json").symlink_to("../../blobs/abcd")
    return repository


def test_the_hubs_cache(folder):
    repository = snapshot(folder)
    path = repository / "snapshots/0123/config.json"
    assert read_file(path, 2) == b"{}"
    (repository / "blobs/abcd").unlink()
    (repository / "blobs/abcd").symlink_to(folder.parent / "secret")
    refused(path, "a link out of its folder")


def test_a_store_that_is_a_link_itself(folder):
    """An archive can bring the hub's layout with `blobs` a link to where the user's own files are."""
    repository = snapshot(folder)
    (repository / "blobs").rename(folder / "elsewhere")
    (repository / "blobs").symlink_to(folder / "elsewhere")
    refused(repository / "snapshots/0123/config.json", "a link out of its folder")


def test_a_repository_of_another_name_is_outside(folder):
    repository = snapshot(folder)
    path = repository / "snapshots/0123/other.json"
    (folder / "models--org--other/blobs").mkdir(parents=True)
    (folder / "models--org--other/blobs/abcd").write_bytes(b"{}")
    path.symlink_to(folder / "models--org--other/blobs/abcd")
    refused(path, "a link out of its folder")


def test_the_size_is_bounded_by_what_is_read(folder):
    path = folder / "config.json"
    path.write_bytes(b"a" * 100)
    assert len(read_file(path, 100)) == 100
    refused(path, "at most 99 bytes", limit=99)
    assert Path("/proc/self/maps").stat().st_size == 0
    refused(Path("/proc/self/maps"), "more than 100 bytes")


def test_a_file_that_is_swapped_for_a_pipe_while_it_is_opened(folder, monkeypatch):
    path, kinds = folder / "config.json", []
    path.write_bytes(b"{}")

    def swap(descriptor, fstat=os.fstat):
        kinds.append(descriptor)
        return os.stat(folder)

    monkeypatch.setattr(files.os, "fstat", swap)
    with pytest.raises(CheckpointError, match="no regular file"):
        open_file(path)
    assert kinds


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"[]", "a list"),
        (b"{", "Expecting"),
        (b'{"a": "\xff"}', "utf-8"),
        (b"\xff\xfe{\x00}\x00", "utf-8"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\uDFFF": 1}', "surrogate"),
        (b'{"a": "\xed\xa0\x80"}', "utf-8"),
        (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
        (b'{"a": [' + b"0," * 2_000_001 + b"0]}", "2,000,000 values"),
    ],
)
def test_json_that_is_refused(folder, raw, text):
    (folder / "config.json").write_bytes(raw)
    with pytest.raises(CheckpointError, match="config.json can't be read") as caught:
        read_json(folder / "config.json")
    assert text in caught.value.found


def test_whole_pairs_of_surrogates_are_text():
    assert parse_json(b'{"a": "\\ud83d\\ude00 \\\\ud800"}') == {"a": "\U0001f600 \\ud800"}


def test_names_that_are_no_text_can_be_printed(folder):
    path = Path(os.fsdecode(bytes(folder) + b"/\xff"))
    refused(path, "\\udcff")
    assert printable(path).encode()


def test_a_tokenizer_may_have_the_bundles_size():
    assert MAX_TOKENIZER == limits.MAX_TOKENIZER


def test_the_store_that_the_hubs_repositories_share(folder):
    """CACHE/blobs/AB/ABCD…, which a repository's blob is a link to; and nothing else beside the repository."""
    repository = snapshot(folder)
    path, blob = repository / "snapshots/0123/config.json", repository / "blobs/abcd"
    cases = {
        "blobs/ab/ab" + "0" * 62: True,
        "blobs/ab/cd" + "0" * 62: False,
        "blobs/ab/ab" + "0" * 61: False,
        "blobs/ab" + "0" * 62: False,
        "other/ab/ab" + "0" * 62: False,
    }
    for name, is_allowed in cases.items():
        stored = repository.parent / name
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(b"{}")
        blob.unlink()
        blob.symlink_to(stored)
        if is_allowed:
            assert read_file(path, 10) == b"{}"
        else:
            refused(path, "a link out of its folder")
