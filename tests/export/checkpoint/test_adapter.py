"""LoRA adapters: merged as PEFT merges them, to the last bit, and refused by name where they can't be."""

import json
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import Gemma4ForConditionalGeneration

from export.checkpoint.checkpoint import Checkpoint
from export.errors import CheckpointError
from export.modules.fill import empty_weight, fill
from export.modules.target import Target
from export.weights.quantize import row_chunks
from export.weights.stream import CheckpointSource

PREFIX = "model.language_model."
LINEAR = ["q_proj", "k_proj", "o_proj", "gate_proj", "down_proj", "per_layer_input_gate", "per_layer_model_projection"]
DTYPES = {"BF16": torch.bfloat16, "F32": torch.float32, "F16": torch.float16}


@dataclass
class Trained:
    """A target, an adapter that PEFT saved for it, and the tensors that PEFT's own merge makes of the two."""

    target: Path
    adapter: Path
    merged: dict[str, torch.Tensor]

    def opened(self):
        return Checkpoint.open(self.target, "target", self.adapter)

    def config(self, **changes):
        path = self.adapter / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    def tensors(self, change):
        path = self.adapter / "adapter_model.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)


def load(folder, dtype):
    return Gemma4ForConditionalGeneration.from_pretrained(folder, dtype=dtype).eval()


def train(folder, pairs, dtype=torch.bfloat16, saved_as=torch.float32, **config):
    """Random factors in place of training, saved by PEFT; then loaded and merged by PEFT."""
    target = shutil.copytree(pairs["tiny_e2b"][0], folder / "target")
    tensors = {name: tensor.to(dtype) for name, tensor in load_file(target / "model.safetensors").items()}
    save_file(tensors, target / "model.safetensors")
    config = LoraConfig(**({"target_modules": LINEAR, "r": 4, "lora_alpha": 7} | config))
    model = get_peft_model(load(target, dtype), config)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if ".lora_" in name or "modules_to_save" in name:
            noise = torch.randn(parameter.shape, generator=generator) * 0.1
            parameter.data = (noise + parameter.data if "modules_to_save" in name else noise).to(saved_as)
    model.save_pretrained(folder / "adapter", save_embedding_layers=False)
    merged = PeftModel.from_pretrained(load(target, dtype), folder / "adapter").merge_and_unload()
    return Trained(target, folder / "adapter", {**merged.state_dict()})


def refused(trained, *parts):
    with pytest.raises(CheckpointError) as caught:
        trained.opened()
    for part in parts:
        assert part in str(caught.value)


def assert_same(trained):
    """Every tensor that the export reads, in the blocks it reads them in and whole. Returns those that changed."""
    ours, base, changed = trained.opened(), Checkpoint.open(trained.target), set()
    for name in ours.tensors.names():
        info, expected = ours.tensors.info(name), trained.merged[name]
        rows, width = info.shape[0], int(np.prod(info.shape[1:]))
        blocks = [ours.tensors.rows(name, *block) for block in [(0, min(5, rows)), *row_chunks(rows, width)]]
        found = torch.frombuffer(bytearray().join(blocks[1:]), dtype=DTYPES[info.dtype]).reshape(info.shape)
        assert torch.equal(found, expected) and found.dtype == expected.dtype, name
        assert torch.equal(torch.frombuffer(blocks[0], dtype=found.dtype), found[:5].reshape(-1)), name
        assert np.array_equal(ours.tensors.read(name), expected.float().numpy()), name
        if name not in base.tensors or not np.array_equal(base.tensors.read(name), expected.float().numpy()):
            changed.add(name)
    return changed


@pytest.fixture(scope="module")
def made(pairs, tmp_path_factory):
    return train(tmp_path_factory.mktemp("trained"), pairs)


@pytest.fixture
def trained(made, tmp_path):
    """To spoil."""
    folder = shutil.copytree(made.adapter.parent, tmp_path / "trained")
    return Trained(folder / "target", folder / "adapter", made.merged)


