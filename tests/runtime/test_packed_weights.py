"""What PACKED_WEIGHTS.md forbids: another model's text, a crash, damage that goes unnoticed, growth without bound.

Every case is a process of its own over a cache folder of its own."""

import json
import os
import shutil
import signal
import time

import pytest

from runtime_spec.bundle.reader import Bundle
from runtime_spec.errors import PackingError
from runtime_spec.litert import packed_weights
from runtime_spec.litert.pack import pack_sections
from tests.runtime.processes import end, mounted, run, start


@pytest.fixture(scope="module")
def bundle(int8_out, tmp_path_factory):
    return shutil.copy(int8_out / "model.litertlm", tmp_path_factory.mktemp("bundle") / "model.litertlm")


@pytest.fixture(scope="module")
def expected(bundle, tmp_path_factory):
    """What the intact bundle says over an empty cache."""
    return run("generate", bundle, tmp_path_factory.mktemp("cache")).tokens


@pytest.fixture
def damaged(bundle, tmp_path):
    """The same manifest over other bytes: every thousandth of the target's graph and weights is another."""
    content = bytearray(bundle.read_bytes())
    with Bundle.open(bundle) as opened:
        main = opened.section("main")
        for at in range(main.begin + 400_000, main.end, 1000):
            content[at] ^= 0x55
    path = tmp_path / "damaged.litertlm"
    path.write_bytes(content)
    return path


def weights(cache):
    return cache / "slipstream" / "weights"


def entry(cache):
    (found,) = [path for path in weights(cache).iterdir() if path.is_dir()]
    return found


