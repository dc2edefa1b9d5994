"""Processes that the export starts: what they are given, what comes back, and that none outlives it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from export.errors import GraphError, RuntimeLibraryError
from export.processes import Call, FailedCall, log_tail, run_apart, run_each
from tests.export.held_calls import environment, fail

SECONDS_TO_END = 3
SECONDS_TO_ANSWER = 2


def test_results_come_back_in_the_order_of_the_calls_each_from_a_process_of_its_own():
    (first, _), (second, _) = run_apart((environment, "A"), (environment, "B"))
    assert len({first, second, os.getpid()}) == 3


def test_a_process_takes_call_after_call_in_an_environment_that_stays_its_own():
    calls = [Call(environment, ("PYTHONHASHSEED",))] * 3
    before = dict(os.environ)
    found = sorted(run_each(calls, 1, {"PYTHONHASHSEED": "0"}))
    assert [index for index, _ in found] == [0, 1, 2]
    assert {value for _, value in found} == {(found[0][1][0], "0")}
    assert dict(os.environ) == before


def test_without_processes_calls_are_made_in_this_one():
    with pytest.raises(GraphError) as raised:
        for index, found in run_each([Call(environment, ("A",)), Call(fail, ("ours",))], 0):
            assert index == 0 and found[0] == os.getpid()
    assert raised.value.call.function is fail


@pytest.mark.parametrize(("kind", "expected"), [("ours", GraphError), ("theirs", ValueError)])
def test_what_a_call_raises_is_raised_and_its_log_holds_the_traceback(kind, expected, tmp_path):
    call = Call(fail, (kind,), tmp_path / "log" / "call.log")
    with pytest.raises(expected) as raised:
        list(run_each([call], 1))
    assert raised.value.call == call
    told = log_tail(call.log)
    assert told.startswith(f"about to fail: {kind}") and "Traceback" in told


def test_an_exception_that_can_not_travel_is_told_in_words():
    with pytest.raises(FailedCall, match="ValueError"):
        run_apart((fail, "unpicklable"))


def test_a_killed_process_is_an_error_with_the_last_lines_of_its_log(tmp_path):
    log = tmp_path / "call.log"
    with pytest.raises(RuntimeLibraryError) as raised:
        list(run_each([Call(fail, ("killed",), log)], 1))
    assert raised.value.where == str(log)
    assert "SIGKILL" in raised.value.found and raised.value.found.endswith("last words of a library")


def started(folder):
    """The parent of held_calls with its two children at work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.export.held_calls", str(folder)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts what runs in its background deaf to Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*.txt"))) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    return process, [int(path.read_text()) for path in folder.glob("*.pid")]


def alive(pid):
    """Whether that process runs: one that has ended and waits to be reaped does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def sizes(folder):
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def assert_all_end(children, folder):
    deadline = time.monotonic() + SECONDS_TO_END
    while any(map(alive, children)):
        assert time.monotonic() < deadline, "a child outlives its parent"
        time.sleep(0.02)
    before = sizes(folder)
    time.sleep(0.2)
    assert sizes(folder) == before


@pytest.mark.parametrize(
    ("sent", "status", "cleaned"),
    [(signal.SIGKILL, -signal.SIGKILL, False), (signal.SIGTERM, 143, True), (signal.SIGINT, -signal.SIGINT, True)],
    ids=["SIGKILL", "SIGTERM", "SIGINT"],
)
def test_a_signal_to_the_parent_alone_ends_all(sent, status, cleaned, tmp_path):
    process, children = started(tmp_path)
    begin = time.monotonic()
    process.send_signal(sent)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - begin < SECONDS_TO_ANSWER
    assert "resource_tracker" not in errors
    assert process.returncode == status and (tmp_path / "cleaned").exists() == cleaned
    assert_all_end(children, tmp_path)


def test_ctrl_c_of_a_terminal_is_answered_by_the_parent_only(tmp_path):
    process, children = started(tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert errors.count("Traceback") == 1 and (tmp_path / "cleaned").exists()
    assert_all_end(children, tmp_path)


def test_what_is_free_is_given_back_before_others_start():
    """Two hundred megabytes, freed below one block that is still in use."""
    blocks = [bytes(1000 + i % 7) for i in range(200_000)]
    kept = bytes(1000)
    full = resident()
    del blocks
    held = resident()
    assert run_apart((os.getpid,)) != [os.getpid()]
    assert full - held < 50e6 < held - resident(), "Python gave it back by itself, or nobody did"
    assert len(kept) == 1000


def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
