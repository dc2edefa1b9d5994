from runtime_spec.reference.record import cancel_after
from runtime_spec.reference.stats import DecodeStats, count_rounds
from runtime_spec.reference.trace import Round
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


def drafted(source, drafts, accepted, reason=None):
    known, emitted = source if drafts else None, [5] * (accepted + 1)
    return Round(0, 0, 0, 0, [5] * drafts, known, drafts + 1, [], accepted, emitted, 0, reason)


def test_positions_sources_and_lengths_are_counted_apart():
    stats = DecodeStats()
    for one in (
        drafted("drafter", 3, 1), drafted("drafter", 2, 2), drafted("ngram", 4, 0), drafted("drafter", 0, 0),
        drafted("drafter", 3, 3, "cancelled"),
    ):  # fmt: skip
        stats.add(one)
    assert stats.drafting() == {
        "rounds_by_length": {"0": 1, "2": 1, "3": 1, "4": 1},
        "sources": {
            "drafter": {
                "rounds": 2, "drafted": 5, "accepted": 3, "acceptance_rate": 0.6, "drafted_by_position": [2, 2, 1],
                "accepted_by_position": [2, 1, 0],
            },
            "ngram": {
                "rounds": 1, "drafted": 4, "accepted": 0, "acceptance_rate": 0.0, "drafted_by_position": [1, 1, 1, 1],
                "accepted_by_position": [0, 0, 0, 0],
            },
        },
    }  # fmt: skip
