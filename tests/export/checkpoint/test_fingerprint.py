"""A fingerprint changes with everything that an export reads."""

import os
import shutil

import pytest

from export.checkpoint import checkpoint
from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.safetensors import INDEX_NAME

SMALL = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]


@pytest.mark.parametrize("name", SMALL)
def test_fingerprint_follows_every_small_file(target, name):
    first = Checkpoint.open(target).fingerprint()
    assert first == Checkpoint.open(target).fingerprint() and len(first) == 64
    with open(target / name, "a") as file:
        file.write("\n")
    second = Checkpoint.open(target).fingerprint()
    (target / name).rename(target / "elsewhere")
    third = Checkpoint.open(target).fingerprint() if name not in ("config.json", "tokenizer.json") else ""
    assert len({first, second, third}) == 3


def test_fingerprint_follows_the_index(pairs, tmp_path):
    folder = shutil.copytree(pairs["tiny_e4b"][0], tmp_path / "target")
    first = Checkpoint.open(folder).fingerprint()
    with open(folder / INDEX_NAME, "a") as file:
        file.write("\n")
    assert Checkpoint.open(folder).fingerprint() != first


def spoil(path, at):
    """Changes one byte, white space into other white space."""
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(b"\t" if byte == b" " else bytes([byte[0] ^ 1]))


@pytest.mark.parametrize("whole", [True, False])
def test_fingerprint_follows_the_tensors(target, monkeypatch, whole):
    """Every byte of a small checkpoint; of a large one those that were written since, whichever they are."""
    if not whole:
        monkeypatch.setattr(checkpoint, "FULL_HASH_BYTES", 1 << 20)
        monkeypatch.setattr(checkpoint, "SAMPLE_BYTES", 1 << 10)
    first, path = Checkpoint.open(target).fingerprint(), target / "model.safetensors"
    before = path.stat()
    step = before.st_size // checkpoint.SAMPLES
    spoil(path, 100 * step + step // 2)  # between two samples
    if whole:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert Checkpoint.open(target).fingerprint() != first


def test_fingerprint_of_a_large_checkpoint_follows_header_and_samples(target, monkeypatch):
    monkeypatch.setattr(checkpoint, "FULL_HASH_BYTES", 1 << 20)
    monkeypatch.setattr(checkpoint, "SAMPLE_BYTES", 1 << 10)
    path, seen = target / "model.safetensors", {Checkpoint.open(target).fingerprint()}
    before, header = path.stat(), int.from_bytes(path.read_bytes()[:8], "little")
    step = before.st_size // checkpoint.SAMPLES
    for at in (7 + header, step * (checkpoint.SAMPLES - 1)):  # of the header's filling, and where a sample begins
        spoil(path, at)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        seen.add(Checkpoint.open(target).fingerprint())
    assert len(seen) == 3


def test_fingerprint_of_a_small_copy_is_the_same(target, tmp_path):
    copy = shutil.copytree(target, tmp_path / "copy")
    assert Checkpoint.open(copy).fingerprint() == Checkpoint.open(target).fingerprint()
