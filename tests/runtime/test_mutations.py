"""Two thousand mutated bundles through inspect, verify and generate: a named error or success, and nothing else."""

import json
import os
import subprocess
import sys

from tests.runtime.mutations import KINDS

NAMED = {"0", "2", "8", "9", "10", "11"}
GROWTH = 500 << 20


def started(folder, first, count, *bundle):
    """Cases in one process of their own: LiteRT might end it, and the last case named is then the one that did."""
    command = [sys.executable, "-m", "tests.runtime.mutations", str(folder), str(first), str(count), *map(str, bundle)]
    environment = os.environ | {"XDG_CACHE_HOME": os.devnull}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)


def cases(process, count):
    out, _ = process.communicate()
    lines = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0, f"{lines[-1]} ended the process: {process.returncode}"
    found = [line for line in lines if "kind" in line]
    assert len(found) == count
    odd = [line for line in found if not NAMED.issuperset(line["ended"])]
    assert not odd, odd[:5]
    assert found[-1]["peak"] - found[0]["peak"] < GROWTH
    return found


def test_two_thousand_mutated_bundles_end_in_named_errors_or_success(tmp_path):
    halves = [started(tmp_path, first, 1000) for first in (0, 1000)]
    found = [case for process in halves for case in cases(process, 1000)]
    # Every kind reaches both ends: mutants that all fail at the first check would test nothing behind it.
    codes = {kind.__name__: {tuple(c["ended"]) for c in found if c["kind"] == kind.__name__} for kind, _ in KINDS}
    assert all(any(len(set(ended)) > 1 or "8" in ended for ended in kinds) for kinds in codes.values())
    for name in ("graph_bytes", "sections_changed", "tokenizer", "manifest_values"):
        assert ("0", "0", "0") in codes[name], name
    assert {"8", "10", "11"} <= {code for kinds in codes.values() for ended in kinds for code in ended}


def test_mutated_graphs_of_a_real_export_do_too(int8_out, tmp_path):
    found = cases(started(tmp_path, 0, 25, int8_out / "model.litertlm"), 25)
    assert len({tuple(case["ended"]) for case in found}) > 1
