"""What a sampler does with rows of logits. Here in plain Python; a port may do the same faster, bit for bit."""

from typing import Any, Protocol

from runtime_spec.sampling.argmax import argmax
from runtime_spec.sampling.filtered import Distribution, filtered
from runtime_spec.sampling.parameters import Sampling

Row = Any
"""Logits by token: a list of floats, or an array of float32. A penalty changes it in place and puts it back."""


class Rows(Protocol):
    def best(self, row: Row, position: int) -> int:
        """The greedy choice in a row that follows cache slot `position`. Raises as `argmax` does."""
        ...

    def filtered(self, row: Row, sampling: Sampling, position: int) -> Distribution:
        """As runtime_spec.sampling.filtered.filtered."""
        ...


class PlainRows:
    """Rows that are lists."""

    def best(self, row: Row, position: int) -> int:
        return argmax(row, position)

    def filtered(self, row: Row, sampling: Sampling, position: int) -> Distribution:
        return filtered(row, sampling, position)
