"""The wheel: all that the program reads is in it, nothing else, and the same checkout gives the same bytes."""

import re
import shutil
import zipfile
from pathlib import Path

from export.android.render import SOURCES
from export.resources import ANDROID, ROOT, TEMPLATE
from tests.packaging.conftest import build_wheel

BUILT = {"target", "__pycache__"}


def below(folder: Path) -> set[str]:
    """Files as paths from the checkout's root."""
    files = [folder] if folder.is_file() else [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}


def test_packages_and_data_are_in_it_and_nothing_else(wheel):
    expected = below(ROOT / "export") | below(ROOT / "runtime_spec")
    data = below(TEMPLATE).union(*(below(ANDROID / source) for source in SOURCES))
    poms = [*ANDROID.glob("*/pom.xml"), *ANDROID.glob("samples/*/pom.xml")]
    data |= below(ANDROID / "tools") | {path.relative_to(ROOT).as_posix() for path in poms}
    data |= {"android_app/pom.xml", "android_app/.editorconfig", "android_app/.mvn/jvm.config"}
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == expected | {f"export/_data/{name}" for name in data}
    assert {"export/demo/target/model.safetensors", "runtime_spec/vectors/digest.txt"} < found


def test_it_is_small_and_names_no_machine(wheel):
    assert wheel.stat().st_size < 20_000_000
    with zipfile.ZipFile(wheel) as archive:
        about = b"".join(archive.read(name) for name in archive.namelist() if ".dist-info/" in name)
    assert str(ROOT).encode() not in about


def test_its_requirements_are_the_project_s(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        required = re.findall(r"^Requires-Dist: (\S+)$", archive.read(name).decode(), re.M)
    assert "torch==2.13.0" in required and "transformers==5.22.2" in required
    locked = (ROOT / "requirements.lock").read_text()
    assert all(f"\n{one} \\" in locked for one in required if "==" in one)


def test_the_same_bytes_from_another_checkout(wheel, tmp_path):
    """One with other times and modes, in which Maven and Python have left their own files."""
    checkout = tmp_path / "elsewhere"
    for name in ("export", "runtime_spec", "gradle_template"):
        shutil.copytree(ROOT / name, checkout / name, copy_function=shutil.copyfile)
    ignored = shutil.ignore_patterns(*BUILT, "test", "goldens")
    shutil.copytree(ANDROID, checkout / "android_app", copy_function=shutil.copyfile, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copyfile(ROOT / name, checkout / name)
    (checkout / "gradle_template/README.md").chmod(0o664)
    (checkout / "LICENSE").chmod(0o600)
    for litter in ("android_app/app/target/classes/x.class", "export/__pycache__/main.pyc", "out/pixel/model.litertlm"):
        (checkout / litter).parent.mkdir(parents=True, exist_ok=True)
        (checkout / litter).write_bytes(b"x")
    assert build_wheel(checkout, tmp_path / "again").read_bytes() == wheel.read_bytes()
