"""Checkpoints of other shapes than the demo's, through the whole command: KV heads 2 and 4, other windows and draft
lengths, no sparse head, no per-layer embeddings, keys that are values, the unified model's classes. Weights are random,
so texts mean nothing and choices are close: equality is asked of float."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from safetensors.torch import load_file
from transformers.integrations.gemma_quant import _unpack_int2, _unpack_int4

from export import pipeline
from export.android.identity import NAME_RESOURCE
from export.android.phone.application import Application
from export.cli.main import main
from export.graphs.flatbuffer import weight_name
from export.graphs.lowering import lower_all
from export.weights.plan import TYPES
from runtime_spec.bundle.reader import Bundle
from runtime_spec.litert.runtime import MODELS, Runtime
from tests.checkpoints import transformers_class, write_pair
from tests.engine import engine_replies
from tests.export.weights.test_keep import litert_codes
from tests.qat_checkpoints import write_qat_pair

PROMPTS, NEW_TOKENS = ["the thing and the other", "an island in the north"], 48
QUANTISED = {"tiny_e2b": ["int4", "int4-blocks"], "tiny_e4b": ["int8"], "tiny_unified": ["int8"]}
"""These also pass the check of a recipe and run in LiteRT-LM, drafted and plain."""
SHAPES = {"tiny_e2b": (3, 256), "tiny_e4b": (4, 256), "tiny_plain": (7, 96), "tiny_unified": (2, 256)}
"""Draft tokens and context; in 96 slots a chat of two turns has no room."""


def export(pair, out, recipe, draft_tokens, context):
    names = ["--target", str(pair[0]), "--drafter", str(pair[1]), "--draft-tokens", str(draft_tokens)]
    names += ["--recipe", recipe] if recipe else []
    names += ["--application-id", "com.example.shapes", "--app-name", "Shapes & Co"]
    assert main(["--device", "android", *names, "--context", str(context), "--out", str(out)]) == 0
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


@pytest.fixture(autouse=True)
def lowered_here(monkeypatch):
    """Without two starts of the converter for each shape; processes of their own are what the demo's exports have."""
    monkeypatch.setattr(pipeline, "lower_all", partial(lower_all, processes=0))


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """Where lowered graphs of presets lie for a further export of the same shape."""
    return tmp_path_factory.mktemp("graphs")


@pytest.mark.parametrize("preset", SHAPES)
@torch.no_grad()
def test_every_shape_says_what_transformers_says(preset, graphs, tmp_path, capsys):
    pair, sizes = write_pair(preset, tmp_path), SHAPES[preset]
    bundle = export(pair, tmp_path / "float", "float", *sizes)
    shutil.copytree(tmp_path / "float/work/graphs", graphs / preset)
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


