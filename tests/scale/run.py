"""Exports a random checkpoint of a real size and reports time, memory and what the engine makes of it:
`python -m tests.scale.run PRESET FOLDER [--recipe int8]` (PRESET: middle or e2b; e2b needs 20 GB of disk)."""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.checkpoints import write_pair

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
    """Resident bytes of one process, anonymous and mapped."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


class PeakMemory(threading.Thread):
    """The largest sum of resident memory over a process tree, sampled ten times a second: of the whole run, and from
    when `weights` (the unfinished bundle) is there, after lowering."""

    def __init__(self, pid: int, weights: Path):
        super().__init__(daemon=True)
        self.pid, self.weights, self.peak, self.peak_with_weights = pid, weights, 0, 0

    def run(self) -> None:
        while Path(f"/proc/{self.pid}").exists():
            total = sum(resident(p) for p in children(self.pid))
            self.peak = max(self.peak, total)
            if self.weights.exists():
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
    target: Path, drafter: Path, out: Path, recipe: str, context: int = 1024, verify_widths: Sequence[int] = ()
) -> dict:
    """Runs the export as a user would, but for `APART`; returns its wall time, peak memory and report."""
    widths = ",".join(map(str, verify_widths))
    command = [sys.executable, "-c", APART, widths, "--device", "pixel"]
    command += ["--target", str(target), "--drafter", str(drafter)]
    command += ["--recipe", recipe, "--context", str(context), "--out", str(out), "--force"]
    begin = time.monotonic()
    process = subprocess.Popen(command)
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
    """Loads the bundle in LiteRT-LM with its drafter and decodes."""
    import litert_lm

    litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
    engine = litert_lm.Engine(
        str(bundle),
        backend=litert_lm.Backend.CPU(thread_count=2),
        max_num_tokens=256,
        enable_speculative_decoding=True,
    )
    greedy = litert_lm.SamplerConfig(top_k=1, top_p=1.0, temperature=1.0, seed=0)
    session = engine.create_session(
        apply_prompt_template=False, sampler_config=greedy, max_output_tokens=count, enable_speculative_decoding=True
    )
    session.run_prefill(["def main"])
    begin = time.monotonic()
    text = "".join(chunk.texts[0] for chunk in session.run_decode_async())
    seconds = time.monotonic() - begin
    session.close()
    engine.close()
    return {"characters": len(text), "seconds": round(seconds, 2)}


def machine() -> dict:
    """What the figures were measured on."""
    cpu = Path("/proc/cpuinfo").read_text()
    model = next(line.split(":", 1)[1].strip() for line in cpu.splitlines() if line.startswith("model name"))
    features = [name for name in ("avx2", "avx512f", "avx512_vnni") if f" {name}" in cpu]
    memory = os.sysconf("SC_PHYS_PAGES") * PAGE / 2**30
    return {"cpu": f"{model}, {os.cpu_count()} cores, {' '.join(features)}", "memory_gib": round(memory, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recipe", default="int8")
    parser.add_argument("--verify-widths", type=int, nargs="+", default=(), help="in place of the device's")
    args = parser.parse_args()
    target, drafter = write_pair(args.preset, args.folder)
    result = export(Path(target), Path(drafter), args.folder / "out", args.recipe, verify_widths=args.verify_widths)
    result["litert_lm"] = decode_with_litert_lm(args.folder / "out" / "model.litertlm")
    print(json.dumps({"preset": args.preset, "recipe": args.recipe, "machine": machine()} | result, indent=1))


if __name__ == "__main__":
    main()
