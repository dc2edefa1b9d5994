"""A phone that is a folder, with the scripted adb first on the PATH."""

import json
import os
import sys
from pathlib import Path

import pytest

from export.android.identity import ID
from export.android.phone.application import Application
from tests.bundles import write_bundle

SCRIPT = Path(__file__).with_name("fake_adb.py")


class FakePhone:
    """`plan(...)` says what goes wrong; `log` is every command that came."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "sdcard").mkdir(parents=True)

    def plan(self, **values: object) -> None:
        (self.folder / "plan.json").write_text(json.dumps(values))

    def path(self, remote: str) -> Path:
        return self.folder / remote.lstrip("/")

    @property
    def bundle(self) -> Path:
        return self.path(Application(ID).bundle)

    @property
    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    def pushes(self) -> int:
        return sum(" push " in line for line in self.log)


@pytest.fixture
def phone(tmp_path, monkeypatch) -> FakePhone:
    fake, tools = FakePhone(tmp_path / "phone"), tmp_path / "tools"
    tools.mkdir()
    (tools / "adb").write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {SCRIPT} "$@"\n')
    (tools / "adb").chmod(0o755)
    monkeypatch.setenv("FAKE_ADB", str(fake.folder))
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return fake


@pytest.fixture
def bundle(tmp_path) -> Path:
    folder = tmp_path / "out" / "pixel"
    folder.mkdir(parents=True)
    return write_bundle(folder / "model.litertlm")
