"""What the stages of `train` minimise: next-token loss, what a drafter misses of its target, and repetitions."""

import random

import torch
from torch.nn import functional as F
from transformers.cache_utils import DynamicCache

from export.demo import pair
from export.demo.tokenizer import PAD, TURN_END


def bfloat16():
    """Products in bfloat16 over weights in float; in float where the processor would emulate it at a tenth of the
    speed."""
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported())


def next_token_loss(logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), ignore_index=PAD)


def drafter_loss(
    drafter,
    embed,
    rows,
    logits,
    hidden,
    kv,
    unroll: int,
    clusters=None,
    draw=random,
    between_rounds: float = 1.0,
    agreement: float = 0.0,
):
    """Teacher-forced unrolling over `rows` [B, T]: step k reads the true token t+1+k, the state of step k-1 and the
    K/V rows 0..t that a correct loop would have committed. Positions where the loop would begin no round weigh
    `between_rounds`; with `agreement` the target's divergence from the drafter counts too, as what the target can
    change. Returns (loss, centroid loss, acceptance by step)."""
    batch, length = rows.shape
    teacher = F.pad(logits.detach().softmax(-1), (0, 0, 0, unroll))
    taught = F.pad(logits.log_softmax(-1), (0, 0, 0, unroll)) if agreement else None
    best_tokens = teacher.argmax(-1)
    padded = F.pad(rows, (0, unroll + 1), value=PAD)
    embedded = embed(padded).detach()
    positions = torch.arange(1, length + 1)[None]
    masks = pair.drafter_masks(length)
    alive, lengths = torch.ones(batch, length), torch.zeros(batch, length, dtype=torch.long)
    losses, weights, centroid_loss, accepted = [], [], torch.zeros(()), []
    for k in range(unroll):
        at = slice(1 + k, 1 + k + length)
        real = (padded[:, at] != PAD).float()
        out, hidden = pair.drafter_step(drafter, embedded[:, at], hidden, positions, masks, kv)
        student = drafter.lm_head(out).float().log_softmax(-1)
        best = best_tokens[:, at]
        # The gradient is that of the divergence from the target, and of half the cross-entropy to its choice.
        losses.append(-(teacher[:, at] * student).sum(-1) - 0.5 * student.gather(-1, best[..., None])[..., 0])
        if taught is not None:
            losses[-1] = losses[-1] + agreement * (taught[:, at].exp() * (taught[:, at] - student.detach())).sum(-1)
        weights.append(real * (0.3 + 0.7 * alive))
        hit = student.argmax(-1) == best
        accepted.append(round(float((hit * real * alive).sum() / (real * alive).sum().clamp(min=1)), 3))
        lengths += (alive * hit).long()
        alive = alive * hit * (padded[:, 2 + k : 2 + k + length] == best)
        if clusters is not None and k == draw.randrange(unroll):
            mass = teacher[:, at] @ F.one_hot(clusters, pair.NUM_CENTROIDS).float()
            chosen = drafter.masked_embedding.centroids(out.detach()).float().log_softmax(-1)
            divergence = (mass * (mass.clamp(min=1e-9).log() - chosen)).sum(-1)
            centroid_loss = (divergence * real).sum() / real.sum()
    emphasis = between_rounds + (1 - between_rounds) * round_starts(lengths)
    loss = sum((x * w * emphasis).sum() / (w * emphasis).sum() for x, w in zip(losses, weights, strict=True)) / unroll
    return loss, centroid_loss, accepted


def round_starts(lengths: torch.Tensor) -> torch.Tensor:
    """Float[B, T], 1 where rounds would begin: after one at t that accepts lengths[t] drafts the next is at
    t + lengths[t] + 1. They gather where drafting is hard."""
    starts = torch.zeros(lengths.shape)
    for row, accepted in enumerate(lengths.tolist()):
        t = 0
        while t < len(accepted):
            starts[row, t] = 1.0
            t += accepted[t] + 1
    return starts


@torch.no_grad()
def greedy(target, prompts: torch.Tensor, count: int) -> torch.Tensor:
    """Greedy continuations of equal-length prompts, int64[B, P + count]."""
    cache, tokens, fed = DynamicCache(), prompts, 0
    for _ in range(count):
        new = tokens[:, fed:]
        query = torch.arange(fed, tokens.shape[1])[:, None]
        key = torch.arange(tokens.shape[1])[None]
        causal = key <= query
        masks = {
            pair.FULL: causal[None, None],
            pair.SLIDING: (causal & (key > query - pair.SLIDING_WINDOW))[None, None],
        }
        logits, _, _ = pair.target_forward(target, new, masks, query.T, cache)
        fed = tokens.shape[1]
        tokens = torch.cat([tokens, logits[:, -1:].argmax(-1)], 1)
    return tokens


def repetition_loss(target, tokens: torch.Tensor, prompt_length: int, order: int = 4) -> torch.Tensor:
    """Unlikelihood of generated tokens that complete an n-gram already present in their row; what follows the end of a
    turn is not read."""
    repeated = torch.zeros_like(tokens, dtype=torch.bool)
    for r, row in enumerate(tokens.tolist()):
        seen = set()
        for i in range(order, len(row) + 1):
            gram = tuple(row[i - order : i])
            generated = i > prompt_length
            if generated and row[i - 1] == TURN_END:
                break
            repeated[r, i - 1] = generated and gram in seen
            seen.add(gram)
    logits, _, _ = pair.target_forward(target, tokens[:, :-1], pair.target_masks(tokens.shape[1] - 1))
    probability = logits.softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
    unlikelihood = -torch.log1p(-probability.clamp(max=0.999))
    chosen = repeated[:, 1:].float()
    return (unlikelihood * chosen).sum() / chosen.numel() * 4
