"""What is compared with float, and which figures are outside when a recipe harms the model or its drafter."""

import re
from dataclasses import replace

import numpy as np
import pytest

from export.choices.prompts import Prompts
from export.choices.recipe import Recipe
from export.errors import UsageError
from export.evidence import against_float
from export.evidence.against_float import (
    Acceptance,
    FloatCheck,
    checked_tokens,
    compare_acceptance,
    compare_logits,
    recipe_failed,
)
from runtime_spec.litert.target import misuse
from runtime_spec.reference.stats import DecodeStats
from tests.spec.litert.fakes import target

TOLERANCES = Recipe.load("int8").tolerances
TARGET = FloatCheck(top1_agreement=0.9891, near_ties=0.0, mean_kl=0.000328, positions=640)


def drafting(rate, float_rate=0.6, drafted=1000, standard_error=0.0):
    return replace(TARGET, acceptance={"plain": Acceptance(rate, float_rate, drafted, standard_error)})


def counted(*accepted):
    return [DecodeStats(accepted=count, drafted=100) for count in accepted]


@pytest.mark.parametrize("figures", [TARGET, drafting(0.58)], ids=["target", "pair"])
def test_figures_within_the_tolerances_pass(figures):
    assert figures.failures(TOLERANCES) == []


@pytest.mark.parametrize(
    ("figures", "number"),
    [
        (replace(TARGET, top1_agreement=0.5), "0.5 and 0.0 near ties"),
        (replace(TARGET, top1_agreement=float("nan")), "nan and"),
        (replace(TARGET, mean_kl=0.5), "KL 0.5"),
        (replace(TARGET, mean_kl=float("nan")), "KL nan"),
        (replace(TARGET, mean_kl=float("inf")), "KL inf"),
        (drafting(0.5), "0.5000 of 0.6000"),
    ],
    ids=["top-1", "top-1 no number", "KL", "KL no number", "KL infinite", "acceptance"],
)
def test_a_figure_outside_is_named_with_what_was_expected(figures, number):
    (failure,) = figures.failures(TOLERANCES)
    assert number in failure.found and re.search(r"at (least|most) [0-9.]+", failure.expected)


def test_the_error_names_every_figure_that_is_outside():
    failures = replace(drafting(0.5), top1_agreement=0.5, mean_kl=0.5).failures(TOLERANCES)
    error = recipe_failed("int8", "demo", failures)
    assert len(failures) == 3 and error.exit_code == 7 and error.where == "demo" and "int8" in error.title
    assert all(part in error.found for part in ("0.5 and 0.0", "KL 0.5", "0.5000 of 0.6000"))


def test_choices_between_near_ties_are_not_held_against_a_recipe():
    assert replace(TARGET, top1_agreement=0.9, near_ties=0.1).failures(TOLERANCES) == []


class StoredTarget:
    """A target whose logits are given: what compare_logits asks of models. It refuses what a port refuses."""

    def __init__(self, logits, capacity=3, verify_widths=(1, 2)):
        self._logits, self._part = np.array(logits, np.float32), None
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
        assert (found.positions, found.top1_agreement) == (count, 1.0)
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
    divergence = float((np.exp(exact) * (exact - stored)).sum(-1).mean())
    assert compare_logits(StoredTarget(stored), [5, 6, 7], exact) == FloatCheck(
        top1_agreement=0.3333, near_ties=0.3333, mean_kl=pytest.approx(divergence, abs=1e-6), positions=3
    )


@pytest.mark.parametrize("capacity", [100, 128, 200, 256, 7, 5, 1])
def test_every_position_is_compared_with_its_own_up_to_the_end_of_the_cache(capacity):
    """The stored logits are float's: a row that is compared with another's would show."""
    logits = np.random.default_rng(3).normal(size=(capacity, 11)).astype(np.float32) * 9
    target = StoredTarget(logits, capacity, (1, 3, 5, 7))
    found = compare_logits(target, list(range(capacity)), logits)
    assert found == FloatCheck(1.0, 0.0, 0.0, capacity)
    assert all(position + width <= capacity for position, width in target.passes)
    assert target.passes[:-4] == [(i * 7, 7) for i in range(len(target.passes) - 4)] or capacity < 28


def test_what_float_rules_out_does_not_count():
    exact = np.array([[0.0, -3000.0, 1.0]], np.float32)
    stored = np.array([[0.0, -np.inf, 1.0]], np.float32)
    assert compare_logits(StoredTarget(stored), [1], exact).mean_kl == 0.0


class Letters:
    """A token a letter."""

    def prompt(self, text):
        return [0, *map(ord, text)]


def test_the_checked_text_is_the_prompts_and_then_those_that_come_with_it(monkeypatch):
    monkeypatch.setattr(against_float, "num_parameters", lambda checkpoint: 1)
    own, few = Prompts.load(), Prompts(("a",), ("b",), "mine.txt")
    joined = "\n".join([*own.plain, *own.chats])
    assert checked_tokens(None, 512, own, Letters()) == Letters().prompt(joined)[:384]
    assert checked_tokens(None, 512, few, Letters()) == Letters().prompt("a\nb\n" + joined)[:384]
    many = Prompts(("x" * 400,), ("y",), "mine.txt")
    assert checked_tokens(None, 512, many, Letters()) == Letters().prompt("x" * 383)
    assert len(checked_tokens(None, 100, few, Letters())) == 100


def test_a_difference_that_few_drafts_can_bring_by_chance_is_none():
    assert drafting(0.5, drafted=40).failures(TOLERANCES) == []
    assert drafting(0.0, float_rate=0.0, drafted=0).failures(TOLERANCES) == []


def test_a_difference_that_comes_and_goes_between_texts_is_none_and_one_in_every_text_counts():
    exact = counted(60, 70, 50, 65, 55, 60)
    scattered = compare_acceptance(counted(60, 30, 60, 65, 25, 65), exact)
    everywhere = compare_acceptance(counted(51, 61, 40, 57, 45, 51), exact)
    assert (scattered.rate, everywhere.rate, exact[0].acceptance_rate) == (0.5083, 0.5083, 0.6)
    assert scattered.standard_error > 0.08 and everywhere.standard_error < 0.01
    ratio = TOLERANCES.min_acceptance_ratio
    assert not scattered.is_lost(ratio) and everywhere.is_lost(ratio)


def test_one_text_has_no_error_between_texts():
    assert compare_acceptance(counted(50), counted(60)) == Acceptance(0.5, 0.6, 100, 0.0)
