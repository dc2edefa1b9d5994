"""The tiny presets as folders, to read and to spoil."""

import shutil

import pytest

from tests.checkpoints import write_pair
from tests.export.checkpoint.spoil import TINY


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Preset → (target folder, drafter folder); read only."""
    return {name: write_pair(name, tmp_path_factory.mktemp(name)) for name in TINY}


@pytest.fixture
def target(pairs, tmp_path):
    """A copy of tiny_e2b's target to spoil."""
    return shutil.copytree(pairs["tiny_e2b"][0], tmp_path / "target")


@pytest.fixture
def drafter(pairs, tmp_path):
    return shutil.copytree(pairs["tiny_e2b"][1], tmp_path / "drafter")


@pytest.fixture
def snapshot(target, tmp_path):
    """The target as the hub's client keeps it: links to blobs of other names."""
    repository = tmp_path / "models--org--name"
    folder = repository / "snapshots/0123"
    (repository / "blobs").mkdir(parents=True)
    folder.mkdir(parents=True)
    for number, path in enumerate(sorted(target.iterdir())):
        shutil.copy(path, repository / "blobs" / f"{number:040}")
        (folder / path.name).symlink_to(f"../../blobs/{number:040}")
    return folder
