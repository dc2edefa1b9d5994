"""The same model under other names, saved unmerged, or with a head of its own: read as its libraries mean it."""

import json
import shutil

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import Gemma4ForConditionalGeneration

from export.checkpoint.checkpoint import Checkpoint
from export.errors import CheckpointError

PREFIX = "model.language_model."
TABLE, HEAD = f"{PREFIX}embed_tokens.weight", "lm_head.weight"


def change(folder, changed):
    """Writes the tensors anew that `changed` makes of name → tensor."""
    tensors = changed(load_file(folder / "model.safetensors"))
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, folder / "model.safetensors")


def rename(folder, old, new):
    change(folder, lambda tensors: {name.replace(old, new): tensor for name, tensor in tensors.items()})


def refused(folder, *parts):
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(folder)
    for part in parts:
        assert part in str(caught.value)


def contents(folder):
    tensors = Checkpoint.open(folder).tensors
    return {name: tensors.read(name) for name in tensors.names()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert np.array_equal(found[name], values), name


@pytest.mark.parametrize(
    "prefix", ["language_model.model.", "model.language_model.model.", "model.", "language_model.", ""]
)
def test_other_prefixes_of_the_same_decoder(pairs, target, prefix):
    """Wrappers come and go between releases; what follows them does not."""
    rename(target, PREFIX, prefix)
    assert_same(contents(target), contents(pairs["tiny_e2b"][0]))


def test_a_text_only_checkpoint_with_the_names_of_the_whole_model(pairs, target):
    text = json.loads((target / "config.json").read_text())["text_config"]
    (target / "config.json").write_text(json.dumps(text))
    expected = {name.replace(PREFIX, "model."): values for name, values in contents(pairs["tiny_e2b"][0]).items()}
    assert_same(contents(target), expected)


def test_towers_keep_their_names_whatever_the_decoder_s_are(target):
    rename(target, PREFIX, "language_model.model.")
    towers = {"vision_tower.encoder.layers.0.mlp.weight": torch.zeros(4, 4), "multi_modal_projector.x": torch.zeros(2)}
    change(target, lambda tensors: tensors | towers)
    assert [(tower.name, tower.count) for tower in Checkpoint.open(target).skipped] == [
        ("vision_tower", 1),
        ("multi_modal_projector", 1),
    ]


def test_one_tensor_under_two_names(target):
    change(target, lambda tensors: tensors | {"model.norm.weight": tensors[f"{PREFIX}norm.weight"] + 1})
    refused(target, "two names", f"{PREFIX}norm.weight", "model.norm.weight")


@pytest.fixture
def unmerged(pairs, tmp_path):
    """A folder as `save_file(model.state_dict())` of a PEFT model makes it, and the tensors that PEFT merges it to."""
    folder = shutil.copytree(pairs["tiny_e2b"][0], tmp_path / "unmerged")
    base = Gemma4ForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16)
    modules = {"target_modules": ["q_proj", "down_proj"], "modules_to_save": ["input_layernorm"]}
    model = get_peft_model(base, LoraConfig(r=3, lora_alpha=5, **modules))
    generator = torch.Generator().manual_seed(2)
    for name, parameter in model.named_parameters():
        if ".lora_" in name or "modules_to_save" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items() if not name.endswith(HEAD)}
    save_file(state, folder / "model.safetensors")
    model.peft_config["default"].save_pretrained(folder)
    return folder, {name: tensor.float().numpy() for name, tensor in model.merge_and_unload().state_dict().items()}


def test_an_unmerged_save_is_merged(unmerged):
    folder, expected = unmerged
    names = load_file(folder / "model.safetensors").keys()
    assert any("q_proj.base_layer.weight" in name for name in names) and any(
        "original_module" in name for name in names
    )
    expected.pop(HEAD)
    assert_same(contents(folder), expected)
    opened = Checkpoint.open(folder)
    assert opened.id == "unmerged" and opened.adapter.changed == 9 * 3


def test_an_unmerged_save_without_the_wrapper_s_prefix(unmerged):
    folder, expected = unmerged
    rename(folder, "base_model.model.", "")
    expected.pop(HEAD)
    assert_same(contents(folder), expected)


def test_an_unmerged_save_without_what_it_takes_to_merge_it(unmerged):
    folder, _ = unmerged
    (folder / "adapter_config.json").rename(folder.parent / "adapter_config.json")
    refused(folder, "adapter that is not merged", "no adapter_config.json", "merge_and_unload")
    change(
        folder,
        lambda tensors: {name: t for name, t in tensors.items() if ".lora_" not in name and "to_save" not in name},
    )
    refused(folder, "without the adapter that it had", "layers.0.", "merge_and_unload")


def test_an_unmerged_save_takes_no_second_adapter(unmerged, tmp_path):
    folder, _ = unmerged
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    shutil.copy(folder / "adapter_config.json", adapter)
    save_file({"x": torch.zeros(1)}, adapter / "adapter_model.safetensors")
    with pytest.raises(CheckpointError, match="holds an adapter already"):
        Checkpoint.open(folder, "target", adapter)


def transformers_head(folder):
    """(embedding table, head) as Transformers loads them."""
    state = Gemma4ForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16).state_dict()
    return state[TABLE].float().numpy(), state[HEAD].float().numpy()


@pytest.mark.parametrize("difference", [0, 1])
def test_a_head_of_its_own_in_a_tied_folder(target, difference):
    """Transformers ties the two when they are equal and leaves them alone when they are not."""

    def with_head(tensors):
        head = tensors[TABLE].clone()
        head[1023, 127] += difference
        return tensors | {HEAD: head}

    change(target, with_head)
    opened = Checkpoint.open(target)
    table, head = transformers_head(target)
    assert np.array_equal(table, head) == opened.config.tie_word_embeddings == (not difference)
    assert np.array_equal(opened.tensors.read(TABLE), table) and np.array_equal(opened.tensors.read(HEAD), head)


def test_a_head_that_is_equal_in_another_dtype_or_sign_of_zero(target):
    def with_head(tensors):
        head = tensors[TABLE].float()
        head[0, 0], tensors[TABLE][0, 0] = -0.0, 0.0
        return tensors | {HEAD: head}

    change(target, with_head)
    assert Checkpoint.open(target).config.tie_word_embeddings


def test_a_head_of_another_size_in_a_tied_folder(target):
    change(target, lambda tensors: tensors | {HEAD: torch.zeros(1000, 128, dtype=torch.bfloat16)})
    refused(target, "another shape", HEAD, "[1000, 128]", "[1024, 128]")


def test_a_tied_folder_that_holds_the_table_as_its_head_alone(pairs, target):
    rename(target, TABLE, HEAD)
    opened = Checkpoint.open(target)
    table, head = transformers_head(target)
    assert opened.config.tie_word_embeddings and np.array_equal(opened.tensors.read(TABLE), table)
    assert np.array_equal(head, table) and np.array_equal(table, contents(pairs["tiny_e2b"][0])[TABLE])
