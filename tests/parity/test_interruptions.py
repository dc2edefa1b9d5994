"""Interrupted and failing exports, as a user meets them: nothing half-written in place of an output, and `--from` goes
on to the same bytes."""

import os
import resource
import shutil
import signal
import subprocess
import sys

import pytest

ROOM = 4 << 20
"""Bytes a file may have where the disk is to seem full: more than any file but the bundle."""


def command(out, *more):
    return [sys.executable, "-m", "export", "--device", "pixel", "--recipe", "int8", "--out", str(out), *more]


@pytest.fixture
def out(int8_out, tmp_path):
    """An output folder with lowered graphs and nothing else."""
    shutil.copytree(int8_out / "work", tmp_path / "out" / "work")
    return tmp_path / "out"


def interrupt_at(stage, out):
    """Ctrl-C, which goes to every process of the terminal, when the export says that it is in `stage`."""
    process = subprocess.Popen(
        command(out),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts what runs in its background deaf to Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for line in process.stdout:
        if line.strip().startswith(stage):
            os.killpg(process.pid, signal.SIGINT)
            break
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.parametrize("stage", ["lower", "quantize", "record", "seal"])
def test_an_interrupted_export_is_resumed_to_the_same_bytes(stage, out, int8_out):
    if stage == "lower":
        shutil.rmtree(out / "work" / "graphs")
    status, errors = interrupt_at(stage, out)
    assert status == 130 and "interrupted" in errors and "Traceback" not in errors
    assert not (out / "model.litertlm").exists() and not (out / "model.litertlm.sha256").exists()
    if stage == "lower":
        shutil.copytree(int8_out / "work" / "graphs", out / "work" / "graphs", dirs_exist_ok=True)
    start = {"lower": "quantize", "seal": "record"}.get(stage, stage)
    subprocess.run(command(out, "--from", start), check=True, capture_output=True)
    assert (out / "model.litertlm.sha256").read_text() == (int8_out / "model.litertlm.sha256").read_text()


def test_a_finished_export_recorded_again_has_the_same_bytes(int8_out, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(int8_out, again)
    subprocess.run(command(again, "--from", "record"), check=True, capture_output=True)
    assert (again / "model.litertlm.sha256").read_text() == (int8_out / "model.litertlm.sha256").read_text()


def test_a_full_disk_leaves_the_previous_output(int8_out, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(int8_out, again)
    found = subprocess.run(
        command(again, "--force"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM)),
        capture_output=True,
        text=True,
    )
    assert found.returncode == 6 and "Disk is full" in found.stderr and "Traceback" not in found.stderr
    for name in ("model.litertlm", "model.litertlm.sha256", "report.json"):
        assert (again / name).read_bytes() == (int8_out / name).read_bytes()
    assert not (again / ".model.litertlm.partial").exists()
