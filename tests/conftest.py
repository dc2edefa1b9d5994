"""The demo pair exported once per recipe, as a user would, for every test that needs it, in any process."""

import fcntl
import shutil
from pathlib import Path

import pytest

from export.cli.main import main

REQUIRED = "the export of the demo pair"
ROOT = Path(__file__).parent


def pytest_itemcollected(item):
    """Tests of one file run in one process, for the sake of what they share; those of the Kotlin side all in one, since
    they share what Maven builds."""
    path = item.path.relative_to(ROOT)
    item.add_marker(pytest.mark.xdist_group("android" if path.parts[0] == "android" else str(path)))


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
