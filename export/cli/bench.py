"""`slipstream bench`: plain decoding against drafted, interleaved, on the prompts that every export is measured on."""

import argparse
from dataclasses import asdict
from pathlib import Path

from export.cli.tell import show_object


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--prompts", type=Path, metavar="FILE", help="one prompt a line, or TOML")
    parser.add_argument("--threads", type=int, default=1, help="of LiteRT (default: 1)")


def run(options: argparse.Namespace) -> None:
    """Raises BundleError, RuntimeLibraryError."""
    rows = measure(options.bundle, options.threads, options.prompts)
    if options.json:
        show_object(rows)
        return
    for name, row in rows.items():
        print(line(name, row))


def measure(bundle: Path, threads: int, prompts: Path | None) -> dict[str, dict]:
    """Rows by name, as export/evidence/speed.py makes them: `plain`, then one a draft length that the bundle has; of
    drafts from the text, where it has no drafter."""
    from export.choices.prompts import Prompts
    from export.evidence.speed import measure_speeds
    from runtime_spec.drafting.fixed import ngram_drafter
    from runtime_spec.litert.runtime import Runtime

    with Runtime(bundle, threads) as runtime:
        encoded = [runtime.encode(text)[: runtime.target.capacity // 2] for text in Prompts.load(prompts).plain]
        lengths = [width - 1 for width in runtime.target.verify_widths]
        drafter = runtime.drafter or ngram_drafter(lengths[-1])
        found = measure_speeds(runtime.target, drafter, encoded, lengths, repeats=3)
    return {name: asdict(row) for name, row in found.items()}


def line(name: str, row: dict) -> str:
    low, high = row["spread"]
    speed = f"{row['tokens_per_second']:8.1f} tokens/s ({low:.0f}-{high:.0f})  x{row['ratio_to_plain']:.2f}"
    accepted = "" if row["acceptance_rate"] is None else f"  acceptance {row['acceptance_rate']:.3f}"
    return f"{name:>11}  {speed}{accepted}"
