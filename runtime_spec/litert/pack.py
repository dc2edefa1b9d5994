"""Weights packed by XNNPACK in a process of their own: it ends the process when it can't write, and keeps what it took.

`pack_sections` starts the process; `python -m runtime_spec.litert.pack` is what it runs.
"""

import mmap
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import runtime_spec
from runtime_spec.errors import PackingError, RuntimeLibraryError, SlipstreamError
from runtime_spec.litert.compiled import CompiledModel
from runtime_spec.litert.library import Library
from runtime_spec.litert.quiet import ENVIRONMENT_VARIABLE

PACKED = ("main", "drafter")
"""Models with matrices that XNNPACK packs; an embedder's file would be empty."""
CRASHES = {signal.SIGSEGV, signal.SIGILL, signal.SIGFPE}


def file_name(model: str) -> str:
    """Of a model's packed weights, in the folder that is given to Models."""
    return f"{model}.xnnpack"


def pack_sections(
    file: int | str | os.PathLike,
    sections: Mapping[str, tuple[int, int]],
    folder: Path,
    threads: int = 1,
    inherited: Collection[int] = (),
) -> None:
    """Packs the weights of those of `sections` (name: byte range of `file`, a path or a descriptor) that have any into
    `folder`, which exists, as Models opens them. `inherited` descriptors stay open until the process has ended.

    Raises PackingError when they can't be written, RuntimeLibraryError when LiteRT refuses a model or crashes on it."""
    wanted = {name: sections[name] for name in PACKED if name in sections}
    descriptor = file if isinstance(file, int) else os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        ranges = [str(part) for name, (begin, end) in wanted.items() for part in (name, begin, end)]
        root = str(Path(runtime_spec.__file__).parents[1])
        # -P: the working directory is no place to import from.
        command = [sys.executable, "-P", "-m", __name__, str(folder), str(threads), str(descriptor), *ranges]
        paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        ended = subprocess.run(
            command,
            env=os.environ | {"PYTHONPATH": paths},
            pass_fds=(descriptor, *inherited),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get(ENVIRONMENT_VARIABLE) else subprocess.PIPE,
        )
    except OSError as error:
        raise _failed(folder, str(error)) from None
    finally:
        if descriptor is not file:
            os.close(descriptor)
    _check_ended(ended, folder, [file_name(name) for name in wanted])


def _check_ended(ended: subprocess.CompletedProcess, folder: Path, names: list[str]) -> None:
    said = (ended.stdout or b"").decode("utf-8", "replace").strip()
    if ended.returncode == RuntimeLibraryError.exit_code or -ended.returncode in CRASHES:
        raise RuntimeLibraryError(
            "LiteRT can't pack the model's weights",
            expected="status 0",
            found=said or f"a crash ({signal.Signals(-ended.returncode).name})",
            where="LiteRtCreateCompiledModel, in a process of its own",
            action="Verify the bundle; if it is intact, report the model and the machine.",
        )
    if ended.returncode:
        how = f"exit code {ended.returncode}" if ended.returncode > 0 else signal.Signals(-ended.returncode).name
        raise _failed(folder, f"{said or 'the process that packs ended'} ({how})")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise _failed(folder, f"no {' and no '.join(missing)}")


def _failed(folder: Path, found: str) -> PackingError:
    with suppress(OSError):
        found += f"; {shutil.disk_usage(folder).free} bytes free"
    action = "Free some space there, or name another folder."
    expected = "a folder that can be written to, with room for the packed weights"
    return PackingError("Weights can't be packed", expected=expected, found=found, where=str(folder), action=action)


def main(arguments: list[str]) -> int:
    """FOLDER THREADS DESCRIPTOR (NAME BEGIN END)...: what went wrong goes to stdout, LiteRT's log to stderr."""
    folder, threads, descriptor = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    parts = iter(arguments[3:])
    try:
        library = Library()
        environment = library.create("LiteRtCreateEnvironment", 0, None)
        with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ, flags=mmap.MAP_SHARED) as mapped, _forgetting(mapped):
            address = _address(mapped)
            for name, begin, end in zip(parts, map(int, parts), map(int, parts), strict=True):
                path = folder / file_name(name)
                CompiledModel(library, environment, address + begin, end - begin, threads, path).close()
    except SlipstreamError as error:
        print(f"{error.title}: {error.found}")
        return error.exit_code
    except OSError as error:
        print(error)
        return PackingError.exit_code
    return 0


def _address(mapped: mmap.mmap) -> int:
    import numpy as np

    return np.frombuffer(mapped, np.uint8).ctypes.data


@contextmanager
def _forgetting(mapped: mmap.mmap) -> Iterator[None]:
    """Gives mapped pages back while weights are packed from them: each is needed once, and counts as resident."""
    done = threading.Event()

    def forget() -> None:
        while not done.wait(0.05):
            mapped.madvise(mmap.MADV_DONTNEED)

    thread = threading.Thread(target=forget, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
