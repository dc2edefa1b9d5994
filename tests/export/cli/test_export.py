"""`slipstream export` before it works: the plan, and what is refused while that still costs nothing."""

import json

import pytest

import export.plan
from export.cli.main import main


@pytest.fixture
def no_checkpoint(monkeypatch):
    """Opening a checkpoint may mean a download of gigabytes."""

    def opened(*_):
        raise AssertionError("a checkpoint was opened")

    monkeypatch.setattr(export.plan.Checkpoint, "open", opened)


def test_a_dry_run_prints_the_plan_and_does_nothing(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["--device", "pixel", "--out", str(out), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "512 tokens, the model's maximum" in said and "per_layer_embedder" in said and "of disk" in said
    assert (
        main(["--device", "pixel", "--out", str(out), "--dry-run", "--json", "--no-chat", "--draft-tokens", "2"]) == 0
    )
    plan = json.loads(capsys.readouterr().out)
    assert plan["chat_template"] is None and plan["draft_tokens"] == 2 and plan["verify_widths"] == [3, 7]
    assert plan["forecast"]["seconds"] > 0 and not out.exists()


def test_an_output_that_exists_is_refused_before_a_checkpoint_is_opened(tmp_path, no_checkpoint, capsys):
    (tmp_path / "model.litertlm").write_bytes(b"")
    command = ["--device", "pixel", "--target", "google/gemma-4-E2B-it", "--out", str(tmp_path)]
    assert main(command) == 6
    assert "--force" in capsys.readouterr().err


def test_an_apk_s_needs_are_refused_before_a_checkpoint_is_opened(tmp_path, no_checkpoint, capsys):
    keystore = ["--apk", "--keystore", str(tmp_path / "missing.jks")]
    assert main(["--device", "pixel", "--out", str(tmp_path / "out"), *keystore]) == 14
    assert "missing.jks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--context", "2048"], 2, "at most 512"),
        (["--prompts", "nowhere.txt"], 2, "nowhere.txt"),
        (["--recipe", "nowhere.toml"], 2, "nowhere.toml"),
        (["--chat-template", "nowhere.jinja"], 5, "nowhere.jinja"),
        (["--no-chat", "--chat-template", "x.jinja"], 2, "not allowed with"),
        (["--from", "recrod"], 2, "Did you mean record?"),
        (["--acept-loss"], 2, "Did you mean --accept-loss?"),
    ],
)
def test_choices_that_can_not_be_are_named(options, code, says, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["--device", "pixel", "--out", str(out), *options]) == code
    assert says in capsys.readouterr().err and not out.exists()
    assert main(["--device", "pixel", "--out", str(out), *options, "--json"]) == code
    error = json.loads(capsys.readouterr().err)["error"]
    assert set(error) == {"title", "expected", "found", "where", "action"}
