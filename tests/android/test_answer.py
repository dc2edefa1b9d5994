"""The app's own answer, over the real LiteRT on the demo pair, in the hands of `python -m export check`."""

import json

import pytest

from export.android.phone.answer import Answer
from export.android.phone.judge import judge
from export.android.phone.reference import Reference
from export.errors import TraceError
from tests.android.test_app import APP, run_on_bundle


@pytest.fixture(scope="module")
def text(int8_out):
    run_on_bundle("dev.slipstream.app.RealEngineOnBundleTest", int8_out / "model.litertlm")
    return (APP / "target/self-check.json").read_text()


def test_it_passes(text, int8_out):
    reference, answer = Reference.of_bundle(int8_out / "model.litertlm"), Answer.from_json(text, "the app")
    report = judge(answer, reference, "the app")
    assert answer.passed and report.rounds == sum(answer.rounds.values()) > 0
    assert report.target_forks == report.draft_forks == 0


def test_another_token_in_it_does_not(text, int8_out):
    reference, values = Reference.of_bundle(int8_out / "model.litertlm"), json.loads(text)
    lines = values["traces"]["plain"].splitlines()
    # The prompt's first answer, and all that the loop makes of it, changed alike.
    round = json.loads(lines[1])
    clear = round["margins"][0] >= json.loads(lines[0])["tolerance"]
    assert clear, "the first token of this trace is a near tie now: change another one"
    round["target_tokens"] = round["emitted_tokens"] = [round["target_tokens"][0] + 1]
    lines[1] = json.dumps(round)
    following = json.loads(lines[2]) | {"bonus_token": round["target_tokens"][0]}
    lines[2] = json.dumps(following)
    values["traces"]["plain"] = "\n".join(lines)
    with pytest.raises(TraceError, match=r"trace plain, round 0, field target_tokens\[0\]"):
        judge(Answer.from_json(json.dumps(values), "the app"), reference, "the app")
