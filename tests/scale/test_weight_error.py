"""The table of weight errors: what recipe.py and int4's choice of scales rest on."""

from functools import cache

import pytest

from tests.scale import weight_error

drawn_errors, demo_errors = (cache(f) for f in (lambda: weight_error.drawn_errors(60_000), weight_error.demo_errors))


def test_least_error_is_no_worse_than_any_other_scale_of_a_row():
    for where, found in drawn_errors().items():
        others = [found[name] for name in ("int4 maximum", "int4 MSE", "int4 OCTAV")]
        assert found["int4 least_error"] <= 1.001 * min(others), where


@pytest.mark.parametrize("width", weight_error.WIDTHS)
def test_rows_with_heavy_tails_gain_most(width):
    """Half of the error and more; of Gaussian rows 40 %."""
    for spectrum, least in (("Gaussian", 0.6), ("Student t of 6", 0.5), ("Student t of 4", 0.5)):
        found = drawn_errors()[spectrum, width]
        assert found["int4 least_error"] <= least * found["int4 maximum"], spectrum


def test_eight_bits_need_no_such_choice():
    """Whatever OCTAV gains there is less than a hundredth of what int4 loses."""
    for where, found in drawn_errors().items():
        assert abs(found["int8 maximum"] - found["int8 OCTAV"]) < 0.01 * found["int4 least_error"], where


def test_the_demos_kinds_by_recipe():
    found = demo_errors()
    for kind in ("attention", "mlp", "embedding", "per_layer_embedding"):
        errors = found[kind]
        assert errors["int8"] < 1e-3 < errors["int4"] < errors["int4 with maximum"], kind
    for kind, errors in found.items():
        if kind == "per_layer" or kind.startswith("drafter."):
            assert errors["int4"] == errors["int8"] == errors["int4-blocks"], kind


def test_it_prints_what_it_found(monkeypatch, capsys):
    monkeypatch.setattr(weight_error, "drawn_errors", lambda: {("uniform", 7): dict.fromkeys(weight_error.WAYS, 0.5)})
    monkeypatch.setattr(weight_error, "demo_errors", lambda: {"mlp": dict.fromkeys(weight_error.recipes(), 2e-5)})
    monkeypatch.setattr(weight_error, "seconds", lambda storage, width: float(storage.bits))
    monkeypatch.setattr("sys.argv", ["weight_error"])
    weight_error.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["7", "uniform", *["50.00"] * 7]
    assert lines[5].split() == ["mlp", *["0.0020"] * 4]
    assert lines[-1].split() == ["rows", "of", "12,288", "8.00", "4.00", "4.00"]
