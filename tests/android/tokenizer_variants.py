"""tokenizer.json files that differ from the demo's in every rule a runtime's tokenizer has.

`variants()` gives them by name, as JSON values; used by test_tokenizer.py.
"""

import copy
import json
import random
from pathlib import Path

DEMO = Path(__file__).resolve().parents[2] / "export" / "demo" / "target" / "tokenizer.json"


def variants() -> dict[str, dict]:
    demo = json.loads(DEMO.read_text(encoding="utf-8"))
    return {
        "demo": demo,
        "llama": _llama(demo),
        "words": _words(demo),
        "unknowns": _unknowns(demo),
        "few_bytes": _few_bytes(demo),
        "flags": _flags(demo),
        "no_unknown": _no_unknown(demo),
        "ties": ties(300, seed=1),
        "ties_whole": _whole(ties(300, seed=2)),
    }


def _llama(demo: dict) -> dict:
    """A Sequence normalizer with Prepend, "a b" merges, a decoder that strips the space that was prepended."""
    value = copy.deepcopy(demo)
    replace = value["normalizer"]
    value["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]}
    value["pre_tokenizer"] = None
    value["decoder"]["decoders"].append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    value["model"]["merges"] = ["#version: 0.2", *(" ".join(merge) for merge in value["model"]["merges"])]
    _add(value, "<html>", special=False)
    return value


def _words(demo: dict) -> dict:
    """No normalizer: the words that Split cuts off are there. Pieces have spaces; whole words skip the merges."""
    value = copy.deepcopy(demo)
    value["normalizer"] = None
    model = value["model"]
    model["vocab"] = {piece.replace("▁", " "): i for piece, i in model["vocab"].items()}
    model["merges"] = [[part.replace("▁", " ") for part in merge] for merge in model["merges"]]
    model["ignore_merges"] = True
    model["vocab"] |= {"whole words ": 2048, "return ": 2049, "xq ": 2050, "é": 2051}
    value["decoder"] = {"type": "ByteFallback"}
    return value


def _unknowns(demo: dict) -> dict:
    """No byte fallback and unknowns that stay apart; characters of ASCII are missing too."""
    value = copy.deepcopy(demo)
    value["model"] |= {"byte_fallback": False, "fuse_unk": False}
    for piece in "qz&{":
        _remove(value, piece)
    value["decoder"] = {"type": "Sequence", "decoders": value["decoder"]["decoders"][:1]}
    return value


def _few_bytes(demo: dict) -> dict:
    """Byte fallback with bytes missing: some characters are bytes, others unknown, which fuse over the bytes."""
    value = copy.deepcopy(demo)
    for byte in (*range(0x80, 0xA0), 0xC3, 0xF0, 0x0A):
        _remove(value, f"<0x{byte:02X}>")
    for byte in ("<0x+A>", "<0xe2>", "<0x8>", "<0xG0>", "<0xé>", "<0x0A> "):
        _put(value, byte)
    return value


def _flags(demo: dict) -> dict:
    """Added tokens that strip, that stand alone, that are normalised, that begin alike, that are white space."""
    value = copy.deepcopy(demo)
    for content in ("\n", "\n\n", "\n\n\n", "\t", "<a", "<a>", "<a><b>", "<a><bc", "<b>", "▁▁", "日本", "😀"):
        _add(value, content, special=False)
    _add(value, "<l>", lstrip=True)
    _add(value, "<r>", rstrip=True)
    _add(value, "<lr>", lstrip=True, rstrip=True)
    _add(value, "\u2003", lstrip=True, rstrip=True)
    _add(value, "wqrd", single_word=True, special=False)
    _add(value, "dqf", single_word=True, special=False, lstrip=True)
    _add(value, "nqw word", normalized=True, special=False)
    _add(value, "nqw", normalized=True, special=False, single_word=True)
    _add(value, " <n>", normalized=True, special=True, rstrip=True)
    _add(value, "e\u0301", normalized=True, special=False, lstrip=True)
    return value


def _no_unknown(demo: dict) -> dict:
    """Characters without a piece are left out; three replacements before the model, two in the decoder."""
    value = copy.deepcopy(demo)
    value["model"] |= {"unk_token": None, "byte_fallback": False, "dropout": 0.0}
    value["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Replace", "pattern": {"String": "aa"}, "content": "a"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            {"type": "Replace", "pattern": {"String": "é"}, "content": ""},
        ],
    }
    value["pre_tokenizer"]["pattern"]["String"] = "▁▁"
    value["decoder"]["decoders"].insert(1, {"type": "Replace", "pattern": {"String": "se"}, "content": "<0x41>"})
    value["decoder"]["decoders"].insert(2, {"type": "Strip", "content": "r", "start": 2, "stop": 0})
    # Their text is the normalised form, and by it they are special or not.
    for content in ("éaa!", "éaa?"):
        _add(value, content, normalized=True)
    _add(value, "a?")
    return value


def ties(merges: int, seed: int, alphabet: str = "abé▁😀") -> dict:
    """Few characters and many merges of them: nearly every place is contested."""
    draw = random.Random(seed)
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *alphabet]
    known, pairs, joinable = set(pieces), {}, list(alphabet)
    while len(pairs) < merges:
        left, right = draw.choice(joinable), draw.choice(joinable)
        if len(left + right) <= 8 and (left, right) not in pairs:
            pairs[left, right] = None
            if left + right not in known:
                known.add(left + right)
                joinable.append(left + right)
                pieces.append(left + right)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_token(0, "<unk>")],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": {
            "type": "BPE",
            "unk_token": "<unk>",
            "fuse_unk": True,
            "byte_fallback": True,
            # Merges before the vocabulary, as in a file with sorted keys.
            "merges": [list(pair) for pair in pairs],
            "vocab": {piece: i for i, piece in enumerate(pieces)},
        },
    }


def _whole(value: dict) -> dict:
    """Repeated pairs, of which the later rank holds; whole texts that are pieces."""
    value["model"]["merges"] += value["model"]["merges"][:40]
    value["model"]["ignore_merges"] = True
    return value


def _token(index: int, content: str, **flags: bool) -> dict:
    usual = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": index, "content": content, **usual, **flags}


def _add(value: dict, content: str, **flags: bool) -> None:
    vocab = value["model"]["vocab"]
    fresh = max(len(vocab), 1 + max(token["id"] for token in value["added_tokens"]))
    value["added_tokens"].append(_token(vocab.get(content, fresh), content, **flags))


def _put(value: dict, piece: str) -> None:
    value["model"]["vocab"][piece] = 1 + max(value["model"]["vocab"].values())


def _remove(value: dict, piece: str) -> None:
    """The piece, and every merge that needs it; ids keep their places, with holes."""
    model = value["model"]
    del model["vocab"][piece]
    model["merges"] = [m for m in model["merges"] if {m[0], m[1], m[0] + m[1]} <= set(model["vocab"])]
