"""A drafter that its target can't serve is told apart by the first thing that differs."""

import pytest

from export.checkpoint.checkpoint import Checkpoint
from export.checkpoint.config import FULL, SLIDING
from export.checkpoint.pairing import check_pairing
from export.errors import PairingError
from tests.export.checkpoint.spoil import edit, grow, rewrite


def mismatch(target, drafter, *parts):
    with pytest.raises(PairingError) as caught:
        check_pairing(Checkpoint.open(target), Checkpoint.open(drafter))
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.exit_code == 4


def test_drafter_of_another_size(pairs):
    mismatch(
        pairs["tiny_e4b"][0],
        pairs["tiny_plain"][1],
        "Drafter does not fit target: backbone_hidden_size 128, target hidden_size 96",
        "Use the drafter of the same size.",
    )


def test_drafter_of_another_vocabulary(target, drafter):
    def smaller(tensors):
        tensors["model.embed_tokens.weight"] = ("BF16", (512, 64))
        tensors["masked_embedding.token_ordering"] = ("I64", (512,))

    rewrite(drafter, smaller)
    edit(drafter, text={"vocab_size": 512})
    mismatch(target, drafter, "vocab_size 512", "vocab_size 1024")


def test_drafter_of_another_window_or_kv_heads(pairs, target):
    edit(target, text={"sliding_window": 32})
    mismatch(target, pairs["tiny_e2b"][1], "sliding_window 16", "sliding_window 32")
    mismatch(pairs["tiny_e2b"][0], pairs["tiny_k_eq_v"][1], "num_key_value_heads 2", "num_key_value_heads 1")


def test_drafter_that_rotates_otherwise(target, drafter):
    ropes = {SLIDING: {"rope_type": "default", "rope_theta": 5e4}, FULL: {"rope_type": "default", "rope_theta": 5e4}}
    edit(drafter, text={"rope_parameters": ropes})
    mismatch(target, drafter, "rope_parameters", "50000.0", "1000000.0")


def test_drafter_of_other_layer_types(target, drafter):
    def all_full(tensors):
        for name, (dtype, shape) in tensors.items():
            layer = name.split(".")[3] if "self_attn" in name else ""
            if layer in ("2", "5", "8"):
                tensors[name] = (dtype, tuple({256: 128, 64: 32}.get(size, size) for size in shape))

    rewrite(target, all_full)
    edit(target, text={"layer_types": [FULL] * 9, "global_head_dim": 32})
    mismatch(target, drafter, "layer types full_attention and sliding_attention", "only full_attention")


def test_swapped(target, drafter):
    mismatch(drafter, target, "a drafter and a target")


def test_a_drafter_that_does_not_know_the_tokens_that_were_added(target, drafter):
    """Stock drafters are used with fine-tunes: what they lack is never drafted, and the pair still fits."""
    grow(target)
    opened = Checkpoint.open(target)
    check_pairing(opened, Checkpoint.open(drafter))
    assert (opened.config.vocab_size, opened.tokenizer.pieces) == (1027, 1024)


def test_a_drafter_that_knows_more_tokens(target, drafter):
    def larger(tensors):
        tensors["model.embed_tokens.weight"] = ("BF16", (1056, 64))
        tensors["masked_embedding.token_ordering"] = ("I64", (1056,))

    rewrite(drafter, larger)
    edit(drafter, text={"vocab_size": 1056})
    mismatch(target, drafter, "vocab_size 1056", "vocab_size 1024")
