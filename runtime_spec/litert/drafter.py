"""The drafter port: draft steps over the target's caches."""

import numpy as np

from runtime_spec.litert.compiled import BoundCall
from runtime_spec.litert.embeddings import Embeddings
from runtime_spec.litert.logits import best_tokens
from runtime_spec.litert.masks import PrefixMask


class LiteRtDrafter:
    """runtime_spec.reference.ports.Drafter over LiteRT; greedy."""

    def __init__(self, call: BoundCall, embeddings: Embeddings):
        self._call, self._embeddings = call, embeddings
        activations = call.inputs["activations"].reshape(2, -1)
        self._embedding, self._hidden = activations
        self._position = call.inputs["input_pos"]
        self._mask = PrefixMask(call.inputs["mask"].reshape(-1))
        self._logits = call.outputs["logits"].reshape(1, -1)
        self._projected = call.outputs["projected_activations"].reshape(-1)

    def draft(self, bonus_token: int, hidden: np.ndarray, position: int, count: int) -> list[int]:
        """The position given to the graph is one less, and constant over the round, as LiteRT-LM passes it."""
        self._position[0] = position - 1
        self._mask.show(position)
        self._hidden[:] = hidden
        tokens: list[int] = []
        token = bonus_token
        for step in range(count):
            if step:
                self._hidden[:] = self._projected
            self._embedding[:] = self._embeddings.row(token)
            self._call.run()
            token = best_tokens(self._logits, position + step)[0]
            tokens.append(token)
        return tokens
