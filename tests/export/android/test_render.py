"""The Android project: constants that survive, the same bytes twice, and a user's changes that stay."""

import hashlib
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from export.android.identity import ID, NAME_RESOURCE, Identity
from export.android.phone.application import PROPERTIES
from export.android.render import (
    ANDROID,
    ASSET_PATH,
    BINDINGS,
    NOTE,
    ROOT,
    TEMPLATE,
    bindings,
    kotlin_string,
    render,
)
from export.android.wrapper import DIGESTS, Wrapper
from export.errors import OutputError
from runtime_spec.bundle.manifest import Model
from runtime_spec.bundle.reader import Bundle
from tests.bundles import write_bundle

NASTY = 'a"b\\c$d${e}\n\r\t\b\0/* */ \u2028 \ud55c\U0001f600 \'"""$'


def placeholders(folder):
    """What stands for Gradle's wrapper: fetching that is tested in test_wrapper.py."""
    files = {name: folder / name for name in DIGESTS}
    for path in files.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("of Gradle")
    return Wrapper(files)


@pytest.fixture(autouse=True)
def wrapper(tmp_path, monkeypatch):
    found = placeholders(tmp_path / "wrapper")
    monkeypatch.setattr("export.android.render.find_wrapper", lambda project: found)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    write_bundle(tmp_path / "out" / "model.litertlm")
    return tmp_path / "out"


def rendered(out):
    return render(out / "model.litertlm", out)


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def kotlin_value(literal):
    """What a Kotlin compiler makes of a string literal."""
    assert literal[0] == literal[-1] == '"' and re.fullmatch(
        r'(?:[ !#%-\[\]-~]|\\[\\"$]|\\u[0-9a-f]{4})*', literal[1:-1]
    )
    text = re.sub(r"\\u([0-9a-f]{4})|\\(.)", lambda m: chr(int(m[1], 16)) if m[1] else m[2], literal[1:-1])
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def test_every_file_of_template_and_sources_is_there_unchanged(out):
    project = rendered(out).folder
    names = ("decode", "litert", "slipstream", "app", "samples/minimal")
    sources = [file for name in names for file in (ANDROID / name / "src/main").rglob("*")]
    for base, files in ((TEMPLATE, TEMPLATE.rglob("*")), (ANDROID, sources)):
        for file in filter(Path.is_file, files):
            copy = project / file.relative_to(base)
            assert copy.read_bytes() == file.read_bytes() and copy.stat().st_mode == file.stat().st_mode
    assert (project / "app/src/main/assets/model.litertlm").read_bytes() == (out / "model.litertlm").read_bytes()


def test_the_template_holds_no_binaries_and_the_sources_no_launcher(out):
    for file in TEMPLATE.rglob("*"):
        if file.is_file():
            file.read_text(encoding="utf-8")
    assert not (rendered(out).folder / "cli").exists()


def test_rendering_twice_gives_the_same_bytes(out, tmp_path):
    first = digests(rendered(out).folder)
    assert digests(rendered(out).folder) == first
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(out / "model.litertlm", other)
    assert digests(rendered(other).folder) == first


def test_constants(out):
    text = (rendered(out).folder / BINDINGS).read_text()
    with Bundle.open(out / "model.litertlm") as bundle:
        manifest = bundle.manifest
    assert f'BUNDLE_SHA256: String = "{manifest.manifest_sha256}"' in text
    assert f"BUNDLE_SIZE: Long = {(out / 'model.litertlm').stat().st_size}L" in text
    assert 'BUNDLE_ASSET: String? = "model.litertlm"' in text
    assert 'TARGET_ID: String = "demo/target"' in text and 'DRAFTER_ID: String = "demo/drafter"' in text
    assert "DRAFT_TOKENS: Int = 3" in text and "CONTEXT_LENGTH: Int = 64" in text


def test_the_generated_file_has_what_the_hand_written_default_has(out):
    """The app compiles against the one in the repository, and ships with this one."""
    names = re.compile(r"\bval (\w+: [\w?]+)")
    default = (ANDROID / BINDINGS).read_text()
    assert names.findall((rendered(out).folder / BINDINGS).read_text()) == names.findall(default)


def test_a_large_bundle_is_not_packed(out, monkeypatch):
    monkeypatch.setattr("export.android.render.LARGEST_ASSET", 10)
    result = rendered(out)
    assert not result.has_asset and not (result.folder / "app/src/main/assets").exists()
    assert "BUNDLE_ASSET: String? = null" in (result.folder / BINDINGS).read_text()


def test_no_drafter(tmp_path):
    write_bundle(tmp_path / "model.litertlm", drafter=None)
    assert 'DRAFTER_ID: String = ""' in (rendered(tmp_path).folder / BINDINGS).read_text()


