"""Packed weights on disk through bin/slipstream, as runtime_spec/PACKED_WEIGHTS.md has them: proof, one maker, damage,
full disks, and no growth."""

import json
import os
import resource
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.android.launcher import SLIPSTREAM, run

PROMPT = ["--prompt", "def f():\n", "--max-new-tokens", "12"]


@pytest.fixture
def bundle(int8_out, tmp_path) -> Path:
    return Path(shutil.copy(int8_out / "model.litertlm", tmp_path))


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


def generate(bundle: Path, cache: Path, **environment: str):
    return run("generate", bundle, *PROMPT, XDG_CACHE_HOME=str(cache), **environment)


def entries(cache: Path) -> list[Path]:
    weights = cache / "slipstream/jvm/weights"
    return sorted(path for path in weights.iterdir() if path.is_dir()) if weights.exists() else []


def text(done) -> str:
    assert done.returncode == 0 and done.stderr.count("\n") == 1, done.stderr
    return done.stdout


def test_an_entry_is_what_the_specification_says(bundle, cache):
    first = text(generate(bundle, cache))
    (entry,) = entries(cache)
    assert sorted(path.name for path in entry.iterdir()) == ["drafter.xnnpack", "entry.json", "main.xnnpack"]
    told = json.loads((entry / "entry.json").read_text())
    assert sorted(told["files"]) == ["drafter.xnnpack", "main.xnnpack"] and len(told["proven"]) == 1
    before = [(path.stat().st_ino, path.stat().st_mtime_ns) for path in sorted(entry.glob("*.xnnpack"))]
    assert text(generate(bundle, cache)) == first
    assert [(path.stat().st_ino, path.stat().st_mtime_ns) for path in sorted(entry.glob("*.xnnpack"))] == before


def test_a_damaged_copy_before_and_after_the_whole_one(bundle, cache, tmp_path):
    whole = bundle.read_bytes()
    damaged = tmp_path / "damaged.litertlm"
    data = bytearray(whole)
    data[3_000_000] ^= 0x55
    damaged.write_bytes(data)

    def refuse():
        done = generate(damaged, cache)
        assert done.returncode == 8 and "byte 3000000" in done.stderr and done.stdout == ""

    refuse()
    assert entries(cache) == []
    expected = text(generate(bundle, cache))
    refuse()
    assert text(generate(bundle, cache)) == expected
    # The same name, size and time of modification: only the time of status change tells.
    stat = bundle.stat()
    bundle.write_bytes(data)
    os.utime(bundle, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    done = generate(bundle, cache)
    assert done.returncode == 8 and "byte 3000000" in done.stderr


def test_flipped_bytes_in_a_packed_file_are_noticed(bundle, cache):
    expected = text(generate(bundle, cache))
    packed = entries(cache)[0] / "main.xnnpack"
    whole, stat = packed.read_bytes(), packed.stat()
    packed.write_bytes(bytes(byte ^ 0x55 if i % 1000 == 500 else byte for i, byte in enumerate(whole)))
    os.utime(packed, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert text(generate(bundle, cache)) == expected
    # Packed anew: a number that was freed may be the new file's, its time can't be the old one's.
    assert packed.stat().st_mtime_ns != stat.st_mtime_ns and packed.stat().st_size == len(whole)


def test_eight_processes_on_a_cold_cache(bundle, cache):
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: generate(bundle, cache), range(8)))
    assert len({text(one) for one in done}) == 1
    assert len(entries(cache)) == 1


def warned(done, expected: str) -> str:
    lines = done.stderr.splitlines()
    assert done.returncode == 0 and done.stdout == expected, done.stderr
    assert len(lines) == 2 and lines[0].startswith("warning: packed weights are not kept: "), lines
    return lines[0]


def test_a_folder_that_cannot_be_made_is_no_error(bundle, cache, tmp_path):
    (tmp_path / "file").write_text("in the way")
    expected = text(generate(bundle, cache))
    warned(generate(bundle, tmp_path / "file"), expected)


def test_a_disk_that_fills_up_while_packing_ends_the_child_alone(bundle, cache, tmp_path):
    """XNNPACK ends its process where it can't write; a limit of a file's size is as a disk that is full by then."""
    expected = text(generate(bundle, tmp_path / "other"))
    command = [SLIPSTREAM, "generate", bundle, *PROMPT]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
    )
    assert "ended with code" in warned(done, expected)
    assert entries(cache) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
@pytest.mark.parametrize("size", ["64k", "1m", "3m"])
def test_a_full_disk_is_told_before_anything_is_written(bundle, cache, tmp_path, size):
    expected = text(generate(bundle, tmp_path / "other"))
    cache.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", cache], check=True)
    try:
        assert "are free" in warned(generate(bundle, cache), expected)
        assert entries(cache) == []
    finally:
        subprocess.run(["umount", cache], check=True)


def test_the_least_recently_opened_go_and_clean_empties(bundle, cache, float_out, tmp_path):
    other = float_out / "model.litertlm"
    text(generate(bundle, cache))
    (first,) = entries(cache)
    size = sum(path.stat().st_size for path in first.iterdir())
    text(generate(other, cache, SLIPSTREAM_CACHE_BYTES=str(size)))
    (second,) = entries(cache)
    assert second != first
    # As an app opens a bundle: what was packed for another one goes, however small it is.
    text(generate(bundle, cache, SLIPSTREAM_CACHE_BYTES="0"))
    (third,) = entries(cache)
    assert third == first
    learnt = list((cache / "slipstream/jvm/drafting").glob("*.json"))
    held = sum(path.stat().st_size for path in [*third.iterdir(), *learnt])
    done = run("clean", XDG_CACHE_HOME=str(cache))
    assert done.returncode == 0 and done.stdout.startswith(f"{held} bytes freed")
    assert learnt and list((cache / "slipstream/jvm/weights").iterdir()) == []
    assert not any(path.exists() for path in learnt)


def test_verify_reads_and_leaves_nothing_there(bundle, cache):
    done = run("verify", bundle, XDG_CACHE_HOME=str(cache), TMPDIR=str(cache))
    assert done.returncode == 0 and "0 forks" in done.stdout
    assert not (cache / "slipstream").exists()


def test_a_folder_whose_name_toml_would_escape(bundle, tmp_path):
    """LiteRT's own reader of TOML takes quotes and backslashes as they are; a name of two lines is left out."""
    cache = tmp_path / 'a "quoted" \\ folder # = '
    expected = text(generate(bundle, cache))
    assert len(entries(cache)) == 1 and (entries(cache)[0] / "main.xnnpack").stat().st_size > 1_000_000
    assert "wrote no file" in warned(generate(bundle, tmp_path / "two\nlines"), expected)
