"""android_app/bin/slipstream, as a user calls it. The README's test command has built it before."""

import json
import os
import subprocess
from pathlib import Path

from runtime_spec.litert.library import default_path

ANDROID_APP = Path(__file__).parents[2] / "android_app"
SLIPSTREAM = ANDROID_APP / "bin/slipstream"


def run(*arguments: object, arch: str | None = None, input: str | None = None, **environment: str):
    """The finished process: returncode, stdout, stderr."""
    command = [str(SLIPSTREAM), *(["--arch", arch] if arch else []), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, input=input, env=os.environ | environment)


def run_json(*arguments: object, arch: str | None = None) -> dict:
    """What the verb printed with --json: one object on stdout and nothing else there."""
    done = run(*arguments, "--json", arch=arch)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run_driver(name: str, *arguments: object, emulated: bool = False):
    """The finished process of a program in litert's test sources, over the real LiteRT, of this machine or `emulated`
    on ARM64."""
    target = ANDROID_APP / "litert/target"
    path = ":".join(str(target / part) for part in ("classes", "test-classes", "test-lib/*"))
    command, library = ["java"], default_path()
    if emulated:
        home = Path(
            subprocess.run(
                [ANDROID_APP / "bin/setup-aarch64"], check=True, capture_output=True, text=True
            ).stdout.strip()
        )
        root, library = home / "root", home / "libLiteRt.so"
        command = [home / "qemu/usr/bin/qemu-aarch64", "-L", root, root / "usr/lib/jvm/java-17-openjdk-arm64/bin/java"]
    command += ["-cp", path, f"dev.slipstream.litert.{name}Kt", *map(str, arguments)]
    environment = os.environ | {"SLIPSTREAM_LITERT": str(library)}
    return subprocess.run(command, capture_output=True, text=True, env=environment)
