"""Disks of a given size."""

import resource
import subprocess
from contextlib import contextmanager


@contextmanager
def limited_disk(tmp_path, megabytes):
    """(folder, preexec_fn) where only so much can be written: a file system of that size, or, to who may not mount one,
    a folder and a limit on the size of each file."""
    folder = tmp_path / f"disk-{megabytes}"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        limit = megabytes * 2**20
        yield folder, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return
    try:
        yield folder, None
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
