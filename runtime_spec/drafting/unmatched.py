"""A policy that is to draft nothing from the text."""

from runtime_spec.drafting.proposer import Policy


class Unmatched:
    """`policy`, which is never told of a match."""

    def __init__(self, policy: Policy):
        self._policy = policy
        self.goes_on, self.observe = policy.goes_on, policy.observe

    @property
    def probe_nanos(self) -> int:
        return self._policy.probe_nanos

    def plan(self, position: int, most: int, match: int) -> tuple[str | None, int]:
        return self._policy.plan(position, most, 0)
