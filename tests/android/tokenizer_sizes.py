"""A tokenizer.json of Gemma's size: 262,144 pieces and 514,000 merges, drawn from a seed; used by test_tokenizer.py."""

import itertools
import json
import random
from pathlib import Path

from tests.android.tokenizer_variants import ties

PIECES, MERGES = 262_144, 514_000
LETTERS = "▁abcdefghijklmnopqrstuvwxyz"


def gemma_sized(path: Path) -> None:
    """Writes it indented, as the library does."""
    value = ties(0, seed=0, alphabet="")
    pieces = [*value["model"]["vocab"], *LETTERS, *map(chr, range(0x21, 0x61)), *map(chr, range(0x4E00, 0x9000)), "\n"]
    pieces += ["".join(letters) for size in (2, 3) for letters in itertools.product(LETTERS, repeat=size)]
    draw, known = random.Random(0), dict.fromkeys(pieces)
    ordered = list(known)
    longer = []
    while len(ordered) < PIECES:
        # Four letters come apart into known pieces in three ways, as real pieces do in two to three.
        begin = draw.choice(longer) if longer and draw.random() < 0.5 else "".join(draw.choices(LETTERS, k=3))
        piece = begin + "".join(draw.choices(LETTERS, k=draw.choice((1, 1, 2))))
        if len(piece) <= 12 and piece not in known:
            known[piece] = None
            ordered.append(piece)
            longer.append(piece)
    cuts = ((piece[:i], piece[i:]) for piece in ordered for i in range(1, len(piece)) if not piece.startswith("<"))
    merges = [[left, right] for left, right in cuts if left in known and right in known]
    value["model"]["vocab"] = {piece: i for i, piece in enumerate(ordered)}
    value["model"]["merges"] = merges[:MERGES]
    if len(value["model"]["merges"]) != MERGES:
        raise ValueError(f"{len(merges)} merges, {MERGES} wanted")
    with path.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
