"""What a drafter misses of its target, as training minimises it."""

import random

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from export.tuning.forward import drafter_masks, drafter_step

CHUNK_LOGITS = 1 << 25
"""Of one draft step's logits at a time; where there are more, a chunk's are made again for the gradient."""


def bfloat16(device: str = "cpu"):
    """Products in bfloat16 over weights in float; in float where the processor would emulate it at a tenth of the
    speed."""
    return torch.autocast(device, torch.bfloat16, enabled=device != "cpu" or torch.cpu._is_avx512_bf16_supported())


def drafter_loss(
    drafter,
    embed,
    rows,
    logits,
    hidden,
    kv,
    unroll: int,
    counts: torch.Tensor,
    clusters: torch.Tensor | None = None,
    draw=random,
    between_rounds: float = 1.0,
    agreement: float = 0.0,
    begins: list[int] | None = None,
):
    """Teacher-forced unrolling over `rows` [B, T]: step k reads the true token t+1+k, the state of step k-1 and the
    K/V rows 0..t that a correct loop would have committed. Tokens that drafts are made after count where `counts`
    [B, T]; positions where the loop would begin no round weigh `between_rounds`, its first being that after the token
    at begins[b]. With `agreement` the target's divergence from the drafter counts too, as what the target can change.
    Tokens that the drafter doesn't know carry no loss, and are never drafted. `clusters`, the tokens of each
    [C, V / C], ask for the centroids' loss. Returns (loss, centroid loss, acceptance by step)."""
    batch, length = rows.shape
    best_tokens = _behind(logits.detach().argmax(-1), 0, length, unroll)
    padded, counted = _behind(rows, 0, length, unroll + 1), _behind(counts.float(), 0, length, unroll)
    embedded = embed(padded).detach()
    positions = torch.arange(1, length + 1, device=rows.device)[None]
    masks = drafter_masks(drafter.model.config.sliding_window, length, rows.device)
    alive = torch.ones(batch, length, device=rows.device)
    lengths = torch.zeros(batch, length, dtype=torch.long, device=rows.device)
    losses, weights, centroid_loss, accepted = [], [], torch.zeros((), device=rows.device), []
    for k in range(unroll):
        at = slice(1 + k, 1 + k + length)
        real, best = counted[:, at], best_tokens[:, at]
        out, hidden = drafter_step(drafter, embedded[:, at], hidden, positions, masks, kv)
        chosen = clusters if clusters is not None and k == draw.randrange(unroll) else None
        missed, draft, mass = _missed(drafter.lm_head, out, logits, 1 + k, best, chosen, agreement)
        losses.append(missed)
        weights.append(real * (0.3 + 0.7 * alive))
        hit = draft == best
        accepted.append(round(float((hit * real * alive).sum() / (real * alive).sum().clamp(min=1)), 3))
        lengths += (alive * hit).long()
        alive = alive * hit * (padded[:, 2 + k : 2 + k + length] == best)
        if chosen is not None:
            student = drafter.masked_embedding.centroids(out.detach()).float().log_softmax(-1)
            divergence = (mass * (mass.clamp(min=1e-9).log() - student)).sum(-1)
            centroid_loss = (divergence * real).sum() / real.sum().clamp(min=1)
    emphasis = between_rounds + (1 - between_rounds) * round_starts(lengths, begins)
    weights = [weight * emphasis for weight in weights]
    means = [(x * w).sum() / w.sum().clamp(min=1e-6) for x, w in zip(losses, weights, strict=True)]
    return sum(means) / unroll, centroid_loss, accepted


def _missed(head, out, logits, shift: int, best, clusters, agreement: float):
    """(loss [B, T], drafted tokens [B, T], the target's mass by cluster [B, T, C]) of drafts whose scores are `head` of
    `out`, against `logits` that many tokens further on; in chunks of positions where there are many tokens."""
    batch, length = best.shape
    size = max(1, CHUNK_LOGITS // (batch * logits.shape[-1]))

    def chunk(out, best, begin: int):
        taught = _behind(logits, begin + shift, begin + shift + out.shape[1])
        teacher = taught.detach().softmax(-1)[..., : head.out_features]
        student = head(out).float().log_softmax(-1)
        known = best < head.out_features
        right = torch.where(known, student.gather(-1, torch.where(known, best, 0)[..., None])[..., 0], 0.0)
        # The gradient is that of the divergence from the target, and of half the cross-entropy to its choice.
        missed = -(teacher * student).sum(-1) - 0.5 * right
        if agreement:
            taught = taught.log_softmax(-1)
            missed = missed + agreement * (taught.exp() * (taught - student.detach())).sum(-1)
        mass = teacher[..., clusters.flatten()].unflatten(-1, clusters.shape).sum(-1) if clusters is not None else best
        return missed, student.detach().argmax(-1), mass

    if size >= length:
        return chunk(out, best, 0)
    parts = [
        checkpoint(chunk, out[:, i : i + size], best[:, i : i + size], i, use_reentrant=False, preserve_rng_state=False)
        for i in range(0, length, size)
    ]
    return tuple(torch.cat(part, 1) for part in zip(*parts, strict=True))


def round_starts(lengths: torch.Tensor, begins: list[int] | None = None) -> torch.Tensor:
    """Float[B, T], 1 where rounds would begin, the first of row b at begins[b] (0): after one at t that accepts
    lengths[t] drafts the next is at t + lengths[t] + 1. They gather where drafting is hard."""
    starts = torch.zeros(lengths.shape)
    for row, accepted in enumerate(lengths.tolist()):
        t = begins[row] if begins else 0
        while t < len(accepted):
            starts[row, t] = 1.0
            t += accepted[t] + 1
    return starts.to(lengths.device)


def _behind(values: torch.Tensor, begin: int, end: int, more: int = 0) -> torch.Tensor:
    """values[:, begin:end + more], zeros where there is nothing."""
    found = values[:, begin : end + more]
    return F.pad(found, (0, 0) * (values.ndim - 2) + (0, end + more - begin - found.shape[1]))
