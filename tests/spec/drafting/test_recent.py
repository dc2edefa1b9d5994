import random

from runtime_spec.drafting.recent import RecentMedian


def test_it_is_the_lower_median_of_the_last_ones():
    draws, recent, seen = random.Random(3), RecentMedian(7), []
    assert recent.value == 0.0
    for _ in range(300):
        seen.append(float(draws.randrange(9)))
        recent.add(seen[-1])
        last = sorted(seen[-7:])
        assert (recent.value, recent.count) == (last[(len(last) - 1) // 2], len(last))


def test_what_is_kept_is_the_newest():
    recent = RecentMedian(5)
    for value in (9.0, 9.0, 9.0, 1.0, 2.0):
        recent.add(value)
    recent.keep(2)
    assert (recent.value, recent.count) == (1.0, 2)
    recent.add(3.0)
    assert recent.value == 2.0
