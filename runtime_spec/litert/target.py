"""The target port: prefill, decode and verify graphs over one set of caches, updated in place."""

from collections.abc import Sequence
from math import isfinite

import numpy as np

from runtime_spec.errors import RuntimeLibraryError
from runtime_spec.litert.compiled import BoundCall
from runtime_spec.litert.embeddings import Embeddings
from runtime_spec.litert.masks import CausalMask


class Pass:
    """One graph over T rows."""

    def __init__(self, call: BoundCall):
        self._call = call
        self.width = call.inputs["input_pos"].shape[0]
        self._positions = call.inputs["input_pos"]
        self._offsets = np.arange(self.width, dtype=np.int32)
        self._embeddings = call.inputs["embeddings"].reshape(self.width, -1)
        per_layer = call.inputs.get("per_layer_embeddings")
        self._per_layer = None if per_layer is None else per_layer.reshape(self.width, -1)
        self._mask = CausalMask(call.inputs["mask"].reshape(self.width, -1))
        self.logits = self.hiddens = None
        if "logits" in call.outputs:
            self.logits = call.outputs["logits"].reshape(self.width, -1)
            self.hiddens = list(call.outputs["activations"].reshape(self.width, -1))

    def run(self, tokens: Sequence[int], position: int, embeddings: Embeddings) -> None:
        """Writes `tokens` at slots position..; rows behind them are padding and land in dead slots."""
        embeddings.write(tokens, self._embeddings, self._per_layer)
        np.add(self._offsets, position, self._positions)
        self._mask.move_to(position)
        self._call.run()


class LiteRtTarget:
    """runtime_spec.reference.ports.Target over LiteRT (and MarginTarget: its choices can be recorded)."""

    def __init__(self, scoring: dict[int, Pass], prefills: dict[int, Pass], embeddings: Embeddings, capacity: int):
        self.capacity = capacity
        self.verify_widths = tuple(sorted(scoring))
        self._scoring, self._embeddings = scoring, embeddings
        self._chunks = sorted(prefills.items())
        self._last: tuple[Pass, int] | None = None

    def prefill(self, tokens: Sequence[int], position: int) -> tuple[int, np.ndarray]:
        """All but the last token through the prefill graphs, the last through decode, which scores it."""
        done, rest = 0, len(tokens) - 1
        while done < rest:
            chunk = self._chunk(rest - done, position + done)
            part = tokens[done : min(done + chunk.width, rest)]
            chunk.run(part, position + done, self._embeddings)
            done += len(part)
        target_tokens, hiddens = self.verify(tokens[-1:], position + rest, 1)
        return target_tokens[0], hiddens[0]

    def _chunk(self, remaining: int, position: int) -> Pass:
        """The shortest graph that takes all that remains, else the longest; never one whose padding would pass the
        end of the cache (the update would move back over live slots)."""
        fitting = [chunk for width, chunk in self._chunks if position + width <= self.capacity]
        for chunk in fitting:
            if chunk.width >= remaining:
                return chunk
        if fitting:
            return fitting[-1]
        widths = [w for w in self.verify_widths if w <= min(remaining, self.capacity - position)]
        return self._scoring[widths[-1]]

    def verify(self, tokens: Sequence[int], position: int, width: int) -> tuple[list[int], list[np.ndarray]]:
        scoring, count = self._scoring[width], len(tokens)
        scoring.run(tokens, position, self._embeddings)
        self._last = scoring, count
        return best_tokens(scoring.logits[:count], position), scoring.hiddens

    def rollback(self, cache_length: int) -> None:
        """Nothing to do: masks show only what a pass is told, and dead slots are written again before they show."""

    def logits(self) -> np.ndarray:
        """float32[T, V] of the last verify pass, valid until the next."""
        scoring, count = self._last
        return scoring.logits[:count]

    def margins(self) -> list[float]:
        scoring, count = self._last
        top = np.partition(scoring.logits[:count], -2, axis=-1)[:, -2:]
        return [float(row[1] - row[0]) for row in top]


def best_tokens(logits: np.ndarray, position: int) -> list[int]:
    """The largest logit's id in each row of [T, V], the lowest where equal.

    Raises RuntimeLibraryError for a row whose best is not finite: NumPy's argmax finds a NaN first, so one look does.
    """
    best = logits.argmax(-1).tolist()
    for row, token in enumerate(best):
        if not isfinite(logits.item(row, token)):
            raise RuntimeLibraryError(
                "The model returned a logit that is no finite number",
                expected=f"{logits.shape[-1]} finite logits",
                found=f"{logits[row, token]} for token {token}",
                where=f"the logits after cache slot {position + row}",
                action="Verify the bundle; if it is intact, report the model and the device.",
            )
    return best
