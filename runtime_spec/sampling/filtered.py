"""A row of logits as a distribution, a token drawn from one, and what is left of one beside another."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import isfinite

from runtime_spec.sampling.argmax import not_finite
from runtime_spec.sampling.exponential import LEAST, exponential
from runtime_spec.sampling.parameters import Sampling


@dataclass(slots=True)
class Distribution:
    """Tokens that can be said, the likeliest first, with a weight each. Weights need not sum to 1."""

    tokens: Sequence[int]
    weights: Sequence[float]
    _by_token: dict[int, float] | None = field(default=None, repr=False, compare=False)

    @property
    def by_token(self) -> dict[int, float]:
        if self._by_token is None:
            self._by_token = dict(zip(self.tokens, self.weights, strict=True))
        return self._by_token

    def of(self, token: int) -> float:
        """The weight of `token`: 0.0 if it can't be said."""
        return self.by_token.get(token, 0.0)


def filtered(row: Sequence[float], sampling: Sampling, position: int) -> Distribution:
    """What `sampling` leaves of a row of logits, float32 values after cache slot `position`; weights sum to about 1.

    The steps are numbered as in DECODE.md. Raises RuntimeLibraryError as `argmax` does."""
    # 1. check
    for token, logit in enumerate(row):
        if not isfinite(logit):
            raise not_finite(logit, token, len(row), position)
    # 2. order: stable, so that the lowest id comes first among equals.
    tokens = sorted(range(len(row)), key=row.__getitem__, reverse=True)
    if sampling.temperature == 0:
        return Distribution(tokens[:1], [1.0])
    if sampling.top_k:
        del tokens[sampling.top_k :]
    # 3. weights: x falls along the order.
    largest, weights = row[tokens[0]], []
    for token in tokens:
        x = (row[token] - largest) / sampling.temperature
        if x < LEAST:
            break
        weights.append(exponential(x))
    # 4. top-p
    if sampling.top_p != 1:
        sums = list(accumulate(weights))
        del weights[bisect_left(sums, sampling.top_p * sums[-1]) + 1 :]
    # 5. min-p
    if sampling.min_p != 0:
        left = [i for i, weight in enumerate(weights) if not weight < sampling.min_p]
        tokens, weights = [tokens[i] for i in left], [weights[i] for i in left]
    # 6. normalise
    total = total_of(weights)
    return Distribution(tokens[: len(weights)], [weight / total for weight in weights])


def total_of(weights: Sequence[float]) -> float:
    """One after the other, whatever `sum` does."""
    total = 0.0
    for weight in weights:
        total += weight
    return total


def draw(distribution: Distribution, u: float) -> int:
    """The token that u, from [0, 1), falls on: the first whose running sum exceeds that part of the whole."""
    sums = list(accumulate(distribution.weights))
    index = bisect_right(sums, u * sums[-1])
    return distribution.tokens[min(index, len(sums) - 1)]


def residual(p: Distribution, q: Distribution, scale: float) -> Distribution | None:
    """What p, its weights times `scale`, has more of than q, in p's order; None if that is nothing."""
    of = q.by_token.get  # A call less for each of what may be a whole vocabulary.
    left = [scale * weight - of(token, 0.0) for token, weight in zip(p.tokens, p.weights, strict=True)]
    places = [i for i, weight in enumerate(left) if weight > 0]
    return Distribution([p.tokens[i] for i in places], [left[i] for i in places]) if places else None
