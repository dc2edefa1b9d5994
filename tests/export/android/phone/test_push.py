"""Bundles in pieces: whole or not at all, and an interruption costs one piece."""

import hashlib
import random

import pytest

from export.android.identity import ID
from export.android.phone.adb import Phone
from export.android.phone.application import Application
from export.android.phone.push import push
from export.errors import PhoneError

DATA = random.Random(6).randbytes(10_500)
DIGEST = hashlib.sha256(DATA).hexdigest()
PIECE = 2500
APP = Application(ID)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


def send(file, digest=DIGEST, seen=None):
    progress = (lambda done, size: None) if seen is None else lambda done, size: seen.append((done, size))
    return push(Phone.choose(None), file, digest, APP.bundle, progress, PIECE)


def left(phone):
    return sorted(path.name for path in phone.path(APP.files).iterdir())


def test_it_arrives_in_pieces_and_nothing_else_is_left(phone, file):
    seen = []
    assert send(file, seen=seen) == len(DATA)
    assert phone.bundle.read_bytes() == DATA and left(phone) == ["model.litertlm"]
    assert phone.pushes() == 5 and seen[0] == (0, 10_500) and seen[-1] == (10_500, 10_500)


def test_what_is_there_already_is_not_sent(phone, file):
    send(file)
    count = phone.pushes()
    assert send(file) == 0 and phone.pushes() == count


@pytest.mark.parametrize("lost", ["lose_at", "lose_cat_at"])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_lost_phone_costs_one_piece(phone, file, lost, number):
    phone.bundle.parent.mkdir(parents=True)
    phone.bundle.write_bytes(b"the bundle before")
    phone.plan(**{lost: number})
    with pytest.raises(PhoneError, match="The phone was lost") as caught:
        send(file)
    assert "what was sent is kept" in caught.value.action and phone.bundle.read_bytes() == b"the bundle before"
    phone.plan()
    assert send(file) <= len(DATA) - (number - 1) * PIECE
    assert phone.bundle.read_bytes() == DATA and left(phone) == ["model.litertlm"]


def test_many_interruptions_in_a_row(phone, file, monkeypatch):
    """Each try is lost at another moment; every second one gets a piece further."""
    draw = random.Random(1)
    for _ in range(20):
        for name in ("count.push", "count.cat"):
            (phone.folder / name).unlink(missing_ok=True)
        phone.plan(**{draw.choice(["lose_at", "lose_cat_at"]): draw.choice([1, 1, 2])})
        try:
            send(file)
        except PhoneError:
            continue
        break
    assert phone.bundle.read_bytes() == DATA and left(phone) == ["model.litertlm"]


def test_a_garbled_piece_is_noticed_by_the_phone_itself(phone, file):
    phone.plan(garble_at=3)
    with pytest.raises(PhoneError, match="arrived damaged") as caught:
        send(file)
    assert DIGEST in caught.value.expected and left(phone) == []
    phone.plan()
    send(file)
    assert phone.bundle.read_bytes() == DATA


def test_the_rest_of_another_bundle_is_not_gone_on_with(phone, file):
    phone.bundle.parent.mkdir(parents=True)
    (phone.bundle.parent / ".0123456789abcdef.part").write_bytes(b"x" * 500)
    (phone.bundle.parent / f".{DIGEST[:16]}.part").write_bytes(DATA[:2500])
    assert send(file) == len(DATA) - 2500 and left(phone) == ["model.litertlm"]


def test_a_full_phone_is_told_before_anything_is_sent(phone, file):
    phone.plan(free_kib=3)
    with pytest.raises(PhoneError, match="storage is full"):
        send(file)
    assert phone.pushes() == 0
