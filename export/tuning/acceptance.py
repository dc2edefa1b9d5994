"""How many drafts the target accepts, by the decoding loop's rule (runtime_spec/DECODE.md), over whole texts at once.

The target's greedy text is the same whatever is drafted, and a draft counts only behind drafts that were right: so the
drafter may read the true tokens, and where the rounds begin follows afterwards.
"""

import math
import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from export.tuning.forward import drafter_masks, drafter_step, in_float, target_hidden
from export.tuning.own_text import Text, stacked

HEAD_LOGITS = 1 << 25
"""Of the drafter's head at a time."""


@dataclass(frozen=True)
class Counted:
    """One text's rounds, drafts and accepted drafts."""

    rounds: int
    drafted: int
    accepted: int


@torch.no_grad()
def count_accepted(
    target, drafter, texts: Sequence[Text], draft_tokens: int, stop: Collection[int], rows: int
) -> list[Counted]:
    """What the loop counts over each text with `draft_tokens` a round; `rows` texts at once. A text goes on for
    draft_tokens behind a stop token, or to the end of its budget."""
    counted = []
    for i in range(0, len(texts), rows):
        some = texts[i : i + rows]
        whole = [Text(text.tokens, text.prompt, len(text.tokens)) for text in some]
        right = _right_drafts(target, drafter, whole, draft_tokens).tolist()
        counted += [_rounds(text, row, draft_tokens, stop) for text, row in zip(some, right, strict=True)]
    return counted


def rate(counted: Sequence[Counted]) -> float:
    """accepted / drafted; 0.0 when nothing was drafted."""
    drafted = sum(one.drafted for one in counted)
    return sum(one.accepted for one in counted) / drafted if drafted else 0.0


def difference_error(before: Sequence[Counted], after: Sequence[Counted]) -> float:
    """The standard error of the difference of two rates over the same texts, which are what is independent."""
    differences = [rate([a]) - rate([b]) for a, b in zip(after, before, strict=True)]
    return statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else 0.0


def _right_drafts(target, drafter, texts: Sequence[Text], draft_tokens: int) -> torch.Tensor:
    """int64[B, T]: how many drafts in a row are right in a round that begins with the tokens 0..t in the cache."""
    tokens = stacked(texts, target.device)
    length = tokens.shape[1]
    hidden, kv = target_hidden(target, tokens)
    kv, hidden, embed = in_float(kv), hidden.float(), target.get_decoder().embed_tokens
    positions = torch.arange(1, length + 1, device=tokens.device)[None]
    masks = drafter_masks(drafter.model.config.sliding_window, length, tokens.device)
    # What lies behind a text is no token's id, so that no draft is right there.
    ends = torch.tensor([len(text.tokens) for text in texts], device=tokens.device)[:, None]
    slots = torch.arange(length + draft_tokens + 1, device=tokens.device)
    known = torch.nn.functional.pad(tokens, (0, draft_tokens + 1))
    true = torch.where(slots < ends, known, -1)
    alive = torch.ones_like(tokens, dtype=torch.bool)
    right = torch.zeros_like(tokens)
    for k in range(draft_tokens):
        out, hidden = drafter_step(drafter, embed(known[:, 1 + k : 1 + k + length]), hidden, positions, masks, kv)
        alive = alive & (drafted(drafter, out) == true[:, 2 + k : 2 + k + length])
        right += alive
    return right


def drafted(drafter, out: torch.Tensor) -> torch.Tensor:
    """int64[B, T]: what the head drafts after hidden states [B, T, D]; a sparse one looks in the clusters
    that its centroids choose."""
    size = max(1, HEAD_LOGITS // (out.shape[0] * drafter.lm_head.out_features))
    return torch.cat([_drafted(drafter, part) for part in out.split(size, 1)], 1)


def _drafted(drafter, out: torch.Tensor) -> torch.Tensor:
    logits, head = drafter.lm_head(out), drafter.masked_embedding
    if head is None:
        return logits.argmax(-1)
    chosen = head.centroids(out).topk(head.centroid_intermediate_top_k).indices
    tokens = head.token_ordering.view(head.num_centroids, -1)[chosen].flatten(-2)
    best = logits.gather(-1, tokens).argmax(-1, keepdim=True)
    return tokens.gather(-1, best)[..., 0]


def _rounds(text: Text, right: list[int], draft_tokens: int, stop: Collection[int]) -> Counted:
    """The loop's rounds: `newest` is the last token in the cache, behind it the bonus token."""
    budget, newest = len(text.tokens), text.prompt - 1
    rounds = proposed = accepted = 0
    while newest + 2 < budget and text.tokens[newest + 1] not in stop:
        count = min(draft_tokens, budget - newest - 3)
        agreed = min(right[newest], count)
        rounds, proposed, accepted = rounds + 1, proposed + count, accepted + agreed
        emitted = text.tokens[newest + 2 : newest + 3 + agreed]
        if any(token in stop for token in emitted):
            break
        newest += 1 + agreed
    return Counted(rounds, proposed, accepted)
