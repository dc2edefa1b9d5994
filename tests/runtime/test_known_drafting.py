"""What the automatic draft length learnt is kept, bounded, and never in the way."""

import json
import os
from types import SimpleNamespace

import pytest

from runtime_spec.drafting.auto import Auto
from runtime_spec.drafting.known import to_dict
from runtime_spec.litert import known_drafting
from runtime_spec.litert.known_drafting import MOST_FILES, forget, keep, place, recall

WIDTHS = (1, 3, 5)


def learnt() -> Auto:
    """A policy that has decoded for a while, with drafts that pay."""
    policy = Auto(WIDTHS, has_drafter=True)
    position = 0
    for _ in range(200):
        _, count = policy.plan(position, 4, 0)
        width = next(width for width in WIDTHS if width > count)
        one = SimpleNamespace(
            position=position, draft_tokens=[0] * count, verify_width=width, num_accepted=count, emitted_tokens=[0]
        )
        policy.observe(one, 1_000_000 * count, 50_000_000 + 5_000_000 * width, 0)
        position += count + 1
    return policy


def test_what_is_kept_is_known_again(tmp_path):
    policy, path = learnt(), tmp_path / "sub" / "a.json"
    keep(policy, path)
    again = Auto(WIDTHS, has_drafter=True)
    recall(again, path)
    assert again.is_known and to_dict(again)["pass_nanos"] == to_dict(policy)["pass_nanos"] != {}
    assert [other.name for other in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    "data", [None, b"", b"{", b"\xff", b"[]", b"{}", b"[" * 100_000, b" " * (known_drafting.MOST_BYTES + 1)]
)
def test_what_can_t_be_read_is_as_good_as_nothing(tmp_path, data):
    path = tmp_path / "a.json"
    if data is not None:
        path.write_bytes(data)
    policy = Auto(WIDTHS, has_drafter=True)
    before = to_dict(policy)
    recall(policy, path)
    assert not policy.is_known and to_dict(policy) == before


def test_a_folder_that_can_t_be_made_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    keep(learnt(), tmp_path / "file" / "a.json")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_unfinished_file_is_removed(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(json, "dump", fail)
    keep(learnt(), tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_the_newest_are_kept_and_all_can_be_removed(tmp_path):
    folder = tmp_path / known_drafting.FOLDER
    folder.mkdir()
    for number in range(MOST_FILES + 3):
        (folder / f"{number}.json").write_text("{}")
        os.utime(folder / f"{number}.json", (number, number))
    keep(learnt(), folder / "new.json")
    names = {path.name for path in folder.iterdir()}
    assert len(names) == MOST_FILES and "new.json" in names and not {"0.json", "3.json"} & names
    assert forget(tmp_path) > 2 * (MOST_FILES - 1) and list(folder.iterdir()) == []


def test_bundles_and_threads_have_files_of_their_own():
    assert len({place("a" * 64, 1), place("b" * 64, 1), place("a" * 64, 2)}) == 3


def test_a_user_without_a_home_decodes_all_the_same(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(known_drafting, "cache_folder", no_home)
    policy, path = learnt(), place("a" * 64, 1)
    assert path is None
    recall(policy, path)
    keep(policy, path)
    assert not policy.is_known
