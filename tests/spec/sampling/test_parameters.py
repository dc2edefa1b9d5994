import pytest

from runtime_spec.errors import UsageError
from runtime_spec.sampling.parameters import GREEDY, Sampling

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("temperature", [0, 0.0, 1, 0.7, 5e-324, 1e308], [-0.1, NAN, INFINITE, True, "1", None, 10**400]),
        ("top_k", [0, 1, 2**31 - 1], [-1, 2**31, 1.0, NAN, True, "64"]),
        ("top_p", [1, 0.95, 5e-324], [0, 0.0, 1.0001, -0.5, NAN, INFINITE, True, "0.9"]),
        ("min_p", [0, 0.0, 0.5, 0.999], [1, 1.0, -0.1, NAN, True, "0"]),
        ("repetition_penalty", [1, 1.1, 0.5, 2], [0, -1, NAN, INFINITE, True, "1.1"]),
        ("repetition_window", [0, 64, 2**31 - 1], [-1, 2**31, 64.0, True, None]),
        ("seed", [0, 1, 2**63 - 1], [-1, 2**63, 1.0, True, "1"]),
        ("drafts", ["drawn", "greedy"], ["", "lucky", None, 1, True]),
    ],
)
def test_what_is_not_allowed_is_named_with_what_is(name, allowed, refused):
    for value in allowed:
        assert getattr(Sampling(**{name: value}), name) == value
    for value in refused:
        with pytest.raises(UsageError) as error:
            Sampling(**{name: value})
        assert error.value.title.startswith(name) and name in error.value.where
        assert error.value.found == repr(value)[:60] and error.value.expected


def test_whole_numbers_become_doubles():
    assert type(Sampling(temperature=1).temperature) is float and Sampling(temperature=1) == Sampling(temperature=1.0)


def test_everything_is_off_at_first():
    assert Sampling() == GREEDY and GREEDY.is_greedy and not GREEDY.has_penalty and not GREEDY.draws_drafts


@pytest.mark.parametrize(
    ("chosen", "is_greedy", "has_penalty", "draws_drafts"),
    [
        ({"temperature": 1.0}, False, False, True),
        ({"temperature": 1.0, "drafts": "greedy"}, False, False, False),
        ({"repetition_penalty": 1.1}, True, False, False),  # no token is looked at
        ({"repetition_window": 8}, True, False, False),
        ({"repetition_penalty": 1.1, "repetition_window": 8}, False, True, False),
        ({"top_k": 5, "top_p": 0.5}, True, False, False),
    ],
)
def test_what_the_parameters_mean_together(chosen, is_greedy, has_penalty, draws_drafts):
    sampling = Sampling(**chosen)
    assert (sampling.is_greedy, sampling.has_penalty, sampling.draws_drafts) == (is_greedy, has_penalty, draws_drafts)
