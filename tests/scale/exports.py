"""Exports as a user would run them, with their time and the memory of all their processes, and the machine."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.engine import engine_replies

PAGE = os.sysconf("SC_PAGE_SIZE")


def children(pid: int) -> list[int]:
    """`pid` and every process below it."""
    found = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += children(int(child))
    except OSError:
        pass
    return found


def resident(pid: int) -> int:
    """Bytes of memory of one process, anonymous and mapped; a page that several processes map is shared among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def at_most(pid: int) -> int:
    """No less than `resident`, at no cost: pages that others map too count whole."""
    try:
        return PAGE * int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0


class PeakMemory(threading.Thread):
    """The most memory that a process tree holds, sampled ten times a second: of the whole run, and from when `weights`
    (the unfinished bundle) is there, after lowering. Pages are shared out only where they may make a new peak: the
    kernel walks them all for it, on a processor that the export would use."""

    def __init__(self, pid: int, weights: Path):
        super().__init__(daemon=True)
        self.pid, self.weights, self.peak, self.peak_with_weights = pid, weights, 0, 0

    def run(self) -> None:
        while Path(f"/proc/{self.pid}").exists():
            processes, has_weights = children(self.pid), self.weights.exists()
            known = self.peak_with_weights if has_weights else self.peak
            if sum(map(at_most, processes)) > known:
                total = sum(map(resident, processes))
                self.peak = max(self.peak, total)
                if has_weights:
                    self.peak_with_weights = max(self.peak_with_weights, total)
            time.sleep(0.1)


APART = """
import sys
from dataclasses import replace
from export import pipeline
from export.choices.device import Device
from export.cli.main import main
pipeline.SMALL_PAIR = 0
widths = tuple(map(int, sys.argv[1].split(",") if sys.argv[1] else ()))
if widths:
    load = Device.load
    Device.load = lambda name: replace(load(name), verify_widths=widths)
sys.exit(main(sys.argv[2:]))
"""
"""The export with the processes of a large pair, whatever the pair's size; the first argument are widths of verify
passes in place of the device's."""


def export(
    target: Path,
    drafter: Path,
    out: Path,
    recipe: str,
    context: int = 2048,
    verify_widths: Sequence[int] = (),
    options: Sequence[str] = ("--force",),
) -> dict:
    """Runs the export as a user would, but for `APART`; returns its wall time, peak memory and report."""
    widths = ",".join(map(str, verify_widths))
    command = [sys.executable, "-c", APART, widths, "--device", "pixel"]
    command += ["--target", str(target), "--drafter", str(drafter)]
    command += ["--recipe", recipe, "--context", str(context), "--out", str(out), *options]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=sys.stderr)
    memory = PeakMemory(process.pid, out / ".model.litertlm.partial")
    memory.start()
    status = process.wait()
    if status:
        raise SystemExit(f"export failed with exit code {status}")
    wall = time.monotonic() - begin
    report = json.loads((out / "report.json").read_text())
    return {
        "wall_seconds": round(wall, 1),
        "peak_resident_gib": round(memory.peak / 2**30, 2),
        "peak_with_weights_gib": round(memory.peak_with_weights / 2**30, 2),
        "checkpoint_bytes": sum(
            path.stat().st_size for path in (*target.glob("*.safetensors"), *drafter.glob("*.safetensors"))
        ),
        "bundle_bytes": report["bytes"],
        "seconds": report["seconds"],
        "check": report["check"],
        "measured": report["measured"],
    }


def decode_with_litert_lm(bundle: Path, count: int = 24) -> dict:
    """What LiteRT-LM says with its drafter and without, and whether that is the same."""
    (drafted,), (plain,) = (engine_replies(bundle, ["def main"], speculative, count) for speculative in (True, False))
    # A round may end past the count.
    length = min(len(drafted), len(plain))
    return {"characters": len(drafted), "drafting_changes_nothing": drafted[:length] == plain[:length]}


def machine() -> dict:
    """What the figures were measured on."""
    cpu = Path("/proc/cpuinfo").read_text()
    model = next(line.split(":", 1)[1].strip() for line in cpu.splitlines() if line.startswith("model name"))
    features = [name for name in ("avx2", "avx512f", "avx512_vnni") if f" {name}" in cpu]
    memory = os.sysconf("SC_PHYS_PAGES") * PAGE / 2**30
    return {"cpu": f"{model}, {os.cpu_count()} cores, {' '.join(features)}", "memory_gib": round(memory, 1)}
