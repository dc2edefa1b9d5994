"""The traced modules against Transformers, stage by stage, on the demo pair and on shapes that differ from it."""

import pytest
import torch

from export.checkpoint.checkpoint import Checkpoint
from export.choices.prompts import Prompts
from export.cli.main import DEMO
from export.modules.drafter import Drafter
from export.modules.fill import empty_weight, fill
from export.modules.target import Target
from runtime_spec.chat.conversation import Message
from runtime_spec.litert.runtime import Runtime
from tests.checkpoints import transformers_class, write_pair

CAPACITY, LENGTH = 128, 100
# Float32 summed in another order: the largest difference measured on these shapes is 1.1e-5 at logits up to 13.
TOLERANCE = 5e-5


@pytest.fixture(scope="module", params=["demo", "tiny_e2b", "tiny_e4b", "tiny_plain", "tiny_k_eq_v", "tiny_unified"])
def pair(request, tmp_path_factory):
    if request.param == "demo":
        return DEMO / "target", DEMO / "drafter"
    return write_pair(request.param, tmp_path_factory.mktemp(request.param))


def load(folder):
    return transformers_class(folder).from_pretrained(folder, dtype=torch.float32).eval()


def empty_caches(config):
    return {
        f"kv_cache_{side}_{i}": torch.zeros(1, config.kv_heads[i], *shape)
        for i in config.kv_layers
        for side, shape in (("k", (CAPACITY, config.head_dims[i])), ("v", (config.head_dims[i], CAPACITY)))
    }


def causal_mask(begin, end):
    mask = torch.full((1, 1, end - begin, CAPACITY), -1e4)
    for i in range(end - begin):
        mask[0, 0, i, : begin + i + 1] = 0
    return mask


@torch.no_grad()
def test_every_stage_agrees(pair):
    target, drafter = Checkpoint.open(pair[0]), Checkpoint.open(pair[1])
    config, theirs = target.config, load(pair[0])
    decoder = theirs.model.language_model if hasattr(theirs.model, "language_model") else theirs.model
    tokens = torch.randint(6, config.vocab_size, (1, LENGTH), generator=torch.Generator().manual_seed(0))
    expected = theirs(tokens, use_cache=True, output_hidden_states=True)
    embedded = decoder.embed_tokens(tokens)
    per_layer = decoder.get_per_layer_inputs(tokens, None) if config.per_layer_size else None
    ours = fill(Target(config, CAPACITY, True, empty_weight), target)
    caches = empty_caches(config)
    for begin, end in ((0, 60), (60, 61), (61, 66), (66, LENGTH)):
        part = None if per_layer is None else per_layer[:, begin:end]
        positions = torch.arange(begin, end, dtype=torch.int32)
        found = ours(embedded[:, begin:end], positions, causal_mask(begin, end), part, **caches)
        caches = {name: found[name] for name in caches}
        close(found["logits"], expected.logits[:, begin:end])
        close(found["activations"], expected.hidden_states[-1][:, begin:end])
    for i in config.kv_layers:
        layer = expected.past_key_values.layers[i]
        kept = slice(LENGTH - layer.keys.shape[2], LENGTH)
        close(caches[f"kv_cache_k_{i}"][:, :, kept], layer.keys)
        close(caches[f"kv_cache_v_{i}"][..., kept].transpose(2, 3), layer.values)
    activations = torch.cat([embedded[:, -1:], expected.hidden_states[-1][:, -1:]], -1)
    check_drafter(drafter, pair[1], config, caches, activations)


def check_drafter(drafter, folder, config, caches, activations):
    theirs = load(folder)
    sources = {kind: config.drafter_kv_layers[kind] for kind in drafter.config.text.kinds}
    # Transformers makes masks for both types, used or not; ours gets the caches of its own layers' types alone.
    shared = {
        kind: (caches[f"kv_cache_k_{i}"][:, :, :LENGTH], caches[f"kv_cache_v_{i}"][..., :LENGTH].transpose(2, 3))
        for kind, i in config.drafter_kv_layers.items()
    }
    expected = theirs(
        inputs_embeds=activations,
        position_ids=torch.tensor([[LENGTH]]),
        attention_mask=torch.ones(1, LENGTH),
        shared_kv_states=shared,
    )
    ordering = None
    if drafter.config.use_ordered_embeddings:
        ordering = torch.from_numpy(drafter.tensors.read("masked_embedding.token_ordering"))
    module = Drafter(drafter.config, sources, CAPACITY, ordering, empty_weight)
    mask = torch.full((1, 1, 1, CAPACITY), -1e4)
    mask[..., :LENGTH] = 0
    used = {name: value for name, value in caches.items() if int(name.rsplit("_", 1)[1]) in sources.values()}
    found = fill(module, drafter)(activations, torch.tensor([LENGTH - 1], dtype=torch.int32), mask, **used)
    close(found["projected_activations"], expected.last_hidden_state)
    # Tokens outside the chosen clusters carry a filler on both sides, not the same one.
    chosen = expected.logits > expected.logits.min()
    close(found["logits"][chosen], expected.logits[chosen])
    assert int(found["logits"].argmax()) == int(expected.logits.argmax())


def close(found, expected):
    assert float((found - expected).abs().max()) <= TOLERANCE


@torch.no_grad()
def test_greedy_tokens_of_the_float_bundle_are_transformers(float_out):
    theirs = load(DEMO / "target")
    prompts = Prompts.load()
    with Runtime(float_out / "model.litertlm") as runtime:
        for text, chat in [(p, False) for p in prompts.plain] + [(c, True) for c in prompts.chats]:
            prompt = runtime.chat.context([Message("user", text)]) if chat else runtime.encode(text)
            turn = runtime.session().turn(prompt, 64)
            ours = [token for one in turn for token in one.emitted_tokens]
            generated = theirs.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=64)
            assert ours == generated[0, len(prompt) :].tolist(), text


@torch.no_grad()
def test_a_further_turn_of_the_float_bundle_is_transformers(float_out):
    """What stands in the cache, replies included, is what one pass over all of it would put there."""
    theirs = load(DEMO / "target")
    with Runtime(float_out / "model.litertlm") as runtime:
        further = runtime.tokenizer.encode("\n    return value\n\ndef second(x):\n")
        for text in Prompts.load().plain[:4]:
            for draft_tokens in (0, None):
                session, prompt = runtime.session(draft_tokens, frozenset()), runtime.encode(text)
                turns = [list(session.turn(part, 12)) for part in (prompt, further)]
                said = [[token for one in turn for token in one.emitted_tokens] for turn in turns]
                whole = [*prompt, *said[0], *further]
                found = theirs.generate(torch.tensor([whole]), do_sample=False, max_new_tokens=12, eos_token_id=None)
                assert said[1] == found[0, len(whole) :].tolist(), text
