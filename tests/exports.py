"""Exports of the demo pair as commands of their own, as cheap as they can be and still whole."""

import hashlib
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import export

EXPORT = Path(export.__file__).parent
PROMPTS = Path(__file__).with_name("prompts.txt")
"""Two short ones: what an export decodes to check itself is most of its time."""


def export_command(out, *more):
    command = [sys.executable, "-m", "export", "--device", "pixel", "--out", str(out), "--no-bench"]
    return [*command, "--prompts", str(PROMPTS), *more]


@dataclass(frozen=True)
class Reference:
    out: Path
    seconds: float
    checksum: str
    files: list[str]

    @staticmethod
    def digest_of(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()


def reference_export(out, graphs, *more):
    """An export that ran to its end."""
    shutil.copytree(graphs, out / "work" / "graphs")
    begin = time.monotonic()
    subprocess.run(export_command(out, *more), check=True, capture_output=True)
    seconds = time.monotonic() - begin
    return Reference(out, seconds, (out / "model.litertlm.sha256").read_text(), listing(out))


def listing(out):
    """Every file but logs."""
    files = (path.relative_to(out) for path in out.rglob("*") if path.is_file())
    return sorted(str(path) for path in files if path.parts[:2] != ("work", "log"))
