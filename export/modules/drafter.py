"""The drafter's graph: one draft step over the target's committed keys and values (Gemma4AssistantForCausalLM)."""

import torch
from torch import nn
from torch.nn import functional as F

from export.checkpoint.config import FULL, SLIDING, DrafterConfig
from export.modules import layers as ops
from export.modules.cache import Prefix, Window
from export.modules.layer import DecoderLayer
from export.modules.layers import HIDDEN, NewWeight, Rotary, Weight
from export.modules.reads import Reads, drafter_reads
from export.modules.selection import hide_unchosen

DENSE_HEAD_LIMIT = 4 << 20
"""Weights of the head (V * D) up to which all tokens are scored and the rest masked; above, rows are gathered."""


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
        text, newest = self.config.text, input_pos.to(torch.float)
        parts = self._cache_parts(input_pos[0])
        masks = {kind: parts[kind].read(mask, 3) if kind in parts else mask for kind in text.rope}
        for kind, part in parts.items():
            for name, dim in ((f"kv_cache_k_{self.sources[kind]}", 2), (f"kv_cache_v_{self.sources[kind]}", 3)):
                caches[name] = part.read(caches[name], dim)
        rotary = {kind: self.rotary[kind](newest + 1.0) for kind in text.rope}
        x = ops.linear(activations, self.pre_projection)
        for i, layer in enumerate(self.layers):
            kind = text.layer_types[i]
            group = text.num_heads // text.kv_heads[i]
            cos, sin = (ops.repeat_rows(table, group) for table in rotary[kind])
            source = self.sources[kind]
            attended = layer.self_attn.output(
                layer.self_attn.query(layer.attention_input(x), cos, sin),
                caches[f"kv_cache_k_{source}"],
                caches[f"kv_cache_v_{source}"],
                ops.repeat_rows(masks[kind], group),
            )
            x = layer.after_attention(x, attended, None)
        hidden = ops.rms_norm(x, self.norm, text.rms_norm_eps)
        logits = self._logits(hidden)
        if self.unknown_tokens:
            logits = torch.cat([logits, torch.full((1, 1, self.unknown_tokens), HIDDEN)], -1)
        return {"logits": logits, "projected_activations": ops.linear(hidden, self.post_projection)}

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
        if not self.config.use_ordered_embeddings:
            return ops.linear(hidden, self.head)
        table = self.masked_embedding
        scores = ops.linear(hidden, table.centroids).reshape(-1)
        if self.head.weight.numel() <= DENSE_HEAD_LIMIT:
            hidden_tokens = hide_unchosen(scores, table.top_k, table.cluster_of)
            return ops.linear(hidden, self.head) + hidden_tokens.reshape(1, 1, -1)
        chosen = torch.topk(scores, table.top_k).indices
        tokens = table.clusters.index_select(0, chosen).reshape(-1)
        rows = F.embedding(tokens, self.head.weight)
        logits = torch.matmul(rows, hidden.reshape(-1, 1)).reshape(-1)
        spread = torch.full((self.config.text.vocab_size,), HIDDEN)
        return spread.scatter(0, tokens.long(), logits).reshape(1, 1, -1)
