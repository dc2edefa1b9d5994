"""Checkpoints as folders: what opens, what each mistake is told, pairing, fingerprints."""

import json
import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.pairing import check_pairing
from export.errors import CheckpointError
from tests.export.checkpoint.spoil import ADDED, TINY, edit, grow, rewrite

PREFIX = "model.language_model."


def refused(folder, *parts, role=None):
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(folder, role)
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.exit_code == 3 and str(folder) in caught.value.where


@pytest.mark.parametrize("preset", TINY)
def test_pairs_open_and_fit(pairs, preset):
    target, drafter = (Checkpoint.open(folder) for folder in pairs[preset])
    check_pairing(target, drafter)
    model_type = "gemma4_unified" if preset == "tiny_unified" else "gemma4"
    assert (target.id, target.role, target.model_type, target.prefix) == ("target", "target", model_type, PREFIX)
    assert (drafter.role, drafter.prefix, drafter.tokenizer) == ("drafter", "model.", None)
    assert target.tokenizer.stop == (1, 5)
    assert target.skipped == () and target.text is target.config and drafter.text is drafter.config.text
    scalar = target.tensors.read(f"{target.prefix}layers.0.layer_scalar")
    assert scalar.tolist() == [1.0]


def test_text_only_checkpoint(target):
    text = json.loads((target / "config.json").read_text())["text_config"]

    def rename(tensors):
        for name in list(tensors):
            tensors[name.replace(PREFIX, "model.")] = tensors.pop(name)

    rewrite(target, rename)
    (target / "config.json").write_text(json.dumps(text))
    assert Checkpoint.open(target).prefix == "model."


def test_towers_are_skipped_and_counted(target):
    towers = {
        "model.vision_tower.encoder.weight": ("BF16", (4, 4)),
        "model.vision_tower.encoder.bias": ("BF16", (4,)),
        "model.embed_audio.weight": ("BF16", (2, 2)),
    }
    rewrite(target, lambda tensors: tensors.update(towers))
    skipped = Checkpoint.open(target).skipped
    assert [(tower.name, tower.count, tower.nbytes) for tower in skipped] == [
        ("vision_tower", 2, 40),
        ("embed_audio", 1, 8),
    ]


def test_tensors_that_may_be_there_and_are_ignored(target):
    extra = {
        f"{PREFIX}layers.8.self_attn.k_proj.weight": ("BF16", (64, 128)),  # of a KV-shared layer, as published
        f"{PREFIX}layers.8.self_attn.v_norm.weight": ("BF16", (64,)),
        "lm_head.weight": ("BF16", (1024, 128)),  # the tied table again
    }
    rewrite(target, lambda tensors: tensors.update(extra))
    assert Checkpoint.open(target).skipped == ()


@pytest.mark.parametrize("name", ["layers.0.mlp.gate_proj.bias", "layers.0.router.weight", "layers.9.layer_scalar"])
def test_unknown_tensors_of_the_decoder(target, name):
    rewrite(target, lambda tensors: tensors.update({PREFIX + name: ("BF16", (1,))}))
    refused(target, "unknown", name)


def test_missing_tensor(target):
    rewrite(target, lambda tensors: tensors.pop(f"{PREFIX}layers.5.mlp.up_proj.weight"))
    refused(target, "missing", "layers.5.mlp.up_proj.weight")


def test_misshapen_tensor(target):
    rewrite(target, lambda tensors: tensors.update({f"{PREFIX}norm.weight": ("BF16", (127,))}))
    refused(target, f"{PREFIX}norm.weight", "[127]", "[128]", "model.safetensors")


def test_tensor_of_another_dtype(target):
    rewrite(target, lambda tensors: tensors.update({f"{PREFIX}norm.weight": ("I64", (128,))}))
    refused(target, f"{PREFIX}norm.weight", "I64", "BF16")


