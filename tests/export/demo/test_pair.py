"""The demo pair's training, where a mistake would not show: it would only train worse."""

import math
import unittest.mock

import pytest
import torch
from transformers import Gemma4ForConditionalGeneration

from export.cli.main import DEMO
from export.demo import corpus, losses, pair
from export.demo.losses import repetition_loss
from export.demo.rows import Rows
from export.demo.tokenizer import TURN_END
from export.tuning.forward import drafter_masks, drafter_step, target_forward
from export.tuning.losses import drafter_loss


@pytest.fixture
def target():
    return Gemma4ForConditionalGeneration.from_pretrained(DEMO / "target", dtype=torch.float32).eval()


@torch.no_grad()
def logits(model):
    tokens = torch.arange(100, 180)[None]
    return target_forward(model, tokens)[0]


@torch.no_grad()
def test_a_widened_target_is_the_same_function(target):
    wide = pair.widened(target, 640).eval()
    shapes = {name: parameter.shape for name, parameter in target.named_parameters()}
    grown = [name for name, parameter in wide.named_parameters() if parameter.shape != shapes[name]]
    assert len(grown) == 3 * 14
    assert (logits(wide) - logits(target)).abs().max() < 1e-4
    # The new units are there: without the zeros in front of them they would be heard.
    wide.model.language_model.layers[0].mlp.down_proj.weight[:, -64:] = 1.0
    assert (logits(wide) - logits(target)).abs().max() > 0.01


@torch.no_grad()
def test_a_deepened_target_is_nearly_the_same_function(target):
    layer_types = target.config.text_config.layer_types
    deep = pair.deepened(target, [1, 3]).eval()
    assert deep.config.text_config.layer_types == [layer_types[i] for i in sorted([*range(len(layer_types)), 1, 3])]

    def divergence():
        exact, other = logits(target).log_softmax(-1), logits(deep).log_softmax(-1)
        return float((exact.exp() * (exact - other)).sum(-1).mean())

    assert 0.0 < divergence() < 0.02
    # Each of two has a half: with one silent and the other twice as loud, the function is the old one.
    norms = ("post_attention_layernorm", "post_feedforward_layernorm", "post_per_layer_input_norm")
    for first in (1, 4):
        layers = deep.model.language_model.layers[first : first + 2]
        for layer, factor in zip(layers, (0.0, 2.0), strict=True):
            for norm in norms:
                getattr(layer, norm).weight.mul_(factor)
    assert torch.equal(logits(deep), logits(target))


def test_the_pair_is_small():
    files = [path for name in ("target", "drafter") for path in (DEMO / name).iterdir()]
    assert sum(path.stat().st_size for path in files) <= 12e6


@torch.no_grad()
def test_a_shortened_drafter_lacks_its_sliding_layer_alone():
    torch.manual_seed(0)
    drafter = pair.new_drafter([pair.SLIDING, pair.FULL]).eval()
    length = 70
    kv = {
        kind: tuple(torch.randn(1, 1, length, dim) for _ in "kv") for kind, dim in ((pair.SLIDING, 32), (pair.FULL, 64))
    }
    inputs = torch.randn(2, 1, length, 128)
    where = torch.arange(1, length + 1)[None], drafter_masks(pair.SLIDING_WINDOW, length), kv

    def step(model):
        return drafter_step(model, *inputs, *where)[1]

    short = pair.shortened(drafter)
    assert (step(short) - step(drafter)).abs().max() > 0.01
    for product in (drafter.model.layers[0].self_attn.o_proj, drafter.model.layers[0].mlp.down_proj):
        product.weight.zero_()
    assert (step(short) - step(drafter)).abs().max() < 1e-5


def test_chat_prompts_of_a_batch_have_one_length_and_end_where_the_reply_begins():
    chats = [corpus.Chat(user, "reply") for user in ("one", "two", "three", "seven")]
    rows = Rows(lambda text: [8 + ord(c) for c in text], ["x\n"], ["x\n"], chats, seed=0)
    batches = [rows.chat_prompts(3) for _ in range(20)]
    assert len({batch.shape[1] for batch in batches}) == 2
    prompts = {"".join(chr(token - 8) for token in row if token >= 8) for batch in batches for row in batch.tolist()}
    assert prompts == {f"user\n{chat.user}\nmodel\n" for chat in chats}


def test_repetitions_are_read_up_to_the_end_of_a_turn():
    """The loss is that of a target that gives every token the same probability."""
    row = [*range(8, 14), *range(8, 14), TURN_END, *range(8, 14)]

    def loss(tokens, prompt_length):
        with unittest.mock.patch.object(
            losses, "target_forward", lambda target, rows: (torch.zeros(*rows.shape, pair.VOCAB_SIZE), None, None)
        ):
            return float(repetition_loss(None, torch.tensor([tokens]), prompt_length))

    once = -math.log1p(-1 / pair.VOCAB_SIZE) * 4
    assert loss(row[:6], 4) == 0.0
    assert loss(row[:12], 6) == pytest.approx(3 * once / 11, rel=1e-3)
    assert loss(row, 6) == pytest.approx(3 * once / 18, rel=1e-3)
    # The end of the user's turn is part of the prompt.
    assert loss(row, 13) == pytest.approx(3 * once / 18, rel=1e-3)


def test_agreement_moves_the_target_towards_the_drafter():
    """Without it the target's logits are only a teacher's; with it their divergence from the drafter's falls."""
    torch.manual_seed(0)
    drafter, length = pair.new_drafter([pair.FULL]).eval(), 20
    rows = torch.randint(8, pair.VOCAB_SIZE, (1, length))
    taught = torch.randn(1, length, pair.VOCAB_SIZE, requires_grad=True)
    embed, hidden = torch.nn.Embedding(pair.VOCAB_SIZE, 128), torch.randn(1, length, 128)
    kv = {pair.FULL: tuple(torch.randn(1, 1, length, 64) for _ in "kv")}

    def loss(logits, agreement):
        return drafter_loss(drafter, embed, rows, logits, hidden, kv, 2, rows > 0, agreement=agreement)[0]

    def divergence(logits):
        return float((loss(logits, 1.0) - loss(logits, 0.0)).detach())

    loss(taught, 0.0).backward()
    assert taught.grad is None
    loss(taught, 1.0).backward()
    assert 0 < divergence(taught - 100 * taught.grad) < divergence(taught) - 0.01