def test_a_target_alone_verifies_drafts_from_the_text(graphs, tmp_path, capsys):
    """A pair's sections and passes but the drafter's own; LiteRT-LM, which drafts by a drafter alone, decodes it
    plainly."""
    preset = "tiny_plain"
    (target, _), (draft_tokens, context) = write_pair(preset, tmp_path), SHAPES[preset]
    if (graphs / preset).exists():
        shutil.copytree(graphs / preset, tmp_path / "out/work/graphs")
    bundle = export((target, "none"), tmp_path / "out", "float", draft_tokens, context)
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["drafter"] is None and report["draft_tokens"] == draft_tokens
    assert list(report["measured"]) == ["plain", f"drafted_{draft_tokens}", "auto"]
    with Runtime(bundle) as runtime:
        manifest, sections = runtime.manifest, {section.name for section in runtime.bundle.sections}
        assert manifest.drafter is None and manifest.draft_tokens == draft_tokens and "drafter" not in sections
        assert manifest.verify_widths == (draft_tokens + 1,)
        assert {"decode", "verify"} <= set(manifest.signatures["main"])
    plain, drafted = texts(bundle, 0), texts(bundle, None)
    assert plain == drafted
    for (_, _, ours), theirs in zip(plain, engine_replies(bundle, PROMPTS, False), strict=True):
        assert theirs[: len(ours)] == ours
    with pytest.raises(RuntimeError, match="Failed to create LiteRT-LM engine"):
        engine_replies(bundle, PROMPTS, True)
    capsys.readouterr()
    assert main(["verify", str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verified"] is True
    assert report["android"]["application_id"] == "com.example.shapes"
    assert Application.of_project(tmp_path / "out/android").id == "com.example.shapes"
    assert "Shapes &amp; Co" in (tmp_path / "out/android" / NAME_RESOURCE).read_text()
    bindings = (tmp_path / "out/android/app/src/bindings/kotlin/dev/slipstream/app/ModelBindings.kt").read_text()
    assert 'DRAFTER_ID: String = ""' in bindings and f"DRAFT_TOKENS: Int = {draft_tokens}" in bindings


def stored_weights(bundle):
    """(section, parameter) → (int8 codes and their bits, or float32 values and None; row scales), of the bundle's
    flatbuffers."""
    found, content = {}, bundle.read_bytes()
    with Bundle.open(bundle) as opened:
        sections = {section.name: section.begin for section in opened.sections if section.name in MODELS}
    for section, begin in sections.items():
        model = schema.ModelT.InitFromPackedBuf(content, begin)
        for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
            name, buffer = weight_name(tensor), model.buffers[tensor.buffer]
            if name is None or len(tensor.shape) < 2 or (section, name) in found:
                continue
            raw = content[begin + buffer.offset : begin + buffer.offset + buffer.size]
            bits = {kind: bits for bits, kind in TYPES.items()}.get(tensor.type)
            values = litert_codes(raw, bits, tuple(tensor.shape)) if bits else np.frombuffer(raw, np.float32)
            found[section, name] = values, bits, np.array(tensor.quantization.scale, np.float32) if bits else None
    return found


def test_codes_of_a_checkpoint_arrive_bit_for_bit(graphs, tmp_path, capsys):
    pair = write_qat_pair("tiny_e2b", tmp_path, drafter=True)
    if (graphs / "tiny_e2b").exists():
        # All but the per-layer table's graph, whose rows have several scales here.
        shutil.copytree(graphs / "tiny_e2b", tmp_path / "out/work/graphs")
    bundle = export(pair, tmp_path / "out", None, *SHAPES["tiny_e2b"])
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["recipe"] == "qat" and report["codes"]["target"]["tensors"] == {"int2": 14, "int4": 46, "int8": 18}
    stored, checked = stored_weights(bundle), 0
    for folder, prefix, sections in (
        (pair[0], "model.language_model.", ("embedder", "per_layer_embedder", "main")),
        (pair[1], "model.", ("drafter",)),
    ):
        tensors = load_file(folder / "model.safetensors")
        for name in [name for name in tensors if name.endswith((".weight_scale", ".embedding_scale"))]:
            module, scales = name.rpartition(".")[0], tensors[name].numpy()
            packed = tensors[f"{module}.{'weight' if name.endswith('.weight_scale') else 'embedding_quantized'}"]
            is_head = module == "lm_head" or (sections == ("drafter",) and module.endswith("embed_tokens"))
            parameter = "head" if is_head else module.removeprefix(prefix)
            (place,) = [(one, f"{parameter}.weight") for one in sections if (one, f"{parameter}.weight") in stored]
            values, bits, found = stored[place]
            unpack = {2: _unpack_int2, 4: _unpack_int4, 8: lambda codes, _: codes}[bits]
            assert np.array_equal(values, unpack(packed, values.shape[1]).numpy()), place
            if scales.shape[1] == 1:
                assert found.tobytes() == scales.tobytes(), place
            else:
                table, as_bits, _ = stored[place[0], f"{parameter}.scale"]
                assert (found == 1).all() and as_bits is None and table.tobytes() == scales.tobytes()
            checked += 1
    assert checked == 14 + 46 + 18 + 15 + 4
    with Runtime(bundle) as runtime:
        recipe = runtime.manifest.recipe
        assert recipe.tensors["main"]["head.weight"] == recipe.tensors["embedder"]["embed_tokens.weight"] == "int2"
        assert recipe.name == "qat" and len(runtime.manifest.shared_weights) == 1
    plain = texts(bundle, 0)
    assert plain == texts(bundle, None)
    for speculative in (False, True):
        for (_, _, ours), theirs in zip(plain, engine_replies(bundle, PROMPTS, speculative), strict=True):
            assert theirs[: len(ours)] == ours
    capsys.readouterr()
    assert main(["verify", str(bundle), "--json"]) == 0