@pytest.mark.parametrize("text", ["", NASTY, "owner/name", "\\", "$", '"', "\\u0041", "\r\n"])
def test_strings_survive(text):
    assert kotlin_value(kotlin_string(text)) == text


def test_any_string_survives():
    draw = random.Random(8)
    letters = ['"', "\\", "$", "{", "}", "u", "0", "\n", "'", "a", "\ud800", "\U0001f600", "ß"]
    for _ in range(2000):
        text = "".join(draw.choices(letters, k=draw.randrange(9)))
        assert kotlin_value(kotlin_string(text)) == text and kotlin_string(text).isascii()


def test_ids_can_not_leave_their_literal(out):
    with Bundle.open(out / "model.litertlm") as bundle:
        manifest = bundle.manifest
    from dataclasses import replace

    text = bindings(replace(manifest, target=Model(NASTY, "gemma4")), 1, None)
    line = next(line for line in text.split("\n") if "TARGET_ID" in line)
    assert kotlin_value(line.split(" = ", 1)[1]) == NASTY


def test_a_changed_source_stays_and_is_told(out):
    project = rendered(out).folder
    changed = project / "app/src/main/AndroidManifest.xml"
    changed.write_text(changed.read_text() + "<!-- mine -->")
    (project / BINDINGS).write_text("object ModelBindings")
    (project / "build.gradle.kts").unlink()
    (project / "notes.txt").write_text("mine")
    result = rendered(out)
    assert result.kept == ("app/src/main/AndroidManifest.xml",) and "mine" in changed.read_text()
    assert "BUNDLE_SHA256" in (project / BINDINGS).read_text()
    assert (project / "build.gradle.kts").exists() and (project / "notes.txt").exists()
    assert rendered(out).kept == result.kept


def test_what_an_export_no_longer_renders_is_removed(out, monkeypatch):
    project = rendered(out).folder
    monkeypatch.setattr("export.android.render.LARGEST_ASSET", 10)
    rendered(out)
    assert not (project / "app/src/main/assets/model.litertlm").exists()


def test_a_project_without_the_wrapper_says_why(out, monkeypatch):
    assert rendered(out).no_wrapper is None and (out / "android/gradlew.bat").is_file()
    monkeypatch.setattr("export.android.render.find_wrapper", lambda project: Wrapper({}, "no network"))
    result = rendered(out)
    assert result.no_wrapper == "no network" and not (result.folder / "gradlew").exists()
    assert "run `gradle wrapper` here" in (result.folder / "README.md").read_text()


def test_a_newer_template_replaces_what_was_not_changed(out, tmp_path, monkeypatch):
    project = rendered(out).folder
    newer = tmp_path / "template"
    shutil.copytree(TEMPLATE, newer)
    (newer / "gradle.properties").write_text("org.gradle.jvmargs=-Xmx9g\n")
    monkeypatch.setattr("export.android.render.TEMPLATE", newer)
    assert rendered(out).kept == () and "Xmx9g" in (project / "gradle.properties").read_text()


def altered(out, **changes):
    """The bundle of another export into the same folder."""
    write_bundle(out / "model.litertlm", **changes)
    return (out / "model.litertlm").read_bytes()


def assert_as_if_rendered_afresh(out, tmp_path):
    fresh = tmp_path / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    shutil.copyfile(out / "model.litertlm", fresh / "model.litertlm")
    assert digests(out / "android") == digests(rendered(fresh).folder)


def test_the_packed_bundle_follows_even_where_nothing_is_known_of_the_project(out, tmp_path):
    project = rendered(out).folder
    (project / NOTE).unlink()
    bundle = altered(out, context_length=128)
    assert rendered(out).kept == ()
    assert (project / ASSET_PATH).read_bytes() == bundle
    assert_as_if_rendered_afresh(out, tmp_path)


def test_a_packed_bundle_that_somebody_changed_is_replaced_and_removed_too(out, monkeypatch):
    project = rendered(out).folder
    (project / ASSET_PATH).write_bytes(b"another")
    assert rendered(out).kept == () and (project / ASSET_PATH).read_bytes() == (out / "model.litertlm").read_bytes()
    (project / ASSET_PATH).write_bytes(b"another")
    monkeypatch.setattr("export.android.render.LARGEST_ASSET", 10)
    assert rendered(out).kept == () and not (project / ASSET_PATH).exists()


def test_the_note_lies_in_the_project_and_the_work_folder_is_not_needed(out):
    project = rendered(out).folder
    assert sorted(path.name for path in out.iterdir()) == ["android", "model.litertlm", "model.litertlm.sha256"]
    moved = project.rename(out / "moved")
    moved.rename(project)
    assert rendered(out).kept == ()


