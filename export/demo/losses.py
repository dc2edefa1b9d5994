"""What the stages of `train` minimise beside a drafter's loss: next-token loss and repetitions."""

import torch
from torch.nn import functional as F

from export.demo.tokenizer import PAD, TURN_END
from export.tuning.forward import target_forward


def next_token_loss(logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), ignore_index=PAD)


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
    logits, _, _ = target_forward(target, tokens[:, :-1])
    probability = logits.softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
    unlikelihood = -torch.log1p(-probability.clamp(max=0.999))
    chosen = repeated[:, 1:].float()
    return (unlikelihood * chosen).sum() / chosen.numel() * 4