@pytest.mark.parametrize("saved_as", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_merged_as_peft_does_to_the_last_bit(pairs, tmp_path, dtype, saved_as):
    trained = train(tmp_path, pairs, dtype, saved_as)
    changed = assert_same(trained)
    # Nine layers of four modules and the gate, keys of the six that have some, and the projection.
    assert len(changed) == 9 * 5 + 6 + 1


@pytest.mark.parametrize(
    "config",
    [
        {"use_rslora": True},
        {"r": 1, "lora_alpha": 3},
        {"rank_pattern": {"q_proj": 5, r"layers\.1\..*gate_proj": 2}, "alpha_pattern": {"layers.2.mlp.down_proj": 1}},
        {"rank_pattern": {"q_proj": 9}, "alpha_pattern": {"o_proj": 3.5}, "use_rslora": True},
        {"fan_in_fan_out": True},
        {"modules_to_save": ["input_layernorm", "up_proj"]},
    ],
    ids=str,
)  # fmt: skip
def test_every_factor_of_the_config(pairs, tmp_path, config):
    changed = assert_same(train(tmp_path, pairs, **config))
    assert (f"{PREFIX}layers.3.input_layernorm.weight" in changed) == ("modules_to_save" in config)


def test_a_trained_copy_of_the_embeddings_is_not_the_head_s(pairs, tmp_path):
    """PEFT trains a copy of the table and leaves the tied head what it was."""
    trained = train(tmp_path, pairs, modules_to_save=["embed_tokens"])
    assert {f"{PREFIX}embed_tokens.weight"} <= assert_same(trained)
    opened = trained.opened()
    assert not opened.config.tie_word_embeddings
    head = opened.tensors.read("lm_head.weight")
    assert np.array_equal(head, Checkpoint.open(trained.target).tensors.read(f"{PREFIX}embed_tokens.weight"))


def test_a_trained_head_is_the_head_s_alone(pairs, tmp_path):
    trained = train(tmp_path, pairs, modules_to_save=["lm_head"])
    assert "lm_head.weight" in assert_same(trained)
    assert not trained.opened().config.tie_word_embeddings


def test_every_reader_sees_the_merged_weights(made):
    opened = made.opened()
    assert opened.id == "target + adapter" and opened.adapter.changed == 52
    assert opened.adapter.product_bytes == 4 * 128 * 384 and opened.adapter.unused == 0
    name = "layers.1.mlp.gate_proj.weight"
    expected = made.merged[PREFIX + name]
    assert torch.equal(CheckpointSource(opened).rows(name, 3, 50), expected[3:50])
    module = fill(Target(opened.config, 64, True, empty_weight), opened)
    assert torch.equal(dict(module.named_parameters())[name], expected.float())


def test_opening_an_adapter_reads_no_weight(made, monkeypatch):
    monkeypatch.setattr("export.checkpoint.merged.MergedTensors._fill", lambda *_: pytest.fail("a weight was read"))
    made.opened()


def test_the_fingerprint_tells_adapters_apart(trained):
    plain, before = Checkpoint.open(trained.target).fingerprint(), trained.opened().fingerprint()
    assert before != plain and trained.opened().fingerprint() == before
    trained.config(lora_alpha=8)
    other = trained.opened().fingerprint()
    trained.tensors(lambda tensors: next(iter(tensors.values())).add_(1))
    assert len({plain, before, other, trained.opened().fingerprint()}) == 4


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"lora_bias": True}, "lora_bias"),
        ({"peft_type": "LOHA"}, "peft_type = 'LOHA'"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights = 'pissa_niter_4'"),
        ({"layer_replication": [[0, 4]]}, "layer_replication"),
        ({"trainable_token_indices": [3]}, "trainable_token_indices"),
        ({"a_key_of_next_year": {"x": 1}}, "a_key_of_next_year"),
        ({"r": 5}, "BF16 or F32 or F16 [5, "),
        ({"r": 0}, "r = 0"),
        ({"r": None}, "r = None"),
        ({"lora_alpha": "7"}, "lora_alpha = '7'"),
        ({"rank_pattern": {"q_proj": 8}}, "q_proj.lora_A.weight"),
        ({"rank_pattern": {"(a*)*": 8}}, "rank_pattern"),
        ({"alpha_pattern": {"(": 8}}, "alpha_pattern"),
        ({"alpha_pattern": [1]}, "alpha_pattern"),
    ],
    ids=str,
)
def test_what_the_config_asks_for_and_is_not_done(trained, changes, part):
    trained.config(**changes)
    refused(trained, part, "adapter")


FIRST = "base_model.model.model.language_model.layers.0.self_attn.q_proj."


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda t: t.pop(f"{FIRST}lora_A.weight"), ("lacks a factor", "q_proj.lora_B.weight alone")),
        (lambda t: t.update({f"{FIRST}lora_B.weight": torch.zeros(9, 4)}), ("does not fit", "[128, 4]", "[9, 4]")),
        (lambda t: t.update({f"{FIRST}lora_B.weight": torch.zeros(128, 4, dtype=torch.int8)}), ("I8",)),
        (lambda t: t.update({f"{FIRST}lora_magnitude_vector": torch.ones(128)}), ("DoRA",)),
        (lambda t: t.update({f"{FIRST}lora_B.bias": torch.ones(128)}), ("can't be merged", "lora_B.bias")),
        (lambda t: t.update({f"{FIRST}weight": torch.zeros(128, 128)}), ("twice",)),
        (lambda t: t.update({f"{FIRST}lora_A.default.weight": t[f"{FIRST}lora_A.weight"].clone()}), ("twice",)),
        (lambda t: t.update({f"{FIRST}lora_A.other.weight": t.pop(f"{FIRST}lora_A.weight"),
                             f"{FIRST}lora_B.default.weight": t.pop(f"{FIRST}lora_B.weight")}), ("Several adapters",)),
        (lambda t: t.update({FIRST.replace(".0.", ".20.") + "lora_A.weight": torch.zeros(4, 8)}), ("no", "layers.20")),
        (lambda t: t.update({"base_model.model.lm_head.lora_A.weight": torch.zeros(4, 128),
                             "base_model.model.lm_head.lora_B.weight": torch.zeros(1024, 4)}), ("lm_head",)),
        (lambda t: t.update({FIRST + "lora_embedding_A": torch.zeros(4, 1024)}), ("lora_embedding_A",)),
        (lambda t: t.clear() or t.update({"base_model.model.model.vision_tower.x.lora_A.weight": torch.zeros(4, 4)}),
         ("changes no text", "1 tensors")),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit(trained, change, parts):
    trained.tensors(change)
    refused(trained, *parts)


