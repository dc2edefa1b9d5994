"""The bench against LiteRT-LM: what it makes of the speeds it measured."""

from tests.parity.bench_litert_lm import summary


def test_ratios_pair_replies_and_passes():
    """Two passes over two prompts; in the second the machine is half as fast, and longer drafts gain nothing."""
    plain, gains = [100.0, 100.0, 50.0, 50.0], [1.2, 1.4, 1.6, 2.0]
    drafted = [speed * gain for speed, gain in zip(plain, gains, strict=True)]
    speeds = {
        f"{who} {how}": values
        for who in ("reference", "Kotlin", "LiteRT-LM")
        for how, values in (("plain", plain), ("drafted", drafted))
    }
    found = summary(speeds | {"reference drafted 6": plain}, 2)
    assert found["ratios"]["drafted / plain, reference"] == 1.5
    assert found["ratios"]["drafted 6 / plain, reference"] == 1.0
    assert found["ratios"]["Kotlin / LiteRT-LM, drafted"] == 1.0
    assert found["drafted_to_plain_by_pass"]["reference drafted"] == [1.3, 1.8]
    assert set(found["drafted_to_plain_by_pass"]) == {name for name in speeds if "drafted" in name} | {
        "reference drafted 6"
    }
    assert found["tokens_per_second"]["reference drafted"] == 110
