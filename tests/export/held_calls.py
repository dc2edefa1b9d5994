"""What child processes run in tests, and a parent to interrupt: `python -m tests.export.held_calls FOLDER`."""

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

from export.errors import GraphError
from export.processes import Call, run_each, terminating

HELD = []


def environment(name):
    return os.getpid(), os.environ.get(name)


def lock():
    """As tqdm does when it is imported."""
    HELD.append(multiprocessing.get_context("spawn").RLock())


def write_on(folder, number):
    """Never ends: notes its process, then lets a file grow."""
    lock()
    (folder / f"{number}.pid").write_text(str(os.getpid()))
    with (folder / f"{number}.txt").open("w") as file:
        while True:
            file.write("more\n")
            file.flush()
            time.sleep(0.01)


def fail(kind):
    print(f"about to fail: {kind}", flush=True)
    if kind == "ours":
        raise GraphError("Title", expected="a", found="b", where="c", action="d")
    if kind == "theirs":
        raise ValueError("a foreign complaint")
    if kind == "unpicklable":
        raise ValueError(lambda: "no pickle")
    os.write(2, b"last words of a library\n")
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    list(run_each([Call(lock)], 1))
    with terminating():
        try:
            for _ in run_each([Call(write_on, (target, number)) for number in range(2)], 2):
                pass
        finally:
            (target / "cleaned").touch()
