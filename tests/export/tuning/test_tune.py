"""Whole re-tunings of the demo's drafter, for a target that was changed, in a minute's parts."""

import hashlib
import json
import shutil
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Gemma4AssistantForCausalLM

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.pairing import check_pairing
from export.choices.prompts import Prompts
from export.cli.main import main
from export.errors import CheckFailedError, MachineError, OutputError, PairingError, UsageError
from export.evidence.float_ports import one_torch_thread
from export.resources import DEMO
from export.tuning import plan as planning
from export.tuning import tune
from export.tuning.models import load_target
from export.tuning.plan import make_tuning_plan
from export.tuning.saving import save_drafter, state_path
from export.tuning.tune import retune
from tests.checkpoints import write_pair
from tests.export.checkpoint.spoil import ADDED, grow

FALLEN = 0.25
"""Acceptance of the stock drafter on the changed target is 0.20, on its own 0.7."""
RISEN = 0.03
"""At least: measured were 0.074 after 16 steps, standard error 0.029, and 0.104 after 48."""


def change(folder, scale):
    """The demo's target as a fine-tune might leave it: a random product of rank 4 added to every matrix of a layer."""
    shutil.copytree(DEMO / "target", folder)
    tensors, draw = load_file(folder / "model.safetensors"), torch.Generator().manual_seed(0)
    for name, value in tensors.items():
        if ".layers." in name and value.ndim == 2:
            down, up = torch.randn(value.shape[0], 4, generator=draw), torch.randn(4, value.shape[1], generator=draw)
            tensors[name] = (value.float() + scale * value.float().std() * (down @ up) / 2).bfloat16()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    return change(tmp_path_factory.mktemp("changed") / "target", 0.6)


@pytest.fixture
def small(monkeypatch):
    """Texts and steps of a second."""
    for name, value in (("HELD_OUT_TEXTS", 6), ("HELD_OUT_TOKENS", 24), ("NEW_TOKENS", (24, 16)), ("BATCHES", 2)):
        monkeypatch.setattr(tune, name, value)
    monkeypatch.setattr(planning, "POSITIONS", 256)


class Told:
    """Progress that may end it all at a step."""

    def __init__(self, until=None):
        self.until, self.said, self.amounts = until, [], {}

    def stage(self, name, what):
        self.said.append((name, what))

    def advance(self, name, done, total, unit="bytes"):
        assert done <= total
        self.amounts[name] = (done, total, unit)
        if name == "tune" and done == self.until:
            raise KeyboardInterrupt


