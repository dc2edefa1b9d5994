"""What decoding takes of memory: `python -m tests.scale.memory BUNDLE [--threads 1]`.

The Kotlin runtime reads a prompt that leaves little of the context (token ids by Zipf's law, as in texts), and decodes
plainly and by every verify pass. Then the pages that its process holds are counted by what they are of: packed weights,
the bundle's own file (rows of tables), the Java heap, code, and all else. Beside it stand what the bundle's manifest
lets a device expect, and the weights that a token reads (of the shape that `--shape` names)."""

import argparse
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from export.forecast import cache_bytes
from runtime_spec.bundle.memory import resident_bytes
from runtime_spec.bundle.reader import Bundle
from tests.parity.bench_litert_lm import KotlinRuntime
from tests.scale.recipes import SHAPES, plans, token_bytes
from tests.scale.run import machine

NEW_TOKENS = 16
MAPPING = re.compile(r"^([0-9a-f]+)-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)$")
RESIDENT = re.compile(r"^Rss: +(\d+) kB$")
JAVA_HEAP = 0x1_0000_0000_00
"""Compressed pointers let HotSpot put its heap far below where the system puts libraries and mappings."""


def resident_by_kind(pid: int) -> dict[str, int]:
    """Resident bytes of a process."""
    found, kind = Counter(), ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if mapping := MAPPING.match(line):
            kind = _kind(int(mapping[1], 16), mapping[2])
        elif resident := RESIDENT.match(line):
            found[kind] += int(resident[1]) * 1024
    return dict(found)


def _kind(begin: int, name: str) -> str:
    if name.endswith(".xnnpack"):
        return "packed weights"
    if name.endswith(".litertlm"):
        return "the bundle's file"
    if name.startswith("/"):
        return "code and files"
    return "Java heap" if begin < JAVA_HEAP else "all else"


def measured(bundle: Path, threads: int) -> tuple[dict[str, int], int]:
    """(resident bytes by kind, bytes that the manifest says) with every pass used in a full context."""
    with Bundle.open(bundle) as opened:
        manifest, expected = opened.manifest, resident_bytes(opened.manifest)
    draw = random.Random(0)
    lengths = [0, *(width - 1 for width in manifest.verify_widths)]
    count = manifest.context_length - NEW_TOKENS - max(manifest.verify_widths) - 1
    size = manifest.config.vocab_size
    tokens = [manifest.tokens.bos, *(int(size ** draw.random()) for _ in range(count))]
    with KotlinRuntime(bundle, "--threads", str(threads)) as runtime:
        for drafts in lengths:
            # Shorter by one each time: the rest of a prompt goes through the shorter prefill passes.
            runtime.ask(tokens[: count - drafts], NEW_TOKENS, drafts, stop=False)
        return resident_by_kind(runtime.process.pid), expected


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default=SHAPES[0])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    print(json.dumps({"machine": machine()} | figures(options.bundle, options.shape, options.threads), indent=1))


def figures(bundle: Path, shape: str, threads: int) -> dict:
    """Megabytes, and ratios."""
    kinds, expected = measured(bundle, threads)
    with Bundle.open(bundle) as opened, tempfile.TemporaryDirectory() as folder:
        plan = plans(shape, Path(folder))[opened.manifest.recipe.name]
        read, cache = token_bytes(plan), cache_bytes(plan.target.config, opened.manifest.context_length)
        context = opened.manifest.context_length
    resident = sum(kinds.values())
    return {
        "recipe": plan.recipe.name,
        "context": context,
        "resident_mb": {name: round(size / 1e6, 1) for name, size in sorted(kinds.items())},
        "resident_sum_mb": round(resident / 1e6, 1),
        "weights_read_a_token_mb": round(read / 1e6, 1),
        "keys_and_values_mb": round(cache / 1e6, 1),
        "resident / (read + keys and values)": round(resident / (read + cache), 3),
        "manifest_says_mb": round(expected / 1e6, 1),
        "manifest / resident": round(expected / resident, 3),
    }


if __name__ == "__main__":
    main()
