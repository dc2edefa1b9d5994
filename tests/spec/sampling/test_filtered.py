"""The filter's steps, against weights that are worked out by hand or by math.exp."""

import math

import pytest

from runtime_spec.errors import RuntimeLibraryError
from runtime_spec.sampling.filtered import Distribution, draw, filtered, residual
from runtime_spec.sampling.parameters import Sampling
from runtime_spec.sampling.penalty import penalise, restore

LN2 = math.log(2)
HALVES = [-3 * LN2, 0.0, -LN2, -2 * LN2]
"""Weights 1/8, 1, 1/2, 1/4 at temperature 1, but for rounding: the total is 15/8."""


def tokens(row, **chosen):
    return list(filtered(row, Sampling(**{"temperature": 1.0, **chosen}), 0).tokens)


def test_all_stay_in_order_and_weights_are_softmax():
    found = filtered([0.5, 3.0, -1.0, 2.0], Sampling(temperature=0.5), 0)
    total = sum(math.exp(2 * logit) for logit in (0.5, 3.0, -1.0, 2.0))
    assert found.tokens == [1, 3, 0, 2]
    assert found.weights == pytest.approx([math.exp(2 * x) / total for x in (3.0, 2.0, 0.5, -1.0)], rel=1e-14)


def test_among_equals_the_lowest_id_comes_first_and_minus_zero_equals_zero():
    assert tokens([1.0, 2.0, 2.0, 1.0, 2.0]) == [1, 2, 4, 0, 3]
    assert tokens([-0.0, 0.0, -0.0]) == [0, 1, 2] and tokens([0.0, -0.0], top_k=1) == [0]


def test_top_k():
    assert [tokens(HALVES, top_k=k) for k in (1, 2, 3, 4, 5, 0)] == [[1], [1, 2], [1, 2, 3]] + [[1, 2, 3, 0]] * 3
    assert tokens([2.0] * 5, top_k=3) == [0, 1, 2]


def test_top_p_takes_the_fewest_that_reach_it():
    """Shares are 8/15, 12/15, 14/15, 1 in all."""
    assert tokens(HALVES, top_p=0.5) == [1]
    assert tokens(HALVES, top_p=0.534) == [1, 2] and tokens(HALVES, top_p=0.799) == [1, 2]
    assert tokens(HALVES, top_p=0.801) == [1, 2, 3] and tokens(HALVES, top_p=0.999) == [1, 2, 3, 0]
    assert tokens(HALVES, top_p=1e-300) == [1]


def test_top_p_is_reached_by_what_equals_it():
    assert tokens([0.0] * 4, top_p=0.5) == [0, 1] and tokens([0.0] * 4, top_p=0.51) == [0, 1, 2]


def test_top_p_is_of_what_top_k_left():
    assert tokens(HALVES, top_k=2, top_p=0.6) == [1] and tokens(HALVES, top_p=0.6) == [1, 2]


def test_min_p_is_a_part_of_the_largest_weight():
    assert tokens(HALVES, min_p=0.3) == [1, 2] and tokens(HALVES, min_p=0.2) == [1, 2, 3]
    assert tokens([0.0, 0.0], min_p=0.999) == [0, 1]


def test_what_is_left_is_normalised():
    assert filtered(HALVES, Sampling(1.0, min_p=0.3), 0).weights == pytest.approx([2 / 3, 1 / 3], rel=1e-15)


def test_what_is_forty_below_stays_and_what_is_further_goes():
    below = math.nextafter(-40.0, -50.0)
    assert tokens([0.0, -40.0, below]) == [0, 1] and tokens([0.0, -20.0, -21.0], temperature=0.5) == [0, 1]


def test_temperature_0_is_the_first_alone():
    assert filtered([1.0, 5.0, 5.0], Sampling(top_k=3, top_p=0.1, min_p=0.9), 0) == Distribution([1], [1.0])


def test_the_smallest_and_the_largest_temperatures_are_no_trouble():
    assert filtered([1.0, 5.0, 4.0, 5.0], Sampling(5e-324), 0) == Distribution([1, 3], [0.5, 0.5])
    assert filtered([-3e38, 3e38], Sampling(1e308), 0).weights == [0.5, 0.5]


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_logit_that_is_no_number_is_an_error_that_names_the_slot(wrong, temperature):
    with pytest.raises(RuntimeLibraryError, match="slot 17"):
        filtered([0.0, 1.0, wrong], Sampling(temperature, top_k=1), 17)


def test_draw_takes_the_first_whose_running_sum_exceeds():
    three = Distribution([7, 5, 9], [0.5, 0.25, 0.25])
    below = math.nextafter(1.0, 0.0)
    assert [draw(three, u) for u in (0.0, 0.49, 0.5, 0.74, 0.75, below)] == [7, 7, 5, 5, 9, 9]
    assert [draw(Distribution([7, 5], [0.03, 0.01]), u) for u in (0.0, 0.74, 0.76)] == [7, 7, 5]


def test_the_residual_is_what_p_has_more_of():
    p, q = Distribution([1, 2, 3], [0.5, 0.3, 0.2]), Distribution([2, 1, 4], [0.4, 0.25, 0.35])
    assert residual(p, q, 1.0) == Distribution([1, 3], [0.25, 0.2])
    assert residual(p, q, 0.75) == Distribution([1, 3], [0.125, pytest.approx(0.15)])
    assert residual(p, p, 1.0) is None and p.of(9) == 0.0


def test_a_penalty_divides_what_is_positive_multiplies_the_rest_and_is_put_back():
    row = [2.0, -2.0, 0.0, 1.0, -0.0]
    before = penalise(row, [0, 1, 1, 2, 4, 0, 99, -1], 2.0)
    assert row == [1.0, -4.0, 0.0, 1.0, 0.0]
    restore(row, before)
    assert list(map(str, row)) == ["2.0", "-2.0", "0.0", "1.0", "-0.0"]


def test_a_penalty_is_rounded_to_float32():
    row = [1.0]
    penalise(row, [0], 1.1)
    assert row == [0.9090909361839294] and row != [1 / 1.1]


def test_a_penalty_that_leaves_no_number_is_the_error_of_the_row():
    row = [3e38, 1.0]
    penalise(row, [0], 0.5)
    with pytest.raises(RuntimeLibraryError, match="inf for token 0"):
        filtered(row, Sampling(1.0), 3)
