"""The command line in processes of its own, each over a cache folder that a test chooses."""

import json
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass

PROMPT = "def main():"


@dataclass
class Ended:
    code: int
    out: str
    errors: str

    @property
    def tokens(self):
        assert self.code == 0, self.errors
        return json.loads(self.out)["tokens"]


def start(verb, bundle, cache, *more, file_size=None, **environment):
    """One verb with --json; `file_size` is the most bytes that it and its children may write to a file."""
    arguments = ["--prompt", PROMPT, "--max-new-tokens", "24"] if verb == "generate" else []
    return subprocess.Popen(
        [sys.executable, "-m", "export", verb, str(bundle), "--json", *arguments, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"XDG_CACHE_HOME": str(cache)} | environment,
        preexec_fn=file_size and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))),
    )


def end(process):
    out, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors, errors
    return Ended(process.returncode, out, errors)


def run(verb, bundle, cache, *more, **choices):
    return end(start(verb, bundle, cache, *more, **choices))


@contextmanager
def mounted(folder, options):
    """A memory file system at `folder`; None where this user may not mount."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        able = os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        able = False
    try:
        yield folder if able else None
    finally:
        if able:
            subprocess.run(["umount", "-l", str(folder)], check=True)
