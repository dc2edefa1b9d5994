"""A replay that ran elsewhere, held against the golden trace it replayed: rounds against rounds, no models.

The other machine handed the recorded tokens on, as `replay` does, but wrote down its own answers: its drafts and its
target tokens. So each of them is a near tie or an error, and everything else must be equal.
"""

from runtime_spec.reference.replay import COMPARED, Replay, ReplayReport
from runtime_spec.reference.trace import Trace, header_line


def compare(golden: Trace, answered: Trace) -> ReplayReport:
    """Counts rounds and allowed forks. Raises TraceError naming trace, round and field of the first difference."""
    state = Replay(golden)
    state.check("header", header_line(golden.header), header_line(answered.header))
    for round in answered.rounds:
        recorded = state.expected
        for field in COMPARED:
            if field == "draft_tokens":
                state.check_draft_tokens(round.draft_tokens)
            elif field == "target_tokens":
                state.check_target_tokens(round.target_tokens)
            else:
                state.check(field, getattr(recorded, field), getattr(round, field))
        state.report.rounds += 1
    state.check("rounds", len(golden.rounds), state.report.rounds)
    return state.report
