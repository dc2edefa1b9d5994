"""Graphs of any width from one lowering, what they read of the cache, and what XNNPACK takes of them."""

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter

from export.checkpoint.checkpoint import Checkpoint
from export.choices.recipe import Storage
from export.cli.main import DEMO
from export.graphs import calls, lower
from export.graphs.editor import Editor
from export.graphs.flatbuffer import constant, load, operator, pack
from export.graphs.jobs import GraphJob
from export.graphs.lowering import lower_all
from export.graphs.merge import merge
from export.graphs.tidy import tidy
from export.graphs.traced import traced
from export.graphs.widths import with_width
from export.modules.cache import PREFIX_STEP, update_cache
from export.modules.fill import empty_weight, fill
from export.modules.selection import hide_unchosen
from export.modules.target import Target
from export.plan import Width
from export.weights.plan import plan_weights
from export.weights.stream import CheckpointSource, PlannedModel, write_group
from runtime_spec.bundle.manifest import ALIGNMENT
from runtime_spec.litert.compiled import CompiledModel, aligned_zeros
from runtime_spec.litert.library import Library

# The demo's window is 64: at this capacity sliding layers read a part of the cache, and full layers do until the text
# passes PREFIX_STEP.
CAPACITY, ROWS = PREFIX_STEP + 32, 5
READS = [(True, True), (True, False), (False, False)]
# Attention summed over the whole cache or over a part of it: the largest difference measured is 1.7e-5.
TOLERANCE = 5e-5


@pytest.fixture(scope="module")
def target():
    return Checkpoint.open(DEMO / "target", "target")


@pytest.fixture(scope="module")
def lowered(target, tmp_path_factory):
    """The verify graph for all widths, by what it reads (window, prefix), and, traced on its own, over ROWS."""
    folder = tmp_path_factory.mktemp("graphs")
    jobs = {reads: GraphJob("verify", target.config, None, *reads) for reads in READS}
    keys = {job.key(): reads for reads, job in jobs.items()}
    found = {keys[path.stem]: path for _, path, _ in lower_all([*jobs.values()], folder / "graphs", 0)}
    module, examples = traced(jobs[True, True], width(ROWS), lower.placeholder)
    lower.lower("verify", module, examples, folder / "rows.tflite")
    return found | {ROWS: folder / "rows.tflite"}


def width(tokens, capacity=CAPACITY):
    return Width(tokens, min(63 + tokens, capacity), capacity)


def substituted(lowered, tokens, capacity=CAPACITY):
    reads = capacity > 64, capacity > PREFIX_STEP
    return tidy(with_width(load(lowered[reads]), width(tokens, capacity)))


def written(model, target, out):
    source = CheckpointSource(target)
    merged = merge([("verify", model)])
    weights = plan_weights(merged, source.shape, lambda *_: Storage(32))
    with out.open("wb") as stream:
        write_group(stream, [PlannedModel("main", merged, weights, source)], ALIGNMENT)
    return out


