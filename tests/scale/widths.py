"""What verify passes cost by width: `python -m tests.scale.widths BUNDLE... [--threads 1 2] [--emulated]`.

Times every width that a bundle has and every number of drafts, interleaved, in the Kotlin runtime, beside the speed at
which memory is read in the same run; with --emulated on the emulated ARM64 CPU with one thread, whose time says how
many operations a pass needs, and nothing of memory. Rows are computed in tiles: a width that fills them costs what a
narrower one does.
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from runtime_spec.bundle.reader import Bundle
from tests.android.launcher import run_driver
from tests.scale.draft_step import read_speed
from tests.scale.exports import machine
from tests.scale.tables import table

TITLES = ("width", "pass, ms", "in decodes", "drafts, ms", "round, in decodes", "pays from")
ROUNDS, EMULATED_ROUNDS = 15, 3


def measured(bundle: Path, threads: int, rounds: int, emulated: bool = False) -> dict[str, dict[int, float]]:
    """Median milliseconds by "pass" and width, "drafts" and their number."""
    done = run_driver("WidthsDriver", bundle.resolve(), threads, rounds, emulated=emulated)
    if done.returncode != 0:
        raise RuntimeError(f"the Kotlin runtime ended with {done.returncode}: {done.stderr}")
    nanos = defaultdict(lambda: defaultdict(list))
    for line in done.stdout.splitlines():
        kind, number, *took = line.split("\t")
        # A thread's own time is that of its operations, whoever else uses the processor; others' is not in it.
        nanos[kind][int(number)].append(int(took[emulated]))
    return {
        kind: {number: round(statistics.median(took) / 1e6, 3) for number, took in by_number.items()}
        for kind, by_number in nanos.items()
    }


def rows(found: dict[str, dict[int, float]]) -> list[list[str]]:
    """A line a width: drafts, milliseconds of pass and drafting, both in decodes, and the part of the drafts that must
    be accepted for the round to pay: each is worth a decode."""
    passes, drafts = found["pass"], found.get("drafts", {})
    plain, lines = passes[1], []
    for width, milliseconds in passes.items():
        drafting = drafts.get(width - 1, 0.0)
        whole = (milliseconds + drafting) / plain
        pays = f"{(whole - 1) / (width - 1):.2f}" if width > 1 else ""
        lines.append(
            [str(width), f"{milliseconds:.1f}", f"{milliseconds / plain:.2f}", f"{drafting:.1f}", f"{whole:.2f}", pays]
        )
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--emulated", action="store_true", help="on the emulated ARM64 CPU")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    rounds = options.rounds or (EMULATED_ROUNDS if options.emulated else ROUNDS)
    found = {"machine": machine(), "emulated": options.emulated, "read_gb_per_second": round(read_speed(), 1)}
    for path in options.bundles:
        with Bundle.open(path) as bundle:
            recipe = bundle.manifest.recipe.name
        for threads in [1] if options.emulated else options.threads:
            one = found[f"{recipe}, {threads} thread{'s' * (threads > 1)}"] = measured(
                path, threads, rounds, options.emulated
            )
            if not options.json:
                cpu = "emulated ARM64" if options.emulated else found["machine"]["cpu"]
                print(f"{recipe}, threads: {threads}; {cpu}, reading {found['read_gb_per_second']} GB/s\n")
                print(table(TITLES, rows(one)) + "\n", flush=True)
    if options.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
