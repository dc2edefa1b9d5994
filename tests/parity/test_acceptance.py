"""Drafts are accepted as often as anyone else finds: LiteRT-LM's own count, and the loop over float torch modules.

Equal text would not show it: a drafter fed the wrong hidden state or stale cache rows only drafts worse."""

import json
import re
import subprocess
import sys

import pytest

from export.choices.device import Device
from export.choices.prompts import Prompts
from export.choices.recipe import Recipe
from export.cli.main import DEMO
from export.evidence.float_ports import FloatDrafter, FloatTarget
from export.plan import Choices, make_plan
from runtime_spec.litert.runtime import Runtime
from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig

NEW_TOKENS, BEYOND = 96, 128


def counts(rounds, budget):
    """(accepted, drafted) of the rounds that an engine runs which stops once `budget` tokens are out and never shortens
    a draft for the budget."""
    accepted = drafted = emitted = 0
    for one in rounds:
        if emitted >= budget:
            break
        accepted += one.num_accepted
        drafted += len(one.draft_tokens)
        emitted += len(one.emitted_tokens)
    return accepted, drafted


@pytest.mark.parametrize("recipe", ["float_out", "int8_out", "int4_out"])
def test_the_engine_counts_what_the_reference_counts(recipe, request):
    bundle, texts = request.getfixturevalue(recipe) / "model.litertlm", Prompts.load().plain
    command = [sys.executable, "-m", "tests.parity.engine_acceptance", str(bundle), str(NEW_TOKENS)]
    logged = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True).stderr
    (theirs,) = re.findall(r"Success rate: ([0-9.]+)", logged)
    accepted = drafted = 0
    with Runtime(bundle) as runtime:
        for text in texts:
            one = counts(runtime.session().turn(runtime.encode(text), NEW_TOKENS + BEYOND), NEW_TOKENS)
            accepted, drafted = accepted + one[0], drafted + one[1]
    assert f"{accepted / drafted:.6g}" == theirs


def test_the_float_bundle_drafts_and_accepts_what_torch_does(float_out):
    pair = str(DEMO / "target"), str(DEMO / "drafter")
    plan = make_plan(Choices(*pair, Device.load("pixel"), Recipe.load("float")))
    target = FloatTarget(plan)
    drafter, stops = FloatDrafter(plan, target), frozenset(plan.tokens.stop)
    with Runtime(float_out / "model.litertlm") as runtime:
        for text in Prompts.load().plain[:6]:
            tokens = runtime.encode(text)
            ours = list(runtime.session().turn(tokens, NEW_TOKENS))
            torch_loop = list(Session(target, drafter, DecodeConfig(plan.draft_tokens, stops)).turn(tokens, NEW_TOKENS))
            assert [(r.draft_tokens, r.emitted_tokens) for r in ours] == [
                (r.draft_tokens, r.emitted_tokens) for r in torch_loop
            ], text
