"""The wheel, and a fresh environment that it is installed into; what it depends on is borrowed from this one."""

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from export.resources import ROOT


def build_wheel(checkout: Path, folder: Path) -> Path:
    """As `pip wheel` does it, with the build backend that is installed here: nothing is fetched."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@dataclass(frozen=True)
class Installed:
    """`packages` is the environment's own site-packages."""

    bin: Path
    packages: Path
    cache: Path

    def run(self, program: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess:
        """From an empty folder, with nothing of this process's environment that names the checkout."""
        assert not list(cwd.iterdir())
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        environment["XDG_CACHE_HOME"] = str(self.cache)
        command = [str(self.bin / program), *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory) -> Installed:
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index", wheel]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(folder / "bin", packages, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def empty(tmp_path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"