def flip(path):
    content = bytearray(path.read_bytes())
    for at in range(len(content) // 4, len(content), 4096):
        content[at] ^= 0x11
    path.write_bytes(content)


def test_a_damaged_copy_run_first_leaves_nothing_for_the_intact_bundle(bundle, damaged, expected, tmp_path):
    refused = run("generate", damaged, tmp_path / "cache")
    # Sections that share weights share the damage.
    assert refused.code == 8 and "Bundle is damaged in" in refused.errors and "main" in refused.errors
    assert run("generate", bundle, tmp_path / "cache").tokens == expected
    assert json.loads(run("verify", bundle, tmp_path / "cache").out)["forks"] == 0


def test_a_damaged_copy_is_refused_over_the_intact_bundles_weights(bundle, damaged, expected, tmp_path):
    for _ in range(2):
        assert run("generate", bundle, tmp_path / "cache").tokens == expected
    assert run("generate", damaged, tmp_path / "cache").code == 8
    assert run("generate", bundle, tmp_path / "cache").tokens == expected


def test_a_proven_file_that_changes_in_place_is_proven_again(bundle, tmp_path):
    copy, cache = shutil.copy(bundle, tmp_path / "copy.litertlm"), tmp_path / "cache"
    time.sleep(1.1)
    assert run("generate", copy, cache).code == 0
    assert len(json.loads((entry(cache) / "entry.json").read_text())["proven"]) == 1
    before = copy.stat()
    with copy.open("r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)
        file.seek(before.st_size // 2)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns))
    refused = run("generate", copy, cache)
    assert refused.code == 8 and f"byte {before.st_size // 2}" in refused.errors


def test_a_file_just_written_is_not_known_again(bundle, tmp_path):
    copy = tmp_path / "copy.litertlm"
    copy.write_bytes(bundle.read_bytes())
    with Bundle.open(copy) as opened:
        assert packed_weights.prove(opened) is None
        time.sleep(1.1)
        known = packed_weights.prove(opened)
        assert known is not None and packed_weights.prove(opened, [known]) == known


def test_eight_at_once_on_a_cold_cache_all_say_the_same(bundle, expected, tmp_path):
    processes = [start("generate", bundle, tmp_path) for _ in range(8)]
    assert [end(process).tokens for process in processes] == [expected] * 8
    assert sorted(path.name for path in entry(tmp_path).iterdir()) == ["drafter.xnnpack", "entry.json", "main.xnnpack"]


def test_flipped_bytes_in_packed_files_are_found_and_packed_anew(bundle, expected, tmp_path):
    run("generate", bundle, tmp_path)
    for name in ("main.xnnpack", "drafter.xnnpack"):
        path = entry(tmp_path) / name
        before = path.read_bytes()
        flip(path)
        found = run("generate", bundle, tmp_path)
        assert found.tokens == expected and found.errors == ""
        assert (entry(tmp_path) / name).read_bytes() == before


@pytest.mark.parametrize("spoil", ["cut", "gone", "no entry", "odd entry", "other names"])
def test_an_entry_that_is_not_whole_is_made_anew(bundle, expected, tmp_path, spoil):
    run("generate", bundle, tmp_path)
    folder = entry(tmp_path)
    if spoil == "cut":
        os.truncate(folder / "main.xnnpack", 1000)
    elif spoil == "gone":
        (folder / "drafter.xnnpack").unlink()
    elif spoil == "no entry":
        (folder / "entry.json").unlink()
    else:
        odd = "[" * 100_000 if spoil == "odd entry" else '{"files":{"main.xnnpack":{"sha256":1}},"proven":[]}'
        (folder / "entry.json").write_text(odd)
    found = run("generate", bundle, tmp_path)
    assert found.tokens == expected and found.errors == ""
    assert set(json.loads((folder / "entry.json").read_text())["files"]) == {"main.xnnpack", "drafter.xnnpack"}


def test_what_was_left_half_made_is_removed(bundle, expected, tmp_path):
    run("generate", bundle, tmp_path)
    folder = entry(tmp_path)
    folder.rename(folder.with_name(f"{folder.name}.new"))
    flip(folder.with_name(f"{folder.name}.new") / "main.xnnpack")
    assert run("generate", bundle, tmp_path).tokens == expected
    assert entry(tmp_path) == folder


def test_killed_while_it_packs_the_next_run_packs_anew(bundle, expected, tmp_path):
    for delay in (0.0, 0.15, 0.3):
        cache = tmp_path / f"{delay}"
        process = start("generate", bundle, cache)
        deadline = time.monotonic() + 60
        while not list(weights(cache).glob("*.new")) and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert run("generate", bundle, cache).tokens == expected
        assert entry(cache).name.isalnum()


def goes_on_without(found, expected):
    assert found.tokens == expected
    assert found.errors.count("warning:") == 1 and "packed weights are not kept" in found.errors


@pytest.mark.parametrize("room", [64 << 10, 1 << 20, 3 << 20])
def test_a_full_disk_while_packing_is_a_warning(bundle, expected, tmp_path, room):
    """A limit of the file size is what a full disk is to XNNPACK: it ends its process."""
    goes_on_without(run("generate", bundle, tmp_path, file_size=room), expected)
    assert not [path for path in weights(tmp_path).iterdir() if path.is_dir()]
    verified = run("verify", bundle, tmp_path, file_size=room)
    assert json.loads(verified.out)["forks"] == 0 and verified.errors.count("warning:") == 1


@pytest.mark.parametrize("room", ["64k", "1m", "3m", "5500k"])
def test_a_small_disk_is_a_warning_and_a_named_error(bundle, expected, tmp_path, room):
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder, f"size={room}") as disk:
        if disk is None:  # not root: the limits of file sizes above stand for it
            return
        goes_on_without(run("generate", bundle, disk), expected)
        with Bundle.open(bundle) as opened, pytest.raises(PackingError, match="bytes free") as raised:
            ranges = {name: (opened.section(name).begin, opened.section(name).end) for name in ("main", "drafter")}
            pack_sections(bundle, ranges, disk)
        assert raised.value.exit_code == 6


def test_a_cache_that_can_not_be_made_or_written_is_a_warning(bundle, expected, tmp_path):
    (tmp_path / "file").write_text("no folder")
    goes_on_without(run("generate", bundle, tmp_path / "file"), expected)
    folder = tmp_path / "read-only"
    folder.mkdir()
    with mounted(folder, "ro") as disk:
        if disk is None:
            folder.chmod(0o555)
        goes_on_without(run("generate", bundle, folder), expected)


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "sp ace", "é😀", "new\nline", "\udcff"])
def test_a_folder_of_any_name_keeps_weights(bundle, expected, tmp_path, name):
    cache = tmp_path / name
    for _ in range(2):
        found = run("generate", bundle, cache)
        assert found.tokens == expected and found.errors == ""
    assert (entry(cache) / "main.xnnpack").stat().st_size > 1 << 20


