"""The target's graphs: `prefill` fills the cache, `verify` (and `decode`, its T = 1) also scores."""

import torch
from torch import nn

from export.checkpoint.config import FULL, SLIDING, TextConfig
from export.modules import layers as ops
from export.modules.cache import prefix_length, read_part, read_prefix, read_window, update_cache, window_begin
from export.modules.composed import Composed
from export.modules.layer import DecoderLayer
from export.modules.layers import NewWeight, Rotary, Weight
from export.modules.pieces import Piece, compose_target, tables_name
from export.modules.reads import Reads, target_reads
from export.modules.selection import choices


class Target(Composed):
    """Gemma 4's text model over embeddings that come from outside, with every cache an input and an output.

    Inputs: embeddings [1, T, H] (scaled), per_layer_embeddings [1, T, L, P] where the model has them, input_pos
    int32[T] (consecutive), mask [1, 1, T, S] (0 visible, large negative hidden), kv_cache_k_i [1, K, S, D] and
    kv_cache_v_i [1, K, D, S] of every layer i that owns a cache. Outputs: the same caches; with `scores` also
    logits [1, T, V], activations [1, T, H], the hidden states after the final norm, and what `choices` says of the
    logits: target_tokens int32[T] and largest_logits [T, 2]. `reads` is what the layers read of the caches; None for
    what T and S ask for.
    """

    def __init__(
        self, config: TextConfig, capacity: int, scores: bool, new_weight: NewWeight, reads: Reads | None = None
    ):
        super().__init__()
        self.config, self.capacity, self.is_scored, self.reads = config, capacity, scores, reads
        count = config.num_layers if scores else config.kv_layers[-1] + 1
        self.layers = nn.ModuleList(DecoderLayer(config, i, new_weight) for i in range(count))
        self.rotary = nn.ModuleDict(
            {kind: Rotary(config.rope[kind], config.head_dims[config.layer_types.index(kind)]) for kind in config.rope}
        )
        if config.per_layer_size:
            self.per_layer_model_projection = Weight(
                new_weight, config.num_layers * config.per_layer_size, config.hidden_size
            )
            self.per_layer_projection_norm = Weight(new_weight, config.per_layer_size)
        if scores:
            self.norm = Weight(new_weight, config.hidden_size)
            self.head = Weight(new_weight, config.vocab_size, config.hidden_size)

    def forward(self, embeddings, input_pos, mask, per_layer_embeddings=None, **caches) -> dict[str, torch.Tensor]:
        inputs = {"embeddings": embeddings, "input_pos": input_pos, "mask": mask}
        if per_layer_embeddings is not None:
            inputs["per_layer_embeddings"] = per_layer_embeddings
        return compose_target(self.config, self.is_scored, self.run, inputs | caches)

    def modules_of(self, piece: Piece) -> list[str]:
        if piece.layer is not None:
            return [f"layers.{piece.layer}"]
        of_shared = "rotary", "per_layer_model_projection", "per_layer_projection_norm"
        names = of_shared if piece.name == "shared" else ("norm", "head")
        return [name for name in names if hasattr(self, name)]

    def shared(self, embeddings, input_pos, mask, per_layer_embeddings=None) -> dict[str, torch.Tensor]:
        """What the layers share: once a graph, not a layer. `start`, `window` and `prefix`, int32 scalars: where the
        caches are written, where the window begins and how long the prefix is, where there are such. By
        `tables_name`: rotary tables for keys and queries [1, 1, T, D] and [1, 1, T * G, D], and masks
        [1, 1, T * G, slots that are read]. per_layer_i, [1, T, P]."""
        config, found = self.config, {"start": input_pos[0]}
        reads = self.reads or target_reads(config, embeddings.shape[1], self.capacity)
        if FULL in config.rope and reads.prefix:
            found["prefix"] = prefix_length(torch.amax(input_pos), self.capacity)
        if SLIDING in config.rope and reads.window is not None:
            found["window"] = window_begin(input_pos[0] - (config.sliding_window - 1))
        found |= self._tables(input_pos.to(torch.float), mask, self._masks(input_pos, mask, found, reads.window))
        if config.per_layer_size:
            found |= self._per_layer_inputs(embeddings, per_layer_embeddings)
        return found

    def layer(
        self, index, x, query_cos, query_sin, visible, start=None, cos=None, sin=None, kv_cache_k=None, kv_cache_v=None,
        slots=None, keys=None, values=None, per_layer=None,
    ) -> dict[str, torch.Tensor]:  # fmt: skip
        """One decoder layer on x [1, T, H]. With caches of its own it writes them from `start` on and attends to what
        it reads of them, which is the part at `slots` if that is given; without, to `keys` and `values`."""
        layer, found = self.layers[index], {}
        attended = layer.attention_input(x)
        if kv_cache_k is not None:
            found = keep(layer, attended, cos, sin, start, kv_cache_k, kv_cache_v)
            keys, values = found["kv_cache_k"], found["kv_cache_v"]
            if slots is not None:
                kind, size = self.config.layer_types[index], visible.shape[3]
                keys, values = read_part(kind, keys, slots, size, 2), read_part(kind, values, slots, size, 3)
                found |= {"keys": keys, "values": values}
        query = layer.self_attn.query(attended, query_cos, query_sin)
        attended = layer.self_attn.output(query, keys, values, visible)
        return found | {"x": layer.after_attention(x, attended, per_layer)}

    def last_cache(self, index, x, start, cos, sin, kv_cache_k, kv_cache_v) -> dict[str, torch.Tensor]:
        """The caches of a layer of which nothing else is wanted."""
        layer = self.layers[index]
        return keep(layer, layer.attention_input(x), cos, sin, start, kv_cache_k, kv_cache_v)

    def scores(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = ops.rms_norm(x, self.norm, self.config.rms_norm_eps)
        logits = self._logits(hidden)
        tokens, largest = choices(logits)
        return {"logits": logits, "activations": hidden, "target_tokens": tokens, "largest_logits": largest}

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """cap * tanh(head / cap). Divided before the head: after it, the converter would fold 1 / cap into the table,
        which then could not be the embedder's."""
        cap = self.config.softcap
        if cap is None:
            return self._head(hidden)
        return torch.tanh(self._head(hidden * (1.0 / cap))) * cap

    def _head(self, hidden: torch.Tensor) -> torch.Tensor:
        return ops.linear(hidden, self.head)

    def _masks(self, input_pos, mask, starts: dict[str, torch.Tensor], window: int | None) -> dict[str, torch.Tensor]:
        """By layer type: over the slots that are read, and in sliding layers no earlier than the window."""
        config, found = self.config, {}
        if FULL in config.rope:
            found[FULL] = read_prefix(mask, starts["prefix"], 3) if "prefix" in starts else mask
        if SLIDING in config.rope:
            slots = torch.arange(self.capacity, dtype=torch.float).reshape(1, 1, 1, -1)
            if "window" in starts:
                mask, slots = (read_window(one, starts["window"], window, 3) for one in (mask, slots))
            earliest = input_pos.to(torch.float) - float(config.sliding_window - 1)
            found[SLIDING] = mask + ops.hide_before(earliest, slots)
        return found

    def _tables(self, positions: torch.Tensor, mask: torch.Tensor, masks: dict[str, torch.Tensor]) -> dict:
        """Rotary tables and masks; those for queries only where they differ from what there is."""
        found = {}
        for kind, kv_heads in dict.fromkeys(zip(self.config.layer_types, self.config.kv_heads, strict=True)):
            name, group = tables_name(kind, kv_heads), self.config.num_heads // kv_heads
            for part, table in zip(("cos", "sin"), self.rotary[kind](positions), strict=True):
                found[f"{part}_{name}"] = table
                if group > 1:
                    found[f"query_{part}_{name}"] = ops.repeat_rows(table, group)
            if group > 1 or masks[kind] is not mask:
                found[f"visible_{name}"] = ops.repeat_rows(masks[kind], group)
        return found

    def _per_layer_inputs(self, embeddings, per_layer_embeddings) -> dict[str, torch.Tensor]:
        """One [1, T, P] a layer: (norm(projection of the embedding) + the token's own) / sqrt(2)."""
        config, size = self.config, self.config.per_layer_size
        projected = ops.linear(embeddings, self.per_layer_model_projection)
        projected = projected.reshape(1, -1, config.num_layers, size)
        # The projection's scale 1/sqrt(H) cancels in the norm but for eps, which takes it: the same function.
        normed = ops.rms_norm(projected, self.per_layer_projection_norm, config.rms_norm_eps * config.hidden_size)
        combined = ((normed + per_layer_embeddings) * 2.0**-0.5).reshape(1, -1, config.num_layers * size)
        return {f"per_layer_{i}": combined[..., i * size : (i + 1) * size] for i in range(config.num_layers)}


def keep(layer: DecoderLayer, attended, cos, sin, start, kv_cache_k, kv_cache_v) -> dict[str, torch.Tensor]:
    """The caches with a layer's keys and values of `attended` [1, T, H] written from `start` on."""
    key, value = layer.self_attn.key_value(attended, cos, sin)
    written = update_cache(kv_cache_k, key, start, 2), update_cache(kv_cache_v, value, start, 3)
    return {"kv_cache_k": written[0], "kv_cache_v": written[1]}


def target_inputs(config: TextConfig, capacity: int, tokens: int, new: "type | object") -> dict[str, torch.Tensor]:
    """Example inputs of a graph over `tokens` tokens, made by `new(shape, dtype)`."""
    inputs = {"embeddings": new((1, tokens, config.hidden_size), torch.float32)}
    inputs["input_pos"] = new((tokens,), torch.int32)
    inputs["mask"] = new((1, 1, tokens, capacity), torch.float32)
    if config.per_layer_size:
        shape = (1, tokens, config.num_layers, config.per_layer_size)
        inputs["per_layer_embeddings"] = new(shape, torch.float32)
    for i in config.kv_layers:
        inputs |= cache_inputs(config, capacity, i, new)
    return inputs


def cache_inputs(config: TextConfig, capacity: int, layer: int, new) -> dict[str, torch.Tensor]:
    """The two caches of one layer."""
    kv_heads, head_dim = config.kv_heads[layer], config.head_dims[layer]
    return {
        f"kv_cache_k_{layer}": new((1, kv_heads, capacity, head_dim), torch.float32),
        f"kv_cache_v_{layer}": new((1, kv_heads, head_dim, capacity), torch.float32),
    }
