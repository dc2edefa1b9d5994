"""Forward passes against Transformers' own, on random pairs of every shape."""

import pytest
import torch
from transformers import Gemma4AssistantForCausalLM, Gemma4ForConditionalGeneration

from export.checkpoint.checkpoint import Checkpoint
from export.evidence.float_ports import one_torch_thread
from export.tuning import forward
from export.tuning.forward import drafter_masks, drafter_step, target_forward, target_hidden, target_logits
from export.tuning.models import load_drafter, load_target
from export.tuning.own_text import continued
from tests.checkpoints import write_pair

PRESETS = ["tiny_e2b", "tiny_e4b", "tiny_plain", "tiny_k_eq_v"]
LENGTH = 60
EXACT = 1e-4
"""Of logits up to 30 and hidden states around 1."""


class Pair:
    def __init__(self, folder, preset):
        self.folders = write_pair(preset, folder)
        target, drafter = map(Checkpoint.open, self.folders)
        read = []
        self.target = load_target(target, torch.float32, "cpu", read.append)
        self.drafter = load_drafter(drafter, "cpu", read.append)
        self.read = sum(read)
        self.window = target.config.sliding_window
        draw = torch.Generator().manual_seed(0)
        self.tokens = torch.randint(6, 1000, (2, LENGTH), generator=draw)


@pytest.fixture(scope="module", params=PRESETS)
def pair(request, tmp_path_factory):
    with one_torch_thread():
        yield Pair(tmp_path_factory.mktemp(request.param), request.param)


@torch.no_grad()
def test_the_target_s_logits_and_hidden_states(pair, monkeypatch):
    theirs = Gemma4ForConditionalGeneration.from_pretrained(pair.folders[0], dtype=torch.float32).eval()
    expected = theirs(pair.tokens, output_hidden_states=True)

    def difference():
        logits, hidden, _ = target_forward(pair.target, pair.tokens)
        return max((logits - expected.logits).abs().max(), (hidden - expected.hidden_states[-1]).abs().max())

    assert difference() < EXACT
    right = forward.target_masks
    for wrong in (-1, 1):
        monkeypatch.setattr(forward, "target_masks", lambda window, *more, off=wrong: right(window + off, *more))
        assert difference() > 100 * EXACT


@torch.no_grad()
def test_a_draft_step_of_every_position(pair):
    """Each is what Transformers' drafter says over the keys and values up to there."""
    theirs = Gemma4AssistantForCausalLM.from_pretrained(pair.folders[1], dtype=torch.float32).eval()
    assert all(
        torch.equal(value.float(), pair.drafter.state_dict()[name].float())
        for name, value in theirs.state_dict().items()
    )
    _, hidden, kv = target_forward(pair.target, pair.tokens)
    embedded = pair.target.get_decoder().embed_tokens(pair.tokens.roll(-1, 1))
    positions = torch.arange(1, LENGTH + 1)[None]

    def difference(window, ahead=0, shift=0):
        masks = {kind: mask.roll(ahead, -1) | mask for kind, mask in drafter_masks(window, LENGTH).items()}
        _, found = drafter_step(pair.drafter, embedded.roll(-shift, 1), hidden, positions, masks, kv)
        worst = 0.0
        for i in (0, 5, pair.window + 1, 40):
            cut = {kind: (keys[:, :, : i + 1], values[:, :, : i + 1]) for kind, (keys, values) in kv.items()}
            inputs = torch.cat([embedded, hidden], -1)[:, i : i + 1]
            said = theirs(inputs_embeds=inputs, position_ids=torch.tensor([[i + 1]]), shared_kv_states=cut)
            worst = max(worst, float((said.last_hidden_state - found[:, i : i + 1]).abs().max()))
        return worst

    assert difference(pair.window) < EXACT
    # A window off by one, a row of the cache that it may not see, the token after the one that it reads.
    for wrong in (dict(window=pair.window - 1), dict(window=pair.window + 1), dict(ahead=1), dict(shift=1)):
        assert difference(**{"window": pair.window} | wrong) > 100 * EXACT, wrong


@torch.no_grad()
def test_prompts_of_several_lengths_in_one_batch_are_continued_as_each_alone(pair):
    prompts = [row[:length].tolist() for row, length in zip(pair.tokens, (LENGTH, 7), strict=True)]
    alone = [continued(pair.target, [prompt], 20, ())[0].tokens for prompt in prompts]
    assert [text.tokens for text in continued(pair.target, prompts, 20, ())] == alone
    # Each token is the whole text's own greedy choice.
    for prompt, tokens in zip(prompts, alone, strict=True):
        logits, _, _ = target_forward(pair.target, torch.tensor([tokens[:-1]]))
        assert logits[0].argmax(-1).tolist()[len(prompt) - 1 :] == tokens[len(prompt) :]


def test_a_stop_token_ends_a_text_and_what_follows_is_kept_as_far_as_asked(pair):
    prompt = pair.tokens[0, :20].tolist()
    free = continued(pair.target, [prompt], 30, ())[0]
    assert (free.prompt, free.end) == (20, 50) and free.said == free.tokens[20:]
    stop = free.said[10]
    first = free.said.index(stop)
    ended = continued(pair.target, [prompt], 30, {stop}, beyond=4)[0]
    assert ended.said == free.said[: first + 1] and ended.tokens == free.tokens[: 20 + first + 1 + 4]


@torch.no_grad()
def test_a_target_in_bfloat16_says_nearly_the_same(pair):
    half = load_target(Checkpoint.open(pair.folders[0]), torch.bfloat16, "cpu", lambda _: None)
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}
    hidden, _ = target_hidden(half, pair.tokens)
    logits, exact = target_logits(half, hidden), target_forward(pair.target, pair.tokens)[0]
    assert logits.dtype == torch.float32
    divergence = (exact.softmax(-1) * (exact.log_softmax(-1) - logits.log_softmax(-1))).sum(-1).mean()
    assert 0 < divergence < 0.05


def test_every_byte_that_was_asked_for_is_told(pair):
    files = [path for folder in pair.folders for path in folder.glob("*.safetensors")]
    assert 0.98 < pair.read / sum(path.stat().st_size for path in files) <= 1