def test_verify_neither_reads_nor_writes_what_is_kept(bundle, tmp_path):
    run("generate", bundle, tmp_path)
    folder = entry(tmp_path)
    flip(folder / "main.xnnpack")
    noted = json.loads((folder / "entry.json").read_text())
    noted["files"]["main.xnnpack"]["identity"] = packed_weights.identity(folder / "main.xnnpack")
    (folder / "entry.json").write_text(json.dumps(noted))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    found = run("verify", bundle, tmp_path)
    assert json.loads(found.out)["forks"] == 0 and found.errors == ""
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert run("verify", bundle, tmp_path / "none").code == 0 and not (tmp_path / "none").exists()


def other_entries(cache, sizes):
    """Entries of other bundles, each opened a minute before the next."""
    for number, size in enumerate(sizes):
        folder = weights(cache) / f"{number:032x}"
        folder.mkdir(parents=True)
        (folder / "main.xnnpack").write_bytes(bytes(size))
        (folder / "entry.json").write_text("{}")
        opened = time.time() - 60 * (len(sizes) - number)
        os.utime(folder / "entry.json", (opened, opened))


def test_the_entries_opened_longest_ago_go_first_and_a_locked_one_stays(bundle, tmp_path):
    other_entries(tmp_path, [3 << 20] * 4)
    with packed_weights.locked(weights(tmp_path) / f"{1:032x}.lock"):
        assert run("generate", bundle, tmp_path, SLIPSTREAM_CACHE_BYTES=str(13 << 20)).code == 0
    left = sorted(path.name for path in weights(tmp_path).iterdir() if path.is_dir())
    assert f"{0:032x}" not in left and f"{2:032x}" not in left
    assert f"{1:032x}" in left and f"{3:032x}" in left and len(left) == 3


def test_an_entry_larger_than_the_limit_is_kept_alone(bundle, expected, tmp_path):
    other_entries(tmp_path, [100])
    assert run("generate", bundle, tmp_path, SLIPSTREAM_CACHE_BYTES="0").tokens == expected
    assert entry(tmp_path).name != f"{0:032x}"


@pytest.mark.parametrize("limit", ["", "-1", "1e9", "²", "9" * 30])
def test_a_limit_that_is_no_number_is_a_usage_error(bundle, tmp_path, limit):
    found = run("generate", bundle, tmp_path, SLIPSTREAM_CACHE_BYTES=limit)
    assert found.code == 2 and "SLIPSTREAM_CACHE_BYTES" in found.errors


def test_clean_removes_all_but_what_is_in_use_and_says_how_much(bundle, tmp_path):
    run("generate", bundle, tmp_path)
    other_entries(tmp_path, [5000, 7000])
    held = weights(tmp_path) / f"{1:032x}"
    sizes = {f: sum(p.stat().st_size for p in f.iterdir()) for f in weights(tmp_path).iterdir() if f.is_dir()}
    with packed_weights.locked(held.with_name(f"{held.name}.lock")):
        assert packed_weights.clean(tmp_path / "slipstream") == sum(sizes.values()) - sizes[held]
    assert entry(tmp_path) == held
    assert packed_weights.clean(tmp_path / "slipstream") == sizes[held]
    assert list(weights(tmp_path).iterdir()) == []
    assert packed_weights.clean(tmp_path / "nowhere") == 0


def test_another_processor_library_or_manifest_has_another_key(monkeypatch):
    keys = {packed_weights.entry_key("a" * 64), packed_weights.entry_key("b" * 64)}
    monkeypatch.setattr(packed_weights, "_features", lambda: {"avx", "sse"})
    keys.add(packed_weights.entry_key("a" * 64))
    monkeypatch.setattr(packed_weights.platform, "machine", lambda: "other")
    keys.add(packed_weights.entry_key("a" * 64))
    monkeypatch.setattr(packed_weights, "default_path", lambda: packed_weights.Path(__file__))
    keys.add(packed_weights.entry_key("a" * 64))
    assert len(keys) == 5 and all(len(key) == 32 for key in keys)
