"""The bench's rows: what it makes of speeds measured on a machine that is slow for a while."""

from types import SimpleNamespace

import pytest

from export.choices.prompts import Prompts
from export.evidence import speed as bench
from export.evidence.speed import TimedReply, measure_speeds, short_bench
from runtime_spec.reference.stats import DecodeStats

STATS = DecodeStats(drafted=4, accepted=2, rounds=1)


def test_a_ratio_compares_neighbours_in_time():
    """Half as fast for the second prompt; drafting gains 1.2, 1.5 and 2. The medians of the speeds would say 1.2."""
    slowness, gains = {1: 1.0, 2: 0.5, 3: 1.0}, {1: 1.2, 2: 1.5, 3: 2.0}

    def reply(prompt, gain):
        return TimedReply([], 100.0 * slowness[prompt[0]] * gain, 0.0, STATS)

    ways = {
        "plain": lambda prompt, count: reply(prompt, 1.0),
        "drafted_4": lambda prompt, count: reply(prompt, gains[prompt[0]]),
    }
    found = measure_speeds(ways, [[1], [2], [3]], 64, repeats=1)
    assert list(found) == ["plain", "drafted_4"]
    drafted, plain = found["drafted_4"], found["plain"]
    assert (drafted.ratio_to_plain, drafted.tokens_per_second, drafted.spread) == (1.5, 120.0, (75.0, 200.0))
    assert (plain.ratio_to_plain, plain.tokens_per_second) == (1.0, 100.0)
    assert (drafted.acceptance_rate, drafted.mean_accepted_length) == (0.5, 3.0)


@pytest.mark.parametrize("count", [1, 2, 20])
def test_the_exports_own_bench_takes_what_prompts_there_are(monkeypatch, count):
    """At most six, each cut to half the context."""
    seen = []

    def way(name):
        def decode(prompt, count):
            seen.append((len(prompt), name))
            return TimedReply([], 1000.0, 0.0, STATS)

        return decode

    monkeypatch.setattr(bench, "bench_ways", lambda models, lengths: {name: way(name) for name in ("plain", "auto")})
    models = SimpleNamespace(target=SimpleNamespace(capacity=64))
    prompts = Prompts(("a" * 50,) * count, ("a",), "")
    found = short_bench(models, 4, prompts, SimpleNamespace(prompt=lambda text: [0, *text]))
    assert list(found) == ["plain", "auto"]
    # A trial, a warm-up of each, then every prompt once with each.
    assert seen == [(32, "plain"), (32, "plain"), (32, "auto")] + [(32, "plain"), (32, "auto")] * min(count, 6)
