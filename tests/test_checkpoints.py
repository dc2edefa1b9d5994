"""The random checkpoints: they load in Transformers tensor for tensor, and behave like models."""

import numpy as np
import pytest

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.config import parse_drafter, parse_target
from export.checkpoint.tensors import expected_tensors
from tests.checkpoints import PRESETS, drafter_config, target_config, transformers_class, write_pair

TINY = [name for name in PRESETS if name.startswith("tiny")]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Preset → (target folder, drafter folder); read only."""
    return {name: write_pair(name, tmp_path_factory.mktemp(name)) for name in TINY}


@pytest.mark.parametrize("preset", TINY)
def test_pairs_load_in_transformers(pairs, preset):
    """Every tensor finds its place, and one that we read is the one they read."""
    import torch

    for folder in pairs[preset]:
        model, report = transformers_class(folder).from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True
        )
        assert not any(report.values())
        ours, theirs = Checkpoint.open(folder), dict(model.state_dict())
        for name in ours.tensors.names():
            assert np.array_equal(ours.tensors.read(name), theirs[name].numpy()), name


def test_activations_stay_sane(pairs):
    import torch
    from transformers import Gemma4ForConditionalGeneration

    model = Gemma4ForConditionalGeneration.from_pretrained(pairs["tiny_e2b"][0], dtype=torch.float32)
    with torch.no_grad():
        out = model(input_ids=torch.arange(300, 332)[None], output_hidden_states=True)
    assert all(0.5 < hidden.pow(2).mean().sqrt() < 10 for hidden in out.hidden_states)
    assert 0.5 < out.logits.std() < 2


def test_tokenizer_round_trip(pairs):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(pairs["tiny_e2b"][0])
    text = "the thing,\n  and 7 € signs"
    ids = tokenizer(text).input_ids
    assert tokenizer.decode(ids) == text and len(ids) < len(text.encode())
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "hi"}], add_generation_prompt=True, tokenize=False
    )
    assert chat == "<bos><|turn>user\nhi<turn|>\n<|turn>model\n"


def test_same_seed_same_bytes(pairs, tmp_path):
    again = write_pair("tiny_e4b", tmp_path)
    for first, second in zip(pairs["tiny_e4b"], again, strict=True):
        assert {p.name: p.read_bytes() for p in first.iterdir()} == {p.name: p.read_bytes() for p in second.iterdir()}


@pytest.mark.parametrize(("preset", "target_millions", "drafter_millions"), [("e2b", 4628.6, 78.0), ("middle", 257, 6)])
def test_parameter_counts(preset, target_millions, drafter_millions):
    """E2B's: 4.63 G and 78 M."""
    target = expected_tensors(parse_target(target_config(preset), "x"), "")
    drafter = expected_tensors(parse_drafter(drafter_config(preset), "x"), "")
    # The token ordering is a buffer, no parameter.
    for tensors, millions in ((target, target_millions), (drafter, drafter_millions)):
        count = sum(int(np.prod(shape)) for name, shape in tensors.items() if "ordering" not in name)
        assert abs(count / 1e6 - millions) < 0.3, count


def test_no_two_rows_of_a_table_are_equal(pairs):
    """Equal rows would tie, and a tie is decided by the engine's order of addition."""
    table = Checkpoint.open(pairs["tiny_e4b"][0]).tensors.read("model.language_model.embed_tokens.weight")
    assert len(np.unique(table, axis=0)) == len(table)
