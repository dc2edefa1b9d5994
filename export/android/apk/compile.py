"""The exported project's own sources compiled by Maven, with the poms of android_app laid around them."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from export.android.apk import tools
from export.resources import buildable_android

SOURCES = ("decode", "litert", "slipstream", "app")
SHARED = ("androidx", "androidx-test", "cli", "jmh", "samples", "tools")
"""Folders of android_app that hold nothing of an export, and are built where they are."""


@dataclass(frozen=True)
class Compiled:
    """What Maven made: the app's jars, resources and manifest as `aapt2 link` wrote them with R8's rules, and tools."""

    jars: tuple[Path, ...]
    resources: Path
    rules: tuple[Path, ...]
    r8: Path
    jna: Path
    androidx_libraries: Path
    framework: Path


def compile_project(project: Path, work: Path) -> Compiled:
    """`project` is the exported Android project, `work` a folder of ours. Raises ApkError with what Maven says."""
    stage = work / "maven"
    _lay_out(project, stage)
    # ktlint has seen the sources already; a user's own may be formatted otherwise.
    command = [tools.find("mvn"), "-B", "-q", "-f", stage / "pom.xml", "package", "-pl", "apk", "-am"]
    command += ["-DskipTests", "-Dmaven.test.skip=true", "-Dktlint.mode=--version", "--no-transfer-progress"]
    # What only tests need is not copied once more.
    command += [f"-Drobolectric.folder={buildable_android() / 'app/target/robolectric'}"]
    tools.run(command, "The app can't be compiled", cwd=stage)
    return compiled(stage, project)


def compiled(stage: Path, project: Path) -> Compiled:
    """The files of a build that was made before."""
    app = stage / "app" / "target"
    classpath = (stage / "apk/target/classpath.txt").read_text().split(os.pathsep)
    return Compiled(
        jars=(next(iter(app.glob("app-*.jar"))), *sorted((app / "lib").glob("*.jar"))),
        resources=app / "res.apk",
        rules=(app / "aapt.pro", project / "app/proguard.pro"),
        r8=stage / "apk/target/tools/r8.jar",
        jna=stage / "apk/target/tools/jna.aar",
        androidx_libraries=buildable_android() / "androidx/target/jni",
        framework=Path(next(path for path in classpath if "/android-all/" in path.replace(os.sep, "/"))),
    )


def _lay_out(project: Path, stage: Path) -> None:
    ours = buildable_android()
    for name in SOURCES:
        (stage / name).mkdir(parents=True, exist_ok=True)
        _link(stage / name / "pom.xml", ours / name / "pom.xml")
        _link(stage / name / "src", project / name / "src")
    (stage / "apk").mkdir(exist_ok=True)
    _link(stage / "apk/pom.xml", ours / "apk/pom.xml")
    for name in SHARED:
        _link(stage / name, ours / name)
    (stage / ".mvn").mkdir(exist_ok=True)
    for name in ("pom.xml", ".editorconfig", ".mvn/jvm.config"):
        shutil.copyfile(ours / name, stage / name)


def _link(path: Path, to: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(to.resolve())
