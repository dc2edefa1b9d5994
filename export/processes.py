"""Work in processes of its own: its memory is given back whole, and it ends when the export does.

Children die with their parent, however that ends; Ctrl-C is the parent's to answer, which ends them at once.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from export.errors import RuntimeLibraryError

PR_SET_PDEATHSIG = 1
LOG_LINES = 20
"""Of a log, told in an error."""
SECONDS_TO_LEAVE = 1
QUIET_TRACKER = "ignore::UserWarning:multiprocessing.resource_tracker"
"""Semaphores that a killed process leaves are removed by Python's tracker: no need to tell the user."""
KILLED_ACTION = "Most often memory ran out: close other programs, then run the same command again."


class Terminated(SystemExit):
    """SIGTERM, raised where the program stood so that it cleans up; left alone it ends the process with 143."""

    def __init__(self):
        super().__init__(128 + signal.SIGTERM)


@dataclass(frozen=True)
class Call:
    """`function(*arguments)`, with what it prints going to `log`, or where the parent's goes."""

    function: Callable
    arguments: tuple = ()
    log: Path | None = None


class FailedCall(Exception):
    """A call that raised what is no SlipstreamError and can't be pickled: its type and text."""


def run_apart(*calls: tuple) -> list:
    """The results of calls (function, *arguments), each in a fresh process, side by side; arguments, results and
    exceptions travel pickled.

    Python keeps what it once took: hundreds of megabytes of graph objects at E2B's size, beside the weights that the
    next stage loads. Raises what a call raises, and RuntimeLibraryError when a process is killed."""
    wanted = [Call(function, arguments) for function, *arguments in calls]
    results = dict(run_each(wanted, len(wanted)))
    return [results[i] for i in range(len(wanted))]


def run_each(calls: Sequence[Call], processes: int, environment: dict[str, str] | None = None) -> Iterator[tuple]:
    """Yields (index of the call, its result) as each is ready, from at most `processes` processes, each of which takes
    call after call. `environment` is added to theirs. With 0 the calls are made in this process, logs left out.

    Raises what a call raises, with `call` set to it, and RuntimeLibraryError when a process is killed. All are ended
    by then, as they are when the caller stops early or is interrupted."""
    if not processes:
        yield from _each_here(calls)
        return
    left, workers = list(enumerate(calls)), []
    give_back_freed_memory()
    try:
        for _ in range(min(processes, len(calls))):
            workers.append(_Worker(environment or {}))
            workers[-1].give(*left.pop(0))
        while busy := {worker.connection: worker for worker in workers if worker.index is not None}:
            for connection in wait(list(busy)):
                worker = busy[connection]
                index, result = worker.index, worker.take()
                if left:
                    worker.give(*left.pop(0))
                else:
                    worker.dismiss()
                yield index, result
    finally:
        for worker in workers:
            worker.end()


def _each_here(calls: Sequence[Call]) -> Iterator[tuple]:
    for index, call in enumerate(calls):
        try:
            result = call.function(*call.arguments)
        except Exception as error:
            error.call = call
            raise
        yield index, result


def give_back_freed_memory() -> None:
    """glibc keeps freed pages for this process: a quarter of a gigabyte once Gemma's tokenizer was read.

    Other C libraries have no such call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def log_tail(log: Path) -> str:
    """The last lines of a log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return str(error)
    return "\n".join(lines[-LOG_LINES:]) or "an empty log"


@contextmanager
def terminating() -> Iterator[None]:
    """While this is open, the first SIGTERM raises Terminated in the main thread; later ones are ignored."""

    def terminate(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def die_with(parent: int) -> None:
    """Has the kernel kill this process when process `parent`, which started it, ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    # It may have ended before the line above: then there will be no signal.
    if os.getppid() != parent:
        os._exit(1)


class _Worker:
    """One child process and the call that it is at: `index` is None between calls."""

    def __init__(self, environment: dict[str, str]):
        self.connection, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=_serve, args=(theirs, os.getpid()), daemon=True)
        with _inherited(environment):
            self.process.start()
        theirs.close()
        self.index, self.call = None, None

    def give(self, index: int, call: Call) -> None:
        self.index, self.call = index, call
        try:
            self.connection.send(call)
        except BrokenPipeError:
            raise self._killed() from None

    def take(self) -> object:
        try:
            succeeded, value = self.connection.recv()
        except (EOFError, ConnectionError):
            raise self._killed() from None
        self.index = None
        if succeeded:
            return value
        value.call = self.call
        raise value

    def dismiss(self) -> None:
        """Hangs up, at which the process ends in its own time."""
        self.connection.close()

    def end(self) -> None:
        """Waits for a process that was dismissed; kills it if it is slow, and one at work at once."""
        if self.connection.closed:
            self.process.join(SECONDS_TO_LEAVE)
        self.process.kill()
        self.process.join()
        self.connection.close()

    def _killed(self) -> RuntimeLibraryError:
        self.process.join()
        code, log, name = self.process.exitcode, self.call.log, self.call.function.__name__.strip("_")
        how = f"one ended by {signal.Signals(-code).name}" if code < 0 else f"one ended with status {code}"
        return RuntimeLibraryError(
            "A part of the export was killed",
            expected="processes that end by themselves",
            found=f"{how}; its log ends\n{log_tail(log)}" if log else how,
            where=str(log) if log else f"the process that runs {name}",
            action=KILLED_ACTION,
        )


@contextmanager
def _inherited(environment: dict[str, str]) -> Iterator[None]:
    """What a process started in here inherits: `environment` beside the rest, and SIGINT blocked, since a terminal
    sends Ctrl-C to all of its processes. For this one it only waits until the end."""
    warnings = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), QUIET_TRACKER)))
    environment = environment | {"PYTHONWARNINGS": warnings}
    before = {name: os.environ.get(name) for name in environment}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _serve(connection: Connection, parent: int) -> None:
    """A child's life: calls in, (succeeded, result or exception) out, until the parent hangs up."""
    die_with(parent)
    while True:
        try:
            call = connection.recv()
        except EOFError:
            return
        try:
            if call.log:
                _print_to(call.log)
            answer = True, call.function(*call.arguments)
        except Exception as error:
            if call.log:
                traceback.print_exc()
            answer = False, error
        sys.stdout.flush()
        sys.stderr.flush()
        _send(connection, answer)


def _print_to(log: Path) -> None:
    """Sends all that this process prints, libraries in C included, to a fresh `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)


def _send(connection: Connection, answer: tuple[bool, object]) -> None:
    try:
        connection.send(answer)
    except (TypeError, AttributeError, ValueError) as error:
        connection.send((False, FailedCall(f"{answer[1]!r:.2000} ({error})")))
