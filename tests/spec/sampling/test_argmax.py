import pytest

from runtime_spec.errors import RuntimeLibraryError
from runtime_spec.sampling.argmax import argmax, margin


def test_the_largest_logit_wins():
    assert argmax([-3.0, 2.5, 1.0], 0) == 1


def test_the_lowest_id_wins_a_tie():
    assert argmax([0.0, 4.0, 1.0, 4.0], 0) == 1
    assert margin([0.0, 4.0, 1.0, 4.0]) == 0.0


def test_margin_is_the_lead_over_the_second():
    assert margin([1.0, -2.0, 3.5]) == 2.5


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_logit_that_is_no_number_is_an_error_that_names_the_position(bad, place):
    logits = [1.0, 2.0, 3.0]
    logits[place] = bad
    with pytest.raises(RuntimeLibraryError, match=f"token {place}\n.*cache slot 17"):
        argmax(logits, 17)
