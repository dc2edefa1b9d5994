"""Where files lie that are no Python: in a checkout at its root, in an installed package in `export/_data`.

pyproject.toml copies them there when a wheel is built; tests/packaging compares the two.
"""

import hashlib
import os
import shutil
from pathlib import Path

from runtime_spec.cache import cache_folder

ROOT = Path(__file__).resolve().parents[1]
"""The folder that holds `export` and `runtime_spec`: a checkout's root, or where packages are installed."""
INSTALLED = Path(__file__).resolve().parent / "_data"
_DATA = INSTALLED if INSTALLED.is_dir() else ROOT
ANDROID = _DATA / "android_app"
TEMPLATE = _DATA / "gradle_template"
"""Both are only read: an installed package may be another user's."""
DEMO = Path(__file__).resolve().parent / "demo"
"""The demo pair: `target` and `drafter`."""


def buildable_android() -> Path:
    """android_app where Maven may write `target` folders beside the sources.

    A checkout's own; an installed package's is copied once to the cache folder, under a name that its content gives.
    Raises OSError."""
    return _copied(ANDROID, cache_folder()) if _DATA == INSTALLED else ANDROID


def _copied(folder: Path, cache: Path) -> Path:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        # Installers compile the tools of the build too.
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    copy = cache / f"{folder.name}-{digest.hexdigest()[:16]}"
    if not copy.is_dir():
        partial = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(folder, partial, ignore=shutil.ignore_patterns("__pycache__"))
        try:
            partial.rename(copy)
        except OSError:
            # Another process was first.
            shutil.rmtree(partial)
            if not copy.is_dir():
                raise
    return copy
