"""What graphs read of their caches: all slots, or the parts that hold what their tokens can see; and of the drafter's
head: all rows, or those of the clusters that are chosen.

Imports no torch: `jobs` decides by it before anything is traced.
"""

from dataclasses import dataclass

from export.checkpoint.config import DrafterConfig, TextConfig

PREFIX_STEP = 128
"""Slots by which the part of the cache that full layers read grows. Each growth makes XNNPACK plan anew, once."""

DENSE_HEAD_LIMIT = 4 << 20
"""Weights of the drafter's sparse head (V * D) up to which all tokens are scored and the rest masked; above, rows are
gathered."""


@dataclass(frozen=True)
class Reads:
    """`window`: slots that sliding layers read, None for all of them. `prefix`: whether full layers read the slots in
    use only, in whole steps."""

    window: int | None
    prefix: bool


def target_reads(config: TextConfig, tokens: int, capacity: int) -> Reads:
    """Of the target's graph over `tokens` tokens and caches of `capacity` slots."""
    return _reads(config.window_slots(tokens, capacity), capacity)


def drafter_reads(drafter: DrafterConfig, capacity: int) -> Reads:
    """Of the drafter's graph over the target's caches of `capacity` slots.

    Its window is inclusive and counted back from the newest cached row: one slot more than the target's own."""
    return _reads(drafter.text.sliding_window + 1, capacity)


def _reads(window: int, capacity: int) -> Reads:
    return Reads(window if window < capacity else None, capacity > PREFIX_STEP)


def gathers_head(drafter: DrafterConfig) -> bool:
    """Whether the drafter's graph reads only the rows of its head that it scores; they are stored in the clusters'
    order then."""
    text = drafter.text
    return drafter.use_ordered_embeddings and text.vocab_size * text.hidden_size > DENSE_HEAD_LIMIT
