"""The self-check's answer, judged: what passes, and what is named when something does not."""

import json
import random

import pytest

from export.cli import main
from export.errors import TraceError
from export.phone import self_check
from export.phone.__main__ import main as check_alone
from export.phone.answer import Answer
from export.phone.judge import judge
from export.phone.reference import Reference
from runtime_spec.bundle import Bundle
from runtime_spec.reference.trace import read_traces, trace_text
from tests import bundles
from tests.spec.test_replay import golden


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Looks follow each other at once."""
    monkeypatch.setattr(self_check.run_self_check, "__defaults__", (lambda seconds: None,))


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A bundle with two real golden traces."""
    text = trace_text(golden()).encode()
    monkeypatch.setattr(bundles, "TRACES", {"drafted": text, "again": text + text})
    return bundles.write_bundle(tmp_path / "model.litertlm")


def answer(bundle, **changes):
    """What an app writes that computed everything alike."""
    with Bundle.open(bundle) as opened:
        traces = opened.traces()
    values = {
        "format": "slipstream-self-check",
        "version": 1,
        "bundle_sha256": Reference.of_bundle(bundle).bundle_sha256,
        "device": {"manufacturer": "Example", "model": "Phone 9"},
        "passed": True,
        "first_difference": None,
        "rounds": {name: 1 for name in traces},
        "target_forks": 0,
        "draft_forks": 0,
        "bench": {"plain": {"tokens_per_second": 10.5, "ratio_to_plain": 1.0}},
        "thermal_status": "none",
        "traces": traces,
    }
    return json.dumps(values | changes)


def changed(bundle, name, line, field, value):
    """The traces with one field of one line of one of them changed."""
    traces = json.loads(answer(bundle))["traces"]
    lines = traces[name].splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | {field: value})
    return traces | {name: "\n".join(lines) + "\n"}


def test_a_phone_that_agrees(phone, bundle, tmp_path, capsys):
    phone.plan(answer=answer(bundle), answer_after=2)
    assert main(["check", "--device-serial", "fake", "--save", str(tmp_path / "kept.json"), str(bundle)]) == 0
    said = capsys.readouterr().out
    rounds = 3 * len(golden().rounds)
    assert f"Example Phone 9: {rounds} rounds of 2 traces agree" in said and "10.5 tokens/s" in said
    assert (tmp_path / "kept.json").read_text() == answer(bundle)
    assert "dev.slipstream.app.SELF_CHECK" in (phone.folder / "started").read_text()


def test_json(phone, bundle, capsys):
    phone.plan(answer=answer(bundle))
    assert main(["check", "--json", str(bundle)]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is True


def test_an_old_answer_is_not_taken_for_a_new_one(phone, bundle, capsys):
    phone.plan(answer=answer(bundle))
    assert main(["check", str(bundle)]) == 0
    phone.plan()
    assert main(["check", "--timeout", "0.5", str(bundle)]) == 13
    assert "did not end in time" in capsys.readouterr().err


def test_a_near_tie_is_counted(phone, bundle, capsys):
    first = golden().rounds[1]
    i = min(range(len(first.margins)), key=first.margins.__getitem__)
    tokens = [token + (at == i) for at, token in enumerate(first.target_tokens)]
    assert first.margins[i] < golden().header.tolerance, "the scripted target has no tie there any more"
    phone.plan(answer=answer(bundle, traces=changed(bundle, "drafted", 2, "target_tokens", tokens)))
    assert main(["check", str(bundle)]) == 0
    assert "1 near ties" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "line", "field", "value", "where"),
    [
        ("drafted", 3, "cache_length", 7, "trace golden, round 2, field cache_length"),
        ("again", 1, "emitted_tokens", [1], "trace golden, round 0, field emitted_tokens"),
        ("drafted", 2, "num_accepted", 0, "trace golden, round 1, field num_accepted"),
    ],
)
def test_a_phone_that_differs(phone, bundle, capsys, name, line, field, value, where):
    phone.plan(answer=answer(bundle, traces=changed(bundle, name, line, field, value)))
    assert main(["check", str(bundle)]) == 11
    assert where in capsys.readouterr().err


def test_every_changed_token_that_is_no_near_tie_is_found(bundle):
    """Over many draws: a phone that says another token where the margin is clear never passes."""
    reference, draw = Reference.of_bundle(bundle), random.Random(4)
    texts = reference.traces
    for _ in range(200):
        trace = read_traces(texts["drafted"], "drafted")[0]
        round = draw.choice([round for round in trace.rounds if round.target_tokens])
        i = draw.randrange(len(round.target_tokens))
        clear = round.margins[i] >= trace.header.tolerance
        round.target_tokens[i] += 1
        traces = texts | {"drafted": trace_text(trace)}
        found = Answer.from_json(answer(bundle, traces=traces), "here")
        if clear:
            with pytest.raises(TraceError, match=rf"round {round.index}, field target_tokens\[{i}\]"):
                judge(found, reference, "here")
        else:
            assert judge(found, reference, "here").target_forks == 1


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"bundle_sha256": "0" * 64}, 8, "another bundle"),
        ({"passed": False, "first_difference": "trace chat, round 3"}, 11, "the phone says: trace chat, round 3"),
        ({"traces": {}}, 11, "no such trace"),
        ({"version": 2}, 13, "version 2"),
        ({"traces": {"drafted": 1}}, 13, "a valid traces"),
        ({"rounds": None}, 13, "a valid rounds"),
    ],
)
def test_an_answer_that_is_no_pass(phone, bundle, capsys, changes, code, says):
    phone.plan(answer=answer(bundle, **changes))
    assert main(["check", str(bundle)]) == code
    assert says in capsys.readouterr().err


def test_traces_of_one_round_less(phone, bundle, capsys):
    traces = json.loads(answer(bundle))["traces"]
    lines = traces["drafted"].splitlines(keepends=True)
    phone.plan(answer=answer(bundle, traces=traces | {"drafted": "".join(lines[:-1])}))
    assert main(["check", str(bundle)]) == 11
    assert "field rounds" in capsys.readouterr().err


def test_text_that_is_no_answer(phone, bundle, capsys):
    phone.plan(answer="no JSON")
    assert main(["check", str(bundle)]) == 13
    assert "can't be read" in capsys.readouterr().err


def test_an_app_that_ends_is_noticed_before_the_time_is_up(phone, bundle, capsys):
    phone.plan(alive=False)
    assert main(["check", str(bundle)]) == 13
    assert "OutOfMemoryError" in capsys.readouterr().err


def test_no_app_says_how_to_install_it(phone, bundle, capsys):
    phone.plan(start="Error: Activity not started, unable to resolve Intent")
    assert main(["check", str(bundle)]) == 14
    assert "python -m export install" in capsys.readouterr().err


def test_the_check_alone_needs_the_reference_and_the_standard_library(phone, bundle, tmp_path, capsys):
    """As an exported Android project runs it."""
    phone.plan(answer=answer(bundle))
    path = tmp_path / "reference.json"
    path.write_text(Reference.of_bundle(bundle).to_json())
    assert Reference.load(path) == Reference.of_bundle(bundle)
    assert check_alone([str(path)]) == 0
    assert check_alone([str(tmp_path / "nowhere.json")]) == 8
    assert "No reference to check against" in capsys.readouterr().err
