"""`slipstream export` before it works: the plan, and what is refused while that still costs nothing."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

import export.plan
from export.checkpoint.checkpoint import Checkpoint
from export.choices.device import Device
from export.choices.recipe import Recipe
from export.cli.main import main
from export.origin import models_origin
from export.plan import Choices, make_plan
from export.resources import DEMO
from tests.export.checkpoint.spoil import grow


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
    assert plan["chat_template"] is None and plan["draft_tokens"] == 2 and plan["verify_widths"] == [3, 8]
    assert plan["forecast"]["seconds"] > 0 and not out.exists()


def test_none_is_no_drafter_and_what_a_target_alone_has(tmp_path, monkeypatch, capsys):
    def plan(*options):
        capsys.readouterr()
        assert main(["--device", "pixel", *options, "--out", str(tmp_path), "--dry-run", "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    alone = plan("--drafter", "none", "--draft-tokens", "2")
    assert alone["drafter"] is None and alone["draft_tokens"] == 2 and alone["verify_widths"] == [3, 8]
    assert alone == plan("--target", str(DEMO / "target"), "--draft-tokens", "2")
    assert "drafter" not in alone["forecast"]["sections"]
    # A folder of that name is meant where it is written as a path.
    monkeypatch.chdir(tmp_path)
    shutil.copytree(DEMO / "drafter", tmp_path / "none")
    assert plan("--drafter", "none")["drafter"] is None
    assert plan("--drafter", "./none")["drafter"] == "none"


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
        (["--adapter", "one", "--adapter", "two"], 2, "Several adapters"),
        (["--adapter", "nowhere"], 3, "nowhere"),
        (["--from", "recrod"], 2, "Did you mean record?"),
        (["--application-id", "writer"], 2, "no dot"),
        (["--app-name", " "], 2, "no name for an app"),
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


def adapter(folder):
    """A LoRA adapter of the demo's target, one module of it."""
    folder.mkdir()
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": "org/base"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    target, name = Checkpoint.open(DEMO / "target"), "layers.1.mlp.up_proj."
    rows, columns = target.tensors.info(f"{target.prefix}{name}weight").shape
    shapes = {"lora_A": (2, columns), "lora_B": (rows, 2)}
    tensors = {
        f"base_model.model.model.{name}{key}.weight": np.ones(shape, np.float32) for key, shape in shapes.items()
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def test_a_plan_names_the_adapter_and_no_work_goes_on_with_another(tmp_path, capsys):
    command = ["--device", "pixel", "--out", str(tmp_path / "out"), "--dry-run", "--adapter"]
    assert main([*command, str(adapter(tmp_path / "tuned"))]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "target target + tuned, " in said and "adapter tuned, trained on org/base: changes 1 tensors" in said
    assert main([*command, str(tmp_path / "tuned"), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["target"], plan["adapter"]) == ("target + tuned", "tuned")
    assert main([*command[:-1], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["adapter"] is None


def test_the_origin_of_a_result_tells_adapters_of_one_name_apart(tmp_path):
    def origin(folder):
        choices = Choices(str(DEMO / "target"), None, Device.load("pixel"), Recipe.load("int8"), adapter=folder)
        return models_origin(make_plan(choices))

    folder = adapter(tmp_path / "tuned")
    plain, first = origin(None), origin(str(folder))
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 5}))
    assert len({plain["target"], first["target"], origin(str(folder))["target"]}) == 3
    assert {key for key in plain if plain[key] != first[key]} == {"target"}


def test_a_plan_says_how_many_tokens_a_drafter_knows(tmp_path, capsys):
    target = shutil.copytree(DEMO / "target", tmp_path / "target")
    grow(target)
    pair = ["--target", str(target), "--drafter", str(DEMO / "drafter")]
    assert main(["--device", "pixel", *pair, "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    assert "drafter, drafts 2048 of 2051 tokens" in " ".join(capsys.readouterr().out.split())
