"""A pair of a few hundred megabytes: 3 GiB in all, as E2B and E4B (too large for CI; their runs are in e2b.json and
e4b.json), and its weights are never all in memory."""

import json
from pathlib import Path

from export.cli.main import DEMO
from tests.checkpoints import write_pair
from tests.scale.exports import decode_with_litert_lm, export

GIB = 2**30
E2B, E4B = (json.loads((Path(__file__).parent / f"{name}.json").read_text()) for name in ("e2b", "e4b"))


def test_e2b_kept_its_bounds():
    new, cached = E2B["nothing_cached"], E2B["graphs_cached"]
    assert (E2B["preset"], E2B["recipe"]) == ("e2b", "int4") and E2B["bundle_bytes"] <= 2.5e9
    assert new["wall_seconds"] <= 90 and cached["wall_seconds"] <= 60
    assert max(new["peak_resident_gib"], cached["peak_resident_gib"]) <= 2.0
    assert E2B["litert_lm"]["characters"] > 0 and E2B["litert_lm"]["drafting_changes_nothing"]
    assert 0.9 <= E2B["memory"]["manifest / resident"] <= 1.1


def test_e4b_kept_its_bounds():
    assert (E4B["preset"], E4B["recipe"]) == ("e4b", "int4")
    assert max(E4B[run]["peak_resident_gib"] for run in ("nothing_cached", "graphs_cached")) <= 3.0
    assert E4B["litert_lm"]["characters"] > 0 and E4B["litert_lm"]["drafting_changes_nothing"]


def test_a_middle_size_is_never_held_whole(tmp_path):
    small = export(DEMO / "target", DEMO / "drafter", tmp_path / "demo", "int8", context=512)
    middle = export(*write_pair("middle", tmp_path), tmp_path / "middle", "int8")
    assert middle["peak_resident_gib"] <= 3.0
    bytes_more = middle["checkpoint_bytes"] - small["checkpoint_bytes"]
    assert bytes_more > 400e6
    gib_more = middle["peak_with_weights_gib"] - small["peak_with_weights_gib"]
    # How the peaks of two processes fall together is chance: over eleven pairs of runs on two busy cores the difference
    # was -0.05 to 0.24 GiB, 0.07 in the middle. Weights that are held whole, in the checkpoint's 16 bits, make it 0.48.
    assert gib_more * GIB / bytes_more <= 0.7
    assert decode_with_litert_lm(tmp_path / "middle" / "model.litertlm")["characters"] > 0
