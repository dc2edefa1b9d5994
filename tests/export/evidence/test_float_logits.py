"""The target a layer at a time says what the whole target says, and holds no layer afterwards."""

import pytest
import torch

from export.checkpoint.checkpoint import Checkpoint
from export.cli.main import DEMO
from export.errors import OutputError
from export.evidence import float_logits as streamed
from export.evidence.float_logits import float_logits, write_float_logits
from export.modules.fill import empty_weight, fill
from export.modules.layers import HIDDEN
from export.modules.target import Target

TOKENS = [2, 300, 5, 77, 800, 12]


@pytest.fixture(scope="module")
def target():
    return Checkpoint.open(str(DEMO / "target"), "target")


def whole(target):
    config, count = target.config, len(TOKENS)

    def rows(name, size):
        table = torch.from_numpy(target.tensors.read(f"{target.prefix}{name}.weight"))
        return table[TOKENS] * size**0.5

    caches = {}
    for i in config.kv_layers:
        caches[f"kv_cache_k_{i}"] = torch.zeros(1, config.kv_heads[i], count, config.head_dims[i])
        caches[f"kv_cache_v_{i}"] = torch.zeros(1, config.kv_heads[i], config.head_dims[i], count)
    per_layer = rows("embed_tokens_per_layer", config.per_layer_size).reshape(1, count, config.num_layers, -1)
    embedded, mask = rows("embed_tokens", config.hidden_size)[None], torch.full((count, count), HIDDEN).triu(1)
    module = fill(Target(config, count, True, empty_weight), target)
    positions = torch.arange(count, dtype=torch.int32)
    return module(embedded, positions, mask[None, None], per_layer, **caches)["logits"][0]


def test_logits_are_the_whole_targets(target, monkeypatch):
    """The head in blocks of which the last is smaller."""
    monkeypatch.setattr(streamed, "HEAD_ROWS", 300)
    torch.testing.assert_close(float_logits(target, TOKENS), whole(target), rtol=1e-5, atol=1e-4)


def test_a_layer_is_held_for_its_turn_only(target, monkeypatch):
    layer, held = Target.layer, []

    def noting(module, index, *values, **more):
        held.append([i for i in range(index + 1) if all(p.numel() for p in module.layers[i].parameters())])
        return layer(module, index, *values, **more)

    monkeypatch.setattr(Target, "layer", noting)
    float_logits(target, TOKENS)
    assert held == [[i] for i in range(target.config.num_layers)]


def test_the_head_is_never_read_whole(target, monkeypatch):
    """At E2B's size it would be 1.6 GB."""
    read, names = target.tensors.read, []
    monkeypatch.setattr(target.tensors, "read", lambda name: names.append(name) or read(name))
    float_logits(target, TOKENS)
    assert names and not [name for name in names if "embed_tokens" in name or "head" in name]


def test_a_file_that_can_not_be_written_is_named(target, tmp_path):
    (tmp_path / "work").write_bytes(b"")
    with pytest.raises(OutputError, match="float_logits.npy"):
        write_float_logits(target, TOKENS, tmp_path / "work" / "float_logits.npy")
