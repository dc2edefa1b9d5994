"""runtime_spec.sampling.rows.Rows over arrays: the same bits as the plain one, in a few passes of NumPy."""

from math import isfinite

import numpy as np

from runtime_spec.litert.logits import best_tokens
from runtime_spec.sampling.exponential import COEFFICIENTS, LEAST, LN2_HIGH, LN2_LOW, LOG2_E
from runtime_spec.sampling.filtered import Distribution
from runtime_spec.sampling.parameters import Sampling

GROUPS = 16
"""So many times as many groups of logits as are asked for: then few more are as large as that many of their maxima."""
FEW = 1024
"""Up to here one call that sorts is faster than one that sorts numbers which are made by eight."""
BLOCK = 4096
"""Doubles that stay in the processor's first cache through all steps of an exponential."""


class ArrayRows:
    """Rows are float32[V]."""

    def best(self, row: np.ndarray, position: int) -> int:
        return best_tokens(row[None], position)[0]

    def filtered(self, row: np.ndarray, sampling: Sampling, position: int) -> Distribution:
        """The steps are those of sampling/filtered.py, which cumulative sums keep: they add one after the other."""
        if sampling.temperature == 0:
            return Distribution([self.best(row, position)], [1.0])
        # 1. check
        maxima = group_maxima(row, sampling.top_k)
        largest = maxima.max().item()
        if not (isfinite(largest) and isfinite(row.min().item())):
            self.best(row, position)  # It raises.
        # 2. order, and of 3. what is far too small: only what stays is sorted.
        tokens = largest_tokens(row, maxima, sampling.top_k)
        logits = row if tokens is None else row[tokens]
        x = logits.astype(np.float64)
        x -= largest
        with np.errstate(over="ignore", under="ignore"):
            x /= sampling.temperature
        if x.min() < LEAST:
            stays = np.flatnonzero(x >= LEAST)
            tokens, x, logits = stays if tokens is None else tokens[stays], x[stays], logits[stays]
        order = descending(logits)
        if 0 < sampling.top_k < len(order):
            order = order[: sampling.top_k]
        tokens = order if tokens is None else tokens[order]
        # 3. weights
        weights = exponentials(x[order])
        # 4. top-p
        if sampling.top_p != 1:
            sums = weights.cumsum()
            weights = weights[: int(sums.searchsorted(sampling.top_p * sums[-1])) + 1]
            tokens = tokens[: len(weights)]
        # 5. min-p
        if sampling.min_p != 0:
            stays = weights >= sampling.min_p
            tokens, weights = tokens[stays], weights[stays]
        # 6. normalise
        weights /= weights.cumsum()[-1]
        return Distribution(tokens.tolist(), weights.tolist())


def group_maxima(row: np.ndarray, count: int) -> np.ndarray:
    """The largest logits of many more groups of float32[V] than `count`, every logit being in one of them; or `row`
    itself, where that has too few for it or count is 0."""
    groups = GROUPS * count
    size = len(row) // groups if count else 0
    if size < 2:
        return row
    # A group is what has the same place in each of the pieces that the row is cut into.
    maxima = row[: size * groups].reshape(size, groups).max(0)
    rest = row[size * groups :]
    np.maximum(maxima[: len(rest)], rest, out=maxima[: len(rest)])
    return maxima


def largest_tokens(row: np.ndarray, maxima: np.ndarray, count: int) -> np.ndarray | None:
    """Ascending ids of float32[V], the `count` largest logits among them, the lowest ids where equals meet the end;
    mostly few others. None for all of them, as with a count of 0."""
    if not 0 < count < len(row):
        return None
    # As many groups have a logit of at least this.
    least = np.partition(maxima, len(maxima) - count)[len(maxima) - count]
    tokens = np.flatnonzero(row >= least)
    if len(tokens) <= 2 * count:
        return tokens
    logits = row[tokens]
    last = np.partition(logits, len(tokens) - count)[len(tokens) - count]
    return np.sort(np.concatenate([tokens[logits > last], tokens[logits == last][:count]]))


def descending(logits: np.ndarray) -> np.ndarray:
    """The order of float32[N] from the largest to the smallest, the lower index first among equals."""
    if len(logits) <= FEW:
        return (-logits).argsort(kind="stable")
    # A number for each logit and index that is less the earlier it comes. Adding zero makes a negative zero equal to
    # the other.
    bits = (logits + np.float32(0)).view(np.int32)
    keys = (~(bits ^ ((bits >> 31) & 0x7FFFFFFF))).astype(np.int64)
    keys <<= 32
    keys |= np.arange(len(logits))
    keys.sort()
    keys &= 0xFFFFFFFF
    return keys


def exponentials(x: np.ndarray) -> np.ndarray:
    """sampling/exponential.py's e^x of float64[N], operation by operation."""
    if len(x) > BLOCK:
        return np.concatenate([exponentials(x[i : i + BLOCK]) for i in range(0, len(x), BLOCK)])
    n = x * LOG2_E
    n += 0.5
    np.floor(n, out=n)
    r = x - n * LN2_HIGH
    r -= n * LN2_LOW
    e = r * COEFFICIENTS[0]
    e += COEFFICIENTS[1]
    for coefficient in COEFFICIENTS[2:]:
        e *= r
        e += coefficient
    return np.ldexp(e, n.astype(np.int32))
