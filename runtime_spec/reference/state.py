"""What the loop is told, and what it remembers between rounds."""

from dataclasses import dataclass, field

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

    `cached` are the tokens in the cache, `hidden` is the target's after the last of them, `remaining` what is left of
    the turn's budget, `index` the number of the next round. Only a commit, and the plan of a turn that starts again
    from a common beginning, change cached, bonus_token and hidden, so that a round which is cancelled, or ends in an
    error, leaves the conversation as it was.
    """

    index: int = 0
    cached: list[int] = field(default_factory=list)
    bonus_token: int = NO_TOKEN
    hidden: Hidden = None
    remaining: int = 0

    @property
    def cache_length(self) -> int:
        return len(self.cached)
