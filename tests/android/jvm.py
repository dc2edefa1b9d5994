"""Runs what Maven has compiled: `mvn -f android_app/pom.xml verify` comes first in the README's test command."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ANDROID_APP = Path(__file__).parents[2] / "android_app"


def run_driver(module: str, main_class: str, lines: list[str], arch: str | None = None) -> list[str]:
    """Output lines of a main class in a module's test sources, which is fed `lines`. Skips without Java or classes,
    but never under CI. `arch`: aarch64 for the emulated CPU of bin/setup-aarch64, None for this machine's."""
    target = ANDROID_APP / module / "target"
    compiled = target / "test-classes" / f"{main_class.replace('.', '/')}.class"
    if shutil.which("java") is None or not compiled.exists() or not (target / "lib").is_dir():
        reason = f"no Java, or no {compiled.relative_to(ANDROID_APP)}: run mvn -f android_app/pom.xml verify"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    path = ":".join(map(str, (target / "classes", target / "test-classes", target / "lib" / "*")))
    command = [*_java(arch), "-Xmx512m", "-XX:TieredStopAtLevel=1", "-Dstdout.encoding=UTF-8", "-cp", path, main_class]
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, input="".join(f"{line}\n" for line in lines), capture_output=True, encoding="utf-8", env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _java(arch: str | None) -> list[str]:
    if arch is None:
        return ["java"]
    done = subprocess.run([ANDROID_APP / "bin/setup-aarch64"], capture_output=True, text=True, check=True)
    home = Path(done.stdout.strip())
    java = home / "root/usr/lib/jvm/java-17-openjdk-arm64/bin/java"
    return [str(home / "qemu/usr/bin/qemu-aarch64"), "-L", str(home / "root"), str(java)]
