"""Embedding rows by token, looked up once in the embedders and kept."""

from collections.abc import Sequence

import numpy as np

from runtime_spec.litert.compiled import BoundCall


class Embeddings:
    """Rows of the main and, where the model has them, the per-layer embedder, as float32 tables that grow with use.

    At most `limit` tokens are kept, or those of one call where they are more; then the tables start anew.
    """

    def __init__(self, main: BoundCall, per_layer: BoundCall | None, limit: int = 4096):
        self._calls = [main] if per_layer is None else [main, per_layer]
        self._outputs = [next(iter(call.outputs.values())).reshape(-1) for call in self._calls]
        self._tables = [np.empty((64, output.size), np.float32) for output in self._outputs]
        self._rows: dict[int, int] = {}
        self._limit = limit

    def row(self, token: int) -> np.ndarray:
        """float32[H] of the main embedder, valid until the next call of this object."""
        index = self._rows.get(token)
        if index is None:
            if len(self._rows) >= self._limit:
                self._rows.clear()
            index = self._look_up(token)
        return self._tables[0][index]

    def write(self, tokens: Sequence[int], main: np.ndarray, per_layer: np.ndarray | None) -> None:
        """Fills the first len(tokens) rows of main float32[T, H] and of per_layer float32[T, L * P]."""
        rows = self._rows
        # Only here, before the first row is taken: cleared in between, two tokens of one call would share a row.
        if len(rows) + len(tokens) > self._limit:
            rows.clear()
        indices = [rows[token] if token in rows else self._look_up(token) for token in tokens]
        count = len(tokens)
        self._tables[0].take(indices, 0, main[:count], "clip")
        if per_layer is not None:
            self._tables[1].take(indices, 0, per_layer[:count], "clip")

    def _look_up(self, token: int) -> int:
        index = self._rows[token] = len(self._rows)
        if index == len(self._tables[0]):
            self._tables = [np.concatenate([table, np.empty_like(table)]) for table in self._tables]
        for call, output, table in zip(self._calls, self._outputs, self._tables, strict=True):
            call.inputs["token_ids"][...] = token
            call.run()
            table[index] = output
        return index
