"""Checking a runtime against a trace: the same loop, over ports that compare every answer with the recorded one.

After an allowed fork the recorded tokens are handed on, so that every later round sees the same input.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from runtime_spec.errors import TraceError
from runtime_spec.reference.ports import Drafter, Hidden, Target
from runtime_spec.reference.record import new_session, play_turn
from runtime_spec.reference.trace import Header, Round, Trace

COMPARED = tuple(field.name for field in fields(Round) if field.name != "margins")


@dataclass(slots=True)
class ReplayReport:
    """rounds replayed; tokens of the target and rounds of the drafter that differed within the rules."""

    rounds: int = 0
    target_forks: int = 0
    draft_forks: int = 0


class Replay:
    """What the two checking ports share: the trace, the place in it and the forks so far."""

    def __init__(self, trace: Trace):
        self.header, self.rounds, self.report = trace.header, trace.rounds, ReplayReport()

    @property
    def expected(self) -> Round:
        if self.report.rounds == len(self.rounds):
            raise self.error("index", "the end of the trace", "one more round")
        return self.rounds[self.report.rounds]

    def check(self, field: str, expected: object, found: object) -> None:
        if expected != found:
            raise self.error(field, expected, found)

    def check_target_tokens(self, found: list[int]) -> list[int]:
        """The recorded tokens, if `found` equals them but for near ties. Forks are counted token by token."""
        expected, margins = self.expected.target_tokens, self.expected.margins
        if found == expected:
            return expected
        self.check("number of target_tokens", len(expected), len(found))
        for i, (want, got) in enumerate(zip(expected, found, strict=True)):
            if want != got:
                if margins is None or not margins[i] < self.header.tolerance:
                    margin = "none recorded" if margins is None else f"{margins[i]:.6f}"
                    raise self.error(f"target_tokens[{i}]", f"{want} (margin {margin})", got)
                self.report.target_forks += 1
        return expected

    def check_draft_tokens(self, found: list[int]) -> list[int]:
        """The recorded drafts; other ones are a fork where the header allows it, else an error."""
        expected = self.expected.draft_tokens
        if found != expected:
            if self.header.exact_drafts:
                raise self.error("draft_tokens", expected, found)
            self.report.draft_forks += 1
        return expected

    def check_round(self, found: Round) -> None:
        for field in COMPARED:
            self.check(field, getattr(self.expected, field), getattr(found, field))
        self.report.rounds += 1

    def error(self, field: str, expected: object, found: object) -> TraceError:
        return TraceError(
            "The replay left the trace",
            expected=f"{field} {expected}",
            found=f"{field} {found}",
            where=f"trace {self.header.name}, round {self.report.rounds}, field {field}",
            action=f"Forks below a margin of {self.header.tolerance:.6f} are allowed; beyond, look for a wrong input "
            "to the graph (position, mask, cache row, hidden) or a kernel that computes something else.",
        )


class CheckedTarget:
    """The runtime's target, seen through the trace: capacity and widths are those of the recording."""

    def __init__(self, target: Target, replay: Replay):
        self.target, self.replay = target, replay
        self.capacity, self.verify_widths = replay.header.capacity, replay.header.verify_widths
        self.filled = 0

    def fill_count(self, num_tokens: int, position: int) -> int:
        return self.target.fill_count(num_tokens, position)

    def fill(self, tokens: Sequence[int], position: int) -> None:
        self._check_prefill(position)
        self.target.fill(tokens, position)
        self.filled += len(tokens)

    def prefill(self, tokens: Sequence[int], position: int) -> tuple[int, Hidden]:
        self._check_prefill(position)
        self.filled = 0
        token, hidden = self.target.prefill(tokens, position)
        return self.replay.check_target_tokens([token])[0], hidden

    def verify(self, tokens: Sequence[int], position: int, width: int) -> tuple[list[int], Sequence[Hidden]]:
        expected = self.replay.expected
        self.replay.check("position", expected.position, position)
        self.replay.check("bonus_token", expected.bonus_token, tokens[0])
        self.replay.check("draft_tokens", expected.draft_tokens, list(tokens[1:]))
        self.replay.check("verify_width", expected.verify_width, width)
        target_tokens, hiddens = self.target.verify(tokens, position, width)
        return list(self.replay.check_target_tokens(target_tokens)), hiddens

    def rollback(self, cache_length: int) -> None:
        self.filled = 0
        self.target.rollback(cache_length)

    def _check_prefill(self, position: int) -> None:
        self.replay.check("verify_width", self.replay.expected.verify_width, 0)
        self.replay.check("position", self.replay.expected.position, position - self.filled)


class CheckedDrafter:
    """The runtime's drafter, seen through the trace."""

    def __init__(self, drafter: Drafter, replay: Replay):
        self.drafter, self.replay = drafter, replay

    @property
    def source(self) -> str:
        return self.drafter.source

    def draft(self, cached: Sequence[int], bonus_token: int, hidden: Hidden, position: int, count: int) -> list[int]:
        draft_tokens = self.drafter.draft(cached, bonus_token, hidden, position, count)
        self.replay.check("number of draft_tokens <= planned count", True, len(draft_tokens) <= count)
        return list(self.replay.check_draft_tokens(draft_tokens))


def replay(trace: Trace, target: Target, drafter: Drafter | None) -> ReplayReport:
    """Plays the trace's turns over the given ports, which must be fresh, and compares every field of every round.

    Raises TraceError naming the first wrong round and field.
    """
    state = Replay(trace)
    check_fits(trace.header, target)
    checked_drafter = None if drafter is None else CheckedDrafter(drafter, state)
    return play(state, CheckedTarget(target, state), checked_drafter)


def play(state: Replay, target: CheckedTarget, drafter: CheckedDrafter | None) -> ReplayReport:
    """The trace's turns over ports that check answers, and every round that comes of them."""
    session = new_session(state.header, target, drafter)
    for turn in state.header.turns:
        for round in play_turn(session, turn):
            state.check_round(round)
    state.check("rounds", len(state.rounds), state.report.rounds)
    return state.report


def check_fits(header: Header, target: Target) -> None:
    """Raises TraceError unless the target can do what the trace asks: as large a cache and the same verify widths."""
    missing = [width for width in header.verify_widths if width not in target.verify_widths]
    if header.capacity > target.capacity or missing:
        raise TraceError(
            "The trace does not fit the target",
            expected=f"a cache of {header.capacity} slots, verify widths {list(header.verify_widths)}",
            found=f"a cache of {target.capacity} slots, verify widths {list(target.verify_widths)}",
            where=f"the header of trace {header.name}",
            action="Replay it on the bundle that carries it, or record it again.",
        )
