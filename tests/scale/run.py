"""Exports a random checkpoint of a real size and reports time, memory and what the engine makes of it:
`python -m tests.scale.run PRESET FOLDER [--recipe int8]` (PRESET: middle or e2b; e2b needs 20 GB of disk)."""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
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


def anonymous_and_mapped(pid: int) -> int:
    """Resident bytes of one process."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


class PeakMemory(threading.Thread):
    """The largest sum of resident memory over a process tree, sampled four times a second."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.pid, self.peak, self.largest = pid, 0, 0

    def run(self) -> None:
        while Path(f"/proc/{self.pid}").exists():
            sizes = [anonymous_and_mapped(p) for p in children(self.pid)]
            self.peak = max(self.peak, sum(sizes))
            self.largest = max(self.largest, *sizes)
            time.sleep(0.25)


def export(target: Path, drafter: Path, out: Path, recipe: str) -> dict:
    """Runs the export as a user would; returns its wall time, peak memory and report."""
    command = [sys.executable, "-m", "export", "--device", "pixel", "--target", str(target), "--drafter", str(drafter)]
    begin = time.monotonic()
    process = subprocess.Popen([*command, "--recipe", recipe, "--context", "1024", "--out", str(out), "--force"])
    memory = PeakMemory(process.pid)
    memory.start()
    status = process.wait()
    if status:
        raise SystemExit(f"export failed with exit code {status}")
    report = json.loads((out / "report.json").read_text())
    return {
        "wall_seconds": round(time.monotonic() - begin, 1),
        "peak_resident_gib": round(memory.peak / 2**30, 2),
        "largest_process_gib": round(memory.largest / 2**30, 2),
        "bundle_bytes": report["bytes"],
        "seconds": report["seconds"],
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
    return {"characters": len(text), "seconds": round(time.monotonic() - begin, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recipe", default="int8")
    args = parser.parse_args()
    target, drafter = write_pair(args.preset, args.folder)
    result = export(Path(target), Path(drafter), args.folder / "out", args.recipe)
    result["litert_lm"] = decode_with_litert_lm(args.folder / "out" / "model.litertlm")
    print(json.dumps({"preset": args.preset, "recipe": args.recipe} | result, indent=1))


if __name__ == "__main__":
    main()
