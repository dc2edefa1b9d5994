"""What was written down of a text is what drafting in it comes to: the same rounds, without the model."""

import pytest

from export.choices.prompts import Prompts
from runtime_spec.drafting.fixed import Fixed
from runtime_spec.litert.runtime import Runtime
from runtime_spec.vectors.device import Device
from tests.parity.record_luck import recorded
from tests.spec.drafting.recorded import RecordedPlay, ratios

NEW_TOKENS = 60


class Refusing:
    """Plans as Fixed, but ends drafts that the model is not sure of. Not a Fixed, which is not asked."""

    def __init__(self, count, n_grams):
        fixed = Fixed(count, n_grams)
        self.plan, self.observe, self.looks_up, self.probe_nanos = fixed.plan, fixed.observe, fixed.looks_up, 0

    def goes_on(self, drafted, confidence, made):
        return confidence >= 0.875


@pytest.fixture(scope="module")
def runtime(float_out):
    with Runtime(float_out / "model.litertlm") as opened:
        yield opened


def device(runtime):
    return Device(tuple((width, 1_000_000) for width in runtime.target.verify_widths), at_once=True)


@pytest.mark.parametrize("make", [Fixed, Refusing])
@pytest.mark.parametrize("n_grams", [False, True])
def test_a_fixed_policy_has_the_same_rounds(runtime, make, n_grams):
    prompt = runtime.encode(Prompts.load().plain[0])
    reply = recorded(runtime, prompt, NEW_TOKENS)
    policy = make(4, n_grams)
    real = list(runtime.session(stop=frozenset(), policy=make(4, n_grams)).turn(prompt, NEW_TOKENS))[1:]
    play = RecordedPlay(device(runtime), [reply], 0, policy.looks_up)
    assert play.begin()
    played = []
    while play.left > 0:
        played.append(play.round(policy, play.left - 1))
    assert [(r.position, len(r.draft_tokens), r.num_accepted) for r in played] == [
        (r.position, len(r.draft_tokens), r.num_accepted) for r in real
    ]
    assert sum(r.num_accepted for r in played) > 10


def test_ratios_are_of_plain_decoding(runtime):
    """Passes of any width cost the same here, and drafts nothing: a round's tokens are the ratio."""
    reply = recorded(runtime, runtime.encode(Prompts.load().plain[0]), NEW_TOKENS)
    free = Device(device(runtime).passes, first_draft=0, next_draft=0, noise=0)
    assert ratios(free, [reply], lambda: Fixed(0), 1) == (1.0, 1.0)
    warm, cold = ratios(free, [reply], lambda: Fixed(4), 1)
    assert warm == cold > 1.5
