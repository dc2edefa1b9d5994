"""The library for apps of one's own: over the real LiteRT on the demo pair, and as Maven installs it."""

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from export.android.apk import dex, tools
from export.android.apk.compile import compiled
from runtime_spec.litert.library import default_path
from tests.android.jvm import ANDROID_APP
from tests.android.test_shrunk import copy_without

ROOT = ANDROID_APP.parent

TARGET = ANDROID_APP / "slipstream/target"


def run_tests(name: str, bundle) -> str:
    """What JUnit printed about a test class that Maven has compiled and left out, as it wants an exported bundle.
    Skips without Java or classes, but never under CI."""
    if shutil.which("java") is None or not (TARGET / "test-lib").is_dir():
        reason = f"no Java, or no {TARGET}/test-lib: run mvn -f android_app/pom.xml verify"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    path = ":".join(str(TARGET / part) for part in ("classes", "test-classes", "test-lib/*"))
    command = ["java", "-XX:TieredStopAtLevel=1", f"-Dslipstream.bundle={bundle}", "-cp", path]
    command += ["org.junit.platform.console.ConsoleLauncher", "execute", "--disable-banner", "--disable-ansi-colors"]
    environment = os.environ | {"SLIPSTREAM_LITERT": str(default_path()), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [*command, f"--select-class={name}", "--fail-if-no-tests"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def test_a_chat_over_litert_keeps_the_contract(int8_out):
    """The same tests that Maven runs over a script, and what only a model can show."""
    said = run_tests("dev.slipstream.LiteRtChatOnBundleTest", int8_out / "model.litertlm")
    assert "0 tests failed" in said


@pytest.fixture(scope="module")
def installed(tmp_path_factory, apk_tools) -> Path:
    """dev/slipstream in a local repository, after `mvn install` of the library from a copy of its sources."""
    stage, repository = tmp_path_factory.mktemp("stage") / "android_app", tmp_path_factory.mktemp("repository")
    shutil.copytree(ANDROID_APP, stage, ignore=shutil.ignore_patterns("target", "test", "goldens"))
    cached = Path.home() / ".m2/repository"
    (repository / "dev").mkdir()
    for known in [*cached.iterdir(), *cached.glob("dev/*")]:
        if known.name not in ("dev", "slipstream"):
            (repository / known.relative_to(cached)).symlink_to(known)
    command = [tools.find("mvn"), "-B", "-q", "-f", stage / "pom.xml", "install", "-pl", "slipstream", "-am"]
    command += ["-Dmaven.test.skip=true", "-Dktlint.mode=--version", f"-Dmaven.repo.local={repository}"]
    tools.run(command, "The library can't be installed", cwd=stage)
    return repository / "dev/slipstream"


def test_it_is_installed_as_aar_and_as_jar_with_sources(installed):
    for name, kind in (("slipstream", "aar"), ("slipstream-jvm", "jar"), ("litert", "jar"), ("decode", "jar")):
        found = {path.name for path in (installed / name / "0.1.0").iterdir()}
        base = f"{name}-0.1.0"
        assert {f"{base}.{kind}", f"{base}-sources.jar", f"{base}.pom"} <= found
    with zipfile.ZipFile(installed / "slipstream/0.1.0/slipstream-0.1.0.aar") as aar:
        assert aar.namelist() == ["AndroidManifest.xml", "R.txt", "classes.jar"]
        assert b'android:minSdkVersion="29"' in aar.read("AndroidManifest.xml")
        jar = (installed / "slipstream-jvm/0.1.0/slipstream-jvm-0.1.0.jar").read_bytes()
        assert aar.read("classes.jar") == jar
    with zipfile.ZipFile(installed / "slipstream/0.1.0/slipstream-0.1.0-sources.jar") as sources:
        assert "dev/slipstream/Slipstream.kt" in sources.namelist()


def test_an_android_app_gets_each_class_once(installed):
    """JNA's AAR has the classes of its JAR: one of the two, and LiteRT with it, in the versions that are built with."""
    text = (installed / "slipstream/0.1.0/slipstream-0.1.0.pom").read_text()
    assert "${" not in text
    space = {"m": "http://maven.apache.org/POM/4.0.0"}
    found = {}
    for one in ET.fromstring(text).findall("m:dependencies/m:dependency", space):
        value = {child.tag.split("}")[1]: child.text for child in one}
        excluded = [name.text for name in one.findall("m:exclusions/m:exclusion/m:artifactId", space)]
        found[value["artifactId"], value.get("type", "jar")] = (value["scope"], excluded)
    assert found == {
        ("decode", "jar"): ("compile", []),
        ("litert", "jar"): ("runtime", ["jna"]),
        ("kotlinx-coroutines-android", "jar"): ("compile", []),
        ("kotlin-stdlib", "jar"): ("compile", []),
        ("jna", "aar"): ("runtime", []),
        ("litert", "aar"): ("runtime", []),
    }


def run_shrunk_consumer(installed: Path, apk_out: Path, bundle: Path, work: Path, rules: bool):
    """A program over the installed library, shrunk and renamed by R8 with the rules that its jars bring, or without
    them, and run on the JVM."""
    parts = compiled(apk_out / "work/apk/maven", apk_out / "android")
    needed = r"(kotlin|collection|annotation|gson|error_prone|jna)"
    others = [path for path in parts.jars if re.match(needed, path.name)]
    own = [installed / f"{name}/0.1.0/{name}-0.1.0.jar" for name in ("slipstream-jvm", "litert", "decode")]
    if not rules:
        own = [copy_without(path, "-keep", work) for path in own]
    classes, shrunk, kept = work / "classes", work / "shrunk.jar", work / "kept.pro"
    classes.mkdir()
    source = Path(__file__).with_name("LibraryConsumer.java")
    tools.run(["javac", "-d", classes, "-cp", ":".join(map(str, own + others)), source], "It does not compile")
    consumer = work / "consumer.jar"
    with zipfile.ZipFile(consumer, "w") as jar:
        for path in classes.rglob("*.class"):
            jar.write(path, path.relative_to(classes))
    kept.write_text("-keep class LibraryConsumer { public static void main(...); }\n" + dex.RULES)
    command = [*dex.r8_command(parts, [kept]), "--classfile", "--output", shrunk, consumer, *own, *others]
    tools.run(command, "R8 failed")
    jna = next(path for path in others if path.name.startswith("jna"))
    with zipfile.ZipFile(jna) as jar:
        (work / "libjnidispatch.so").write_bytes(jar.read("com/sun/jna/linux-x86-64/libjnidispatch.so"))
    command = ["java", f"-Djna.boot.library.path={work}", "-Djna.nosys=true", "-cp", shrunk, "LibraryConsumer", bundle]
    environment = os.environ | {"SLIPSTREAM_LITERT": str(default_path())}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_an_app_needs_no_rules_of_its_own(installed, apk_out, int8_out, tmp_path):
    found = run_shrunk_consumer(installed, apk_out, int8_out / "model.litertlm", tmp_path, rules=True)
    assert found.returncode == 0 and len(found.stdout.split()) > 3, found.stderr[-2000:]


def test_without_the_rules_in_the_jars_it_does_not_run(installed, apk_out, int8_out, tmp_path):
    """The planted fault: the test above can see a missing rule."""
    assert run_shrunk_consumer(installed, apk_out, int8_out / "model.litertlm", tmp_path, rules=False).returncode != 0


def test_the_sample_is_small_and_the_readme_shows_what_the_library_says():
    sample = ANDROID_APP / "samples/minimal/src/main/kotlin/dev/slipstream/samples/minimal/MinimalActivity.kt"
    assert len(sample.read_text().splitlines()) <= 40
    source = (ANDROID_APP / "slipstream/src/main/kotlin/dev/slipstream/Slipstream.kt").read_text()
    (example,) = re.findall(r" \* ```kotlin\n(.*?) \* ```\n", source, re.S)
    lines = [line.removeprefix(" *").removeprefix(" ") for line in example.splitlines()]
    assert "```kotlin\n" + "\n".join(lines) + "\n```" in (ROOT / "README.md").read_text()
