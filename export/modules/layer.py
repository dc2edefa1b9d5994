"""One decoder layer of Gemma 4 as target and drafter share it."""

import torch
from torch import nn
from torch.nn import functional as F

from export.checkpoint.config import TextConfig
from export.modules import layers as ops
from export.modules.layers import NewWeight, Weight


class Attention(nn.Module):
    """Query and output projections; key and value projections only in layers that own a cache."""

    def __init__(self, config: TextConfig, index: int, new_weight: NewWeight):
        super().__init__()
        self.heads, self.kv_heads = config.num_heads, config.kv_heads[index]
        self.eps, head_dim = config.rms_norm_eps, config.head_dims[index]
        self.q_proj = Weight(new_weight, self.heads * head_dim, config.hidden_size)
        self.q_norm = Weight(new_weight, head_dim)
        self.o_proj = Weight(new_weight, config.hidden_size, self.heads * head_dim)
        self.owns_cache = index in config.kv_layers
        if self.owns_cache:
            self.k_proj = Weight(new_weight, self.kv_heads * head_dim, config.hidden_size)
            self.k_norm = Weight(new_weight, head_dim)
            self.key_is_value = config.key_is_value(index)
            if not self.key_is_value:
                self.v_proj = Weight(new_weight, self.kv_heads * head_dim, config.hidden_size)

    def query(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        """[1, T, H] to normed, rotated queries [1, K, T * G, D]; cos and sin are [1, 1, T * G, D]."""
        heads = ops.split_heads(ops.linear(x, self.q_proj), self.heads, self.kv_heads)
        return ops.rotate(ops.rms_norm(heads, self.q_norm, self.eps), cos, sin)

    def key_value(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[1, T, H] to keys [1, K, T, D] and values [1, K, D, T], as the caches hold them."""
        key = ops.split_heads(ops.linear(x, self.k_proj), self.kv_heads, self.kv_heads)
        value = key if self.key_is_value else ops.split_heads(ops.linear(x, self.v_proj), self.kv_heads, self.kv_heads)
        key = ops.rotate(ops.rms_norm(key, self.k_norm, self.eps), cos, sin)
        return key, ops.rms_norm(value, None, self.eps).transpose(2, 3)

    def output(self, query, key, value, mask) -> torch.Tensor:
        """Attention over the whole cache and the output projection, [1, T, H]."""
        mixed = ops.attend(query, key, value, mask)
        return ops.linear(ops.merge_heads(mixed, self.heads, self.kv_heads), self.o_proj)


class Mlp(nn.Module):
    def __init__(self, config: TextConfig, index: int, new_weight: NewWeight):
        super().__init__()
        size = config.intermediate_sizes[index]
        self.gate_proj = Weight(new_weight, size, config.hidden_size)
        self.up_proj = Weight(new_weight, size, config.hidden_size)
        self.down_proj = Weight(new_weight, config.hidden_size, size)


class DecoderLayer(nn.Module):
    """Attention, feed-forward, per-layer embedding (where the model has them), layer scalar."""

    def __init__(self, config: TextConfig, index: int, new_weight: NewWeight):
        super().__init__()
        self.eps, size = config.rms_norm_eps, config.hidden_size
        self.self_attn = Attention(config, index, new_weight)
        self.mlp = Mlp(config, index, new_weight)
        self.input_layernorm = Weight(new_weight, size)
        self.post_attention_layernorm = Weight(new_weight, size)
        self.pre_feedforward_layernorm = Weight(new_weight, size)
        self.post_feedforward_layernorm = Weight(new_weight, size)
        self.layer_scalar = new_weight(1)
        if config.per_layer_size:
            self.per_layer_input_gate = Weight(new_weight, config.per_layer_size, size)
            self.per_layer_projection = Weight(new_weight, size, config.per_layer_size)
            self.post_per_layer_input_norm = Weight(new_weight, size)

    def attention_input(self, x: torch.Tensor) -> torch.Tensor:
        return ops.rms_norm(x, self.input_layernorm, self.eps)

    def after_attention(self, x, attended, per_layer_input: torch.Tensor | None) -> torch.Tensor:
        """The rest of the layer on residual `x` [1, T, H]; per_layer_input is [1, T, P] or None."""
        x = x + ops.rms_norm(attended, self.post_attention_layernorm, self.eps)
        fed = ops.feed_forward(ops.rms_norm(x, self.pre_feedforward_layernorm, self.eps), self.mlp)
        x = x + ops.rms_norm(fed, self.post_feedforward_layernorm, self.eps)
        if per_layer_input is not None:
            gate = F.gelu(ops.linear(x, self.per_layer_input_gate), approximate="tanh")
            projected = ops.linear(gate * per_layer_input, self.per_layer_projection)
            x = x + ops.rms_norm(projected, self.post_per_layer_input_norm, self.eps)
        return x * self.layer_scalar
