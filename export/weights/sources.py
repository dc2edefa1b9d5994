"""Sources of weights made of others: rows in another order, and one model's weights beside another's."""

import numpy as np
import torch

from export.checkpoint.codes import Codes
from export.weights.stream import WeightSource


class Reordered:
    """`source` with the rows of weight `name` in the order int64[N]: row i is the source's row order[i].

    That weight is read whole, in the checkpoint's own bits, and kept until its last row is handed out."""

    def __init__(self, source: WeightSource, name: str, order: np.ndarray):
        self._source, self._name, self._order = source, name, order
        self._whole: torch.Tensor | np.ndarray | None = None

    def key(self, name: str) -> str:
        return self._source.key(name) + (" in another order" if name == self._name else "")

    def shape(self, name: str) -> tuple[int, ...]:
        return self._source.shape(name)

    def rows(self, name: str, begin: int, end: int) -> torch.Tensor:
        if name != self._name:
            return self._source.rows(name, begin, end)
        if begin == 0:
            self._whole = self._source.rows(name, 0, len(self._order)).clone()
        return self._picked(begin, end)

    def codes(self, name: str) -> Codes | None:
        return self._source.codes(name)

    def code_rows(self, name: str, begin: int, end: int) -> memoryview:
        if name != self._name:
            return self._source.code_rows(name, begin, end)
        if begin == 0:
            raw = self._source.code_rows(name, 0, len(self._order))
            self._whole = np.frombuffer(raw, np.uint8).reshape(len(self._order), -1).copy()
        return memoryview(self._picked(begin, end)).cast("B")

    def scales(self, name: str) -> np.ndarray:
        found = self._source.scales(name)
        return found[self._order] if name == self._name else found

    def _picked(self, begin: int, end: int) -> torch.Tensor | np.ndarray:
        found = self._whole[self._order[begin:end]]
        if end == len(self._order):
            self._whole = None
        return found


class Joined:
    """`source`, and weight `name`, which is `other_name` of `other`."""

    def __init__(self, source: WeightSource, name: str, other: WeightSource, other_name: str):
        self._source, self._name, self._other = source, name, (other, other_name)

    def _of(self, name: str) -> tuple[WeightSource, str]:
        return self._other if name == self._name else (self._source, name)

    def key(self, name: str) -> str:
        source, name = self._of(name)
        return source.key(name)

    def shape(self, name: str) -> tuple[int, ...]:
        source, name = self._of(name)
        return source.shape(name)

    def rows(self, name: str, begin: int, end: int) -> torch.Tensor:
        source, name = self._of(name)
        return source.rows(name, begin, end)

    def codes(self, name: str) -> Codes | None:
        source, name = self._of(name)
        return source.codes(name)

    def code_rows(self, name: str, begin: int, end: int) -> memoryview:
        source, name = self._of(name)
        return source.code_rows(name, begin, end)

    def scales(self, name: str) -> np.ndarray:
        source, name = self._of(name)
        return source.scales(name)
