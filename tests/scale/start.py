"""How long the Kotlin runtime takes from its start to the first token: `python -m tests.scale.start BUNDLE [--runs 5]`.

Runs `android_app/bin/slipstream generate` on a short prompt; the first run packs weights where none are kept and is not
counted. Prints seconds by the wall clock and of the processor, which other programs on the machine change less.
"""

import argparse
import json
import resource
import statistics
import subprocess
import time
from pathlib import Path

from tests.android.launcher import SLIPSTREAM
from tests.scale.exports import machine

PROMPT = "The first token of a short prompt"


def run(bundle: Path) -> tuple[float, float]:
    """(wall, processor) seconds of one process, started and ended."""
    command = [str(SLIPSTREAM), "generate", str(bundle), "--prompt", PROMPT, "--max-new-tokens", "1"]
    before, begin = _processor(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin, _processor() - before


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(bundle: Path, runs: int) -> dict[str, dict[str, float]]:
    """Seconds, once weights are packed."""
    run(bundle)
    wall, processor = zip(*(run(bundle) for _ in range(runs)), strict=True)
    return {
        name: {"median": round(statistics.median(seconds), 2), "least": round(min(seconds), 2)}
        for name, seconds in (("wall_seconds", wall), ("processor_seconds", processor))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    found = measured(args.bundle, args.runs)
    print(json.dumps({"machine": machine(), "bundle_bytes": args.bundle.stat().st_size, "runs": args.runs} | found))


if __name__ == "__main__":
    main()
