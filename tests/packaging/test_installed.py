"""The command as it is installed: from any folder, without the checkout, the same as from the checkout."""

import json
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path

import pytest

from export.android.render import render
from export.cli.main import VERBS
from export.resources import ROOT
from tests.bundles import write_bundle

POM = "{http://maven.apache.org/POM/4.0.0}"
RENDER = """
import sys
from pathlib import Path
from export.android.render import render
out = Path(sys.argv[1])
print(render(out / "model.litertlm", out).files)
"""
LAY_OUT = """
import sys
from pathlib import Path
from export.android.apk import compile, libraries
compile._lay_out(Path(sys.argv[1]), Path(sys.argv[2]))
print(compile.buildable_android(), len(libraries._wanted_symbols()))
"""


def test_version(installed, empty):
    said = installed.run("slipstream", "--version", cwd=empty).stdout
    assert said == f"slipstream 0.1.0, LiteRT {version('ai-edge-litert')}, litert-torch {version('litert-torch')}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_answers(installed, empty, verb):
    done = installed.run("slipstream", verb, "--help", cwd=empty)
    assert done.returncode == 0 and done.stdout.startswith(f"usage: slipstream {verb} ")


def test_its_choices_are_the_checkout_s(installed, empty):
    devices = installed.run("slipstream", "devices", "--json", cwd=empty)
    recipes = installed.run("slipstream", "recipes", "--json", cwd=empty)
    assert [device["id"] for device in json.loads(devices.stdout)["devices"]] == ["android", "desktop", "pixel"]
    names = [recipe["name"] for recipe in json.loads(recipes.stdout)["recipes"]]
    assert names == ["float", "int4", "int4-blocks", "int8", "qat"]
    prompts = "from export.choices.prompts import Prompts; print(len(Prompts.load().plain))"
    assert installed.run("python", "-c", prompts, cwd=empty).stdout == "10\n"


def test_nothing_of_the_checkout_is_imported(installed, empty):
    where = "import export, runtime_spec, export.resources as r; print(export.__file__, runtime_spec.__file__, r.DEMO)"
    for path in installed.run("python", "-c", where, cwd=empty).stdout.split():
        assert path.startswith(str(installed.packages.resolve()))


def test_the_module_is_the_same_program(installed, empty):
    assert installed.run("python", "-m", "export", "devices", cwd=empty).returncode == 0
    done = installed.run("slipstream", "inspect", "/nowhere", cwd=empty)
    assert done.returncode == 8 and "Bundle can't be opened" in done.stderr


def test_the_vectors_are_there_and_agree(installed, empty):
    """Only the scenarios: the digest over ten thousand is the specification's own test."""
    code = "from runtime_spec.vectors.scenario import *; import runtime_spec.vectors.scenario as s; print(s.FOLDER)"
    folder = Path(installed.run("python", "-c", code, cwd=empty).stdout.strip())
    names = sorted(path.name for path in (ROOT / "runtime_spec/vectors/scenarios").iterdir())
    assert sorted(path.name for path in folder.iterdir()) == names


def rendered(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and executable bits by path, of all but the render's own note."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".slipstream.json"]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o111) for path in files}


def test_it_renders_the_same_android_project(installed, empty, tmp_path):
    for name in ("checkout", "wheel"):
        (tmp_path / name).mkdir()
        write_bundle(tmp_path / name / "model.litertlm")
    render(tmp_path / "checkout/model.litertlm", tmp_path / "checkout")
    done = installed.run("python", "-c", RENDER, tmp_path / "wheel", cwd=empty)
    assert done.returncode == 0, done.stderr
    expected = rendered(tmp_path / "checkout/android")
    assert rendered(tmp_path / "wheel/android") == expected
    assert expected["gradlew"][1] and len(expected) == int(done.stdout)


def test_maven_finds_every_module_and_writes_nothing_into_the_installation(installed, empty, tmp_path):
    (tmp_path / "out").mkdir()
    write_bundle(tmp_path / "out/model.litertlm")
    project, stage = render(tmp_path / "out/model.litertlm", tmp_path / "out").folder, tmp_path / "stage"
    stage.mkdir()
    done = installed.run("python", "-c", LAY_OUT, project, stage, cwd=empty)
    assert done.returncode == 0, done.stderr
    android, symbols = done.stdout.split()
    assert int(symbols) > 20 and Path(android).parent == installed.cache / "slipstream"
    for module in ET.parse(stage / "pom.xml").iterfind(f"{POM}modules/{POM}module"):
        pom = stage / module.text / "pom.xml"
        assert pom.is_file() and installed.packages not in (stage / module.text).resolve().parents
    assert all(path.exists() for path in stage.rglob("*"))
    assert (stage / "tools/merge_manifests.py").is_file() and (stage / "app/src/main/AndroidManifest.xml").is_file()
