"""Which of a round's drawn drafts the target keeps: block verification (Sun et al. 2024; DECODE.md, *Sampling*)."""

from collections.abc import Sequence

from runtime_spec.sampling.filtered import Distribution, residual, total_of


def verified(
    p: Sequence[Distribution], drafts: Sequence[int], q: Sequence[Distribution], numbers: Sequence[float]
) -> tuple[int, Distribution]:
    """How many of k drafts are kept, and what the token behind them is drawn from.

    p[i] is the target's distribution in the place of drafts[i], p[k] that behind the last; drafts[i] was drawn from
    q[i] and has the accept number numbers[i]."""
    left = ratios(p, drafts, q)
    count = len(drafts)
    kept = next((i for i in range(count, 0, -1) if numbers[i - 1] < acceptance(i, left[i], p, q)), 0)
    rest = residual(p[kept], q[kept], left[kept]) if kept < count else None
    return kept, rest or p[kept]


def ratios(p: Sequence[Distribution], drafts: Sequence[int], q: Sequence[Distribution]) -> list[float]:
    """For each beginning of the drafts, none of them first, the probability that is left to it."""
    left = [1.0]
    for i, draft in enumerate(drafts):
        # From left to right: a draft that a residual has would otherwise not have a ratio of 1 to the last bit.
        left.append(min(1.0, left[i] * p[i].of(draft) / q[i].of(draft)))
    return left


def acceptance(i: int, left: float, p: Sequence[Distribution], q: Sequence[Distribution]) -> float:
    """With which probability the first i drafts, at least one, are kept if no more are; `left` is their ratio."""
    if left >= 1 or i == len(q):
        return left
    rest = residual(p[i], q[i], left)
    total = total_of(rest.weights) if rest else 0.0
    return total / (total + (1.0 - left))