@pytest.mark.parametrize(
    "end", [KeyboardInterrupt, OSError(28, "No space left on device")], ids=["killed", "disk full"]
)
def test_an_export_that_is_cut_off_leaves_nothing_that_counts_as_the_users(out, tmp_path, monkeypatch, end):
    """Cut off after the n-th file of a newer template and another bundle; so is the next, of a template newer still;
    then another is left to run."""
    templates = [TEMPLATE, *(tmp_path / name for name in ("newer", "newer still", "newest"))]
    for before, newer in itertools.pairwise(templates):
        shutil.copytree(before, newer)
        for path in filter(Path.is_file, newer.rglob("*")):
            path.write_bytes(path.read_bytes() + b"\n")
    project, rename, left = out / "android", os.replace, [0]

    def replace(source, target):
        left[0] -= 1
        if left[0] < 0:
            raise end
        rename(source, target)

    def use(template, context):
        monkeypatch.setattr("export.android.render.TEMPLATE", template)
        write_bundle(out / "model.litertlm", context_length=context)

    def cut_off_after(files):
        with monkeypatch.context() as patch, pytest.raises((KeyboardInterrupt, OutputError)):
            left[0] = files
            patch.setattr("export.files.os.replace", replace)
            rendered(out)

    for files in (0, 1, 9):
        use(TEMPLATE, 64)
        assert rendered(out).kept == ()
        changed = project / "app/proguard.pro"
        changed.write_text("# mine")
        use(templates[1], 65)
        cut_off_after(files)
        use(templates[2], 66)
        cut_off_after(1)
        use(templates[3], 67)
        assert rendered(out).kept == ("app/proguard.pro",) and changed.read_text() == "# mine"
        changed.unlink()
        assert rendered(out).kept == ()
        assert_as_if_rendered_afresh(out, tmp_path)


OTHER = Identity("com.example.writer", "Writer & Co")
CODE = re.compile(
    r"^(package|import) dev\.slipstream\.app\b|namespace = \"dev\.slipstream\.app\"|^import dev/"
    r"|val SELF_CHECK = \"dev\.slipstream\.app\.SelfCheck\"$"  # the alias, named in the code's package
)


def test_another_id_is_everywhere_that_android_looks_for_one(out):
    """What is left of the default one is the package of the code."""
    project = render(out / "model.litertlm", out, OTHER).folder
    left = []
    for path in filter(Path.is_file, project.rglob("*")):
        if path.suffix in (".litertlm", ".jar") or path.name == NOTE:
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            if ID in line and not CODE.search(line):
                left.append((path.relative_to(project).as_posix(), line.strip()))
    assert [path for path, _ in left] == ["README.md"] and "The code's package stays" in left[0][1]
    assert 'applicationId = identity.getProperty("applicationId")' in (project / "app/build.gradle.kts").read_text()


def test_an_id_is_chosen_kept_and_chosen_anew(out):
    first = render(out / "model.litertlm", out, OTHER)
    assert first.application_id == "com.example.writer" and first.kept == ()
    assert "Writer &amp; Co" in (first.folder / NAME_RESOURCE).read_text()
    before = digests(first.folder)
    assert rendered(out).application_id == "com.example.writer" and digests(first.folder) == before
    (first.folder / PROPERTIES).write_text("# mine\napplicationId=com.example.mine\n")
    found = rendered(out)
    assert found.application_id == "com.example.mine" and found.kept == ()
    found = render(out / "model.litertlm", out, Identity("com.example.third"))
    assert found.application_id == "com.example.third" and found.kept == ()
    assert "Writer &amp; Co" in (first.folder / NAME_RESOURCE).read_text()


def test_the_build_that_gradle_runs_takes_what_the_export_writes():
    """`file` and `directories` are from the module's folder: app."""
    text = (TEMPLATE / "app/build.gradle.kts").read_text()
    for path in (PROPERTIES, str(Path(NAME_RESOURCE).parents[1])):
        assert f'"{path.removeprefix("app/")}"' in text, path
    assert "app_name" not in (ANDROID / "app/src/main/res/values/strings.xml").read_text()


@pytest.mark.parametrize(
    "note", ["", "[]", "{", '{"a": 1}', '{"a": [1]}', "\ud800", "[" * 100_000], ids=lambda note: repr(note)[:12]
)
def test_a_note_that_is_none_counts_as_none(out, note):
    project = rendered(out).folder
    (project / NOTE).write_bytes(note.encode("utf-8", "surrogatepass"))
    (project / "app/proguard.pro").write_text("# mine")
    assert rendered(out).kept == ("app/proguard.pro",)


