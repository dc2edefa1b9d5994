"""Graphs linked from pieces are the graphs that the converter makes of the whole, operation by operation."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from export.checkpoint.config import FULL, SLIDING, parse_drafter, parse_target
from export.errors import GraphError
from export.graphs.flatbuffer import load, pack, weight_name
from export.graphs.jobs import GraphJob
from export.graphs.link import link
from export.graphs.lower import lower, placeholder
from export.graphs.lowering import link_pieces, lower_piece
from export.graphs.merge import merge
from export.graphs.traced import traced
from export.graphs.widths import MARKERS
from export.modules.pieces import Composition, Piece
from tests.export.graphs.likeness import operations, results

SMALL = {
    "vocab_size": 512, "vocab_size_per_layer_input": 512, "hidden_size": 64, "intermediate_size": 96, "head_dim": 16,
    "global_head_dim": 32, "num_attention_heads": 4, "num_key_value_heads": 1, "sliding_window": 16,
    "hidden_size_per_layer_input": 0,
}  # fmt: skip
SPARSE = {"use_ordered_embeddings": True, "num_centroids": 16, "centroid_intermediate_top_k": 4}


@dataclass(frozen=True)
class Shape:
    """A small pair, beside SMALL: what its target and its drafter have; what graphs read; the graphs to lower."""

    layers: list[str]
    target: dict
    head: dict
    reads: tuple[bool, bool]
    kinds: tuple[str, ...]

    def jobs(self):
        layers = {"layer_types": self.layers, "num_hidden_layers": len(self.layers)}
        config = parse_target({"model_type": "gemma4_text"} | SMALL | layers | self.target, Path("config.json"))
        text = SMALL | {"layer_types": [SLIDING, SLIDING, FULL], "num_hidden_layers": 3, "num_kv_shared_layers": 3}
        text |= {name: self.target[name] for name in KV_HEADS if name in self.target}
        drafter = {"model_type": "gemma4_assistant", "text_config": text, "backbone_hidden_size": 64, **self.head}
        drafter = parse_drafter(drafter, Path("config.json"))
        ordering = np.random.default_rng(0).permutation(512).astype(np.int64).tobytes() if self.head else b""
        drafting = {"drafter": drafter, "token_ordering": ordering, "steps": 2}
        return [
            replace(GraphJob(kind, config, None, *self.reads), **(drafting if kind in ("drafter", "drafts") else {}))
            for kind in self.kinds
        ]


KV_HEADS = "num_key_value_heads", "attention_k_eq_v", "num_global_key_value_heads"
SHAPES = {
    "e2b": Shape(
        [SLIDING, SLIDING, FULL, SLIDING, FULL],
        {"num_kv_shared_layers": 2, "use_double_wide_mlp": True, "hidden_size_per_layer_input": 8},
        SPARSE, (True, True), ("verify", "prefill", "drafter", "drafts", "embedder"),
    ),
    "two KV heads": Shape(
        [SLIDING, SLIDING, FULL], {"num_key_value_heads": 2}, {}, (True, False), ("verify", "drafter"),
    ),
    "keys are values": Shape(
        [SLIDING, FULL, FULL], {"attention_k_eq_v": True, "num_global_key_value_heads": 1, "num_key_value_heads": 4},
        {}, (False, False), ("verify", "drafter"),
    ),
}  # fmt: skip


def lower_pieces(job, folder):
    for piece in job.composition().pieces():
        path = folder / job.piece_name(piece, MARKERS[0])
        if not path.exists():
            assert lower_piece(job, piece, MARKERS[0], path) == []


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """Of the shape with all graphs."""
    folder = tmp_path_factory.mktemp("pieces")
    for job in SHAPES["e2b"].jobs():
        lower_pieces(job, folder)
    return folder


def linked(job, pieces, out):
    link_pieces(job, MARKERS[0], pieces, out / "linked.tflite")
    return load(out / "linked.tflite")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_linked_graph_is_the_converters_own(shape, request, tmp_path):
    folder = request.getfixturevalue("pieces") if shape == "e2b" else tmp_path
    for job in SHAPES[shape].jobs():
        lower_pieces(job, folder)
        module, inputs = traced(job, MARKERS[0], placeholder)
        lower(job.kind, module, inputs, tmp_path / "whole.tflite")
        whole, found = load(tmp_path / "whole.tflite"), linked(job, folder, tmp_path)
        assert results(found) == results(whole), job.kind
        assert operations(found) == operations(whole), job.kind
        assert signature(found) == signature(whole), job.kind


def signature(model):
    (definition,), (graph,) = model.signatureDefs, model.subgraphs
    found = {}
    for way, maps in (("in", definition.inputs), ("out", definition.outputs)):
        for one in maps:
            tensor = graph.tensors[one.tensorIndex]
            found[way, one.name] = tensor.type, tuple(tensor.shape), tensor.shapeSignature is None
    return definition.signatureKey, found


@pytest.mark.parametrize(
    "field", ["kv_heads", "head_dims", "intermediate_sizes", "layer_types", "first_shared_layer", "attention_k_eq_v"]
)
def test_layers_are_alike_in_all_that_their_operations_depend_on(field):
    """Planted: two layers that were alike, but for one field of the config."""
    config, second = SHAPES["two KV heads"].jobs()[0].config, Piece("layer", 1)
    if field == "attention_k_eq_v":
        # Of full layers alone, where values have a projection or none.
        config = replace(config, layer_types=(FULL, FULL, SLIDING))
    assert Composition("target", None, config).lowered_as(second) == Piece("layer", 0)
    changed = planted(config, field)
    assert Composition("target", None, changed).lowered_as(second) == second


def planted(config, field):
    if field == "first_shared_layer":
        return replace(config, num_kv_shared_layers=2)
    if field == "attention_k_eq_v":
        return replace(config, layer_types=(SLIDING, FULL, SLIDING), attention_k_eq_v=True)
    values = list(getattr(config, field))
    values[1] = FULL if field == "layer_types" else 2 * values[1]
    return replace(config, **{field: tuple(values)})


def test_a_layer_with_the_weights_of_another_is_seen(pieces, tmp_path, monkeypatch):
    """Planted: weights keep the names of the layer that was lowered."""
    job = SHAPES["e2b"].jobs()[0]
    sound = linked(job, pieces, tmp_path)
    monkeypatch.setattr("export.graphs.link._rename_weights", lambda *_: None)
    assert results(sound) != results(linked(job, pieces, tmp_path))
    names = {weight_name(tensor) for tensor in sound.subgraphs[0].tensors}
    assert {f"layers.{i}.self_attn.q_proj.weight" for i in range(5)} <= names


def test_a_piece_with_a_graph_of_its_own_is_refused(pieces, tmp_path):
    job = SHAPES["e2b"].jobs()[-1]
    (piece,) = job.composition().pieces()
    one, two = (load(pieces / job.piece_name(piece, MARKERS[0])) for _ in range(2))
    (tmp_path / "piece").write_bytes(pack(merge([("one", one), ("two", two)])))
    with pytest.raises(GraphError, match="2, called by its operations"):
        link("embedder", job.composition(), {piece: tmp_path / "piece"})


def test_graphs_share_the_pieces_that_are_the_same_in_both(pieces, tmp_path):
    """Those that verify and prefill, or both drafting graphs, have in common, lowered for the second."""
    found, shared = {}, []
    for job in SHAPES["e2b"].jobs():
        for piece in job.composition().pieces():
            name = job.piece_name(piece, MARKERS[0])
            if found.setdefault(name, job) is job:
                continue
            shared.append((job.kind, *piece))
            if piece.layer in (None, 0):
                lower_piece(job, piece, MARKERS[0], tmp_path / "piece")
                assert results(load(tmp_path / "piece")) == results(load(pieces / name)), shared[-1]
    of_prefill = [("prefill", "shared", None), ("prefill", "layer", 0)]
    of_drafts = [("drafts", "view", None), ("drafts", "layer", 0), ("drafts", "layer", 2)]
    assert shared == of_prefill + of_drafts
