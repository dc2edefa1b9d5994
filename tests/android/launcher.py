"""android_app/bin/slipstream, as a user calls it. The README's test command has built it before."""

import json
import os
import subprocess
from pathlib import Path

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
