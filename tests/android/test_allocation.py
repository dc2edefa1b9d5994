"""JMH with the gc profiler over the real LiteRT: a round allocates nothing in steady state."""

import json
import subprocess

from tests.android.launcher import ANDROID_APP


def test_a_round_allocates_nothing(int8_out, tmp_path):
    """Less than the smallest object a round: what is left is JMH's own and a new conversation every some hundred
    rounds. Measured: 6 bytes plain, 22 drafted, 6 and 13 where they are sampled with every parameter; one list a round
    would be 40 or more."""
    command = [ANDROID_APP / "bin/jmh", int8_out / "model.litertlm", "RoundBenchmark"]
    quick = ["-wi", "2", "-w", "1", "-i", "1", "-r", "2", "-rf", "json", "-rff", tmp_path / "result.json"]
    subprocess.run([*command, *quick], check=True, capture_output=True)
    found = json.loads((tmp_path / "result.json").read_text())
    kinds = [(one["params"]["draftTokens"], one["params"]["sampling"]) for one in found]
    assert kinds == [("0", "greedy"), ("0", "sampled"), ("4", "greedy"), ("4", "sampled"),
                     ("-1", "greedy"), ("-1", "sampled")]  # fmt: skip
    for one in found:
        assert one["secondaryMetrics"]["gc.alloc.rate.norm"]["score"] < 40, one
