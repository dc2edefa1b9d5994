"""Attention masks that are kept up to date instead of rebuilt."""

import numpy as np

HIDDEN = np.float32(-1e4)
"""What LiteRT-LM's masks are to our graphs: any large negative number hides a slot."""


class CausalMask:
    """Row i of a view float32[T, S] shows slots 0..position + i."""

    def __init__(self, view: np.ndarray):
        self._view = view
        rows, self.capacity = view.shape
        view.fill(HIDDEN)
        self._triangle = np.triu(np.full((rows, rows), HIDDEN, np.float32), 1)
        self._rows, self._position = rows, 0

    def move_to(self, position: int) -> None:
        """Costs the slots between the last position and this one, not the whole mask."""
        view, old = self._view, self._position
        end = min(position + self._rows, self.capacity)
        if position >= old:
            view[:, old:position] = 0.0
        else:
            view[:, position : min(old + self._rows, self.capacity)] = HIDDEN
        view[:, position:end] = self._triangle[:, : end - position]
        self._position = position


class PrefixMask:
    """A view float32[S] that shows slots below a length."""

    def __init__(self, view: np.ndarray):
        view.fill(HIDDEN)
        self._view, self._length = view, 0

    def show(self, length: int) -> None:
        if length >= self._length:
            self._view[self._length : length] = 0.0
        else:
            self._view[length : self._length] = HIDDEN
        self._length = length
