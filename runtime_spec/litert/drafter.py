"""The drafter port: draft steps over the target's caches."""

from collections.abc import Callable, Sequence
from copy import copy

import numpy as np

from runtime_spec.litert.compiled import BoundCall
from runtime_spec.litert.embeddings import Embeddings
from runtime_spec.litert.masks import PrefixMask
from runtime_spec.litert.rows import ArrayRows
from runtime_spec.sampling.parameters import GREEDY
from runtime_spec.sampling.sampler import Sampler

GoesOn = Callable[[int, float], bool]
"""Asked after each draft but the last, with how many there are and the drafter's confidence in this one."""


class LiteRtDrafter:
    """runtime_spec.reference.ports.Drafter over LiteRT. Greedy, and with as many drafts as it is asked for, until
    `asking` says otherwise."""

    source = "drafter"

    def __init__(self, call: BoundCall, embeddings: Embeddings):
        self._call, self._embeddings = call, embeddings
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
        self._hidden[:] = hidden
        self._sampler.begin_drafts(bonus_token, position)
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
            if is_asked and not self._goes_on(len(tokens), confidence):
                break
        return tokens