def test_untied_head(target):
    edit(target, tie_word_embeddings=False)
    refused(target, "tie_word_embeddings", "lm_head.weight")
    edit(target, tie_word_embeddings=True)
    rewrite(target, lambda tensors: tensors.update({"lm_head.weight": ("BF16", (1024, 128))}))
    edit(target, tie_word_embeddings=False)
    assert not Checkpoint.open(target).config.tie_word_embeddings


def test_truncated_file(target):
    path = target / "model.safetensors"
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.truncate(size - 1000)
    refused(target, "truncated", "model.safetensors", f"{size:,} bytes", f"{size - 1000:,} bytes")


def test_missing_shard(pairs, tmp_path):
    folder = shutil.copytree(pairs["tiny_e4b"][0], tmp_path / "target")
    (folder / "model-00002-of-00002.safetensors").unlink()
    refused(folder, "missing", "model-00002-of-00002.safetensors", "1 of 2")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt", "last.ckpt"])
def test_pickles_are_refused(target, name):
    (target / "model.safetensors").rename(target / name)
    refused(target, "Pickle", name, "safetensors")


def test_pickle_beside_safetensors_is_not_touched(target):
    (target / "pytorch_model.bin").write_bytes(b"never read")
    Checkpoint.open(target)


def test_no_weights(target):
    (target / "model.safetensors").unlink()
    refused(target, "no weights", "model.safetensors")


@pytest.mark.parametrize("model_type", ["gemma3", "llama", None, 4, "gemma4_vision"])
def test_not_gemma_4(target, model_type):
    edit(target, model_type=model_type)
    refused(target, "Not a Gemma 4 checkpoint", repr(model_type), "gemma4_text")


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"model_type": "gemma4"'])
def test_damaged_config(target, text):
    (target / "config.json").write_text(text)
    refused(target, "config.json")


def test_missing_config_and_tokenizer(target):
    (target / "tokenizer.json").unlink()
    refused(target, "tokenizer.json")
    (target / "config.json").unlink()
    refused(target, "config.json can't be read")


def test_role(target, drafter):
    assert Checkpoint.open(target, "target").role == "target"
    refused(target, "not a drafter", "gemma4", role="drafter")
    refused(drafter, "not a target", "gemma4_assistant", role="target")


def test_no_such_folder(tmp_path):
    refused(tmp_path / "absent", "no such folder", "hub id")
    (tmp_path / "file").touch()
    refused(tmp_path / "file", "a file")


def test_opening_stays_light():
    """Neither torch nor transformers nor the hub's client nor NumPy is imported for a folder."""
    program = (
        "import sys, export.checkpoint.checkpoint, export.choices.recipe; print([m for m in %r if m in sys.modules])"
    )
    heavy = ["torch", "transformers", "huggingface_hub", "numpy", "safetensors"]
    run = subprocess.run([sys.executable, "-c", program % heavy], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "order", [[0] * 1024, [*range(1023), 0], [*range(1, 1025)], [*range(1023), -1], [2**62] * 1024]
)
def test_an_ordering_that_is_no_permutation(drafter, order):
    """Tokens that no cluster holds would have the cluster of whatever stood in memory."""
    index = Checkpoint.open(drafter).tensors
    with open(drafter / "model.safetensors", "r+b") as file:
        file.seek(index.info("masked_embedding.token_ordering").begin)
        file.write(np.array(order, "<i8").tobytes())
    refused(drafter, "no ordering of the tokens: masked_embedding.token_ordering", "each token from 0 to 1023 once")


def test_a_pipe_is_refused_at_once_wherever_it_stands(pairs, tmp_path):
    for name in ("config.json", "generation_config.json", "tokenizer.json", "model.safetensors"):
        folder = shutil.copytree(pairs["tiny_e2b"][0], tmp_path / name)
        (folder / name).unlink()
        os.mkfifo(folder / name)
        refused(folder, name, "a pipe")


def test_a_folder_whose_name_is_no_text(pairs, tmp_path):
    folder = shutil.copytree(pairs["tiny_e2b"][0], os.fsdecode(bytes(tmp_path) + b"/\xff"))
    with pytest.raises(CheckpointError, match="no name in Unicode") as caught:
        Checkpoint.open(folder)
    assert str(caught.value).encode()


