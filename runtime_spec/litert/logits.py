"""The greedy choice over rows of logits as LiteRT returns them: sampling/argmax.py's rule in a few passes of NumPy."""

from math import isfinite

import numpy as np

from runtime_spec.errors import BundleError
from runtime_spec.sampling.argmax import not_finite


def best_tokens(logits: np.ndarray, position: int) -> list[int]:
    """The largest logit's id in each row of float32[T, V], the lowest where equal; row i follows slot position + i.

    Raises RuntimeLibraryError if any logit is infinite or not a number. Two values a row tell: NumPy's argmax finds a
    NaN before all else and +inf before all numbers, and the minimum finds -inf.
    """
    best = logits.argmax(-1).tolist()
    for row, (token, least) in enumerate(zip(best, logits.min(-1).tolist(), strict=True)):
        if not (isfinite(least) and isfinite(logits.item(row, token))):
            wrong = int(np.flatnonzero(~np.isfinite(logits[row]))[0])
            raise not_finite(logits.item(row, wrong), wrong, logits.shape[-1], position + row)
    return best


def check_choices(tokens: list[int], largest: np.ndarray, logits: np.ndarray, where: str, position: int) -> None:
    """BundleError unless `tokens` are the greedy choices of the rows of float32[T, V] and `largest`, float32[T, 2],
    their two largest logits. Raises as `best_tokens` does."""
    best, top = best_tokens(logits, position), np.partition(logits, -2, axis=-1)[:, :-3:-1]
    for row, (token, right) in enumerate(zip(tokens, best, strict=True)):
        if token != right or largest[row].tolist() != top[row].tolist():
            raise BundleError(
                "A graph's choice is not that of its logits",
                expected=f"token {right}, and {_numbers(top[row])} as the two largest logits",
                found=f"token {token}, and {_numbers(largest[row])}",
                where=f"{where}, after cache slot {position + row}",
                action="Export the bundle again.",
            )


def _numbers(values: np.ndarray) -> str:
    return " and ".join(f"{value:.6g}" for value in values.tolist())


def margins(logits: np.ndarray) -> list[float]:
    """Largest minus second largest logit of each row of float32[T, V]."""
    top = np.partition(logits, -2, axis=-1)[:, -2:]
    return [float(row[1] - row[0]) for row in top]
