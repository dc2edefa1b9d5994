"""Gradle's wrapper: fetched once, never taken unless it is Gradle's own, and running the distribution that it names."""

import hashlib
import os
import re
import shutil
import subprocess
import zipfile

import pytest

from export.android import wrapper
from export.android.render import TEMPLATE
from export.android.wrapper import ARTIFACT, DIGESTS, JAR, find_wrapper

CONTENT = {name: f"this is {name}".encode() for name in DIGESTS}


@pytest.fixture
def maven(tmp_path, monkeypatch):
    """A Maven that copies an artifact of the tests; `log` in its folder gets a line a call."""
    folder = tmp_path / "tools"
    folder.mkdir()
    with zipfile.ZipFile(folder / "artifact", "w") as archive:
        for name, content in CONTENT.items():
            archive.writestr(f"gradle-wrapper/{name}", content)
    script = f"""#!/bin/sh
echo "$@" >>{folder}/log
for word in "$@"; do case $word in -DoutputDirectory=*) /bin/cp {folder}/artifact "${{word#*=}}/found.jar";; esac; done
"""
    (folder / "mvn").write_text(script)
    (folder / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    monkeypatch.setattr(wrapper, "DIGESTS", digests)
    return folder


def calls(maven):
    return (maven / "log").read_text().splitlines()


def test_it_is_fetched_once_and_needs_no_network_after_that(maven, tmp_path):
    found = find_wrapper(tmp_path / "project")
    assert found.problem is None and {name: path.read_bytes() for name, path in found.files.items()} == CONTENT
    modes = {name: path.stat().st_mode & 0o777 for name, path in found.files.items()}
    assert modes == {"gradlew": 0o755, "gradlew.bat": 0o755, JAR: 0o644}
    assert len(calls(maven)) == 1 and f"-Dartifact={ARTIFACT}" in calls(maven)[0]
    (maven / "mvn").unlink()
    assert find_wrapper(tmp_path / "project").files == found.files


def test_a_projects_own_is_used_without_a_cache(maven, tmp_path, monkeypatch):
    for name, content in CONTENT.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_bytes(content)
    found = find_wrapper(tmp_path / "project")
    assert found.files["gradlew"] == tmp_path / "project/gradlew" and not (maven / "log").exists()


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_a_file_of_another_digest_is_never_taken(maven, tmp_path, name):
    """Not out of the artifact, and not from the caches, where it is replaced."""
    find_wrapper(tmp_path / "project").files[name].write_bytes(b"another")
    assert find_wrapper(tmp_path / "project").files[name].read_bytes() == CONTENT[name] and len(calls(maven)) == 2
    shutil.rmtree(tmp_path / "cache")
    with zipfile.ZipFile(maven / "artifact", "w") as archive:
        for path, content in (CONTENT | {name: b"another"}).items():
            archive.writestr(f"gradle-wrapper/{path}", content)
    found = find_wrapper(tmp_path / "project")
    assert found.files == {} and f"{name} in {ARTIFACT} has another SHA-256" in found.problem
    assert not list((tmp_path).glob("cache/slipstream/*"))


def test_what_is_said_where_it_can_not_be_fetched(maven, tmp_path, monkeypatch):
    (maven / "mvn").write_text("#!/bin/sh\necho '[ERROR] Could not transfer artifact'\nexit 1\n")
    assert "Could not transfer artifact" in find_wrapper(tmp_path).problem
    (maven / "mvn").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    monkeypatch.setattr(wrapper, "PATIENCE", 0.2)
    assert "did not end in 0.2 s" in find_wrapper(tmp_path).problem
    (maven / "mvn").unlink()
    assert "not installed" in find_wrapper(tmp_path).problem


def test_an_artifact_that_is_no_archive(maven, tmp_path):
    (maven / "artifact").write_bytes(b"no archive")
    assert "not a zip file" in find_wrapper(tmp_path).problem


def test_a_cache_that_can_not_be_written_to_is_no_end_of_an_export(maven, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    found = find_wrapper(tmp_path)
    assert found.files == {} and "/dev/null" in found.problem


class TestGradlesOwn:
    """The real one, by the Maven that is here, with a distribution made here in place of Gradle's."""

    @pytest.fixture
    def project(self, tmp_path):
        if shutil.which("mvn") is None and not os.environ.get("CI"):
            pytest.skip("without Maven the wrapper is not fetched")
        project, found = tmp_path / "project", find_wrapper(tmp_path / "project")
        assert found.problem is None
        for name, path in found.files.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, project / name)
        classes, source = tmp_path / "classes", tmp_path / "GradleMain.java"
        source.write_text(
            "package org.gradle.launcher; public class GradleMain { public static void main(String[] given) "
            '{ System.out.println("ran: " + String.join("|", given)); } }'
        )
        subprocess.run(["javac", "-d", classes, source], check=True)
        home = tmp_path / "gradle-9.6.0"
        (home / "bin").mkdir(parents=True)
        (home / "lib").mkdir()
        (home / "bin/gradle").write_text("#!/bin/sh\n")
        manifest = tmp_path / "manifest"
        manifest.write_text("Main-Class: org.gradle.launcher.GradleMain\n")
        jar = home / "lib/gradle-launcher-9.6.0.jar"
        subprocess.run(["jar", "cfm", jar, manifest, "-C", classes, "."], check=True)
        shutil.make_archive(str(tmp_path / "gradle-9.6.0-bin"), "zip", tmp_path, "gradle-9.6.0")
        return project

    def run(self, project, tmp_path, *arguments, archive_sum=None):
        archive = tmp_path / "gradle-9.6.0-bin.zip"
        text = (TEMPLATE / "gradle/wrapper/gradle-wrapper.properties").read_text()
        text = re.sub(r"distributionUrl=.*", f"distributionUrl=file\\\\://{archive}", text)
        sum = archive_sum or hashlib.sha256(archive.read_bytes()).hexdigest()
        (project / "gradle/wrapper/gradle-wrapper.properties").write_text(
            re.sub(r"(distributionSha256Sum)=.*", rf"\1={sum}", text)
        )
        environment = {key: os.environ[key] for key in ("PATH", "JAVA_HOME") if key in os.environ}
        environment["GRADLE_USER_HOME"] = str(tmp_path / "home")
        return subprocess.run([project / "gradlew", *arguments], env=environment, capture_output=True, text=True)

    def test_the_distribution_that_the_project_names_is_run(self, project, tmp_path):
        done = self.run(project, tmp_path, "installDebug", "a b")
        assert done.returncode == 0 and "ran: installDebug|a b" in done.stdout, done.stderr

    def test_a_distribution_of_another_sum_is_not(self, project, tmp_path):
        done = self.run(project, tmp_path, "tasks", archive_sum="0" * 64)
        assert done.returncode != 0 and "ran:" not in done.stdout and "0" * 64 in done.stderr
