"""The check against float fails with its numbers when a recipe harms the model or its drafter."""

from types import SimpleNamespace

import numpy as np
import pytest

from export.choices.recipe import Recipe
from export.errors import CheckFailedError, UsageError
from export.evidence.against_float import compare_acceptance, compare_logits, hold
from runtime_spec.litert.target import misuse
from runtime_spec.reference.stats import DecodeStats
from tests.spec.litert.fakes import target

PLAN = SimpleNamespace(recipe=Recipe.load("int8"), target=SimpleNamespace(id="demo"))
TARGET = {"top1_agreement": 0.9891, "near_ties": 0.0, "mean_kl": 0.000328, "positions": 640}


def drafting(rate, float_rate=0.6, drafted=1000, standard_error=0.0):
    row = {"rate": rate, "float_rate": float_rate, "drafted": drafted, "standard_error": standard_error}
    return TARGET | {"acceptance": {"plain": row}}


def counted(*accepted):
    return [DecodeStats(accepted=count, drafted=100) for count in accepted]


def test_figures_within_the_tolerances_pass():
    hold(PLAN, TARGET)
    hold(PLAN, drafting(0.58))


@pytest.mark.parametrize(
    ("figures", "number"),
    [
        (TARGET | {"top1_agreement": 0.5}, "0.5"),
        (TARGET | {"mean_kl": 0.5}, "0.5"),
        (drafting(0.5), "0.5000 of 0.6000"),
    ],
    ids=["top-1", "KL", "acceptance"],
)
def test_figures_outside_are_an_error_that_names_them(figures, number):
    with pytest.raises(CheckFailedError) as raised:
        hold(PLAN, figures)
    assert raised.value.exit_code == 7 and number in str(raised.value)


def test_choices_between_near_ties_are_not_held_against_a_recipe():
    hold(PLAN, TARGET | {"top1_agreement": 0.9, "near_ties": 0.1})


class StoredTarget:
    """A target whose logits are given: what compare_logits asks of models. It refuses what a port refuses."""

    def __init__(self, logits, capacity, verify_widths=(1, 2)):
        self.target, self._logits, self._part = self, np.array(logits, np.float32), None
        self.capacity, self.verify_widths, self.passes = capacity, verify_widths, []

    def verify(self, tokens, position, width):
        fits = width in self.verify_widths and 0 <= position <= self.capacity - width
        if not 0 < len(tokens) <= width or not fits:
            raise misuse("a pass that fits", f"{len(tokens)} tokens at {position}", f"{width} rows, {self.capacity}")
        self.passes.append((position, width))
        self._part = self._logits[position : position + len(tokens)]

    def logits(self):
        return self._part


@pytest.mark.parametrize("capacity", [96, 97, 100, 128, 200, 256])
@pytest.mark.parametrize("widths", [(1, 3, 5, 7), (1, 5), (1,), (1, 2, 4, 8)])
def test_text_up_to_the_last_slot_is_compared_in_passes_that_end_within_the_cache(capacity, widths):
    exact = np.random.default_rng(capacity).standard_normal((capacity, 5))
    for count in (capacity, capacity - 1, capacity - 3, 1):
        stored = StoredTarget(exact, capacity, widths)
        found = compare_logits(stored, [1] * count, exact[:count])
        assert (found["positions"], found["top1_agreement"]) == (count, 1.0)
        assert sum(width for _, width in stored.passes) >= count
    with pytest.raises(UsageError):
        StoredTarget(exact, capacity, widths).verify([1], capacity, 1)


@pytest.mark.parametrize("capacity", [16, 18, 20])
def test_the_stored_target_and_the_real_port_take_the_same_passes(capacity):
    """One contract: what the double of this test lets through, the port over graphs does, and nothing else."""
    for position in (-1, 0, 12, 15, 17, 19, 20):
        for width in (0, 1, 2, 3, 5):
            for count in (0, 1, 2, 4):
                doubles = StoredTarget(np.zeros((40, 4)), capacity, (1, 3, 5)), target(capacity)[0]
                assert len({_refuses(port, [1] * count, position, width) for port in doubles}) == 1


def _refuses(port, tokens, position, width):
    try:
        port.verify(tokens, position, width)
    except UsageError:
        return True
    return False


def test_choices_and_divergence_are_counted():
    """Three positions: the same choice, another of the same probability, another that float finds unlikely."""
    exact = np.log(np.array([[0.6, 0.3, 0.1], [0.41, 0.39, 0.2], [0.7, 0.2, 0.1]]))
    stored = np.log(np.array([[0.6, 0.3, 0.1], [0.39, 0.41, 0.2], [0.2, 0.7, 0.1]]))
    found = compare_logits(StoredTarget(stored, 3), [5, 6, 7], exact)
    divergence = float((np.exp(exact) * (exact - stored)).sum(-1).mean())
    assert found == {
        "top1_agreement": 0.3333,
        "near_ties": 0.3333,
        "mean_kl": pytest.approx(divergence, abs=1e-6),
        "positions": 3,
    }


def test_a_difference_that_few_drafts_can_bring_by_chance_is_none():
    hold(PLAN, drafting(0.5, drafted=40))
    hold(PLAN, drafting(0.0, float_rate=0.0))


def test_a_difference_that_comes_and_goes_between_texts_is_none_and_one_in_every_text_counts():
    exact = counted(60, 70, 50, 65, 55, 60)
    scattered = compare_acceptance(counted(60, 30, 60, 65, 25, 65), exact)
    everywhere = compare_acceptance(counted(51, 61, 40, 57, 45, 51), exact)
    assert (scattered["rate"], everywhere["rate"], exact[0].acceptance_rate) == (0.5083, 0.5083, 0.6)
    assert scattered["standard_error"] > 0.08 and everywhere["standard_error"] < 0.01
    hold(PLAN, TARGET | {"acceptance": {"plain": scattered}})
    with pytest.raises(CheckFailedError):
        hold(PLAN, TARGET | {"acceptance": {"plain": everywhere}})
