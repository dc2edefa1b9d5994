"""A trace that another machine decoded by itself, held against the golden trace: rounds against rounds, no models.

The other machine went on with its own tokens, so that after a near tie its text is another one. What it computed is
still checked wherever the two were asked the same: what follows a text is one question, whatever round asks it.
1. The loop: given what its models answered, the other machine's rounds are exactly those of the reference loop.
2. The target: after the same text it says the same token, or the recorded margin is below the tolerance.
3. The drafter: after the same text it says the same drafts, or the header allows others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runtime_spec.errors import TraceError
from runtime_spec.reference.ports import Hidden
from runtime_spec.reference.replay import CheckedDrafter, CheckedTarget, Replay, ReplayReport, play
from runtime_spec.reference.trace import Header, Trace, header_line


def compare(golden: Trace, own: Trace) -> ReplayReport:
    """Counts the own rounds and the allowed forks. Raises TraceError naming trace, round and field of the first
    difference: rounds of `golden` for what its models said, of `own` for what the loop did."""
    differences = Replay(golden)
    differences.check("header", header_line(golden.header), header_line(own.header))
    # A drawn draft changes what the target says after the same text.
    differences.check("sampling", None, own.header.sampling)
    check_loop(own)
    report = ReplayReport(rounds=len(own.rounds))
    texts = _Texts()
    recorded = {answer.text: answer for answer in _answers(golden, texts)}
    for answer in _answers(own, texts):
        if answer.text in recorded:
            _compare_answer(recorded[answer.text], answer, golden.header, report)
    return report


def check_loop(trace: Trace) -> ReplayReport:
    """Plays the reference loop over the answers that a trace holds. Raises TraceError if its rounds are not those."""
    state = Replay(trace)
    target, drafter = _RecordedTarget(state), _RecordedDrafter(state)
    return play(state, CheckedTarget(target, state), CheckedDrafter(drafter, state))


@dataclass(slots=True)
class _Answer:
    """What the target said after a text, as its `i`th token of a round, and the drafts that were made after it."""

    text: int
    round: int
    i: int
    token: int
    margin: float | None
    draft_tokens: Sequence[int] | None


class _Texts:
    """A number for every text, so that equal texts have equal ones: 0 is the empty one."""

    def __init__(self):
        self._numbers: dict[tuple[int, int], int] = {}

    def after(self, text: int, tokens: Sequence[int]) -> int:
        for token in tokens:
            text = self._numbers.setdefault((text, token), len(self._numbers) + 1)
        return text


def _answers(trace: Trace, texts: _Texts) -> Iterator[_Answer]:
    said, text, turns, begins = [], 0, iter(trace.header.turns), True
    for round in trace.rounds:
        kept, before = len(said), text
        if begins:
            turn = next(turns)
            if turn.from_start:
                # Of a turn from the start that is given up, what the cache had kept is left.
                del said[round.position :]
                kept, text = len(said), texts.after(0, said)
                before = text
            begun = turn.prompt_tokens[kept:] if turn.from_start else turn.prompt_tokens
            said += begun
            text = texts.after(text, begun)
        asked = text
        for i, token in enumerate(round.target_tokens):
            margin = round.margins[i] if round.margins else None
            yield _Answer(asked, round.index, i, token, margin, round.draft_tokens if i == 0 else None)
            asked = texts.after(asked, round.draft_tokens[i : i + 1])
        if round.stop_reason == "cancelled":
            del said[kept:]
            text = before
        else:
            said += round.emitted_tokens
            text = texts.after(text, round.emitted_tokens)
        begins = round.stop_reason is not None


def _compare_answer(recorded: _Answer, own: _Answer, header: Header, report: ReplayReport) -> None:
    if recorded.token != own.token:
        if recorded.margin is None or not recorded.margin < header.tolerance:
            margin = "none recorded" if recorded.margin is None else f"{recorded.margin:.6f}"
            field = f"target_tokens[{recorded.i}]"
            raise _error(header, recorded.round, field, f"{recorded.token} (margin {margin})", own.token)
        report.target_forks += 1
    drafts = recorded.draft_tokens, own.draft_tokens
    # Where either was asked for none, or for fewer, there is nothing to hold against the other.
    if all(drafts) and any(a != b for a, b in zip(*drafts, strict=False)):
        if header.exact_drafts:
            raise _error(header, recorded.round, "draft_tokens", *drafts)
        report.draft_forks += 1


def _error(header: Header, round: int, field: str, expected: object, found: object) -> TraceError:
    return TraceError(
        "Another answer than the recorded one",
        expected=f"{field} {expected}",
        found=f"{field} {found}",
        where=f"trace {header.name}, round {round}, field {field}",
        action=f"Forks below a margin of {header.tolerance:.6f} are allowed; beyond, look for a wrong input to the "
        "graph (position, mask, cache row, hidden) or a kernel that computes something else.",
    )


class _RecordedTarget:
    """Answers as the round at hand says."""

    def __init__(self, state: Replay):
        self.state = state
        self.capacity, self.verify_widths = state.header.capacity, state.header.verify_widths
        self.filled = 0

    def fill_count(self, num_tokens: int, position: int) -> int:
        """One token a pass, for as many passes as the round has: how many each took makes no difference."""
        return 1 if self.filled < self.state.expected.fills and num_tokens > 1 else 0

    def fill(self, tokens: Sequence[int], position: int) -> None:
        self.filled += 1

    def prefill(self, tokens: Sequence[int], position: int) -> tuple[int, Hidden]:
        answers = self.state.expected.target_tokens
        self.state.check("number of target_tokens", 1, len(answers))
        return answers[0], None

    def verify(self, tokens: Sequence[int], position: int, width: int) -> tuple[list[int], Sequence[Hidden]]:
        answers = self.state.expected.target_tokens
        # Sampled, the answers may end early; that they do so rightly is seen when they are read.
        expected = len(tokens) if self.state.header.sampling is None else max(1, min(len(tokens), len(answers)))
        self.state.check("number of target_tokens", expected, len(answers))
        return list(answers), [None] * len(answers)

    def rollback(self, cache_length: int) -> None:
        self.filled = 0


class _RecordedDrafter:
    def __init__(self, state: Replay):
        self.state = state

    @property
    def source(self) -> str | None:
        return self.state.expected.draft_source

    def draft(self, cached: Sequence[int], bonus_token: int, hidden: Hidden, position: int, count: int) -> list[int]:
        return list(self.state.expected.draft_tokens)
