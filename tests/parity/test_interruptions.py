"""Exports that are killed, crowded out of their disk or run twice: nothing half-made looks finished, the same command
goes on to the same bytes, and nothing stays behind."""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from tests.disks import limited_disk
from tests.exports import EXPORT, export_command, listing, reference_export

KILLS = {"cached": 8, "lowered": 4}
"""Moments at which an export is ended, with its graphs there already and with all work before it: a random one in each
of so many equal parts of its time, each end in turn."""
TO_THE_END = 4
"""After so many the same command may run to its end."""
ORPHANS_END_WITHIN = 5.0
MARK = "SLIPSTREAM_TEST_MARK"


class Marked:
    """Exports whose processes can be found by a mark in their environment, whoever their parent is now."""

    def __init__(self, out):
        self.out, self.mark = out, uuid.uuid4().hex

    def start(self, *more):
        return subprocess.Popen(
            export_command(self.out, *more),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {MARK: self.mark},
            # A shell starts what runs in its background deaf to Ctrl-C, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def alive(self):
        wanted = f"{MARK}={self.mark}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if wanted in path.read_bytes():
                    found.append(int(path.parent.name))
            except OSError:
                pass
        return found

    def wait_for_all(self):
        """Processes that outlive the export for longer than they may."""
        end = time.monotonic() + ORPHANS_END_WITHIN
        while (left := self.alive()) and time.monotonic() < end:
            time.sleep(0.1)
        return left


def kill_parent(process):
    process.kill()


def kill_all(process):
    os.killpg(process.pid, signal.SIGKILL)


def terminate_parent(process):
    process.terminate()


def interrupt_all(process):
    """Ctrl-C goes to every process of the terminal."""
    os.killpg(process.pid, signal.SIGINT)


def wait_for_handlers(process):
    """Until the command has set its signal handlers: before, it is Python's own start that a signal ends."""
    bit = 1 << (signal.SIGTERM - 1)
    while process.poll() is None:
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        except OSError:
            return
        if any(line.startswith("SigCgt:") and int(line.split()[1], 16) & bit for line in lines):
            return
        time.sleep(0.01)


ENDS = {kill_parent: -9, kill_all: -9, terminate_parent: 143, interrupt_all: 130}


@pytest.fixture(scope="module")
def reference(tmp_path_factory, demo_graphs):
    """A whole export, what it took, and the folder's files."""
    return reference_export(tmp_path_factory.mktemp("reference") / "out", demo_graphs)


def start_afresh(out, graphs):
    shutil.rmtree(out, ignore_errors=True)
    if graphs is not None:
        shutil.copytree(graphs, out / "work" / "graphs")


@pytest.mark.slow
@pytest.mark.parametrize("graphs", KILLS)
def test_an_export_killed_at_any_moment_is_finished_by_the_same_command(graphs, reference, demo_graphs, tmp_path):
    rng, out, cached = random.Random(graphs), tmp_path / "out", demo_graphs if graphs == "cached" else None
    took = reference.seconds if cached else reference.seconds + 20
    exports, killed = Marked(out), 0
    moments = [took * (part + rng.random()) / KILLS[graphs] for part in range(KILLS[graphs])]
    rng.shuffle(moments)
    start_afresh(out, cached)
    for moment, end in zip(moments, itertools.cycle(ENDS), strict=False):
        process = exports.start()
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            wait_for_handlers(process)
            with suppress(ProcessLookupError):  # it may have ended by itself meanwhile
                end(process)
            killed += 1
        status, message = process.wait(30), process.stderr.read()
        if (out / "model.litertlm").exists() and not (out / "work" / "sealed.json").exists():
            status = 0  # ended when all was done but its last words
        assert status in (0, ENDS[end]), (end, message)
        assert status == 0 or "Traceback" not in message, message
        assert not exports.wait_for_all(), end
        check_what_seems_finished(out, reference)
        if killed % TO_THE_END == 0 and status:
            status = exports.start().wait(300)
            assert status == 0
        if status == 0:
            assert (out / "model.litertlm.sha256").read_text() == reference.checksum
            assert listing(out) == reference.files
            start_afresh(out, cached)
    assert killed > KILLS[graphs] // 3, "moments behind the end of nearly every export"


def check_what_seems_finished(out, reference):
    """Where there is a bundle it is the whole one, with a sum and a report that speak of it."""
    if (out / "model.litertlm").exists():
        assert (out / "model.litertlm.sha256").read_text() == reference.checksum
        assert json.loads((out / "report.json").read_text())["sha256"] == reference.checksum.split()[0]
        assert reference.digest_of(out / "model.litertlm") == reference.checksum.split()[0]


def test_an_export_over_an_older_one_never_mixes_the_two(reference, demo_graphs, tmp_path):
    """Killed at random moments of `--force` with another recipe: what lies there is the old output, or the new, or
    unfinished and gone on with."""
    rng, out = random.Random(1), tmp_path / "out"
    shutil.copytree(reference.out, out)
    other = reference_export(tmp_path / "other", demo_graphs, "--recipe", "int4")
    exports = Marked(out)
    for _ in range(5):
        process = exports.start("--recipe", "int4", "--force")
        try:
            process.wait(rng.uniform(other.seconds * 0.5, other.seconds * 1.1))
        except subprocess.TimeoutExpired:
            kill_all(process)
        process.wait()
        if (out / "model.litertlm").exists():
            digest = reference.digest_of(out / "model.litertlm")
            assert json.loads((out / "report.json").read_text())["sha256"] == digest
            assert (out / "model.litertlm.sha256").read_text().split()[0] == digest
            assert reference.digest_of(out / "android/app/src/main/assets/model.litertlm") == digest
    assert exports.start("--recipe", "int4", "--force").wait(300) == 0
    assert (out / "model.litertlm.sha256").read_text() == other.checksum
    assert listing(out) == other.files


def test_of_two_exports_at_once_one_is_refused(reference, demo_graphs, tmp_path):
    out = tmp_path / "out"
    start_afresh(out, demo_graphs)
    both = [Marked(out).start(), Marked(out).start()]
    ended = {process.wait(300): process.stderr.read() for process in both}
    assert sorted(ended) == [0, 6] and "Another export is at work" in ended[6]
    assert (out / "model.litertlm.sha256").read_text() == reference.checksum


def test_a_finished_export_recorded_again_has_the_same_bytes(reference, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(reference.out, again)
    for start in ("check", "record", "report"):
        subprocess.run(export_command(again, "--from", start), check=True, capture_output=True)
        assert (again / "model.litertlm.sha256").read_text() == reference.checksum


CHANGES = {
    "recipe": ["--recipe", "float"],
    "context": ["--context", "256"],
    "draft_tokens": ["--draft-tokens", "6"],
    "chat_template": ["--no-chat"],
}


@pytest.mark.parametrize("stage", ["record", "report"])
@pytest.mark.parametrize("what", CHANGES)
def test_going_on_from_another_export_is_an_error_that_names_the_difference(what, stage, reference, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(reference.out, again)
    command = export_command(again, *CHANGES[what], "--from", stage)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 6 and f"another {what.replace('_', ' ')}" in done.stderr
    assert (again / "model.litertlm.sha256").read_text() == reference.checksum


def test_going_on_with_another_checkpoint_of_the_same_name_is_an_error(reference, tmp_path):
    again, target = tmp_path / "again", tmp_path / "target"
    shutil.copytree(reference.out, again)
    shutil.copytree(EXPORT / "demo/target", target)
    with (target / "model.safetensors").open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b"\x00\x3c")
    names = ["--target", str(target), "--drafter", str(EXPORT / "demo/drafter")]
    done = subprocess.run(export_command(again, *names, "--from", "record"), capture_output=True, text=True)
    assert done.returncode == 6 and "another target" in done.stderr


def test_a_missed_tolerance_can_be_accepted_without_doing_the_work_again(reference, demo_graphs, tmp_path):
    strict, out = tmp_path / "strict.toml", tmp_path / "out"
    text = (EXPORT / "choices/recipes/int4.toml").read_text()
    strict.write_text(text.replace("max_mean_kl = 0.3", "max_mean_kl = 0.0001"))
    start_afresh(out, demo_graphs)
    command = export_command(out, "--recipe", str(strict))
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 7 and "--accept-loss" in refused.stderr and "0.0001" in refused.stderr
    assert (out / ".model.litertlm.partial").exists() and not (out / "model.litertlm").exists()
    accepted = subprocess.run([*command, "--accept-loss"], capture_output=True, text=True)
    assert accepted.returncode == 0 and "models of an earlier run" in accepted.stdout
    assert "accepted outside the recipe's tolerances" in accepted.stdout
    (loss,) = json.loads((out / "report.json").read_text())["accepted_loss"]
    assert "mean KL of at most 0.0001" in loss
    inspect = [sys.executable, "-m", "export", "inspect", str(out / "model.litertlm"), "--json"]
    described = json.loads(subprocess.run(inspect, capture_output=True, text=True, check=True).stdout)
    assert described["quantisation"]["accepted_loss"] == [loss]
    assert subprocess.run([sys.executable, "-m", "export", "verify", str(out / "model.litertlm")]).returncode == 0


SIZES = (1, 6, 12, 18, 26, 40)
"""Megabytes: from too few for anything to enough for all, with steps in every stage."""
TRUSTING = """
import sys
from export import pipeline
from export.cli.main import main
pipeline.check_machine = lambda *_: None
sys.exit(main(sys.argv[1:]))
"""
"""The plan's own look at the disk would refuse nearly all of these at once; but a disk may also fill while it works."""


def test_a_disk_of_any_size_ends_in_an_error_or_a_whole_export(reference, demo_graphs, tmp_path):
    codes = []
    for megabytes in SIZES:
        with limited_disk(tmp_path, megabytes) as (folder, preexec):
            out = folder / "out"
            if megabytes > 1:
                shutil.copytree(demo_graphs, out / "work" / "graphs")
            command = [sys.executable, "-c", TRUSTING, *export_command(out)[3:]]
            done = subprocess.run(command, capture_output=True, text=True, preexec_fn=preexec)
            codes.append(done.returncode)
            assert done.returncode in (0, 6), (megabytes, done.returncode, done.stderr)
            assert "Traceback" not in done.stderr, done.stderr
            check_what_seems_finished(out, reference)
            assert (out / "model.litertlm").exists() == (done.returncode == 0)
    assert set(codes) == {0, 6} and codes == sorted(codes, reverse=True)


def test_a_disk_that_is_too_small_is_found_before_any_work(demo_graphs, tmp_path):
    with limited_disk(tmp_path, 12) as (folder, preexec):
        if preexec is not None:
            return  # the limit of a file says nothing of a disk
        done = subprocess.run(export_command(folder / "out"), capture_output=True, text=True)
        assert done.returncode == 6 and "The disk can't hold the export" in done.stderr
        assert not (folder / "out" / "work" / "graphs").exists()
