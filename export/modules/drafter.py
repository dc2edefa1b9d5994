"""The drafter's graph: one draft step over the target's committed keys and values (Gemma4AssistantForCausalLM)."""

import torch
from torch import nn

from export.checkpoint.config import FULL, SLIDING, DrafterConfig
from export.modules import layers as ops
from export.modules.cache import prefix_length, read_part, window_begin
from export.modules.composed import Composed
from export.modules.layer import DecoderLayer
from export.modules.layers import HIDDEN, NewWeight, Rotary, Weight
from export.modules.pieces import Piece, compose_drafter
from export.modules.reads import Reads, drafter_reads, gathers_head
from export.modules.selection import cluster_logits, hide_unchosen, largest, spread_logits, take


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


class Drafter(Composed):
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
        inputs = {"activations": activations, "input_pos": input_pos, "mask": mask, **caches}
        return compose_drafter(self.config, self.sources, self.run, inputs)

    def modules_of(self, piece: Piece) -> list[str]:
        if piece.layer is not None:
            return [f"layers.{piece.layer}"]
        names = {"view": ["rotary"], "projected": ["pre_projection"], "scores": self._of_scores()}
        return names[piece.name]

    def view(self, input_pos, mask, **caches: torch.Tensor) -> dict[str, torch.Tensor]:
        """What the draft steps of a round have in common, by layer type: of the keys and values of its cache the slots
        that are read, their mask, and cos and sin; nothing that would only repeat an input. With one token, tables
        serve all queries as they are."""
        text, position, found = self.config.text, input_pos.to(torch.float) + 1.0, {}
        parts = self._cache_parts(input_pos[0])
        for kind in text.rope:
            if kind in parts:
                for name, dim in (("keys", 2), ("values", 3)):
                    found[f"{name}_{kind}"] = read_part(kind, caches[f"{name}_{kind}"], *parts[kind], dim)
                found[f"visible_{kind}"] = read_part(kind, mask, *parts[kind], 3)
            found[f"cos_{kind}"], found[f"sin_{kind}"] = self.rotary[kind](position)
        return found

    def projected(self, activations: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"x": ops.linear(activations, self.pre_projection)}

    def layer(self, index: int, x, keys, values, visible, query_cos, query_sin) -> dict[str, torch.Tensor]:
        """One decoder layer on x [1, 1, D]."""
        layer = self.layers[index]
        query = layer.self_attn.query(layer.attention_input(x), query_cos, query_sin)
        return {"x": layer.after_attention(x, layer.self_attn.output(query, keys, values, visible), None)}

    def scores(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = self.normed(x)
        return {"logits": self._logits(hidden), "projected_activations": ops.linear(hidden, self.post_projection)}

    def normed(self, x: torch.Tensor) -> torch.Tensor:
        return ops.rms_norm(x, self.norm, self.config.text.rms_norm_eps)

    def _of_scores(self) -> list[str]:
        sparse = ["masked_embedding"] if self.config.use_ordered_embeddings else []
        return ["norm", "head", "post_projection", *sparse]

    def _cache_parts(self, newest: torch.Tensor) -> dict[str, tuple[torch.Tensor, int]]:
        """What the layers of each type read of the caches, for `read_part`; absent where that is all of it."""
        parts, text = {}, self.config.text
        if FULL in text.rope and self.reads.prefix:
            parts[FULL] = prefix_length(newest, self.capacity), self.capacity
        if SLIDING in text.rope and self.reads.window is not None:
            parts[SLIDING] = window_begin(newest - text.sliding_window), self.reads.window
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
