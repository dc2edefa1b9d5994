from runtime_spec.reference.record import cancel_after
from runtime_spec.reference.stats import count_rounds
from tests.spec.reference.oracle import new_session


def test_figures_of_a_perfect_drafter():
    stats = count_rounds(new_session(hit=100).turn((3, 1, 4), 11))
    assert (stats.emitted, stats.rounds, stats.drafted, stats.accepted) == (11, 2, 8, 8)
    assert (stats.acceptance_rate, stats.mean_accepted_length) == (1.0, 5.0)


def test_figures_of_a_useless_drafter():
    stats = count_rounds(new_session(hit=0).turn((3, 1, 4), 6))
    assert (stats.emitted, stats.rounds, stats.accepted) == (6, 5, 0)
    assert (stats.acceptance_rate, stats.mean_accepted_length) == (0.0, 1.0)


def test_a_cancelled_round_counts_for_nothing():
    stats = count_rounds(new_session(hit=100).turn((3, 1, 4), 30, cancel_after(7)))
    assert (stats.rounds, stats.drafted, stats.accepted) == (1, 4, 4)


def test_no_rounds_no_rates():
    stats = count_rounds([])
    assert (stats.acceptance_rate, stats.mean_accepted_length) == (0.0, 0.0)
