"""The programs that an APK is built with, and what is said when one is missing or fails."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from export.errors import ApkError

PACKAGES = {"mvn": "maven", "java": "openjdk-17-jdk-headless", "keytool": "openjdk-17-jdk-headless"}

ADVICE = "See what it says above; if a file could not be fetched, check the network and run it again."


def find(name: str) -> str:
    """The program on the PATH; apksigner also in the Android SDK's build tools. Raises ApkError."""
    found = shutil.which(name)
    sdk = os.environ.get("ANDROID_HOME") or os.environ.get("ANDROID_SDK_ROOT")
    if found is None and sdk:
        found = next(map(str, sorted(Path(sdk).glob(f"build-tools/*/{name}"), reverse=True)), None)
    if found is None:
        raise ApkError(
            f"{name} is missing",
            expected=f"{name} on the PATH",
            found="no such program",
            where=os.environ.get("PATH", ""),
            action=f"Install it (Debian: apt-get install {PACKAGES.get(name, name)}).",
        )
    return found


def run(command: list[str | Path], title: str, *, action: str = ADVICE, **more: object) -> str:
    """What the command printed; it is given no input. Raises ApkError with the end of its output."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **more,
    )
    if done.returncode != 0:
        raise ApkError(
            title,
            expected="exit code 0",
            found=f"{done.returncode}: {_end(done.stdout)}",
            where=" ".join(map(str, command))[:300],
            action=action,
        )
    return done.stdout


def java_home() -> Path:
    """Of the JDK that `java` starts."""
    home = os.environ.get("JAVA_HOME")
    return Path(home) if home else Path(find("java")).resolve().parents[1]


def _end(text: str) -> str:
    """Errors if the output marks them, else its last lines."""
    lines = [re.sub(r"\x1b\[\d*m", "", line) for line in text.splitlines() if line.strip()]
    marked = [line for line in lines if "ERROR" in line or "error:" in line]
    return "\n".join((marked or lines)[:8] if marked else lines[-8:])[-1500:] or "no output"
