"""The demo pair exported once per recipe, as a user would, for every test that needs it."""

import shutil
from pathlib import Path

import pytest

from export.cli.main import main

REQUIRED = "the export of the demo pair"


@pytest.fixture(scope="session")
def float_out(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "float"
    assert main(["--device", "pixel", "--recipe", "float", "--out", str(out)]) == 0, REQUIRED
    return out


def _export(recipe: str, float_out: Path) -> Path:
    """Graphs do not depend on the recipe: they are lowered once."""
    out = float_out.parent / recipe
    shutil.copytree(float_out / "work" / "graphs", out / "work" / "graphs")
    assert main(["--device", "pixel", "--recipe", recipe, "--out", str(out)]) == 0, REQUIRED
    return out


@pytest.fixture(scope="session")
def demo_graphs(float_out) -> Path:
    """The demo pair's lowered graphs, which no recipe, context or prompt changes."""
    return float_out / "work" / "graphs"


@pytest.fixture(scope="session")
def int8_out(float_out) -> Path:
    return _export("int8", float_out)


@pytest.fixture(scope="session")
def int4_out(float_out) -> Path:
    return _export("int4", float_out)
