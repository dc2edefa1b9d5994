"""DECODE.md, Conversations: the token that ends a turn is not said twice."""

from collections.abc import Collection, Sequence

from runtime_spec.reference.state import NO_TOKEN


def without_pending(tokens: Sequence[int], last_token: int, stop_tokens: Collection[int]) -> list[int]:
    """The prompt of a further turn: `tokens` encode it from the end of the model's turn on.

    `last_token` is pending and will be prefilled before them (NO_TOKEN: none is). Where it is a stop token and the
    very one that `tokens` begin with, the model has closed its turn itself, and the first of `tokens` is left out.
    """
    is_said = bool(tokens) and last_token != NO_TOKEN and last_token in stop_tokens and tokens[0] == last_token
    return list(tokens[1:] if is_said else tokens)
