"""The encoder-free 12B's classes: a folder that Transformers saved is read by its own names, without its towers."""

import json
import shutil

import numpy as np
import pytest
import torch
from transformers import Gemma4UnifiedConfig, Gemma4UnifiedForCausalLM, Gemma4UnifiedForConditionalGeneration

from export.checkpoint.checkpoint import Checkpoint
from tests.checkpoints import target_config

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


@pytest.fixture(scope="module")
def saved(pairs, tmp_path_factory):
    """(folder, model): random, with a small embedder of pictures and one of sound."""
    values = target_config("tiny_unified")
    text = values["text_config"]
    size = text["hidden_size"]
    vision = {"mm_embed_dim": size, "output_proj_dims": size, "patch_size": 4, "mm_posemb_size": 8}
    config = Gemma4UnifiedConfig(text_config=text, vision_config=vision, audio_config={"audio_embed_dim": 32})
    torch.manual_seed(0)
    model = Gemma4UnifiedForConditionalGeneration(config)
    folder = tmp_path_factory.mktemp("saved") / "unified"
    model.save_pretrained(folder)
    for name in TOKENIZER:
        shutil.copy(pairs["tiny_unified"][0] / name, folder)
    return folder, model


def test_what_transformers_saves_is_read_by_its_names(saved):
    folder, model = saved
    opened, theirs = Checkpoint.open(folder), dict(model.state_dict())
    assert (opened.model_type, opened.prefix) == ("gemma4_unified", "model.language_model.")
    decoder = [name for name in opened.tensors.names() if name.startswith(opened.prefix)]
    assert decoder == sorted(name for name in theirs if name.startswith(opened.prefix))
    for name in decoder:
        assert np.array_equal(opened.tensors.read(name), theirs[name].float().numpy()), name


def test_full_layers_have_no_values_of_their_own(saved):
    names = Checkpoint.open(saved[0]).tensors.names()
    values = [name for name in names if "v_proj" in name]
    assert len(values) == 5 and not any("layers.5." in name for name in values)


def test_pictures_and_sound_are_skipped_and_counted(saved):
    """Under the checkpoint's names, which are not the modules': `vision_embedder` and `embed_vision` are one there."""
    opened = Checkpoint.open(saved[0])
    counts = {tower.name: tower.count for tower in opened.skipped}
    rest = [name for name in opened.tensors.names() if not name.startswith((opened.prefix, "lm_head."))]
    assert counts == {"vision_embedder": 9, "embed_vision": 1, "embed_audio": 1} and len(rest) == 11
    assert sum(tower.nbytes for tower in opened.skipped) == sum(opened.tensors.info(name).nbytes for name in rest)


def test_the_text_alone_is_the_same_decoder(saved, tmp_path):
    folder, model = saved
    alone = Gemma4UnifiedForCausalLM(model.config.text_config)
    alone.model.load_state_dict(model.model.language_model.state_dict())
    alone.save_pretrained(tmp_path / "text")
    for name in TOKENIZER:
        shutil.copy(folder / name, tmp_path / "text")
    opened, whole = Checkpoint.open(tmp_path / "text"), Checkpoint.open(folder)
    assert json.loads((tmp_path / "text/config.json").read_text())["model_type"] == opened.model_type
    assert (opened.prefix, opened.config) == ("model.", whole.config)
    table = "embed_tokens.weight"
    assert np.array_equal(opened.tensors.read(f"model.{table}"), whole.tensors.read(f"{whole.prefix}{table}"))
