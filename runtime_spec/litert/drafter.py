"""The drafter port: draft steps over the target's caches, one by one or several in one call."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy

import numpy as np

from runtime_spec.litert.compiled import BoundCall
from runtime_spec.litert.embeddings import Embeddings
from runtime_spec.litert.masks import PrefixMask
from runtime_spec.litert.rows import ArrayRows
from runtime_spec.sampling.parameters import GREEDY
from runtime_spec.sampling.sampler import Sampler

GoesOn = Callable[[int, float, int], bool]
"""Asked after each draft but the last, with how many there are, the drafter's confidence in this one, and how many of
those that are wanted are made already."""


class LiteRtDrafter:
    """runtime_spec.reference.ports.Drafter over LiteRT. Greedy, and with as many drafts as it is asked for, until
    `asking` says otherwise."""

    source = "drafter"

    def __init__(self, call: BoundCall, embeddings: Embeddings, calls: Mapping[int, BoundCall] | None = None):
        """`calls` draft so many tokens each; their `mask` and `input_pos` are those of `call`, which drafts one."""
        self._call, self._embeddings = call, embeddings
        self._calls = [Drafts(one) for _, one in sorted((calls or {}).items())]
        activations = call.inputs["activations"].reshape(2, -1)
        self._embedding, self._hidden = activations
        self._position = call.inputs["input_pos"]
        self._mask = PrefixMask(call.inputs["mask"].reshape(-1))
        self._logits = call.outputs["logits"].reshape(1, -1)
        self._projected = call.outputs["projected_activations"].reshape(-1)
        self._sampler, self._goes_on = Sampler(GREEDY, ArrayRows()), None

    def asking(self, sampler: Sampler, goes_on: GoesOn | None = None) -> "LiteRtDrafter":
        """The same graph, for a session that chooses its drafts by `sampler`, the target's own, and ends them where
        `goes_on` says no (None: never). Confidence is computed only where somebody asks."""
        view = copy(self)
        view._sampler, view._goes_on = sampler, goes_on
        return view

    def draft(
        self, cached: Sequence[int], bonus_token: int, hidden: np.ndarray, position: int, count: int
    ) -> list[int]:
        """The position given to the graph is one less, and constant over the round, as LiteRT-LM passes it."""
        self._position[0] = position - 1
        self._mask.show(position)
        self._sampler.begin_drafts(bonus_token, position)
        drafts = next((drafts for drafts in self._calls if drafts.count >= count), None)
        if drafts is None or self._sampler.sampling.draws_drafts:
            return self._one_by_one(bonus_token, hidden, count)
        return self._at_once(drafts, bonus_token, hidden, count)

    def _one_by_one(self, bonus_token: int, hidden: np.ndarray, count: int) -> list[int]:
        self._hidden[:] = hidden
        tokens: list[int] = []
        token = bonus_token
        for step in range(count):
            if step:
                self._hidden[:] = self._projected
            self._embedding[:] = self._embeddings.row(token)
            self._call.run()
            is_asked = self._goes_on is not None and step + 1 < count
            token, confidence = self._sampler.draft_token(self._logits[0], is_asked)
            tokens.append(token)
            if is_asked and not self._goes_on(len(tokens), confidence, len(tokens)):
                break
        return tokens

    def _at_once(self, drafts: "Drafts", bonus_token: int, hidden: np.ndarray, count: int) -> list[int]:
        """What lies behind a refusal, or behind `count`, is dropped."""
        self._embeddings.check(bonus_token)
        found = drafts.run(bonus_token, hidden)[:count]
        for number, token in enumerate(found, start=1):
            is_asked = self._goes_on is not None and number < count
            confidence = self._sampler.chosen_draft(token, drafts.largest[number - 1], is_asked)
            if is_asked and not self._goes_on(number, confidence, len(found)):
                return found[:number]
        return found


class Drafts:
    """The graph that drafts `count` tokens in one call. `largest` is float32[count, 8], overwritten by every run: the
    eight largest logits of each draft, descending."""

    def __init__(self, call: BoundCall):
        self._call = call
        self._token = call.inputs["token_ids"].reshape(-1)
        self._hidden = call.inputs["activations"].reshape(-1)
        self._tokens, self.largest = call.outputs["draft_tokens"], call.outputs["largest_logits"]
        self.count = len(self._tokens)

    def run(self, bonus_token: int, hidden: np.ndarray) -> list[int]:
        """The greedy drafts that follow bonus_token and its hidden float32[H]."""
        self._token[0] = bonus_token
        self._hidden[:] = hidden
        self._call.run()
        return self._tokens.tolist()
