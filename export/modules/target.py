"""The target's graphs: `prefill` fills the cache, `verify` (and `decode`, its T = 1) also scores."""

from collections.abc import Iterable

import torch
from torch import nn

from export.checkpoint.config import FULL, SLIDING, TextConfig
from export.modules import layers as ops
from export.modules.cache import Prefix, Window, update_cache
from export.modules.layer import DecoderLayer
from export.modules.layers import NewWeight, Rotary, Weight
from export.modules.reads import Reads, target_reads
from export.modules.selection import choices


class Target(nn.Module):
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
        self.config, self.capacity, self.scores, self.reads = config, capacity, scores, reads
        # Prefill ends with the last cache that is written: layers past it (all share K/V) are never run.
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
        config, x = self.config, embeddings
        start = input_pos[0]
        parts = self._cache_parts(input_pos, embeddings.shape[1])
        tables = self._tables(input_pos.to(torch.float), mask, parts)
        per_layer = self._per_layer_inputs(embeddings, per_layer_embeddings)
        written: dict[str, torch.Tensor] = {}
        visible_slots: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        for i, layer in enumerate(self._layers_in_turn()):
            (cos, sin), (query_cos, query_sin), visible = tables[config.layer_types[i], config.kv_heads[i]]
            attended = layer.attention_input(x)
            if i in config.kv_layers:
                key, value = layer.self_attn.key_value(attended, cos, sin)
                written[f"kv_cache_k_{i}"] = update_cache(caches[f"kv_cache_k_{i}"], key, start, 2)
                written[f"kv_cache_v_{i}"] = update_cache(caches[f"kv_cache_v_{i}"], value, start, 3)
                if not self.scores and i == config.kv_layers[-1]:
                    return written
                keys, values = written[f"kv_cache_k_{i}"], written[f"kv_cache_v_{i}"]
                part = parts.get(config.layer_types[i])
                visible_slots[i] = (part.read(keys, 2), part.read(values, 3)) if part else (keys, values)
            query = layer.self_attn.query(attended, query_cos, query_sin)
            attended = layer.self_attn.output(query, *visible_slots[config.kv_source(i)], visible)
            x = layer.after_attention(x, attended, per_layer[i] if per_layer else None)
        hidden = ops.rms_norm(x, self.norm, config.rms_norm_eps)
        logits = self._logits(hidden)
        tokens, largest = choices(logits)
        scored = {"logits": logits, "activations": hidden, "target_tokens": tokens, "largest_logits": largest}
        return written | scored

    def _layers_in_turn(self) -> Iterable[DecoderLayer]:
        """For one that holds no layer before its turn."""
        return self.layers

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """cap * tanh(head / cap). Divided before the head: after it, the converter would fold 1 / cap into the table,
        which then could not be the embedder's."""
        cap = self.config.softcap
        if cap is None:
            return self._head(hidden)
        return torch.tanh(self._head(hidden * (1.0 / cap))) * cap

    def _head(self, hidden: torch.Tensor) -> torch.Tensor:
        return ops.linear(hidden, self.head)

    def _cache_parts(self, input_pos: torch.Tensor, tokens: int) -> dict[str, Window | Prefix]:
        """What the layers of each type read of the cache; absent where that is all of it."""
        parts, config = {}, self.config
        reads = self.reads or target_reads(config, tokens, self.capacity)
        if FULL in config.rope and reads.prefix:
            parts[FULL] = Prefix(torch.amax(input_pos), self.capacity)
        if SLIDING in config.rope and reads.window is not None:
            parts[SLIDING] = Window(input_pos[0] - (config.sliding_window - 1), reads.window)
        return parts

    def _tables(self, positions: torch.Tensor, mask: torch.Tensor, parts: dict[str, Window | Prefix]) -> dict:
        """Rotary tables for keys and queries, and the mask, by (layer type, K): once a graph, not a layer."""
        masks = {kind: parts[kind].read(mask, 3) if kind in parts else mask for kind in self.config.rope}
        if SLIDING in masks:
            slots = torch.arange(self.capacity, dtype=torch.float).reshape(1, 1, 1, -1)
            if SLIDING in parts:
                slots = parts[SLIDING].read(slots, 3)
            masks[SLIDING] = masks[SLIDING] + ops.hide_before(positions - float(self.config.sliding_window - 1), slots)
        tables = {}
        for kind, kv_heads in dict.fromkeys(zip(self.config.layer_types, self.config.kv_heads, strict=True)):
            group = self.config.num_heads // kv_heads
            cos, sin = self.rotary[kind](positions)
            query_tables = ops.repeat_rows(cos, group), ops.repeat_rows(sin, group)
            tables[kind, kv_heads] = (cos, sin), query_tables, ops.repeat_rows(masks[kind], group)
        return tables

    def _per_layer_inputs(self, embeddings, per_layer_embeddings) -> list[torch.Tensor] | None:
        """One [1, T, P] a layer: (norm(projection of the embedding) + the token's own) / sqrt(2)."""
        config = self.config
        if not config.per_layer_size:
            return None
        projected = ops.linear(embeddings, self.per_layer_model_projection)
        projected = projected.reshape(1, -1, config.num_layers, config.per_layer_size)
        # The projection's scale 1/sqrt(H) cancels in the norm but for eps, which takes it: the same function.
        normed = ops.rms_norm(projected, self.per_layer_projection_norm, config.rms_norm_eps * config.hidden_size)
        size = config.per_layer_size
        combined = ((normed + per_layer_embeddings) * 2.0**-0.5).reshape(1, -1, config.num_layers * size)
        return [combined[..., i * size : (i + 1) * size] for i in range(len(self.layers))]


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
