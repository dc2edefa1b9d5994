"""What a bundle says it was made of."""

import hashlib
import os
import threading
from dataclasses import replace

import pytest

from export.checkpoint.hub import Located
from export.checkpoint.hub_snapshot import HubFile, Snapshot
from export.choices.device import Device
from export.choices.recipe import Recipe
from export.errors import CheckpointError
from export.origin import models_origin
from export.plan import Choices, make_plan
from export.resources import DEMO
from export.sources import sources, sources_meanwhile

GO = threading.Event()


@pytest.fixture(scope="module")
def plan():
    return make_plan(Choices(str(DEMO / "target"), str(DEMO / "drafter"), Device.load("pixel"), Recipe.load("int8")))


def test_folders_are_named_with_every_file_that_was_read(plan):
    found = sources(plan, GO)
    assert [(one.role, one.id, one.revision) for one in found] == [
        ("target", "target", None),
        ("drafter", "drafter", None),
    ]
    for one in found:
        folder = DEMO / one.role
        unread = {"generation_config.json"} if one.role == "drafter" else set()
        read = {path.name: path for path in folder.iterdir() if path.name not in unread}
        files = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in read.items()}
        assert one.files == files


def from_hub(plan, commit: str, digest: str):
    """The same plan, its target's weights said to be a repository's at that commit."""
    weights = HubFile("model.safetensors", 1, digest)
    snapshot = Snapshot("org/name", "main", commit, DEMO, {weights.name: weights}, True)
    return replace(plan, target=replace(plan.target, located=Located("org/name", DEMO / "target", snapshot)))


def test_a_file_of_the_cache_that_is_not_the_hubs_is_named(plan):
    right = hashlib.sha256((DEMO / "target/model.safetensors").read_bytes()).hexdigest()
    assert sources(from_hub(plan, "0" * 40, right), GO)[0].revision == "0" * 40
    with pytest.raises(CheckpointError, match=r"cache is damaged: model.safetensors") as caught:
        sources(from_hub(plan, "0" * 40, "1" * 64), GO)
    assert caught.value.found == right and os.fspath(DEMO / "target") in caught.value.where
    with pytest.raises(CheckpointError), sources_meanwhile(from_hub(plan, "0" * 40, "1" * 64)) as found:
        found.result()


def test_work_on_another_commit_is_not_gone_on_with(plan):
    """Its manifest would name the wrong one, whatever the files hold."""
    one, other = (models_origin(from_hub(plan, digit * 40, "0" * 64))["target"] for digit in "12")
    assert one != other and one.endswith("1" * 40) and models_origin(plan)["target"] not in (one, other)


def test_what_ends_the_work_ends_the_reading(plan, monkeypatch):
    began, told = threading.Event(), []

    def endless(path, stop):
        began.set()
        told.append(stop.wait(30))
        return "0" * 64

    monkeypatch.setattr("export.sources.file_digest", endless)
    with pytest.raises(KeyboardInterrupt), sources_meanwhile(plan):
        began.wait(30)
        raise KeyboardInterrupt
    assert told[0]
