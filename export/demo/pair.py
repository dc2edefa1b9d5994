"""The demo pair's shapes: random models of them, and changes of shape that keep what a model does."""

import re

import torch
from torch import nn
from torch.nn import functional as F
from transformers import (
    Gemma4AssistantConfig,
    Gemma4AssistantForCausalLM,
    Gemma4Config,
    Gemma4ForConditionalGeneration,
    Gemma4TextConfig,
)

from export.demo.tokenizer import BOS, EOS, PAD, VOCAB_SIZE

SLIDING, FULL = "sliding_attention", "full_attention"
SLIDING_WINDOW = 64
HIDDEN_SIZE = 128
SOFTCAP = 30.0
NUM_CENTROIDS = 64
PER_LAYER_SIZE = 16
TWELVE_LAYERS = [SLIDING, SLIDING, FULL] * 4
"""The last six share the keys and values of the layers before them."""
SHARED_SHAPE = dict(
    vocab_size=VOCAB_SIZE,
    num_attention_heads=4,
    num_key_value_heads=1,
    head_dim=32,
    global_head_dim=64,
    sliding_window=SLIDING_WINDOW,
    max_position_embeddings=512,
    pad_token_id=PAD,
    eos_token_id=EOS,
    bos_token_id=BOS,
)


def new_target(intermediate_size: int, layer_types: list[str] = TWELVE_LAYERS) -> Gemma4ForConditionalGeneration:
    """A random target: every text feature of Gemma 4 E2B at 3.1 M parameters (MLP of 256), 4.9 M (of 512), or
    5.4 M (two layers more)."""
    text = Gemma4TextConfig(
        hidden_size=HIDDEN_SIZE,
        intermediate_size=intermediate_size,
        num_hidden_layers=len(layer_types),
        layer_types=layer_types,
        num_kv_shared_layers=6,
        use_double_wide_mlp=True,
        hidden_size_per_layer_input=PER_LAYER_SIZE,
        vocab_size_per_layer_input=VOCAB_SIZE,
        final_logit_softcapping=SOFTCAP,
        **SHARED_SHAPE,
    )
    config = Gemma4Config(text_config=text)
    config.eos_token_id, config.pad_token_id, config.bos_token_id = EOS, PAD, BOS
    model = Gemma4ForConditionalGeneration(config)
    _spread_queries(model.model.language_model)
    return model


def widened(target: Gemma4ForConditionalGeneration, intermediate_size: int) -> Gemma4ForConditionalGeneration:
    """The same function with a wider MLP: what the new units compute is multiplied by zeros, until they are trained."""
    wide = new_target(intermediate_size, target.config.text_config.layer_types)
    weights = target.state_dict()
    for name, parameter in wide.named_parameters():
        known = weights[name]
        new = parameter.data
        if new.shape != known.shape:
            new.zero_() if name.endswith("down_proj.weight") else new.normal_(0, float(known.std()))
        new[tuple(slice(size) for size in known.shape)] = known
    return wide


def deepened(target: Gemma4ForConditionalGeneration, twice: list[int]) -> Gemma4ForConditionalGeneration:
    """Nearly the same function with a copy behind each layer of `twice`, where both add half of what the one did: two
    steps of half the length, as in solving a differential equation."""
    text, weights = target.config.text_config, target.state_dict()
    of = sorted([*range(len(text.layer_types)), *twice])
    deep = new_target(text.intermediate_size, [text.layer_types[i] for i in of])
    state = {}
    for name in deep.state_dict():
        if ".layers." in name:
            prefix, index, rest = re.fullmatch(r"(.*\.layers\.)(\d+)\.(.*)", name).groups()
            layer = of[int(index)]
            state[name] = weights[f"{prefix}{layer}.{rest}"]
            if layer in twice and rest.startswith("post_"):
                state[name] = state[name] / 2
        elif name.endswith(("embed_tokens_per_layer.weight", "per_layer_model_projection.weight")):
            axis = int(name.endswith("embed_tokens_per_layer.weight"))
            per_layer = weights[name].unflatten(axis, (-1, PER_LAYER_SIZE)).index_select(axis, torch.tensor(of))
            state[name] = per_layer.flatten(axis, axis + 1)
        else:
            state[name] = weights[name]
    deep.load_state_dict(state)
    return deep


def new_drafter(layer_types: list[str]) -> Gemma4AssistantForCausalLM:
    """A random drafter for `new_target`, with the sparse centroid head. Gemma 4's last layer is always a full one."""
    text = Gemma4TextConfig(
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=len(layer_types),
        layer_types=layer_types,
        num_kv_shared_layers=len(layer_types),
        hidden_size_per_layer_input=0,
        vocab_size_per_layer_input=0,
        use_double_wide_mlp=False,
        **SHARED_SHAPE,
    )
    config = Gemma4AssistantConfig(
        text_config=text,
        backbone_hidden_size=HIDDEN_SIZE,
        use_ordered_embeddings=True,
        num_centroids=NUM_CENTROIDS,
        centroid_intermediate_top_k=16,
    )
    model = Gemma4AssistantForCausalLM(config)
    _spread_queries(model.model)
    model.model.embed_tokens.weight.data.normal_(0, 0.02)
    return model


def shortened(drafter: Gemma4AssistantForCausalLM) -> Gemma4AssistantForCausalLM:
    """The drafter with its last layer alone; the rest of it is kept."""
    weights = {name: value for name, value in drafter.state_dict().items() if ".layers." not in name}
    last = drafter.model.layers[-1].state_dict()
    short = new_drafter([FULL])
    short.load_state_dict(weights | {f"model.layers.0.{name}": value for name, value in last.items()})
    return short


def _spread_queries(decoder: nn.Module) -> None:
    """Attention scaling is 1.0 over unit-RMS queries and keys: without this, scores start at std sqrt(head_dim)."""
    for layer in decoder.layers:
        layer.self_attn.q_norm.weight.data.fill_(1.5 * layer.self_attn.head_dim**-0.5)


def balanced_clusters(
    weight: torch.Tensor, num_clusters: int, iterations: int = 12
) -> tuple[torch.Tensor, torch.Tensor]:
    """Clusters of equal size over the rows of `weight` by cosine: (cluster of each row [V], centroids [C, D])."""
    rows = F.normalize(weight, dim=-1)
    capacity = len(rows) // num_clusters
    centroids = rows[torch.randperm(len(rows))[:num_clusters]].clone()
    for _ in range(iterations):
        cluster, room = [-1] * len(rows), [capacity] * num_clusters
        similarity = rows @ F.normalize(centroids, dim=-1).T
        for flat in similarity.flatten().argsort(descending=True).tolist():
            row, c = divmod(flat, num_clusters)
            if cluster[row] < 0 and room[c]:
                cluster[row] = c
                room[c] -= 1
        assigned = torch.tensor(cluster)
        centroids = torch.stack([rows[assigned == c].mean(0) for c in range(num_clusters)])
    return assigned, centroids
