"""The target's greedy text: what a drafter will draft for."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F
from transformers.cache_utils import DynamicCache

from export.tuning.forward import target_hidden, target_logits


def untold(done: int) -> None:
    pass


@torch.no_grad()
def greedy(
    target,
    prompts: torch.Tensor,
    count: int,
    pads: torch.Tensor | None = None,
    stop: Collection[int] = (),
    beyond: int = 0,
    told: Callable[[int], None] = untold,
) -> torch.Tensor:
    """Greedy continuations of prompts int64[B, P], the first pads[b] tokens of which are none: int64[B, P + count], or
    fewer where every row has said a token of `stop` and `beyond` more. `told` of the tokens a row that are made."""
    cache, tokens, fed = DynamicCache(), prompts, 0
    stop_tokens = torch.tensor(sorted(stop), device=prompts.device)
    for done in range(count):
        if done > beyond and stop:
            said = tokens[:, prompts.shape[1] : tokens.shape[1] - beyond]
            if torch.isin(said, stop_tokens).any(1).all():
                break
        hidden, _ = target_hidden(target, tokens[:, fed:], cache, fed, pads)
        fed = tokens.shape[1]
        tokens = torch.cat([tokens, target_logits(target, hidden[:, -1:]).argmax(-1)], 1)
        told(done + 1)
    return tokens


@dataclass(frozen=True)
class Text:
    """`tokens` begin with a prompt of `prompt` tokens and end with what was said after its `end`, which a stop token or
    the budget set: `end` counts the stop token, what follows it is what the target would have gone on with."""

    tokens: list[int]
    prompt: int
    end: int

    @property
    def said(self) -> list[int]:
        return self.tokens[self.prompt : self.end]


def continued(
    target, prompts: Sequence[list[int]], count: int, stop: Collection[int], beyond: int = 0, told=untold
) -> list[Text]:
    """Each prompt as the target goes on, one batch of any lengths; `stop`, `beyond` and `told` as in `greedy`."""
    device = target.device
    longest = max(map(len, prompts))
    pads = torch.tensor([longest - len(prompt) for prompt in prompts], device=device)
    rows = [[0] * (longest - len(prompt)) + prompt for prompt in prompts]
    found = greedy(target, torch.tensor(rows, device=device), count, pads, stop, beyond, told).tolist()
    texts = []
    for prompt, row in zip(prompts, found, strict=True):
        tokens, ends = row[longest - len(prompt) :], len(prompt)
        while ends < len(tokens) and tokens[ends] not in stop:
            ends += 1
        texts.append(Text(tokens, len(prompt), min(ends + 1, len(tokens))))
    return texts


def stacked(texts: Sequence[Text], device: torch.device) -> torch.Tensor:
    """int64[B, T]: the texts up to their ends, zeros behind."""
    rows = [torch.tensor(text.tokens[: text.end]) for text in texts]
    longest = max(map(len, rows))
    return torch.stack([F.pad(row, (0, longest - len(row))) for row in rows]).to(device)
