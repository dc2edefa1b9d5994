"""Drawn over a bundle's graphs, Kotlin says what Python says, round by round: on this machine both run the same LiteRT."""

import json

import pytest

from runtime_spec.litert.runtime import Runtime
from runtime_spec.reference.trace import read_sampling, round_line
from tests.android.launcher import run_driver

PROMPT, COUNT = "def main():\n", 40
OFF = {
    "temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0, "repetition_window": 0,
    "seed": 5, "drafts": "drawn",
}  # fmt: skip
CASES = {
    "whole": {},
    "as Gemma is sampled": {"top_k": 64, "top_p": 0.95},
    "greedy drafts": {"top_k": 64, "top_p": 0.95, "drafts": "greedy"},
    "hot, with a floor": {"temperature": 1.5, "min_p": 0.05},
    "penalised": {"temperature": 0.7, "top_k": 20, "repetition_penalty": 1.3, "repetition_window": 32},
    "penalised alone": {"temperature": 0.0, "repetition_penalty": 1.3, "repetition_window": 32},
}


@pytest.fixture(scope="module")
def lines(int8_out) -> tuple[list[str], list[str]]:
    """Kotlin's rounds and Python's, all cases, plain and drafted."""
    bundle, cases = int8_out / "model.litertlm", [OFF | case for case in CASES.values()]
    done = run_driver("SamplingDriver", bundle, PROMPT, COUNT, *map(json.dumps, cases))
    assert done.returncode == 0, done.stderr
    expected = []
    with Runtime(bundle) as runtime:
        prompt = runtime.encode(PROMPT)
        for case in cases:
            for drafts in (0, runtime.manifest.draft_tokens):
                session = runtime.session(drafts, (), read_sampling(case, "case"))
                expected += map(round_line, session.turn(prompt, COUNT))
    return done.stdout.splitlines(), expected


def test_kotlin_draws_what_python_draws(lines):
    kotlin, python = lines
    assert kotlin == python


def test_the_cases_differ_and_their_drafts_are_accepted_and_refused(lines):
    rounds = [json.loads(line) for line in lines[1]]
    texts, drafted, accepted = [], 0, 0
    for one in rounds:
        if one["index"] == 0:
            texts.append([])
        texts[-1] += one["emitted_tokens"]
        drafted, accepted = drafted + len(one["draft_tokens"]), accepted + one["num_accepted"]
    assert {len(text) for text in texts} == {COUNT}
    plain, with_drafts = texts[::2], texts[1::2]
    assert len(set(map(tuple, plain))) == len(CASES) - 1  # greedy drafts change no text
    greedy = list(CASES).index("greedy drafts")
    assert plain[greedy] == with_drafts[greedy] == plain[greedy - 1]
    assert 0 < accepted < drafted