def inputs(config, start, rows=ROWS, capacity=CAPACITY):
    """Random embeddings and caches; the cache behind the last row is random too, and hidden by the mask alone."""
    draw = np.random.default_rng(start)
    shapes = {"embeddings": (1, rows, config.hidden_size)}
    shapes["per_layer_embeddings"] = (1, rows, config.num_layers, config.per_layer_size)
    for i in config.kv_layers:
        heads, head = config.kv_heads[i], config.head_dims[i]
        shapes |= {f"kv_cache_k_{i}": (1, heads, capacity, head), f"kv_cache_v_{i}": (1, heads, head, capacity)}
    found = {name: draw.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    found["input_pos"] = np.arange(start, start + rows, dtype=np.int32)
    visible = np.arange(capacity) <= found["input_pos"][:, None]
    return found | {"mask": np.where(visible, 0.0, -1e4)[None, None].astype(np.float32)}


def scores(path, given):
    return Interpreter(model_path=str(path), num_threads=1).get_signature_runner("verify")(**given)


@pytest.fixture(scope="module")
def whole_cache(target):
    """The float module, made to read every slot in every layer: what any part must agree with."""
    module = fill(Target(target.config, CAPACITY, True, empty_weight), target)
    module._cache_parts = lambda *_: {}
    return module


@torch.no_grad()
def largest_difference(path, module, config, starts, capacity=CAPACITY):
    found, module.capacity = [], capacity
    for start in starts:
        given = inputs(config, start, capacity=capacity)
        expected = module(**{name: torch.from_numpy(value) for name, value in given.items()})["logits"].numpy()
        found.append(float(np.abs(scores(path, given)["logits"] - expected).max()))
    return max(found)


def test_a_substituted_width_computes_what_the_traced_one_does(lowered, target, tmp_path):
    given = inputs(target.config, 9)
    found = scores(written(substituted(lowered, ROWS), target, tmp_path / "a.tflite"), given)
    expected = scores(written(tidy(load(lowered[ROWS])), target, tmp_path / "b.tflite"), given)
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def test_layers_read_all_that_their_rows_can_see(lowered, target, whole_cache, tmp_path):
    """At the edges: cache empty, window just full, prefix about to grow, just grown, cache full."""
    path = written(substituted(lowered, ROWS), target, tmp_path / "verify.tflite")
    starts = (0, 59, 63, 64, PREFIX_STEP - ROWS, PREFIX_STEP - 1, PREFIX_STEP, CAPACITY - ROWS)
    assert largest_difference(path, whole_cache, target.config, starts) < TOLERANCE


@pytest.mark.parametrize("capacity", [33, 64, 100, 126, 127, 248, 380])
def test_any_context_computes_what_the_module_does(capacity, lowered, target, whole_cache, tmp_path):
    """Below and above the window and the prefix's step, and where a size of the graph was once taken for another."""
    path = written(substituted(lowered, ROWS, capacity), target, tmp_path / "verify.tflite")
    starts = (0, 17, min(64, capacity - ROWS), capacity - ROWS)
    assert largest_difference(path, whole_cache, target.config, starts, capacity) < TOLERANCE


@pytest.mark.parametrize(("tokens", "is_turned"), [(16, True), (17, False)])
def test_the_larger_factor_of_a_product_with_a_cache_is_first(tokens, is_turned, lowered, target):
    model = substituted(lowered, tokens)
    products = [op for op in model.subgraphs[0].operators if operator(model, op) == "BATCH_MATMUL"]
    assert len(products) == 2 * target.config.num_layers
    for op in products:
        first, second = (model.subgraphs[0].tensors[index] for index in op.inputs)
        rows = second if is_turned else first
        assert rows.shape[-2] == tokens * target.config.num_heads // target.config.kv_heads[0]


@pytest.mark.parametrize(("kind", "value"), [("ADD", 1), ("SUB", 63)])
def test_a_part_one_slot_or_step_short_is_seen(kind, value, lowered, target, whole_cache, tmp_path):
    """Planted: the prefix a step shorter, the window a slot later."""
    model = substituted(lowered, ROWS)
    (use,) = (
        (op, i)
        for op in model.subgraphs[0].operators
        if operator(model, op) == kind
        for i in range(1, len(op.inputs))
        if (values := constant(model, model.subgraphs[0].tensors[op.inputs[i]])) is not None
        and values.tolist() == [value]
    )
    # A constant of its own: equal ones stand once.
    op, place = use
    planted = Editor(model, model.subgraphs[0]).integers(value - 1)
    op.inputs = np.array([planted if i == place else old for i, old in enumerate(op.inputs)], np.int32)
    path = written(model, target, tmp_path / "mutant.tflite")
    assert largest_difference(path, whole_cache, target.config, (PREFIX_STEP + 4,)) > 100 * TOLERANCE


def in_place_and_apart(path, passes):
    """Logits of passes in a row with every cache one buffer for input and output, and with two buffers."""
    library, content = Library(), np.fromfile(path, np.uint8)
    memory = aligned_zeros(content.size)
    memory[:] = content
    environment = library.create("LiteRtCreateEnvironment", 0, None)
    model = CompiledModel(library, environment, memory.ctypes.data, memory.size, 1, None)
    tensors = model.signatures["verify"].inputs
    caches = {name: model.buffer(tensor) for name, tensor in tensors.items() if name.startswith("kv_cache")}
    calls, found = [model.bind("verify", caches), model.bind("verify", {})], []
    for call in calls:
        for i, given in enumerate(passes):
            for name, value in given.items():
                if i == 0 or name not in caches:
                    call.inputs[name][...] = value
            call.run()
            for name in caches:
                call.inputs[name][...] = call.outputs[name]
        found.append(call.outputs["logits"].copy())
    model.close()
    library.destroy("Environment", environment)
    return found


def test_caches_updated_in_place_change_nothing(lowered, target, tmp_path):
    path = written(substituted(lowered, ROWS), target, tmp_path / "verify.tflite")
    np.testing.assert_array_equal(*in_place_and_apart(path, [inputs(target.config, 90), inputs(target.config, 95)]))


class ReadsTheOldCache(torch.nn.Module):
    """Planted: attention over the updated cache, then a look at the cache as it came in."""

    def forward(self, embeddings, input_pos, kv_cache_k_0):
        updated = update_cache(kv_cache_k_0, embeddings, input_pos[0], 2)
        mixed = torch.matmul(torch.softmax(torch.matmul(embeddings, updated.transpose(2, 3)), -1), updated)
        return {"kv_cache_k_0": updated, "logits": torch.matmul(mixed, kv_cache_k_0.transpose(2, 3))}


def test_a_graph_that_reads_the_cache_it_has_updated_is_seen(tmp_path):
    draw = np.random.default_rng(0)
    shapes = {"embeddings": (1, 1, ROWS, 32), "kv_cache_k_0": (1, 1, CAPACITY, 32)}
    given = {name: draw.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    given["input_pos"] = np.arange(ROWS, dtype=np.int32)
    path = tmp_path / "mutant.tflite"
    lower.lower("verify", ReadsTheOldCache(), {name: torch.from_numpy(given[name]) for name in given}, path)
    path.write_bytes(pack(merge([("verify", tidy(load(path)))])))
    in_place, apart = in_place_and_apart(path, [given])
    assert np.abs(in_place - apart).max() > 1


def partitions(path):
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    return len(interpreter._get_ops_details()) - len(load(path).subgraphs[0].operators)


def test_the_delegate_takes_all_but_cache_access(lowered, target, tmp_path):
    """A pass is cut once a layer that owns a cache and where it gathers the logits among which it chooses; each further
    partition is a regression."""
    cuts = target.config.first_shared_layer + 1
    assert partitions(written(substituted(lowered, 1), target, tmp_path / "decode.tflite")) == cuts + 1


class Chosen(torch.nn.Module):
    """Nine of 48 groups of 24 members each."""

    def __init__(self, group_of):
        super().__init__()
        self.register_buffer("group_of", group_of, persistent=False)

    def forward(self, scores):
        return {"mask": hide_unchosen(scores, 9, self.group_of)}


@pytest.mark.parametrize("limit", [0, calls.SPREAD_TABLE_LIMIT], ids=["gathered", "multiplied"])
def test_members_of_unchosen_groups_are_hidden_and_no_others(limit, tmp_path, monkeypatch):
    monkeypatch.setattr(calls, "SPREAD_TABLE_LIMIT", limit)
    draw = np.random.default_rng(0)
    group_of = torch.from_numpy(draw.permutation(np.repeat(np.arange(48), 24)).astype(np.int32))
    scores = draw.standard_normal(48).astype(np.float32)
    scores[7] = -1e6  # far from the others, which must keep their order

    def hidden(groups):
        out = tmp_path / "chosen.tflite"
        lower.lower("chosen", Chosen(groups), {"scores": torch.zeros(48)}, out)
        out.write_bytes(pack(merge([("chosen", tidy(load(out)))])))
        return Interpreter(model_path=str(out)).get_signature_runner("chosen")(scores=scores)["mask"].reshape(-1)

    expected = hide_unchosen(torch.from_numpy(scores), 9, group_of).numpy().reshape(-1)
    found = hidden(group_of)
    assert np.array_equal(found == 0.0, expected == 0.0) and (expected == 0.0).sum() == 9 * 24
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert not np.array_equal(hidden(group_of.roll(1)) == 0.0, expected == 0.0)
