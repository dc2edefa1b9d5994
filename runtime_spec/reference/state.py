"""What the loop is told, and what it remembers between rounds."""

from dataclasses import dataclass

from runtime_spec.reference.ports import Hidden

NO_TOKEN = -1


@dataclass(frozen=True, slots=True)
class DecodeConfig:
    """At most num_draft_tokens drafts a round; a token of stop_tokens ends the turn."""

    num_draft_tokens: int
    stop_tokens: frozenset[int]


@dataclass(slots=True)
class State:
    """Between rounds the cache holds every token but the last emitted one, which is pending: the bonus token.

    `hidden` is the target's after the last token in the cache, `remaining` what is left of the turn's budget,
    `index` the number of the next round. Only a commit changes cache_length, bonus_token and hidden, so that a
    round which is cancelled, or ends in an error, leaves the conversation as it was.
    """

    index: int = 0
    cache_length: int = 0
    bonus_token: int = NO_TOKEN
    hidden: Hidden = None
    remaining: int = 0
