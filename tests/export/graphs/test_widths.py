"""One lowering of each shape, brought to every context: whatever the numbers, the graph is sound."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from export.checkpoint.config import FULL, SLIDING, parse_drafter, parse_target
from export.errors import GraphError
from export.graphs import lowering, widths
from export.graphs.flatbuffer import constant, load, operator
from export.graphs.jobs import GraphJob
from export.graphs.lowering import lower_all
from export.graphs.widths import MARKERS, conflicts, mistakable, traced_width, with_width
from export.modules.reads import drafter_reads, target_reads
from export.plan import Width
from tests.export.graphs.shapes import complaints

CONTEXTS = [*range(33, 601), 1024, 1144, 2048, 2620, 4096, 4668, 8192, 32_768, 131_072]
KINDS = ("verify", "drafter")
TOKENS = (1, 5, 32, 3, 128, 7, 17, 512)
"""Tried in turn: decode, verify, prefill."""
GEMMA = {
    "vocab_size": 262_144, "vocab_size_per_layer_input": 262_144, "num_attention_heads": 8, "head_dim": 256,
    "global_head_dim": 512, "sliding_window": 512, "hidden_size_per_layer_input": 256,
}  # fmt: skip
SHAPES = {
    "demo": {
        "vocab_size": 2048, "vocab_size_per_layer_input": 2048, "num_attention_heads": 4, "head_dim": 32,
        "global_head_dim": 64, "sliding_window": 64, "hidden_size_per_layer_input": 16, "hidden_size": 128,
        "intermediate_size": 512, "num_key_value_heads": 1, "use_double_wide_mlp": True,
    },
    "E2B": GEMMA | {
        "hidden_size": 1536, "intermediate_size": 6144, "num_key_value_heads": 1, "use_double_wide_mlp": True,
    },
    "E4B": GEMMA | {"hidden_size": 2560, "intermediate_size": 10_240, "num_key_value_heads": 2},
}  # fmt: skip
DRAFTERS = {
    "demo": {"hidden_size": 128, "intermediate_size": 256, "num_centroids": 64, "centroid_intermediate_top_k": 8},
    "E2B": {"hidden_size": 256, "intermediate_size": 2048, "num_centroids": 2048, "centroid_intermediate_top_k": 32},
    "E4B": {"hidden_size": 256, "intermediate_size": 2048, "num_centroids": 2048, "centroid_intermediate_top_k": 32},
}


@cache
def pair(name):
    """Configs of that shape with few layers: one of each type, and in the target one that shares a cache."""
    layers = {"model_type": "gemma4_text", "layer_types": [SLIDING, FULL, SLIDING], "num_hidden_layers": 3}
    target = parse_target({**SHAPES[name], **layers, "num_kv_shared_layers": 1}, Path("config.json"))
    rest = {"hidden_size_per_layer_input": 0, "use_double_wide_mlp": False, "num_attention_heads": 4}
    layers = {"layer_types": [SLIDING, FULL], "num_hidden_layers": 2, "num_kv_shared_layers": 2}
    drafter = {
        "model_type": "gemma4_assistant",
        "text_config": SHAPES[name] | rest | DRAFTERS[name] | layers,
        "backbone_hidden_size": target.hidden_size,
        "use_ordered_embeddings": True,
        **DRAFTERS[name],
    }
    return target, parse_drafter(drafter, Path("config.json"))


def parts(name, kind, capacity):
    """(windowed, prefixed) of the graph that serves that context."""
    target, drafter = pair(name)
    reads = drafter_reads(drafter, capacity) if kind == "drafter" else target_reads(target, 1, capacity)
    return reads.window is not None, reads.prefix


def job(name, kind, windowed, prefixed):
    target, drafter = pair(name)
    if kind == "verify":
        return GraphJob(kind, target, None, windowed, prefixed)
    ordering = np.arange(target.vocab_size, dtype=np.int64).tobytes()
    return GraphJob(kind, target, drafter, windowed, prefixed, ordering)


def width(name, kind, tokens, capacity):
    target, drafter = pair(name)
    if kind == "drafter":
        return Width(1, drafter_reads(drafter, capacity).window or capacity, capacity)
    return Width(tokens, target.window_slots(tokens, capacity), capacity)


@pytest.fixture(scope="module")
def lowered(tmp_path_factory):
    """(shape, kind, capacity) to the graph that serves it, fresh each time."""
    every = {(name, kind, *parts(name, kind, context)) for name in SHAPES for kind in KINDS for context in CONTEXTS}
    wanted = {one.key(): each for each in sorted(every) if (one := job(*each))}
    found = lower_all(
        [job(*each) for each in wanted.values()], tmp_path_factory.mktemp("widths") / "graphs", processes=0
    )
    models = {wanted[path.stem]: load(path) for _, path, _ in found}
    states = {each: state(model) for each, model in models.items()}

    def fresh(name, kind, capacity):
        each = name, kind, *parts(name, kind, capacity)
        for owner, field, value in states[each]:
            setattr(owner, field, value)
        return models[each]

    return fresh


def state(model):
    """(object, field, value) of everything that widths and these tests set: a model is loaded once, which takes long,
    and put back instead."""
    found = [(buffer, "data", buffer.data) for buffer in model.buffers]
    for graph in model.subgraphs:
        found += [(tensor, "shape", tensor.shape) for tensor in graph.tensors]
        options = [op.builtinOptions for op in graph.operators if operator(model, op) == "RESHAPE"]
        found += [(one, "newShape", one.newShape) for one in options if one is not None]
    return found


def integers(model):
    """Every int32 constant of at most four values, by the operations that use it: (operation, operand, values)."""
    for graph in model.subgraphs:
        for op in graph.operators:
            for operand, index in enumerate(op.inputs):
                values = constant(model, graph.tensors[index]) if index >= 0 else None
                if values is not None and values.size <= 4:
                    yield operator(model, op), operand, values.tolist()


def numbers(model):
    """Every size and every value of a small constant."""
    found = {int(size) for g in model.subgraphs for t in g.tensors if t.shape is not None for size in t.shape}
    return found.union(*(values for _, _, values in integers(model)))


def interface(model):
    definition = model.signatureDefs[0]
    tensors = model.subgraphs[definition.subgraphIndex].tensors
    return {m.name.decode(): tuple(tensors[m.tensorIndex].shape) for m in [*definition.inputs, *definition.outputs]}


def expected_interface(name, kind, tokens, capacity):
    """Inputs and outputs as the modules document them."""
    target, drafter = pair(name)
    hidden, vocabulary = target.hidden_size, target.vocab_size
    shapes = {"input_pos": (tokens,), "mask": (1, 1, tokens, capacity), "logits": (1, tokens, vocabulary)}
    for i in target.kv_layers:
        heads, head = target.kv_heads[i], target.head_dims[i]
        shapes |= {f"kv_cache_k_{i}": (1, heads, capacity, head), f"kv_cache_v_{i}": (1, heads, head, capacity)}
    if kind == "drafter":
        return shapes | {"activations": (1, 1, 2 * hidden), "projected_activations": (1, 1, hidden)}
    per_layer = (1, tokens, target.num_layers, target.per_layer_size)
    rows, shapes = (1, tokens, hidden), shapes | {"target_tokens": (tokens,), "largest_logits": (tokens, 2)}
    return shapes | {"embeddings": rows, "activations": rows, "per_layer_embeddings": per_layer}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SHAPES)
def test_every_context_gives_a_sound_graph(name, kind, lowered):
    for i, capacity in enumerate(CONTEXTS):
        tokens = 1 if kind == "drafter" else min(TOKENS[i % len(TOKENS)], capacity)
        wanted, model = width(name, kind, tokens, capacity), lowered(name, kind, capacity)
        with_width(model, wanted)
        assert complaints(model) == [], (capacity, tokens)
        assert interface(model) == expected_interface(name, kind, tokens, capacity), (capacity, tokens)
        bounds = {values[0] for op, _, values in integers(model) if op == "MINIMUM"}
        windowed, prefixed = parts(name, kind, capacity)
        expected = ({capacity} if prefixed else set()) | ({capacity - wanted.slots} if windowed else set())
        assert bounds == expected, (capacity, tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_no_traced_size_is_left(kind, lowered):
    """At sizes of which none is a traced one or a multiple of it."""
    model = with_width(lowered("E2B", kind, 4096), width("E2B", kind, 5, 4096))
    traced = {*range(MARKERS[0].tokens, 1 << 20, MARKERS[0].tokens), MARKERS[0].slots, MARKERS[0].capacity}
    assert not numbers(model) & (traced | {MARKERS[0].capacity - MARKERS[0].slots})


def test_the_rule_of_shapes_sees_any_size_that_is_off(lowered):
    """Planted: each activation of the graph in turn with one size more."""
    model = with_width(lowered("demo", "verify", 300), width("demo", "verify", 5, 300))
    (graph,) = model.subgraphs
    for tensor in [graph.tensors[op.outputs[0]] for op in graph.operators]:
        if tensor.shape is None or not len(tensor.shape):
            continue
        sound, tensor.shape = tensor.shape, np.array([*tensor.shape[:-1], tensor.shape[-1] + 1], np.int32)
        assert complaints(model), tensor.name
        tensor.shape = sound
    assert complaints(model) == []


def test_sizes_that_could_be_mistaken_are_told():
    marker = MARKERS[0]
    own = [0, 1, 2, 3, 4, 64, 1536, 262_144]
    assert mistakable(own, marker) == []
    clashing = [marker.tokens, 8 * marker.tokens, marker.slots, 2 * marker.capacity]
    assert mistakable(own + clashing, marker) == sorted(clashing)


def lower_with(monkeypatch, tmp_path, vocabulary, known):
    """A small model whose head has as many rows as the first marker has slots; `known`: by its config already."""
    target = replace(pair("demo")[0], vocab_size=vocabulary)
    tried, original = [], lowering.lower_piece

    def lower_piece(job, piece, width, out):
        if width not in tried:
            tried.append(width)
        return original(job, piece, width, out)

    monkeypatch.setattr(lowering, "lower_piece", lower_piece)
    if not known:
        monkeypatch.setattr(GraphJob, "sizes", lambda _: set())
    job = GraphJob("verify", target, None, True, True)
    ((_, out, _),) = lowering.lower_all([job], tmp_path / "graphs", processes=0)
    return tried, out


@pytest.mark.parametrize(("known", "attempts"), [(True, MARKERS[1:2]), (False, MARKERS[:2])])
def test_a_size_like_a_traced_one_is_answered_by_other_traced_sizes(known, attempts, monkeypatch, tmp_path):
    tried, out = lower_with(monkeypatch, tmp_path, MARKERS[0].capacity, known)
    assert tuple(tried) == attempts and traced_width(load(out)) == MARKERS[1]
    model = with_width(load(out), Width(5, 68, 300))
    assert complaints(model) == [] and interface(model)["logits"] == (1, 5, MARKERS[0].capacity)


def test_without_traced_sizes_that_fit_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr(lowering, "MARKERS", MARKERS[:1])
    with pytest.raises(GraphError, match=f"size {MARKERS[0].capacity}"):
        lower_with(monkeypatch, tmp_path, MARKERS[0].capacity, True)
    assert list((tmp_path / "graphs").iterdir()) == []


def test_a_bound_or_operand_that_is_not_known_is_a_conflict(lowered):
    """Planted: a traced size where `with_width` would leave it."""
    model = lowered("demo", "verify", 300)
    assert conflicts(model, MARKERS[0]) == []
    (graph,) = model.subgraphs
    for op in graph.operators:
        if operator(model, op) == "SUB" and constant(model, graph.tensors[op.inputs[1]]) is not None:
            value = np.array([MARKERS[0].capacity - MARKERS[0].slots], np.int32)
            model.buffers[graph.tensors[op.inputs[1]].buffer].data = value.view(np.uint8)
    assert conflicts(model, MARKERS[0]) == [f"operand 1 of SUB is {value[0]}"]


def test_a_graph_traced_at_other_sizes_is_refused(lowered, monkeypatch):
    model = lowered("demo", "verify", 300)
    monkeypatch.setattr(widths, "MARKERS", MARKERS[1:])
    with pytest.raises(GraphError, match=f"{MARKERS[0].capacity} slots"):
        with_width(model, Width(5, 68, 300))
