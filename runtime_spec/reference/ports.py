"""What the decoding loop asks of a model. Anything with these methods can be decoded."""

from collections.abc import Sequence
from typing import Any, Protocol

# A target's hidden state after one token, after the final norm: the loop hands it to the drafter and never looks
# inside. It must stay readable until the target's next prefill or verify.
Hidden = Any


class Target(Protocol):
    """A model with a cache of `capacity` slots. Slots below `cache_length` are live; what lies past it is dead.

    `verify_widths` are the exported numbers of rows a verify call can have, ascending, and always begin with 1,
    which is plain decoding.
    """

    capacity: int
    verify_widths: tuple[int, ...]

    def fill_count(self, num_tokens: int, position: int) -> int:
        """How many of num_tokens (>= 1) still to come at slots position.. the next `fill` takes, fewer than
        num_tokens; 0 when `prefill` takes them all. No pass, padding included, may end past capacity."""
        ...

    def fill(self, tokens: Sequence[int], position: int) -> None:
        """Writes tokens, as many as fill_count said, at slots position.. in one pass."""
        ...

    def prefill(self, tokens: Sequence[int], position: int) -> tuple[int, Hidden]:
        """Writes tokens at slots position.. and returns the token and the hidden after the last of them."""
        ...

    def verify(self, tokens: Sequence[int], position: int, width: int) -> tuple[list[int], Sequence[Hidden]]:
        """Writes tokens at slots position.. in one pass of `width` rows (len(tokens) <= width, the rest padding).

        Returns the token and the hidden after each of tokens. A sampled target may end behind the first token that is
        not the draft. A port over graphs refuses (UsageError) what would end past capacity.
        """
        ...

    def rollback(self, cache_length: int) -> None:
        """Declares slots from cache_length on dead: neither target nor drafter may read them again."""
        ...


class Drafter(Protocol):
    """A small model that guesses what the target will say, reading the target's live cache slots; or whatever else
    guesses. `source` says where the drafts that were returned last come from: "drafter" for a model."""

    source: str

    def draft(self, cached: Sequence[int], bonus_token: int, hidden: Hidden, position: int, count: int) -> list[int]:
        """Up to `count` tokens (count >= 1) to follow bonus_token, which will be written at slot `position`.

        `cached` are the tokens in the cache, by slot, to be read and not to be kept; `hidden` is the target's after the
        last of them, at slot position - 1. The position is the same for every draft of the round. Fewer tokens, or
        none, are a fine answer.
        """
        ...


class MarginTarget(Target, Protocol):
    """A target that can also be recorded: it knows how close its choices were."""

    def margins(self) -> list[float]:
        """Top-1 minus top-2 logit for every token that the last prefill or verify returned, in order."""
        ...
