"""Forward passes of target and drafter over Transformers' own layers, by what their configs say.

What training needs and Transformers' models don't give: hidden states with the keys and values that a drafter reads,
and draft steps of every position at once.
"""

import torch
from torch import nn

from export.checkpoint.config import FULL, SLIDING

KV = dict[str, tuple[torch.Tensor, torch.Tensor]]
"""Layer type → keys and values [B, K, T, D] of the last layer of that type that owns some."""


def target_masks(window: int, begin: int, end: int, pads: torch.Tensor | None = None, device=None) -> dict:
    """Bool[B or 1, 1, end - begin, end] by layer type: which of slots 0..end the tokens in slots begin..end see.

    The first pads[b] slots of row b hold nothing; they see themselves alone, since attention to nothing is no number.
    """
    query = torch.arange(begin, end, device=device)[:, None]
    key = torch.arange(end, device=device)[None]
    causal = (key <= query)[None, None]
    if pads is not None:
        causal = causal & ((key >= pads[:, None, None, None]) | (key == query))
    return {FULL: causal, SLIDING: causal & (key > query - window)}


def drafter_masks(window: int, length: int, device=None) -> dict:
    """Bool[1, 1, length, length] by layer type: a draft after the token in slot t reads slots 0..t, a sliding layer
    the last `window` + 1 of them."""
    query = torch.arange(length, device=device)[:, None]
    key = torch.arange(length, device=device)[None]
    committed = (key <= query)[None, None]
    return {FULL: committed, SLIDING: committed & (key >= query - window)}


def run_layers(decoder, x, positions, masks, kv: KV, per_layer=None, cache=None) -> torch.Tensor:
    """Hidden states after the final norm, [B, T, H]; `kv` receives or provides the shared keys and values."""
    rotary = {kind: decoder.rotary_emb(x, positions, kind) for kind in decoder.rotary_emb.layer_types}
    for i, layer in enumerate(decoder.layers):
        kind = decoder.config.layer_types[i]
        x = layer(
            x,
            per_layer[:, :, i] if per_layer is not None else None,
            shared_kv_states=kv,
            position_embeddings=rotary[kind],
            attention_mask=masks[kind],
            past_key_values=cache,
        )
    return decoder.norm(x)


def target_hidden(target, tokens: torch.Tensor, cache=None, begin: int = 0, pads=None) -> tuple[torch.Tensor, KV]:
    """(hidden states [B, T, H], shared keys and values) of `tokens` [B, T] in slots begin.. behind `cache`."""
    decoder, kv, end = target.get_decoder(), {}, begin + tokens.shape[1]
    embedded, per_layer = decoder.embed_tokens(tokens), None
    if decoder.config.hidden_size_per_layer_input:
        per_layer = decoder.project_per_layer_inputs(embedded, decoder.get_per_layer_inputs(tokens, None))
    masks = target_masks(decoder.config.sliding_window, begin, end, pads, tokens.device)
    positions = torch.arange(begin, end, device=tokens.device)[None]
    if pads is not None:
        positions = (positions - pads[:, None]).clamp(min=0)
    return run_layers(decoder, embedded, positions, masks, kv, per_layer, cache), kv


def target_logits(target, hidden: torch.Tensor) -> torch.Tensor:
    """[B, T, V] in float, soft-capped where the model does it."""
    logits, cap = target.lm_head(hidden).float(), target.get_decoder().config.final_logit_softcapping
    return logits if cap is None else torch.tanh(logits / cap) * cap


def target_forward(target, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, KV]:
    """(logits, hidden states, shared keys and values) of whole rows."""
    hidden, kv = target_hidden(target, tokens)
    return target_logits(target, hidden), hidden, kv


def drafter_step(drafter, embedded, hidden, positions, masks, kv: KV) -> tuple[torch.Tensor, torch.Tensor]:
    """One draft step: (drafter's hidden states [B, T, D], projected activations [B, T, H])."""
    x = drafter.pre_projection(torch.cat([embedded, hidden], -1))
    out = run_layers(drafter.model, x, positions, masks, kv)
    return out, drafter.post_projection(out).float()


def in_float(kv: KV) -> KV:
    """What a target in bfloat16 computed, for a drafter in float."""
    return {kind: (keys.float(), values.float()) for kind, (keys, values) in kv.items()}


def round_to_bf16(model: nn.Module) -> None:
    """Rounds every weight to bf16 and keeps it in float: what is measured is what ships."""
    for parameter in model.parameters():
        parameter.data = parameter.data.bfloat16().float()
