"""What recipes come to at the published shapes, by formulas of their own, and the table that says so."""

from dataclasses import replace

import pytest

from tests.scale.recipes import COLUMNS, RECIPES, SHAPES, Row, Speed, bundle_bytes, plans, rendered, token_bytes

VOCABULARY = 262_144
CHECK = {
    "mean_kl": 0.0481, "top1_agreement": 0.9192, "near_ties": 0.0419,
    "acceptance": {name: {"rate": 0.5817, "float_rate": 0.6687} for name in ("plain", "chat")},
}  # fmt: skip


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    return {shape: plans(shape, tmp_path_factory.mktemp(shape)) for shape in SHAPES}


def weights_a_token(shape):
    """Of the matrices that a token of that shape reads whole: (four bits with the recipe int4, eight bits)."""
    layers, hidden, mlp, kv, owners, wide = {
        "E2B": (35, 1536, 6144, 1, 15, 20), "E4B": (42, 2560, 10_240, 2, 24, 0),
    }[shape]  # fmt: skip
    full, period = layers // (5 if shape == "E2B" else 6), 5 if shape == "E2B" else 6
    heads = 8 * (512 * full + 256 * (layers - full))
    keys = kv * (512 * (owners // period) + 256 * (owners - owners // period))
    four = hidden * (2 * heads + 2 * keys + 3 * mlp * (layers + wide) + VOCABULARY)
    return four, hidden * 256 * layers * 3


@pytest.mark.parametrize("shape", SHAPES)
def test_a_token_reads_every_weight_but_tables(shape, planned):
    four, eight = weights_a_token(shape)
    # Scales, norms and a row of each table are the rest: 0.2 to 1.1 %.
    for recipe, nbytes in (("int4", four / 2 + eight), ("int8", four + eight), ("float", 4 * (four + eight))):
        assert nbytes < token_bytes(planned[shape][recipe]) < 1.012 * nbytes, recipe
    blocks = (four - planned[shape]["int4"].target.config.hidden_size * VOCABULARY) * (0.5 + 2 / 32)
    rest = planned[shape]["int4"].target.config.hidden_size * VOCABULARY + eight
    assert blocks + rest < token_bytes(planned[shape]["int4-blocks"]) < 1.012 * (blocks + rest)


def test_int4_halves_what_int8_takes(planned):
    e2b = planned["E2B"]
    assert bundle_bytes(e2b["int4"]) <= 2.5e9 and token_bytes(e2b["int4"]) <= 1.2e9
    assert bundle_bytes(e2b["int4-blocks"]) > 1.5 * bundle_bytes(e2b["int4"])
    for shape in SHAPES:
        assert bundle_bytes(planned[shape]["int4"]) < 0.54 * bundle_bytes(planned[shape]["int8"]), shape


def test_published_codes_are_the_smallest(planned):
    """Google's own E2B reads 0.78 GB a token, its feed-forward weights of 2 bits in twenty layers."""
    qat = planned["E2B"]["qat"]
    assert bundle_bytes(qat) <= 2.4e9
    assert token_bytes(qat) == pytest.approx(0.78e9, rel=0.01)


def test_every_recipe_has_its_line(planned):
    rows = [
        Row(name, {shape: planned[shape][name] for shape in SHAPES}, None if name == "qat" else CHECK)
        for name in RECIPES
    ]
    rows[1] = replace(rows[1], speed=Speed(46.12, {1: 1.0, 4: 1.471, 8: 1.96}, 560.0))
    titles, *lines = rendered(rows).splitlines()
    assert RECIPES == ("float", "int4", "int4-blocks", "int8", "qat")
    assert [line.split()[0] for line in lines] == list(RECIPES)
    assert all(title in titles for title in COLUMNS)
    assert "0.0481" in lines[1] and "0.919" in lines[1] and "0.582 of 0.669" in lines[1]
    assert "46.1 ms" in lines[1] and "1.47 decodes" in lines[1] and "560 tokens/s" in lines[1]
    assert lines[0].split()[9:13] == ["-"] * 4 and lines[-1].count(" - ") >= 4
