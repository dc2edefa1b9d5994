"""The demo pair's training, where a mistake would not show: it would only train worse."""

import pytest
import torch
from transformers import Gemma4ForConditionalGeneration

from export.cli import DEMO
from export.demo import pair
from export.demo.train import round_starts


@pytest.fixture
def target():
    return Gemma4ForConditionalGeneration.from_pretrained(DEMO / "target", dtype=torch.float32).eval()


@torch.no_grad()
def logits(model):
    tokens = torch.arange(100, 180)[None]
    return pair.target_forward(model, tokens, pair.target_masks(80))[0]


@torch.no_grad()
def test_a_widened_target_is_the_same_function(target):
    wide = pair.widened(target, 640).eval()
    shapes = {name: parameter.shape for name, parameter in target.named_parameters()}
    grown = [name for name, parameter in wide.named_parameters() if parameter.shape != shapes[name]]
    assert len(grown) == 3 * 12
    assert (logits(wide) - logits(target)).abs().max() < 1e-4
    # The new units are there: without the zeros in front of them they would be heard.
    wide.model.language_model.layers[0].mlp.down_proj.weight[:, -64:] = 1.0
    assert (logits(wide) - logits(target)).abs().max() > 0.01


@torch.no_grad()
def test_a_shortened_drafter_lacks_its_sliding_layer_alone():
    torch.manual_seed(0)
    drafter = pair.new_drafter([pair.SLIDING, pair.FULL]).eval()
    length = 70
    kv = {
        kind: tuple(torch.randn(1, 1, length, dim) for _ in "kv") for kind, dim in ((pair.SLIDING, 32), (pair.FULL, 64))
    }
    inputs = torch.randn(2, 1, length, 128)
    where = torch.arange(1, length + 1)[None], pair.drafter_masks(length), kv

    def step(model):
        return pair.drafter_step(model, *inputs, *where)[1]

    short = pair.shortened(drafter)
    assert (step(short) - step(drafter)).abs().max() > 0.01
    for product in (drafter.model.layers[0].self_attn.o_proj, drafter.model.layers[0].mlp.down_proj):
        product.weight.zero_()
    assert (step(short) - step(drafter)).abs().max() < 1e-5


def test_rounds_begin_behind_what_was_accepted():
    """A round that accepts n drafts emits n + 1 tokens."""
    lengths = torch.tensor([[0, 2, 4, 4, 1, 0, 0], [4, 0, 0, 0, 0, 4, 0]])
    expected = [[1, 1, 0, 0, 1, 0, 1], [1, 0, 0, 0, 0, 1, 0]]
    assert round_starts(lengths).tolist() == expected