def test_a_snapshot_of_the_hub_opens_and_has_the_same_fingerprint(target, snapshot):
    opened = Checkpoint.open(snapshot)
    assert opened.fingerprint() == Checkpoint.open(target).fingerprint()
    assert opened.tokenizer.content() == (target / "tokenizer.json").read_bytes()
    again = pickle.loads(pickle.dumps(opened))
    assert again.tensors.read(f"{PREFIX}norm.weight").tolist() == [1.0] * 128


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "bitsandbytes, 4 bits"),
        ({"load_in_8bit": True, "load_in_4bit": False}, "bitsandbytes, 8 bits"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "GPTQ, 4 bits"),
        ({"quant_method": "awq", "bits": 4, "version": "gemm"}, "AWQ, 4 bits"),
        ({"quant_method": "of_next_year"}, "of_next_year"),
        ({}, "unknown method"),
    ],
)
def test_a_quantised_folder_is_named_with_the_way_out(target, config, name):
    edit(target, quantization_config=config)
    refused(target, f"quantised already: {name} (quantization_config)", "16-bit checkpoint", "--adapter", "dequantize")
    edit(target, text={"quantization_config": config}, quantization_config=None)
    refused(target, f"quantised already: {name} (text_config.quantization_config)")


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ("mlp.up_proj.weight.absmax", "bitsandbytes"),
        ("mlp.up_proj.weight.quant_state.bitsandbytes__nf4", "bitsandbytes"),
        ("mlp.up_proj.SCB", "bitsandbytes"),
        ("mlp.up_proj.qweight", "GPTQ or AWQ"),
    ],
)
def test_quantised_tensors_whose_config_does_not_say_so(target, tensor, name):
    rewrite(target, lambda tensors: tensors.update({f"{PREFIX}layers.0.{tensor}": ("BF16", (1,))}))
    refused(target, f"quantised already: {name}", f"layers.0.{tensor}")


def test_what_training_leaves_in_towers_is_skipped_and_counted(target):
    """Their linear layers are wrapped, with bounds of their inputs beside, some of them scalars."""
    layer = "model.vision_tower.encoder.layers.0.self_attn.q_proj."
    towers = {f"{layer}linear.weight": ("BF16", (4, 4)), f"{layer}linear.base_layer.bias": ("BF16", (4,))}
    bounds = {f"{layer}{name}": ("BF16", ()) for name in ("input_min", "input_max", "output_min", "output_max")}
    sound = {"model.audio_tower.layers.0.feed_forward1.ffw_layer_1.input_max": ("BF16", ())}
    rewrite(target, lambda tensors: tensors.update(towers | bounds | sound))
    skipped = Checkpoint.open(target).skipped
    found = [(tower.name, tower.count, tower.nbytes) for tower in skipped]
    assert found == [("vision_tower", 6, 32 + 8 + 8), ("audio_tower", 1, 2)]


def test_added_tokens_without_per_layer_rows_are_named(target):
    """resize_token_embeddings grows the one table only; Transformers fails at the first new id, which is too late."""
    from torch import tensor
    from transformers import Gemma4ForConditionalGeneration

    grow(target, per_layer=False)
    refused(target, "vocab_size_per_layer_input is smaller than vocab_size")
    refused(target, "1024 rows, none for ids 1024 to 1026", "'<one>', '<two>', '<three>'", "at least vocab_size 1027")
    model = Gemma4ForConditionalGeneration.from_pretrained(target)
    with pytest.raises(IndexError):
        model(tensor([[2, 1024]]))


def test_added_tokens_with_rows_everywhere(target):
    grow(target)
    assert Checkpoint.open(target).tokenizer.added_from(1024) == [*ADDED]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_clone_without_lfs_is_told_so(target, name):
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 32169626\n"
    (target / name).write_text(text)
    refused(target, f"{name} is a Git LFS pointer", "git lfs pull", "hub id")
