"""The self-check's answer, judged: what passes, and what is named when something does not."""

import json

import pytest

from export.android.identity import ID, properties
from export.android.phone import self_check
from export.android.phone.__main__ import main as check_alone
from export.android.phone.application import PROPERTIES
from export.android.phone.reference import Reference
from export.cli.main import main
from runtime_spec.bundle.reader import Bundle
from runtime_spec.reference.record import record
from runtime_spec.reference.trace import Trace, trace_text
from tests import bundles
from tests.spec.reference.test_replay import HEADER, golden, other_kernels


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Looks follow each other at once."""
    monkeypatch.setattr(self_check.run_self_check, "__defaults__", (lambda seconds: None,))


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A bundle with two real golden traces."""
    text = trace_text(golden(HEADER)).encode()
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
    own = record(HEADER, *other_kernels(HEADER.tolerance))
    traces = json.loads(answer(bundle))["traces"] | {"drafted": trace_text(Trace(HEADER, own))}
    phone.plan(answer=answer(bundle, traces=traces))
    assert main(["check", str(bundle)]) == 0
    assert "near ties" in capsys.readouterr().out


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
    assert "one more round" in capsys.readouterr().err


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
    path, app = tmp_path / "check/reference.json", tmp_path / PROPERTIES
    path.parent.mkdir()
    path.write_text(Reference.of_bundle(bundle).to_json())
    assert Reference.load(path) == Reference.of_bundle(bundle)
    assert check_alone([str(path)]) == 2
    assert f"expected: {PROPERTIES}" in capsys.readouterr().err
    app.parent.mkdir(parents=True)
    app.write_text(properties(ID))
    assert check_alone([str(path)]) == 0
    assert check_alone([str(tmp_path / "nowhere.json")]) == 8
    assert "No reference to check against" in capsys.readouterr().err


def test_the_check_alone_asks_for_the_projects_app(phone, bundle, tmp_path, monkeypatch):
    """Started in its folder, as the project's workflow does."""
    phone.plan(answer=answer(bundle), app="com.example.writer")
    path = tmp_path / "check/reference.json"
    path.parent.mkdir()
    path.write_text(Reference.of_bundle(bundle).to_json())
    (tmp_path / PROPERTIES).parent.mkdir(parents=True)
    (tmp_path / PROPERTIES).write_text(properties("com.example.writer"))
    monkeypatch.chdir(path.parent)
    assert check_alone(["reference.json"]) == 0
    assert check_alone(["reference.json", "--application-id", ID]) == 14


def test_an_app_of_another_id_is_asked_for(phone, bundle, capsys):
    phone.plan(answer=answer(bundle), app="com.example.writer")
    assert main(["check", str(bundle)]) == 14
    assert "--application-id" in capsys.readouterr().err
    assert main(["check", "--application-id", "com.example.writer", str(bundle)]) == 0
    assert "com.example.writer.SELF_CHECK -p com.example.writer" in (phone.folder / "started").read_text()
    project = bundle.parent / "android" / PROPERTIES
    project.parent.mkdir(parents=True)
    project.write_text(properties("com.example.writer"))
    assert main(["check", str(bundle)]) == 0
    assert main(["check", "--application-id", "writer", str(bundle)]) == 2
