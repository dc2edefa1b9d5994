"""The greedy choice: which token a row of logits stands for, and by how much it won."""

from collections.abc import Sequence
from math import isfinite

from runtime_spec.errors import RuntimeLibraryError


def argmax(logits: Sequence[float], position: int) -> int:
    """The id of the largest logit, the lowest id where several are equal.

    Raises RuntimeLibraryError, naming the cache slot `position`, if any logit is infinite or not a number: such a
    row means a broken graph, and no token drawn from it can be right.
    """
    best = 0
    for token, logit in enumerate(logits):
        if not isfinite(logit):
            raise not_finite(logit, token, len(logits), position)
        if logit > logits[best]:
            best = token
    return best


def not_finite(logit: float, token: int, count: int, position: int) -> RuntimeLibraryError:
    """The error for a row of `count` logits after cache slot `position` in which `token` has `logit`."""
    return RuntimeLibraryError(
        "The model returned a logit that is no finite number",
        expected=f"{count} finite logits",
        found=f"{logit} for token {token}",
        where=f"the logits after cache slot {position}",
        action="Verify the bundle; if it is intact, report the model and the device.",
    )


def margin(logits: Sequence[float]) -> float:
    """Largest minus second largest logit; 0.0 at a tie. Needs at least two logits."""
    first, second = sorted(logits, reverse=True)[:2]
    return float(first - second)
