"""A policy that is to draft nothing from the text."""

from runtime_spec.drafting.proposer import Policy


class Unmatched:
    """`policy`, for which nothing is looked up."""

    looks_up = False

    def __init__(self, policy: Policy):
        self._policy = policy
        self.plan, self.goes_on, self.observe = policy.plan, policy.goes_on, policy.observe

    @property
    def probe_nanos(self) -> int:
        return self._policy.probe_nanos