@pytest.mark.parametrize("absolute", [True, False])
def test_a_note_reaches_no_file_outside_the_project(out, tmp_path, absolute):
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    name = str(outside) if absolute else "../../outside.txt"
    project = rendered(out).folder
    (project / NOTE).write_text(json.dumps({name: [hashlib.sha256(b"mine").hexdigest()]}))
    rendered(out)
    assert outside.read_text() == "mine"


def test_a_project_that_can_not_be_written_is_an_error_that_names_it(out):
    (out / "android").write_bytes(b"a file")
    with pytest.raises(OutputError, match="android"):
        rendered(out)


def test_the_check_runs_from_the_project_alone(out):
    """No package of this repository, and nothing that is installed."""
    folder = rendered(out).folder / "check"
    found = subprocess.run(
        [sys.executable, "-S", "-E", "-m", "export.android.phone", "reference.json"],
        cwd=folder,
        env={"PATH": ""},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 13 and "adb is missing" in found.stderr


def test_versions_are_those_of_the_maven_build():
    catalog = tomllib.loads((TEMPLATE / "gradle/libs.versions.toml").read_text())["versions"]
    pins = {}
    for pom in ANDROID.glob("**/pom.xml"):
        if not {"target", "androidx-test"} & set(pom.parts):
            tree = ET.parse(pom).getroot()
            space = {"m": "http://maven.apache.org/POM/4.0.0"}
            for element in tree.findall("m:properties/*", space):
                pins[element.tag.split("}")[1].removesuffix(".version")] = element.text
            for item in tree.iter(f"{{{space['m']}}}artifactItem"):
                name = item.find("m:artifactId", space).text
                pins.setdefault(name.removesuffix("-ktx"), item.find("m:version", space).text)
    for name in catalog.keys() - {"agp"}:
        assert catalog[name] == pins[name], name


LIBRARIES = {
    "androidx.activity": "activity.compose",
    "androidx.collection": None,  # decode hands it on
    "androidx.compose.foundation": "compose.foundation",
    "androidx.compose.material": "compose.material.icons",
    "androidx.compose.material3": "compose.material3",
    "androidx.compose.runtime": "compose.runtime",
    "androidx.compose.ui": "compose.ui",
    "androidx.core": "core",
    "androidx.lifecycle": "lifecycle.runtime.compose",
    "androidx.room": "room.runtime",
    "kotlinx.coroutines": "coroutines.android",
    "org.commonmark": "commonmark",
    "org.commonmark.ext.gfm.tables": "commonmark.tables",
}


def test_the_app_declares_every_library_that_it_imports():
    """Maven has one class path with all of them: it would not tell."""
    gradle = (TEMPLATE / "app/build.gradle.kts").read_text()
    for file in (ANDROID / "app/src/main").rglob("*.kt"):
        for name in re.findall(r"^import ((?:androidx|kotlinx|com|org)\.[\w.]+)", file.read_text(), flags=re.M):
            library = LIBRARIES[max((key for key in LIBRARIES if f"{name}.".startswith(f"{key}.")), key=len)]
            assert library is None or f"implementation(libs.{library})" in gradle, name


def test_every_library_of_the_catalog_is_used_and_the_reverse():
    catalog = tomllib.loads((TEMPLATE / "gradle/libs.versions.toml").read_text())
    text = "".join(path.read_text() for path in TEMPLATE.glob("**/build.gradle.kts"))
    used = set(re.findall(r"libs\.((?!plugins)[a-z0-9.]+)", text))
    assert used == {name.replace("-", ".") for name in catalog["libraries"]}
    plugins = set(re.findall(r"libs\.plugins\.([a-z.]+)", text))
    assert plugins == {name.replace("-", ".") for name in catalog["plugins"]}
    assert {library["version"]["ref"] for library in catalog["libraries"].values()} | {
        plugin["version"]["ref"] for plugin in catalog["plugins"].values()
    } == set(catalog["versions"])


def test_litert_is_the_release_that_computes_here():
    catalog = tomllib.loads((TEMPLATE / "gradle/libs.versions.toml").read_text())["versions"]
    assert f"ai-edge-litert=={catalog['litert']}" in (ROOT / "pyproject.toml").read_text()


def test_sdk_levels_are_those_of_the_maven_build():
    gradle, pom = (TEMPLATE / "app/build.gradle.kts").read_text(), (ANDROID / "app/pom.xml").read_text()
    for name, tag in (("minSdk", "min.sdk"), ("targetSdk", "target.sdk"), ("versionCode", "version.code")):
        assert re.search(rf"{name} = (\d+)", gradle)[1] == re.search(rf"<{tag}>(\d+)<", pom)[1]
