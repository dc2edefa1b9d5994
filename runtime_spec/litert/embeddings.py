"""Embedding rows by token, looked up once in the embedders and kept."""

from collections.abc import Sequence

import numpy as np

from runtime_spec.errors import UsageError
from runtime_spec.litert.compiled import BoundCall


class Embeddings:
    """Rows of the main and, where the model has them, the per-layer embedder, as float32 tables that grow with use.

    At most `limit` tokens are kept, or those of one call where they are more; then the tables start anew.
    """

    def __init__(self, main: BoundCall, per_layer: BoundCall | None, vocab_size: int, limit: int = 4096):
        self._calls = [main] if per_layer is None else [main, per_layer]
        self._outputs = [next(iter(call.outputs.values())).reshape(-1) for call in self._calls]
        self._tables = [np.empty((64, output.size), np.float32) for output in self._outputs]
        self._rows: dict[int, int] = {}
        self._limit, self._vocab_size = limit, vocab_size

    def row(self, token: int) -> np.ndarray:
        """float32[H] of the main embedder, valid until the next call. UsageError for a token outside the vocabulary."""
        index = self._rows.get(token)
        if index is None:
            if len(self._rows) >= self._limit:
                self._rows.clear()
            index = self._look_up(token)
        return self._tables[0][index]

    def check(self, token: int) -> None:
        """UsageError for a token outside the vocabulary."""
        if not 0 <= token < self._vocab_size:
            raise UsageError(
                "A token is outside the vocabulary",
                expected=f"ids from 0 to {self._vocab_size - 1}",
                found=f"id {token}"[:40],
                where="the tokens given to the target or drafter",
                action="Use the tokenizer and the traces of this bundle.",
            )

    def write(self, tokens: Sequence[int], main: np.ndarray, per_layer: np.ndarray | None) -> None:
        """Fills the first len(tokens) rows of main float32[T, H] and of per_layer float32[T, L * P].

        Raises UsageError for a token outside the vocabulary."""
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
        self.check(token)
        index = len(self._rows)
        if index == len(self._tables[0]):
            self._tables = [np.concatenate([table, np.empty_like(table)]) for table in self._tables]
        for call, output, table in zip(self._calls, self._outputs, self._tables, strict=True):
            call.inputs["token_ids"][...] = token
            call.run()
            table[index] = output
        self._rows[token] = index
        return index
