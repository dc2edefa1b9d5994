"""The check against float fails with its numbers when a recipe harms the model."""

from types import SimpleNamespace

import pytest

from export.check import _hold
from export.errors import CheckFailedError
from export.recipe import Recipe

PLAN = SimpleNamespace(recipe=Recipe.load("int8"), target=SimpleNamespace(id="demo"))


def test_figures_within_the_tolerances_pass():
    _hold(PLAN, {"top1_agreement": 0.9891, "mean_kl": 0.000328, "positions": 640})


@pytest.mark.parametrize("figures", [{"top1_agreement": 0.5, "mean_kl": 0.0}, {"top1_agreement": 1.0, "mean_kl": 0.5}])
def test_figures_outside_are_an_error_that_names_them(figures):
    with pytest.raises(CheckFailedError) as raised:
        _hold(PLAN, figures | {"positions": 640})
    assert raised.value.exit_code == 7 and str(figures["top1_agreement"]) in str(raised.value)
