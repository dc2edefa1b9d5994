"""JMH with the gc profiler over the real LiteRT: a round allocates nothing in steady state."""

import json
import subprocess

import pytest

from tests.android.launcher import ANDROID_APP

ROUNDS = 1000
"""An iteration is so many rounds and not so many seconds, and methods are compiled when they are called often, not when
a thread gets to it (-Xbatch): a slow machine comes as far as a fast one."""


@pytest.mark.parametrize(("sampling", "iterations"), [("greedy", 2), ("sampled", 8)])
def test_a_round_allocates_nothing(sampling, iterations, int8_out, tmp_path):
    """Less than the smallest object a round, in the iteration with the least: what each round allocates is in all of
    them, and not only where a token is met for the first time (rows of embeddings are kept, blocks of them allocated).
    Measured: 8 bytes plain, 27 drafted, 34 automatically, 8 of them JMH's own and the rest a new conversation every
    some hundred rounds; one list a round would be 40 more."""
    command = [ANDROID_APP / "bin/jmh", int8_out / "model.litertlm", "RoundBenchmark", "-p", f"sampling={sampling}"]
    fixed = ["-jvmArgsAppend", "-Xbatch", "-bm", "ss", "-bs", str(ROUNDS), "-wi", "1", "-i", str(iterations)]
    subprocess.run([*command, *fixed, "-rf", "json", "-rff", tmp_path / "result.json"], check=True, capture_output=True)
    found = json.loads((tmp_path / "result.json").read_text())
    assert [one["params"]["draftTokens"] for one in found] == ["0", "4", "-1"]
    for one in found:
        (batches,) = one["secondaryMetrics"]["gc.alloc.rate.norm"]["rawData"]
        assert len(batches) == iterations and min(batches) / ROUNDS < 40, one
