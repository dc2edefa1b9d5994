"""Greedy drafts of a whole round in one call are those of single steps: the same tokens, confidences and rounds."""

import pytest

from runtime_spec.drafting.fixed import Fixed
from runtime_spec.litert.runtime import Runtime
from runtime_spec.sampling.parameters import Sampling

PROMPTS = ["def main():", "class Queue:\n    def", "The quick brown"]
NEW_TOKENS = 48


class Impatient:
    """Plans as Fixed, but ends drafts that the model is not sure of, and notes what it was asked."""

    probe_nanos, looks_up = 0, False

    def __init__(self, count):
        self.plan, self.observe = Fixed(count).plan, Fixed(count).observe
        self.asked = []

    def goes_on(self, drafted, confidence, made):
        self.asked.append((drafted, confidence))
        return confidence > 0.3


@pytest.fixture(params=["float_out", "int8_out"])
def runtime(request):
    with Runtime(request.getfixturevalue(request.param) / "model.litertlm") as opened:
        yield opened


def rounds(runtime, policy, sampling):
    """Drafts and emitted tokens of every round."""
    found = []
    for prompt in PROMPTS:
        turn = runtime.session(policy=policy, sampling=sampling).turn(runtime.encode(prompt), NEW_TOKENS)
        found += [(one.draft_tokens, one.emitted_tokens) for one in turn]
    return found


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.8, seed=5, drafts="greedy")])
@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_one_call_drafts_what_single_steps_do(count, sampling, runtime, monkeypatch):
    calls = [drafts.count for drafts in runtime.drafter._calls]
    assert calls == [3, 7] == [width - 1 for width in runtime.manifest.verify_widths]

    def drafted():
        impatient = Impatient(count)
        return rounds(runtime, Fixed(count), sampling), rounds(runtime, impatient, sampling), impatient.asked

    at_once = drafted()
    monkeypatch.setattr(runtime.drafter, "_calls", [])
    assert at_once == drafted()
    assert bool(at_once[2]) == (count > 1)