def planned(target, steps=8, **more):
    given = dict(steps=steps, minutes=None, device="cpu", seed=0) | more
    drafter = given.pop("drafter", DEMO / "drafter")
    adapter, prompts = given.pop("adapter", None), given.pop("prompts", Prompts.load())
    return make_tuning_plan(str(target), str(drafter), adapter, prompts, **given)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_drafter_learns_what_its_target_says(changed, tmp_path, capsys):
    """By the command: acceptance on held-out prompts rises, and everything takes the folder."""
    before, out = digest(changed / "model.safetensors"), tmp_path / "drafter"
    words = ["--target", str(changed), "--drafter", str(DEMO / "drafter"), "--out", str(out), "--steps", "16"]
    assert main(["retune", *words, "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    accepted = found["acceptance"]
    assert accepted["before"] < FALLEN and accepted["after"] > accepted["before"] + RISEN
    assert set(found["classes"]) == {"plain", "chat"} and accepted["texts"] == 32 and found["steps"] == 16
    assert "10 to learn from, 4 held out" in captured.err and "step 16" in captured.err
    # The target is as it was; the drafter's other files too.
    assert digest(changed / "model.safetensors") == before
    for name in ("config.json", "generation_config.json"):
        assert (out / name).read_bytes() == (DEMO / "drafter" / name).read_bytes()
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in (DEMO / "drafter").iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["drafter"]
    opened = Checkpoint.open(out, "drafter")
    check_pairing(Checkpoint.open(changed), opened)
    stock = load_file(DEMO / "drafter" / "model.safetensors")
    ours = load_file(out / "model.safetensors")
    assert {name: (value.shape, value.dtype) for name, value in ours.items()} == {
        name: (value.shape, value.dtype) for name, value in stock.items()
    }
    assert torch.equal(ours["masked_embedding.token_ordering"], stock["masked_embedding.token_ordering"])
    for name in ("masked_embedding.centroids.weight", "model.embed_tokens.weight", "pre_projection.weight"):
        assert not torch.equal(ours[name], stock[name])
    loaded, report = Gemma4AssistantForCausalLM.from_pretrained(out, output_loading_info=True)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert torch.equal(loaded.lm_head.weight, ours["model.embed_tokens.weight"])


def test_an_interrupted_one_goes_on_to_the_same_bytes(changed, tmp_path, small, monkeypatch):
    monkeypatch.setattr(tune, "_no_better", lambda *_: AssertionError("steps too few for this test"))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    told = Told()
    retune(planned(changed, 10), whole, told)
    assert told.amounts["tune"] == (10, 10, "steps") and told.amounts["load"][0] == told.amounts["load"][1]
    with pytest.raises(KeyboardInterrupt):
        retune(planned(changed, 10), parts, Told(until=7))
    assert not parts.exists() and state_path(parts).exists()
    told = Told()
    retune(planned(changed, 10), parts, told)
    assert any("goes on behind step" in what for _, what in told.said)
    assert digest(parts / "model.safetensors") == digest(whole / "model.safetensors")
    assert not state_path(parts).exists()
    # Another seed is another run, and what is kept of this one is not its beginning.
    with pytest.raises(KeyboardInterrupt):
        retune(planned(changed, 10), tmp_path / "other", Told(until=7))
    told = Told()
    retune(planned(changed, 10, seed=1), tmp_path / "other", told)
    assert not any("goes on" in what for _, what in told.said)
    assert digest(tmp_path / "other" / "model.safetensors") != digest(whole / "model.safetensors")


def test_a_drafter_that_is_no_better_is_not_written(changed, tmp_path, small, monkeypatch):
    """Planted: a training that learns nothing."""
    monkeypatch.setattr(tune.Optimizer, "step", lambda *_: None)
    with pytest.raises(CheckFailedError) as caught:
        retune(planned(changed, 2), tmp_path / "out", Told())
    assert caught.value.exit_code == 7 and "nothing is written" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_minutes_become_steps(changed, tmp_path, small, monkeypatch):
    """By a clock of the test's own, on which the first cycle's four steps take a second."""
    clock = iter([0.0, 0.0, 1.0, 3.0])
    monkeypatch.setattr(tune, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(tune, "_acceptance", lambda *_: tune.Acceptance(0.1, 0.2, 0.0, 1, 1))
    told = Told()
    tuned = retune(planned(changed, None, minutes=0.05), tmp_path / "out", told)
    assert (tuned.steps, tuned.seconds) == (12, 3.0)
    assert "12 steps take 0.05 minutes" in [what for _, what in told.said]
    assert told.amounts["tune"][:2] == (12, 12)


@pytest.mark.parametrize("preset", ["tiny_e4b", "tiny_plain", "tiny_k_eq_v", "tiny_e2b"])
def test_pairs_of_every_shape_are_trained(preset, tmp_path, small, monkeypatch):
    """Random ones, in bfloat16 as large targets are; what their few drafts are worth is no matter here."""
    monkeypatch.setattr(planning, "SMALL_PAIR", 0)
    monkeypatch.setattr(tune, "_no_better", lambda *_: AssertionError("saved all the same"))
    monkeypatch.setattr(tune, "_acceptance", lambda *_: tune.Acceptance(0.1, 0.2, 0.0, 1, 1))
    target, drafter = write_pair(preset, tmp_path / "pair")
    plan = planned(target, 2, drafter=drafter)
    assert not plan.in_float
    with one_torch_thread():
        retune(plan, tmp_path / "out", Told())
    check_pairing(Checkpoint.open(target), Checkpoint.open(tmp_path / "out", "drafter"))
    ours, stock = load_file(tmp_path / "out" / "model.safetensors"), load_file(drafter / "model.safetensors")
    assert ours.keys() == stock.keys()
    changed = {name for name in ours if not torch.equal(ours[name], stock[name])}
    assert "pre_projection.weight" in changed and all(value.isfinite().all() for value in ours.values())


def test_a_target_with_tokens_that_the_drafter_does_not_know(tmp_path, small, monkeypatch):
    monkeypatch.setattr(tune, "_no_better", lambda *_: AssertionError("steps too few for this test"))
    target = change(tmp_path / "grown", 0.6)
    grow(target)
    plan = planned(target, 8)
    assert plan.pair.target.text.vocab_size == plan.pair.drafter.text.vocab_size + len(ADDED)
    tuned = retune(plan, tmp_path / "out", Told())
    assert tuned.acceptance.after > tuned.acceptance.before
    check_pairing(plan.pair.target, Checkpoint.open(tmp_path / "out", "drafter"))


def test_an_adapter_is_merged_into_what_the_drafter_learns_from(tmp_path):
    name = "model.language_model.layers.3.self_attn.q_proj"
    shape = load_file(DEMO / "target" / "model.safetensors")[f"{name}.weight"].shape
    adapter, draw = tmp_path / "adapter", torch.Generator().manual_seed(0)
    adapter.mkdir()
    factors = {"A": torch.randn(2, shape[1], generator=draw), "B": torch.randn(shape[0], 2, generator=draw)}
    stored = {f"base_model.model.{name}.lora_{side}.weight": value for side, value in factors.items()}
    save_file(stored, adapter / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "bias": "none"}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    plan = planned(DEMO / "target", adapter=str(adapter))
    base, merged = (
        load_target(checkpoint, torch.float32, "cpu", lambda _: None).get_decoder().layers[3].self_attn.q_proj.weight
        for checkpoint in (Checkpoint.open(DEMO / "target"), plan.pair.target)
    )
    expected = base + 2 * factors["B"] @ factors["A"]
    assert torch.allclose(merged, expected, rtol=0.004) and (merged - base).abs().max() > 1


def test_what_can_t_be_is_told_before_weights_are_read(changed, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with pytest.raises(PairingError):
        planned(changed, drafter=write_pair("tiny_e2b", tmp_path / "other")[1])
    for wrong in (dict(steps=0), dict(steps=None, minutes=-1.0), dict(steps=None, minutes=float("nan"))):
        with pytest.raises(UsageError):
            planned(changed, **wrong)
    plan = planned(changed)
    monkeypatch.setattr(planning, "available_memory", lambda: plan.memory_bytes - 1)
    with pytest.raises(MachineError):
        plan.check_machine(out)
    monkeypatch.setattr(planning, "available_memory", lambda: plan.memory_bytes)
    plan.check_machine(out)
    monkeypatch.setattr(planning.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 1))
    with pytest.raises(OutputError):
        plan.check_machine(out)


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--device", "tpu"], 2, "Unknown device: tpu"),
        (["--steps", "3", "--minutes", "1"], 2, "not allowed with"),
        (["--adapter", "a", "--adapter", "b"], 2, "Several adapters"),
        (["--out", str(DEMO)], 6, "Output exists already"),
    ],
)
def test_mistakes_of_the_command(more, code, said, tmp_path, capsys):
    words = [
        "retune",
        "--target",
        str(DEMO / "target"),
        "--drafter",
        str(DEMO / "drafter"),
        "--out",
        str(tmp_path / "o"),
    ]
    assert main([*words, *more]) == code
    assert said in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(changed, tmp_path):
    with pytest.raises(UsageError, match="no CUDA device"):
        retune(planned(changed, device="cuda"), tmp_path / "out", Told())


def test_the_plan_alone(tmp_path, capsys):
    words = ["--target", str(DEMO / "target"), "--drafter", str(DEMO / "drafter"), "--out", str(tmp_path / "out")]
    assert main(["retune", *words, "--dry-run", "--json", "--no-chat", "--minutes", "3"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["steps"], found["minutes"], found["training_prompts"], found["held_out_prompts"]) == (None, 3.0, 7, 3)
    assert list(tmp_path.iterdir()) == []


def test_a_config_of_another_dtype_says_bfloat16_afterwards(tmp_path):
    drafter = shutil.copytree(DEMO / "drafter", tmp_path / "float")
    config = json.loads((drafter / "config.json").read_text())
    config["dtype"] = config["text_config"]["dtype"] = "float32"
    (drafter / "config.json").write_text(json.dumps(config))
    (drafter / "README.md").write_text("not the model's")
    model = Gemma4AssistantForCausalLM.from_pretrained(DEMO / "drafter")
    save_drafter(model, Checkpoint.open(drafter), tmp_path / "out", lambda _: None)
    saved = json.loads((tmp_path / "out" / "config.json").read_text())
    assert saved == json.loads((DEMO / "drafter" / "config.json").read_text())
    assert not (tmp_path / "out" / "README.md").exists()


def test_what_fails_its_check_leaves_nothing(tmp_path):
    model = Gemma4AssistantForCausalLM.from_pretrained(DEMO / "drafter")

    def fails(folder):
        raise CheckFailedError("no", expected="", found="", where="", action="")

    with pytest.raises(CheckFailedError):
        save_drafter(model, Checkpoint.open(DEMO / "drafter"), tmp_path / "out", fails)
    assert list(tmp_path.iterdir()) == []