def test_an_adapter_of_a_larger_model_names_what_it_was_trained_on(trained, pairs):
    trained.config(base_model_name_or_path="org/larger")
    trained.target = pairs["tiny_e4b"][0]
    refused(trained, "does not fit the target", "org/larger")


def test_weights_of_a_merge_that_are_not_finite_are_the_adapter_s(trained):
    trained.tensors(lambda tensors: tensors[f"{FIRST}lora_B.weight"].view(-1)[4 * 17].fill_(1e38))
    opened = trained.opened()
    with pytest.raises(CheckpointError, match="layers.0.self_attn.q_proj.weight, row 17") as caught:
        trained.tensors(lambda tensors: tensors[f"{FIRST}lora_A.weight"].fill_(1e5))
        opened = trained.opened()
        opened.tensors.read(f"{PREFIX}layers.0.self_attn.q_proj.weight")
    assert "adapter_model.safetensors" in caught.value.where


def test_parts_of_an_adapter_that_change_no_text_are_counted(trained):
    tower = "base_model.model.model.vision_tower.encoder.layers.0.self_attn.q_proj.linear."
    shared = FIRST.replace(".0.", ".8.").replace("q_proj", "k_proj")
    more = {f"{name}lora_{side}.weight": torch.zeros(4, 4) for name in (tower, shared) for side in "AB"}
    trained.tensors(lambda tensors: tensors.update(more))
    assert trained.opened().adapter.unused == 4 and trained.opened().adapter.changed == 52


def test_an_adapter_as_target_is_told_how_to_be_named(trained):
    trained.config(base_model_name_or_path="google/gemma-4-E2B-it")
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(trained.adapter, "target")
    assert "This is an adapter and no model: adapter" in caught.value.title
    assert f"--target google/gemma-4-E2B-it --adapter {trained.adapter}" in caught.value.action


@pytest.mark.parametrize("base", ["x; touch /tmp/y", "$(id)", "\x1b[2J"])
def test_a_base_s_name_is_no_command(trained, base):
    """The error's last line is meant to be pasted into a shell, and an adapter's maker wrote that name."""
    trained.config(base_model_name_or_path=base)
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(trained.adapter, "target")
    words = shlex.split(caught.value.action.removeprefix("Name both: "))
    assert words == ["--target", base if base.isprintable() else repr(base), "--adapter", str(trained.adapter)]
    assert str(caught.value).replace("\n", "").isprintable()


def test_folders_that_hold_no_adapter(trained, tmp_path):
    trained.adapter = trained.target
    refused(trained, "Not an adapter", "a model's config.json")
    trained.adapter = tmp_path / "trained"
    refused(trained, "Folder of adapters", f"Name one of them: {tmp_path}/trained/adapter")
    trained.adapter = tmp_path / "absent"
    refused(trained, "not found")


def test_an_adapter_without_weights_or_with_pickled_ones(trained):
    weights = trained.adapter / "adapter_model.safetensors"
    weights.rename(trained.adapter / "adapter_model.bin")
    refused(trained, "adapter_model.bin, a pickle")
    (trained.adapter / "adapter_model.bin").unlink()
    refused(trained, "no adapter_model.safetensors")


def test_a_model_and_an_adapter_in_one_folder(trained):
    """Merged already, or not? Either guess would be wrong without a word for some."""
    for path in trained.adapter.glob("adapter_*"):
        shutil.copy(path, trained.target)
    with pytest.raises(CheckpointError, match="holds a model and an adapter"):
        Checkpoint.open(trained.target)
    trained.adapter = trained.target
    assert trained.opened().id == "target + target"
    (trained.target / "adapter_config.json").unlink()
    Checkpoint.open(trained.target)


def test_a_text_only_target_takes_the_same_adapter(trained):
    """The decoder's names differ by its prefix alone."""
    tensors = load_file(trained.target / "model.safetensors")
    renamed = {name.replace(PREFIX, "model."): tensor for name, tensor in tensors.items()}
    save_file(renamed, trained.target / "model.safetensors")
    text = json.loads((trained.target / "config.json").read_text())["text_config"]
    (trained.target / "config.json").write_text(json.dumps(text))
    opened = trained.opened()
    for name in opened.tensors.names():
        expected = trained.merged[name.replace("model.", PREFIX)]
        assert np.array_equal(opened.tensors.read(name), expected.float().numpy()), name
