"""Several draft steps in one graph, which chooses their tokens itself: what our own runtimes draft greedily with."""

import torch
from torch.nn import functional as F

from export.modules import layers as ops
from export.modules.drafter import Drafter
from export.modules.layers import HIDDEN, Weight
from export.modules.pieces import Piece, compose_drafts
from export.modules.selection import largest, zero_if_finite

CONFIDENCE_LOGITS = 8
"""A greedy draft's confidence is its share among so many (DECODE.md, *Where drafts come from*)."""


class Drafts(Drafter):
    """`count` steps at one position, each with the token and the projected hidden state of the one before.

    Inputs: token_ids int32[1, 1] (the bonus token), activations [1, 1, H] (the target's last hidden state), and the
    Drafter's input_pos, mask and caches. Outputs for step i, from 1 on: draft_token_i int32[1], the greedy choice, and
    largest_logits_i float[8], descending; these are no numbers if any logit of the step is infinite or none."""

    def __init__(self, *arguments, vocab_size: int, count: int, **more):
        super().__init__(*arguments, vocab_size=vocab_size, **more)
        size, new_weight = self.config.backbone_hidden_size, arguments[4]
        self.count, self.scale = count, size**0.5
        self.target_embedding = Weight(new_weight, vocab_size, size)

    def forward(self, token_ids, activations, input_pos, mask, **caches) -> dict[str, torch.Tensor]:
        inputs = {"token_ids": token_ids, "activations": activations, "input_pos": input_pos, "mask": mask, **caches}
        return compose_drafts(self.config, self.sources, self.count, self.run, inputs)

    def modules_of(self, piece: Piece) -> list[str]:
        if piece.name == "draft_input":
            return ["target_embedding", "pre_projection"]
        own = {"bonus_token": [], "draft": self._of_scores()}
        return own[piece.name] if piece.name in own else super().modules_of(piece)

    def bonus_token(self, token_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """As the tokens of the steps, int32[1]."""
        return {"token": token_ids.reshape(1)}

    def draft_input(self, token: torch.Tensor, activations: torch.Tensor) -> dict[str, torch.Tensor]:
        row = F.embedding(token, self.target_embedding.weight) * self.scale
        return self.projected(torch.cat([row[None], activations], -1))

    def draft(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = self.normed(x)
        token, logits = self.choice(hidden)
        projected = ops.linear(hidden, self.post_projection)
        return {"token": token, "largest_logits": logits, "projected_activations": projected}

    def choice(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The greedy choice after a hidden state [1, 1, D], the lowest id among equals: (int32[1], the eight largest
        logits)."""
        logits, tokens = self.candidates(hidden)
        missing = CONFIDENCE_LOGITS - logits.shape[0]
        values, places = largest(logits, min(CONFIDENCE_LOGITS, logits.shape[0]))
        if tokens is None:
            token = places[:1]
        else:
            # Clusters stand in the order of their scores, so that equal logits are in no order. The last id is one
            # that the table has: where no logit is a number, nothing is looked up outside.
            last = self.config.text.vocab_size - 1
            token = torch.where(logits >= values[:1], tokens, last).amin().reshape(1)
        if missing > 0:
            values = torch.cat([values, torch.full((missing,), HIDDEN)])
        return token, values + zero_if_finite(logits)
