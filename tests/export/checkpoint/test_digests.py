"""Digests of checkpoints' files: right, read once, and never an earlier file's."""

import hashlib
import os
import threading
import time

import pytest

from export.checkpoint import digests
from export.checkpoint.digests import Stopped, file_digest, remember
from export.errors import CheckpointError
from runtime_spec.cache import cache_folder

GO = threading.Event()


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file that nobody has written to for a while."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"a" * 5_000_000)
    monkeypatch.setattr(digests, "STEP_NS", 0)
    return path


def counted(monkeypatch) -> list[int]:
    """How many bytes were hashed, one number a call."""
    sizes, real = [], hashlib.sha256

    class Counting:
        def __init__(self, data=b""):
            self.digest, self.size = real(data), 0
            sizes.append(0)

        def update(self, data):
            sizes[-1] += len(data)
            self.digest.update(data)

        def hexdigest(self):
            return self.digest.hexdigest()

    monkeypatch.setattr(digests.hashlib, "sha256", Counting)
    return sizes


def test_a_file_is_read_once(file, monkeypatch):
    right = hashlib.sha256(file.read_bytes()).hexdigest()
    sizes = counted(monkeypatch)
    assert file_digest(file, GO) == right and sum(sizes) == 5_000_000
    sizes.clear()
    assert file_digest(file, GO) == right and sum(sizes) == 0


@pytest.mark.parametrize("change", ["written to", "replaced", "its time set back"])
def test_a_changed_file_is_read_again(file, change):
    first, status = file_digest(file, GO), os.stat(file)
    other = file.with_name("other")
    if change == "replaced":
        other.write_bytes(b"b" * 5_000_000)
        os.replace(other, file)
    else:
        with file.open("r+b") as opened:
            opened.write(b"b")
    if change == "its time set back":
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    found = file_digest(file, GO)
    assert found != first and found == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_file_of_this_moment_is_not_remembered(file, monkeypatch):
    """A change within the clock's step would leave its times as they are."""
    monkeypatch.setattr(digests, "STEP_NS", 60_000_000_000)
    file_digest(file, GO)
    assert not (cache_folder() / "digests").exists()


def test_one_that_was_written_here_is_remembered_at_once(file, monkeypatch):
    remember(file, "ab" * 32)
    sizes = counted(monkeypatch)
    assert file_digest(file, GO) == "ab" * 32 and sum(sizes) == 0


@pytest.mark.parametrize("text", ["", "g" * 64, "0" * 63, "0" * 65])
def test_what_is_kept_and_no_digest_is_not_believed(file, text):
    right = file_digest(file, GO)
    (kept,) = (cache_folder() / "digests").iterdir()
    kept.write_text(text)
    assert file_digest(file, GO) == right


def test_a_cache_that_can_not_be_written_to_costs_only_time(file, tmp_path):
    (tmp_path / "cache").write_bytes(b"")
    assert file_digest(file, GO) == hashlib.sha256(file.read_bytes()).hexdigest()


def test_reading_stops_when_it_is_told_to(file):
    stop = threading.Event()
    stop.set()
    begin = time.monotonic()
    with pytest.raises(Stopped):
        file_digest(file, stop)
    assert time.monotonic() - begin < 5


def test_a_pipe_is_refused(file, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="a pipe"):
        file_digest(tmp_path / "pipe", GO)
