"""Folders that hold the same model in another form make the same bundle, byte for byte."""

import shutil
from dataclasses import replace

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from export.bundle.assemble import manifest, planned_models, write_models
from export.bundle.writer import BundleWriter
from export.checkpoint.checkpoint import Checkpoint
from export.choices.device import Device
from export.choices.recipe import Recipe
from export.graphs.jobs import jobs
from export.plan import Choices, make_plan
from export.resources import DEMO


@pytest.fixture
def written(float_out, tmp_path):
    """(target, adapter) → the models' bytes, and the manifest without the target's name."""

    def of(target, adapter=None):
        choices = Choices(
            str(target), None, Device.load("pixel"), Recipe.load("int8"), adapter=adapter and str(adapter)
        )
        plan = make_plan(choices)
        graphs = {job.kind: float_out / "work/graphs" / f"{job.key()}.tflite" for job in jobs(plan)}
        models = planned_models(plan, graphs)
        writer = BundleWriter(tmp_path / "model.litertlm")
        write_models(writer, plan, models)
        found = manifest(plan, models)
        return writer.partial.read_bytes(), replace(found, target=replace(found.target, id=""))

    return of


@pytest.fixture
def target(tmp_path):
    """A copy of the demo's target to change."""
    return shutil.copytree(DEMO / "target", tmp_path / "target")


def save(folder, tensors):
    tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    save_file(tensors, folder / "model.safetensors")


def test_keys_and_values_of_layers_that_share_them_make_no_difference(written, target):
    """Published folders carry them, fine-tunes and quantised ones leave them out."""
    opened, tensors = Checkpoint.open(target), load_file(target / "model.safetensors")
    config, layers, more = opened.config, f"{opened.prefix}layers.", {}
    for layer in range(config.first_shared_layer, config.num_layers):
        for name in ("k_proj", "v_proj", "k_norm"):
            source = tensors[f"{layers}0.self_attn.{name}.weight"]
            more[f"{layers}{layer}.self_attn.{name}.weight"] = torch.randn(source.shape).to(source.dtype)
    before = written(target)
    assert more and not more.keys() & tensors.keys()
    save(target, tensors | more)
    assert written(target) == before


def test_other_prefixes_make_no_difference(written, target):
    tensors, before = load_file(target / "model.safetensors"), written(target)
    save(target, {name.removeprefix("model."): tensor for name, tensor in tensors.items()})
    assert written(target) == before


def test_an_adapter_makes_the_bundle_of_the_folder_that_peft_merges(written, target, tmp_path):
    modules = ["q_proj", "v_proj", "up_proj", "per_layer_model_projection"]
    model = AutoModelForCausalLM.from_pretrained(target, dtype=torch.bfloat16)
    tuned = get_peft_model(model, LoraConfig(target_modules=modules, r=5, lora_alpha=3))
    generator = torch.Generator().manual_seed(3)
    for name, parameter in tuned.named_parameters():
        if ".lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    tuned.save_pretrained(tmp_path / "adapter")
    before, found = written(target), written(target, tmp_path / "adapter")
    base = AutoModelForCausalLM.from_pretrained(target, dtype=torch.bfloat16)
    merged = PeftModel.from_pretrained(base, tmp_path / "adapter").merge_and_unload().state_dict()
    merged.pop("lm_head.weight")
    save(target, merged)
    assert written(target) == found != before
