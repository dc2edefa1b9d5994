"""Checkpoints of other shapes than the demo's, through the whole command: KV heads 2 and 4, other windows and draft
lengths, no sparse head, no per-layer embeddings, keys that are values, the unified model's classes. Weights are random,
so texts mean nothing and choices are close: equality is asked of float."""

import json
import shutil

import pytest
import torch

from export.cli.main import main
from runtime_spec.litert.runtime import Runtime
from tests.checkpoints import transformers_class, write_pair
from tests.parity.test_litert_lm import engine_replies

PROMPTS, NEW_TOKENS = ["the thing and the other", "an island in the north"], 48
QUANTISED = {"tiny_e2b": ["int4"], "tiny_e4b": ["int8"], "tiny_unified": ["int8"]}
"""These also pass the check of a recipe and run in LiteRT-LM, drafted and plain."""
SHAPES = {
    "tiny_e2b": (3, 256),
    "tiny_e4b": (4, 256),
    "tiny_plain": (7, 96),
    "tiny_k_eq_v": (2, 256),
    "tiny_unified": (4, 256),
}
"""Draft tokens and context; in 96 slots a chat of two turns has no room."""


def export(pair, out, recipe, draft_tokens, context):
    names = ["--target", str(pair[0]), "--drafter", str(pair[1]), "--draft-tokens", str(draft_tokens)]
    assert main(["--device", "android", *names, "--context", str(context), "--recipe", recipe, "--out", str(out)]) == 0
    return out / "model.litertlm"


def texts(bundle, draft_tokens):
    """(prompt, tokens, text) of every prompt, without stop tokens."""
    found = []
    with Runtime(bundle) as runtime:
        for prompt in PROMPTS:
            rounds = runtime.session(draft_tokens, frozenset()).turn(runtime.encode(prompt), NEW_TOKENS)
            tokens = [token for one in rounds for token in one.emitted_tokens]
            found.append((prompt, tokens, runtime.decode(tokens)))
    return found


@pytest.mark.parametrize("preset", SHAPES)
@torch.no_grad()
def test_every_shape_says_what_transformers_says(preset, tmp_path, capsys):
    pair, sizes = write_pair(preset, tmp_path), SHAPES[preset]
    bundle = export(pair, tmp_path / "float", "float", *sizes)
    plain, drafted = texts(bundle, 0), texts(bundle, None)
    assert plain == drafted
    theirs = transformers_class(pair[0]).from_pretrained(pair[0], dtype=torch.float32).eval()
    with Runtime(bundle) as runtime:
        assert (runtime.manifest.draft_tokens, runtime.manifest.context_length) == sizes
        for prompt, tokens, _ in plain:
            given = torch.tensor([runtime.encode(prompt)])
            generated = theirs.generate(given, do_sample=False, max_new_tokens=NEW_TOKENS, eos_token_id=-1)
            assert tokens == generated[0, given.shape[1] :].tolist()
    capsys.readouterr()
    assert main(["verify", str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verified"] is True

    for recipe in QUANTISED.get(preset, ()):
        shutil.copytree(tmp_path / "float" / "work", tmp_path / recipe / "work")
        bundle = export(pair, tmp_path / recipe, recipe, *sizes)
        for speculative in (False, True):
            assert all(engine_replies(bundle, PROMPTS, speculative))
