"""The drafter's graph: one draft step over the target's committed keys and values (Gemma4AssistantForCausalLM)."""

import torch
from torch import nn

from export.checkpoint.config import FULL, SLIDING, DrafterConfig
from export.modules import layers as ops
from export.modules.cache import Prefix, Window
from export.modules.layer import DecoderLayer
from export.modules.layers import HIDDEN, NewWeight, Rotary, Weight
from export.modules.reads import Reads, drafter_reads, gathers_head
from export.modules.selection import cluster_logits, hide_unchosen, largest, spread_logits, take

View = dict[str, tuple[torch.Tensor, ...]]
"""Layer type to keys and values of the slots that are read, their mask, and cos and sin: tables for all queries."""


class MaskedEmbedding(nn.Module):
    """Centroids that choose clusters of tokens, and each cluster's tokens."""

    def __init__(self, config: DrafterConfig, token_ordering: torch.Tensor, new_weight: NewWeight):
        super().__init__()
        self.centroids = Weight(new_weight, config.num_centroids, config.text.hidden_size)
        clusters = token_ordering.reshape(config.num_centroids, -1).to(torch.int32)
        self.register_buffer("clusters", clusters, persistent=False)
        cluster_of = torch.empty(clusters.numel(), dtype=torch.int32)
        cluster_of[clusters.reshape(-1).long()] = torch.arange(
            config.num_centroids, dtype=torch.int32
        ).repeat_interleave(clusters.shape[1])
        self.register_buffer("cluster_of", cluster_of, persistent=False)
        self.top_k = config.centroid_top_k


class Drafter(nn.Module):
    """Inputs: activations [1, 1, 2H] (scaled embedding of the last token, last hidden state), input_pos int32[1] (the
    position before the one drafted for, as LiteRT-LM passes it), mask [1, 1, 1, S], and the caches of the target's
    last sliding and last full layer that own one. Outputs: logits [1, 1, V], projected_activations [1, 1, H].
    `reads` is what the layers read of the caches; None for what S asks for. `vocab_size` is the target's, V: tokens
    beyond the drafter's own are never drafted."""

    def __init__(
        self,
        config: DrafterConfig,
        sources: dict[str, int],
        capacity: int,
        token_ordering,
        new_weight: NewWeight,
        reads: Reads | None = None,
        vocab_size: int | None = None,
    ):
        super().__init__()
        text = config.text
        self.config, self.sources, self.capacity = config, sources, capacity
        self.reads = reads or drafter_reads(config, capacity)
        self.unknown_tokens = (vocab_size or text.vocab_size) - text.vocab_size
        self.layers = nn.ModuleList(DecoderLayer(text, i, new_weight) for i in range(text.num_layers))
        self.rotary = nn.ModuleDict(
            {kind: Rotary(text.rope[kind], text.head_dims[text.layer_types.index(kind)]) for kind in text.rope}
        )
        self.norm = Weight(new_weight, text.hidden_size)
        self.head = Weight(new_weight, text.vocab_size, text.hidden_size)
        self.pre_projection = Weight(new_weight, text.hidden_size, 2 * config.backbone_hidden_size)
        self.post_projection = Weight(new_weight, config.backbone_hidden_size, text.hidden_size)
        if config.use_ordered_embeddings:
            self.masked_embedding = MaskedEmbedding(config, token_ordering, new_weight)

    def forward(self, activations, input_pos, mask, **caches) -> dict[str, torch.Tensor]:
        hidden = self.step(activations, self.view(input_pos, mask, caches))
        return {"logits": self._logits(hidden), "projected_activations": ops.linear(hidden, self.post_projection)}

    def view(self, input_pos, mask, caches: dict[str, torch.Tensor]) -> View:
        """What the draft steps of a round have in common, by layer type."""
        text, newest, found = self.config.text, input_pos.to(torch.float), {}
        parts = self._cache_parts(input_pos[0])
        for kind in text.rope:
            part, source = parts.get(kind), self.sources[kind]
            keys, values, visible = caches[f"kv_cache_k_{source}"], caches[f"kv_cache_v_{source}"], mask
            if part:
                keys, values, visible = part.read(keys, 2), part.read(values, 3), part.read(mask, 3)
            group = text.num_heads // text.kv_heads[text.layer_types.index(kind)]
            tables = (ops.repeat_rows(table, group) for table in (visible, *self.rotary[kind](newest + 1.0)))
            found[kind] = keys, values, *tables
        return found

    def step(self, activations: torch.Tensor, view: View) -> torch.Tensor:
        """One draft step: the hidden state after the final norm, [1, 1, D]."""
        text, x = self.config.text, ops.linear(activations, self.pre_projection)
        for i, layer in enumerate(self.layers):
            keys, values, visible, cos, sin = view[text.layer_types[i]]
            query = layer.self_attn.query(layer.attention_input(x), cos, sin)
            x = layer.after_attention(x, layer.self_attn.output(query, keys, values, visible), None)
        return ops.rms_norm(x, self.norm, text.rms_norm_eps)

    def _cache_parts(self, newest: torch.Tensor) -> dict[str, Window | Prefix]:
        """What the layers of each type read of the caches; absent where that is all of it."""
        parts, text = {}, self.config.text
        if FULL in text.rope and self.reads.prefix:
            parts[FULL] = Prefix(newest, self.capacity)
        if SLIDING in text.rope and self.reads.window is not None:
            parts[SLIDING] = Window(newest - text.sliding_window, self.reads.window)
        return parts

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """[1, 1, V]; with the sparse head, tokens outside the chosen clusters get a large negative value."""
        logits, tokens = self.candidates(hidden)
        if tokens is not None:
            logits = spread_logits(logits, tokens, self.config.text.vocab_size)
        if self.unknown_tokens:
            logits = torch.cat([logits, torch.full((self.unknown_tokens,), HIDDEN)])
        return logits.reshape(1, 1, -1)

    def candidates(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(logits, tokens): of the N tokens that are scored, float[N] and int32[N]; None where they are all that the
        drafter knows, in order."""
        if not self.config.use_ordered_embeddings:
            return ops.linear(hidden, self.head).reshape(-1), None
        table = self.masked_embedding
        scores = ops.linear(hidden, table.centroids).reshape(-1)
        if not gathers_head(self.config):
            hidden_tokens = hide_unchosen(scores, table.top_k, table.cluster_of)
            return (ops.linear(hidden, self.head) + hidden_tokens.reshape(1, 1, -1)).reshape(-1), None
        _, chosen = largest(scores, table.top_k)
        logits = cluster_logits(hidden.reshape(1, -1), self.head.weight, table.clusters, chosen)
        return logits.reshape(-1), take(table.clusters, chosen).reshape(-1)
