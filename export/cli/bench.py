"""`slipstream bench`: plain decoding against every draft length and the automatic one, interleaved."""

import argparse
from dataclasses import asdict
from pathlib import Path

from export.cli.decoding import add_sampling_arguments, sampling_of
from export.cli.tell import show_object


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--prompts", type=Path, metavar="FILE", help="one prompt a line, or TOML")
    parser.add_argument("--threads", type=int, default=1, help="of LiteRT (default: 1)")
    parser.add_argument("--n-grams", choices=("on", "off"), default="off", help="with fixed lengths too (default: off)")
    add_sampling_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Raises BundleError, RuntimeLibraryError, UsageError."""
    rows = measure(options)
    if options.json:
        show_object(rows)
        return
    for name, row in rows.items():
        print(line(name, row))


def measure(options: argparse.Namespace) -> dict[str, dict]:
    """Rows by name, as export/evidence/speed.py makes them: `plain`, one a draft length that the bundle has, `auto`."""
    from export.choices.prompts import Prompts
    from export.evidence.speed import bench_ways, measure_speeds
    from runtime_spec.litert.runtime import Runtime

    with Runtime(options.bundle, options.threads) as runtime:
        capacity = runtime.target.capacity
        encoded = [runtime.encode(text)[: capacity // 2] for text in Prompts.load(options.prompts).plain]
        lengths = [width - 1 for width in runtime.target.verify_widths]
        ways = bench_ways(runtime.models, lengths, options.n_grams == "on", sampling_of(options, runtime))
        found = measure_speeds(ways, encoded, capacity, repeats=3)
    return {name: asdict(row) for name, row in found.items()}


def line(name: str, row: dict) -> str:
    low, high = row["spread"]
    speed = f"{row['tokens_per_second']:8.1f} tokens/s ({low:.0f}-{high:.0f})  x{row['ratio_to_plain']:.2f}"
    accepted = "" if row["acceptance_rate"] is None else f"  acceptance {row['acceptance_rate']:.3f}"
    return f"{name:>11}  {speed}{accepted}"
