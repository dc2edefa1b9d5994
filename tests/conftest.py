"""The demo pair exported once per recipe, as a user would, for every test that needs it, in any process."""

import fcntl
import shutil
from pathlib import Path

import pytest

from export.cli.main import main

REQUIRED = "the export of the demo pair"
LONGEST = ("tests/android/", "tests/parity/", "tests/runtime/", "tests/export/graphs/", "tests/export/tuning/")
"""Folders whose files take minutes: begun first, so that no process waits for another's last file."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    def place(item) -> int:
        return next((i for i, folder in enumerate(LONGEST) if item.nodeid.startswith(folder)), len(LONGEST))

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of one file run in one process, for the sake of what they share; those of the Kotlin side all in one, since
    they share what Maven builds."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):
            path = nodeid.split("::", 1)[0]
            return "tests/android" if path.startswith("tests/android/") else path

    config.option.loadscopereorder = False  # as they are collected, not by the number of tests
    return ByFile(config, log)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Recipe → folder of the demo pair's export. Processes of one run share them: the first to ask makes one."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if base.name.startswith("popen-") else base) / "demo"
    shared.mkdir(exist_ok=True)

    def of(recipe: str) -> Path:
        out, is_whole = shared / recipe, shared / f"{recipe}.whole"
        with (shared / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_whole.exists():
                made = [work / "graphs" for work in shared.glob("*/work") if work != out / "work"]
                if made:
                    # Graphs depend on the model's shape alone.
                    shutil.copytree(made[0], out / "work" / "graphs", dirs_exist_ok=True)
                assert main(["--device", "pixel", "--recipe", recipe, "--out", str(out)]) == 0, REQUIRED
                is_whole.touch()
        return out

    return of


@pytest.fixture(scope="session")
def float_out(demo) -> Path:
    return demo("float")


@pytest.fixture(scope="session")
def int8_out(demo) -> Path:
    return demo("int8")


@pytest.fixture(scope="session")
def int4_out(demo) -> Path:
    return demo("int4")


@pytest.fixture(scope="session")
def demo_graphs(int8_out) -> Path:
    """The demo pair's lowered graphs, which no recipe, context or prompt changes."""
    return int8_out / "work" / "graphs"
