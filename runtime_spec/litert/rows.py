"""runtime_spec.sampling.rows.Rows over arrays: the same bits as the plain one, in a few passes of NumPy."""

import numpy as np

from runtime_spec.litert.logits import best_tokens
from runtime_spec.sampling.exponential import COEFFICIENTS, LEAST, LN2_HIGH, LN2_LOW, LOG2_E
from runtime_spec.sampling.filtered import Distribution
from runtime_spec.sampling.parameters import Sampling


class ArrayRows:
    """Rows are float32[V]."""

    def best(self, row: np.ndarray, position: int) -> int:
        return best_tokens(row[None], position)[0]

    def filtered(self, row: np.ndarray, sampling: Sampling, position: int) -> Distribution:
        """The steps are those of sampling/filtered.py, which cumulative sums keep: they add one after the other."""
        # 1. check
        best = self.best(row, position)
        if sampling.temperature == 0:
            return Distribution([best], [1.0])
        # 2. order, and of 3. what is far too small: only what stays is sorted.
        tokens = largest_tokens(row, sampling.top_k)
        logits = row[tokens].astype(np.float64)
        with np.errstate(over="ignore", under="ignore"):
            x = (logits - float(row[best])) / sampling.temperature
        stays = x >= LEAST
        tokens, x, logits = tokens[stays], x[stays], logits[stays]
        order = np.argsort(-logits, kind="stable")
        tokens = tokens[order]
        # 3. weights
        weights = exponentials(x[order])
        # 4. top-p
        if sampling.top_p != 1:
            sums = np.cumsum(weights)
            weights = weights[: int(np.searchsorted(sums, sampling.top_p * sums[-1])) + 1]
            tokens = tokens[: len(weights)]
        # 5. min-p
        if sampling.min_p != 0:
            stays = weights >= sampling.min_p
            tokens, weights = tokens[stays], weights[stays]
        # 6. normalise
        weights /= np.cumsum(weights)[-1]
        return Distribution(tokens.tolist(), weights.tolist())


def largest_tokens(row: np.ndarray, count: int) -> np.ndarray:
    """Ids of the `count` largest of float32[V] (0: all), the lowest where equals meet the end; equals ascend."""
    if not 0 < count < len(row):
        return np.arange(len(row))
    last = np.partition(row, len(row) - count)[len(row) - count]
    above = np.flatnonzero(row > last)
    return np.concatenate([above, np.flatnonzero(row == last)[: count - len(above)]])


def exponentials(x: np.ndarray) -> np.ndarray:
    """sampling/exponential.py's e^x of float64[N], operation by operation."""
    n = np.floor(x * LOG2_E + 0.5)
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    e = np.full_like(x, COEFFICIENTS[0])
    for coefficient in COEFFICIENTS[1:]:
        e *= r
        e += coefficient
    return np.ldexp(e, n.astype(np.int32))
