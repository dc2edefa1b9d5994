"""The token that ends a turn is not said twice, and nothing else is left out."""

import pytest

from runtime_spec.reference.follow_up import without_pending
from runtime_spec.reference.state import NO_TOKEN

STOPS = (1, 5)


@pytest.mark.parametrize(
    ("tokens", "last", "expected"),
    [
        ([5, 9, 7], 5, [9, 7]),
        ([5, 5, 7], 5, [5, 7]),
        ([5, 9, 7], 1, [5, 9, 7]),
        ([5, 9, 7], 8, [5, 9, 7]),
        ([8, 9, 7], 8, [8, 9, 7]),
        ([5, 9, 7], NO_TOKEN, [5, 9, 7]),
        ([9, 5], 5, [9, 5]),
        ([5], 5, []),
        ([], 5, []),
    ],
    ids=[
        "the model closed its turn",
        "only the first is left out",
        "another stop token closed it",
        "the answer was cut",
        "the answer was cut at a token that the suffix begins with, which stops nothing",
        "nothing is pending",
        "the suffix begins otherwise",
        "nothing is left",
        "nothing to begin with",
    ],
)
def test_a_follow_up_turn(tokens, last, expected):
    assert without_pending(tokens, last, STOPS) == expected


def test_no_token_is_never_a_stop_token():
    assert without_pending([NO_TOKEN, 3], NO_TOKEN, [NO_TOKEN]) == [NO_TOKEN, 3]
