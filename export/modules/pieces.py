"""How the graphs are put together from pieces, each of which is lowered once however many layers are alike.

A composition names values and hands them to `run(piece, values)`, which answers with the piece's outputs by name; it
computes nothing itself. The torch modules run it over tensors, `graphs.link` over the tensors of a graph that grows.
An output that would only repeat another value is left out, and the composition takes that value. Imports no torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from export.checkpoint.config import FULL, SLIDING, DrafterConfig, TextConfig


class Piece(NamedTuple):
    """A method of a module, and which decoder layer it is about, if any."""

    name: str
    layer: int | None = None


Value = TypeVar("Value")
Values = dict[str, Value]
Run = Callable[[Piece, Values], Values]


CACHES = {"keys": "kv_cache_k", "values": "kv_cache_v"}
"""What attention reads → the cache that it is, or is a part of."""
SLOTS = {SLIDING: "window", FULL: "prefix"}
"""Layer type → what tells its part of a cache."""
ROTARY = "cos", "sin"


def compose_target(config: TextConfig, scores: bool, run: Run, inputs: Values) -> Values:
    """The outputs of `modules.target.Target`, from its inputs."""
    of_shared = "embeddings", "input_pos", "mask", *(("per_layer_embeddings",) if config.per_layer_size else ())
    shared = run(Piece("shared"), {name: inputs[name] for name in of_shared})
    x, written, visible_slots, last = inputs["embeddings"], {}, {}, config.kv_layers[-1]
    for i in range(config.num_layers if scores else last):
        given = {"x": x, **_of_layer(config, i, shared, inputs)}
        if i in config.kv_layers:
            given |= _of_cache(config, i, shared, inputs)
        else:
            given |= visible_slots[config.kv_source(i)]
        found = run(Piece("layer", i), given)
        x = found["x"]
        if i in config.kv_layers:
            written |= {f"{cache}_{i}": found[cache] for cache in CACHES.values()}
            visible_slots[i] = {part: found.get(part, found[cache]) for part, cache in CACHES.items()}
    if scores:
        return written | run(Piece("scores"), {"x": x})
    # Prefill ends with the last cache that is written: layers past it (all share K/V) are never run.
    found = run(Piece("last_cache", last), {"x": x, **_of_cache(config, last, shared, inputs)})
    return written | {f"{cache}_{last}": found[cache] for cache in CACHES.values()}


def _of_layer(config: TextConfig, layer: int, shared: Values, inputs: Values) -> Values:
    """Of what all layers share, what a layer attends by, and its part of the per-layer embeddings."""
    kind = config.layer_types[layer]
    tables = tables_name(kind, config.kv_heads[layer])
    found = {f"query_{part}": shared.get(f"query_{part}_{tables}", shared[f"{part}_{tables}"]) for part in ROTARY}
    found["visible"] = shared.get(f"visible_{tables}", inputs["mask"])
    if layer in config.kv_layers and SLOTS[kind] in shared:
        found["slots"] = shared[SLOTS[kind]]
    if config.per_layer_size:
        found["per_layer"] = shared[f"per_layer_{layer}"]
    return found


def _of_cache(config: TextConfig, layer: int, shared: Values, inputs: Values) -> Values:
    """What a layer writes its own caches with."""
    tables = tables_name(config.layer_types[layer], config.kv_heads[layer])
    caches = {cache: inputs[f"{cache}_{layer}"] for cache in CACHES.values()}
    return {"start": shared["start"], **{part: shared[f"{part}_{tables}"] for part in ROTARY}, **caches}


def compose_drafter(config: DrafterConfig, sources: dict[str, int], run: Run, inputs: Values) -> Values:
    """The outputs of `modules.drafter.Drafter`, from its inputs."""
    view = _view(config, sources, run, inputs)
    x = run(Piece("projected"), {"activations": inputs["activations"]})["x"]
    return run(Piece("scores"), {"x": _layers(config, view, run, x)})


def compose_drafts(config: DrafterConfig, sources: dict[str, int], count: int, run: Run, inputs: Values) -> Values:
    """The outputs of `modules.drafts.Drafts`, from its inputs."""
    view, found = _view(config, sources, run, inputs), {}
    token = run(Piece("bonus_token"), {"token_ids": inputs["token_ids"]})["token"]
    hidden = inputs["activations"]
    for number in range(1, count + 1):
        x = run(Piece("draft_input"), {"token": token, "activations": hidden})["x"]
        drafted = run(Piece("draft"), {"x": _layers(config, view, run, x)})
        token, hidden = drafted["token"], drafted["projected_activations"]
        found |= {f"draft_token_{number}": token, f"largest_logits_{number}": drafted["largest_logits"]}
    return found


def compose_look_up(run: Run, inputs: Values) -> Values:
    """The outputs of a `modules.embedder.Embedder`, which is one piece."""
    return run(Piece("look_up"), {"token_ids": inputs["token_ids"]})


def _view(config: DrafterConfig, sources: dict[str, int], run: Run, inputs: Values) -> dict[str, Values]:
    """What the draft steps of a round have in common, by layer type."""
    text, given = config.text, {name: inputs[name] for name in ("input_pos", "mask")}
    for kind in text.rope:
        for part, cache in CACHES.items():
            given[f"{part}_{kind}"] = inputs[f"{cache}_{sources[kind]}"]
    found, views = run(Piece("view"), given), {}
    for kind in text.rope:
        views[kind] = {part: found.get(f"{part}_{kind}", given[f"{part}_{kind}"]) for part in CACHES}
        views[kind]["visible"] = found.get(f"visible_{kind}", given["mask"])
        views[kind] |= {f"query_{part}": found[f"{part}_{kind}"] for part in ROTARY}
    return views


def _layers(config: DrafterConfig, view: dict[str, Values], run: Run, x: Value) -> Value:
    for i, kind in enumerate(config.text.layer_types):
        x = run(Piece("layer", i), {"x": x, **view[kind]})["x"]
    return x


def tables_name(kind: str, kv_heads: int) -> str:
    """Names the rotary tables and the mask that layers of one type with as many key-value heads share."""
    return f"{kind}_{kv_heads}"


@dataclass(frozen=True)
class Composition:
    """`compose(run, inputs) -> outputs` over the pieces of a `module`, whose layers are those of `config`."""

    module: str
    compose: Callable[[Run, Values], Values]
    config: TextConfig

    def lowered_as(self, piece: Piece) -> Piece:
        """The piece that is lowered in `piece`'s place: the same for all layers that differ in their weights alone."""
        if piece.layer is None:
            return piece
        alike = self._kind(piece.layer)
        return piece._replace(layer=next(i for i in range(piece.layer + 1) if self._kind(i) == alike))

    def pieces(self) -> list[Piece]:
        """Those that have to be lowered, in their order."""
        found: dict[Piece, None] = {}

        def run(piece: Piece, _: Values) -> Values:
            found[self.lowered_as(piece)] = None
            return _Anything()

        self.compose(run, _Anything())
        return list(found)

    def _kind(self, layer: int) -> tuple:
        config = self.config
        sizes = config.kv_heads[layer], config.head_dims[layer], config.intermediate_sizes[layer]
        return config.layer_types[layer], layer in config.kv_layers, config.key_is_value(layer), *sizes


class _Anything(dict):
    """Values of any name."""

    def __missing__(self, name: str) -> None:
        return None
