"""Block verification against numbers worked out by hand."""

from math import nextafter

import pytest

from runtime_spec.sampling.block import acceptance, ratios, verified
from runtime_spec.sampling.filtered import Distribution, residual

P = [Distribution([1, 2], [0.5, 0.5]), Distribution([1, 2], [0.75, 0.25]), Distribution([2], [1.0])]
Q = [Distribution([1, 2], [0.25, 0.75]), Distribution([2, 1], [0.5, 0.5])]
BELOW_1 = nextafter(1.0, 0.0)


def test_ratios_are_products_that_never_exceed_one():
    assert ratios(P, [1, 1], Q) == [1.0, 1.0, 1.0]
    assert ratios(P, [1, 2], Q) == [1.0, 1.0, 0.5]
    assert ratios(P, [2, 2], Q) == [1.0, pytest.approx(2 / 3), pytest.approx(1 / 3)]
    assert ratios(P, [2, 1], Q) == [1.0, pytest.approx(2 / 3), pytest.approx(1.0)]


def test_a_draft_that_the_target_never_says_leaves_nothing_to_what_follows():
    impossible = [Distribution([1], [1.0]), *P[1:]]
    assert ratios(impossible, [2, 1], Q) == [1.0, 0.0, 0.0]
    assert verified(impossible, [2, 1], Q, [0.0, 0.0]) == (0, Distribution([1], [0.75]))


def test_acceptances():
    left = ratios(P, [2, 2], Q)
    # 2/3 of 0.75 is just 0.5, and 2/3 of 0.25 less than 0.5: the second row has no more of anything.
    assert acceptance(1, 2 / 3, P, Q) == pytest.approx(0.0) and acceptance(2, left[2], P, Q) == left[2]
    # 0.8 * 0.75 - 0.5 = 0.1, of 0.1 + (1 - 0.8).
    assert acceptance(1, 0.8, P, Q) == pytest.approx(1 / 3)


@pytest.mark.parametrize("q", [P[0], Q[0]], ids=["the same", "another"])
def test_a_ratio_of_one_always_holds(q):
    assert acceptance(1, 1.0, [P[0]] * 3, [q, q]) == 1.0


def test_a_beginning_is_kept_with_its_ratio_whatever_is_drafted_behind_it():
    behind = [(x, y) for x in Q[0].tokens for y in Q[1].tokens]
    for first in Q[0].tokens:
        kept = 0.0
        for x, y in behind:
            if x == first:
                left = ratios(P, [x, y], Q)
                one, both = (acceptance(i, left[i], P, Q) for i in (1, 2))
                kept += Q[1].of(y) * (both + (1 - both) * one)
        assert kept == pytest.approx(ratios(P, [first], Q)[1])


def test_the_last_that_holds_counts_whatever_failed_before():
    left = ratios(P, [2, 1], Q)
    assert left[2] == pytest.approx(1.0)
    assert verified(P, [2, 1], Q, [BELOW_1, 0.9]) == (2, P[2])
    assert verified(P, [1, 2], Q, [0.9, 0.4]) == (2, P[2])
    assert verified(P, [1, 2], Q, [0.9, 0.6]) == (1, residual(P[1], Q[1], 1.0))


def test_numbers_that_equal_a_probability_do_not_hold():
    assert verified(P, [1, 2], Q, [0.0, 0.5])[0] == 1 and verified(P, [1, 2], Q, [0.0, nextafter(0.5, 0.0)])[0] == 2


def test_a_kept_beginning_has_the_residual_of_its_own_ratio():
    q = [Distribution([1, 2], [0.625, 0.375]), Q[1]]
    assert ratios(P, [1, 2], q) == [1.0, 0.8, 0.4]
    kept, rest = verified(P, [1, 2], q, [0.3, 0.5])
    assert kept == 1 and rest.tokens == [1] and rest.weights == pytest.approx([0.1])


def test_a_residual_never_has_the_draft_that_was_rejected():
    """By roundings, too: weights in tenths, thirds and sevenths of each other."""
    parts = [one / other for other in (3.0, 7.0, 10.0) for one in range(1, 7)]
    for left in (1.0, *parts):
        for p in parts:
            for q in (*parts, left * p, nextafter(left * p, 0.0), nextafter(left * p, 1.0)):
                if residual(Distribution([5], [p]), Distribution([5], [q]), left):
                    assert min(1.0, left * p / q) == 1.0
