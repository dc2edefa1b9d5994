"""The bench's table: what it makes of speeds measured on a machine that is slow for a while."""

from types import SimpleNamespace

from export.evidence import speed as bench


def test_a_ratio_compares_neighbours_in_time(monkeypatch):
    """Half as fast for the second prompt; drafting gains 1.2, 1.5 and 2. The medians of the speeds would say 1.2."""
    slowness, gains = {1: 1.0, 2: 0.5, 3: 1.0}, {1: 1.2, 2: 1.5, 3: 2.0}

    def measure(target, drafter, prompt, draft_tokens, count):
        (number,) = prompt
        speed = 100.0 * slowness[number] * (gains[number] if draft_tokens else 1.0)
        return {"speed": speed, "stats": SimpleNamespace(drafted=4, accepted=2, rounds=1)}

    monkeypatch.setattr(bench, "measure", measure)
    found = bench.table(SimpleNamespace(capacity=64), None, [[1], [2], [3]], [0, 4], repeats=1)
    assert found["drafted_4"]["ratio_to_plain"] == 1.5
    assert found["drafted_4"]["tokens_per_second"] == 120.0
    assert found["plain"]["ratio_to_plain"] == 1.0
    assert found["drafted_4"]["spread"] == [75.0, 200.0]
    assert found["drafted_4"]["acceptance_rate"] == 0.5 and found["plain"]["tokens_per_second"] == 100.0
