"""The branches of the loop that a trace can show: each named scenario must reach the one it was made for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runtime_spec.reference.plan import draft_count
from runtime_spec.reference.trace import Header, Round, Trace, Turn
from runtime_spec.sampling.parameters import DRAWN, GREEDY_DRAFTS
from runtime_spec.vectors.scripted import Script


@dataclass(frozen=True, slots=True)
class Step:
    """A round, its turn, and what held when it began: budget left, free slots, the round before it in the trace."""

    round: Round
    turn: Turn
    header: Header
    script: Script
    before: Round | None
    remaining: int
    room: int

    @property
    def is_prefill(self) -> bool:
        return self.before is None or self.before.stop_reason is not None

    @property
    def is_pass(self) -> bool:
        """A verify pass that was not given up."""
        return self.round.verify_width > 0 and self.round.stop_reason != "cancelled"

    @property
    def drafted(self) -> int:
        return len(self.round.draft_tokens)

    @property
    def planned(self) -> int:
        wanted = self.header.num_draft_tokens if self.script.drafter else 0
        return draft_count(wanted, self.remaining, self.room, self.header.verify_widths)

    @property
    def is_whole(self) -> bool:
        """Drafts were made, all of them accepted, nothing cut."""
        return self.is_pass and 0 < self.drafted == self.round.num_accepted == len(self.round.emitted_tokens) - 1


def all_accepted(step: Step) -> bool:
    return step.is_whole and step.drafted == step.header.num_draft_tokens


def reject_at_first(step: Step) -> bool:
    return step.is_pass and step.drafted > 1 and step.round.num_accepted == 0


def reject_at_last(step: Step) -> bool:
    return step.is_pass and step.drafted > 1 and step.round.num_accepted == step.drafted - 1


def zero_drafts(step: Step) -> bool:
    return step.is_pass and step.drafted == 0 and step.round.verify_width == 1


def stop_token_in_draft(step: Step) -> bool:
    return step.round.stop_reason == "stop_token" and len(step.round.emitted_tokens) <= step.round.num_accepted


def stop_token_is_bonus(step: Step) -> bool:
    return step.round.stop_reason == "stop_token" and 0 < step.round.num_accepted < len(step.round.emitted_tokens)


def budget_ends_mid_round(step: Step) -> bool:
    """The budget, and nothing else, asked for fewer drafts, and they used it up."""
    wanted = min(step.header.num_draft_tokens, step.room - 1)
    is_bound = step.drafted == step.remaining - 1 < wanted
    return step.round.stop_reason == "max_new_tokens" and step.is_whole and is_bound


def cache_full_mid_draft(step: Step) -> bool:
    """The cache, and nothing else, asked for fewer drafts, and they filled it."""
    wanted = min(step.header.num_draft_tokens, step.remaining - 1)
    is_bound = step.drafted == step.room - 1 < wanted
    return step.round.stop_reason == "cache_full" and step.is_whole and is_bound


def prompt_fills_cache(step: Step) -> bool:
    return step.is_prefill and step.round.stop_reason == "cache_full" and len(step.round.emitted_tokens) == 1


def argmax_tie(step: Step) -> bool:
    """A row of logits with two largest ones decided an emitted token, and the lower id won."""
    for i, token in enumerate(step.round.emitted_tokens):
        row = step.script.logits.get(step.round.cache_length - len(step.round.emitted_tokens) + i, ())
        if row and row.count(max(row)) > 1 and token == row.index(max(row)):
            return True
    return False


def verify_width_at_capacity(step: Step) -> bool:
    """The drafts that budget and cache allow need a pass that would end past the cache: fewer are made."""
    wanted = min(step.header.num_draft_tokens, step.remaining - 1, step.room - 1)
    wide_enough = [width for width in step.header.verify_widths if width > wanted]
    return step.is_pass and 0 < step.drafted < wanted and wide_enough != [] and wide_enough[0] > step.room


def drafter_returns_fewer(step: Step) -> bool:
    return step.is_pass and step.drafted < step.planned


def single_token_prompt(step: Step) -> bool:
    return step.is_pass and step.round.index == 1 and step.round.position == 1


def second_turn_after_stop(step: Step) -> bool:
    """A prefill that starts with the stop token of the turn before."""
    before, round = step.before, step.round
    if before is None or before.stop_reason != "stop_token":
        return False
    return (round.bonus_token, round.position) == (before.emitted_tokens[-1], before.cache_length)


def cancelled_mid_round(step: Step) -> bool:
    """Given up after the pass, with drafts that the target would have accepted."""
    round = step.round
    agreed = round.draft_tokens[:1] == round.target_tokens[:1] != []
    return round.stop_reason == "cancelled" and agreed and not step.is_prefill and round.cache_length == round.position


def restarts(step: Step) -> bool:
    """A prefill from the start that was not given up, with rounds before it."""
    is_kept = step.round.stop_reason != "cancelled"
    return step.is_prefill and step.turn.from_start and step.before is not None and is_kept


def beginning_kept(step: Step) -> bool:
    """An earlier text is edited: the cache keeps what comes before, and loses what came after."""
    return restarts(step) and 0 < step.round.position < step.before.cache_length


def context_goes_on(step: Step) -> bool:
    """Nothing is lost: the context begins with all that is cached, and with the token that was pending."""
    position = step.before.cache_length if step.before else 0
    pending = step.before.emitted_tokens[-1:] if step.before else []
    is_said = list(step.turn.prompt_tokens[position : position + 1]) == pending != []
    return restarts(step) and step.round.position == position and is_said


def context_all_cached(step: Step) -> bool:
    """A reply is asked for again: its context is in the cache already, and only its last token is prefilled."""
    count = len(step.turn.prompt_tokens)
    return restarts(step) and count <= step.before.cache_length and step.round.position == count - 1


def cancelled_between_fills(step: Step) -> bool:
    """Given up after a pass of the prefill that was not its last."""
    return step.round.stop_reason == "cancelled" and step.round.fills > 0 and step.round.target_tokens == []


def draws(step: Step, drafts: str) -> bool:
    """A pass whose target draws its tokens, with drafts that are chosen so."""
    sampling = step.header.sampling
    return sampling is not None and sampling.temperature > 0 and sampling.drafts == drafts


def draft_rejected_residual(step: Step) -> bool:
    """The target says what it has more of than the drafter."""
    return step.is_pass and draws(step, DRAWN) and step.round.num_accepted < step.drafted


def one_hot_accepted(step: Step) -> bool:
    """The target draws what the drafter thinks the likeliest."""
    return step.is_pass and draws(step, GREEDY_DRAFTS) and step.round.num_accepted > 0


def penalty_reaches_into_drafts(step: Step) -> bool:
    """A draft is accepted, and is not said once more though its logit is the largest."""
    if step.header.sampling is None or not step.header.sampling.has_penalty or not step.is_pass:
        return False
    for i, draft in enumerate(step.round.draft_tokens[: step.round.num_accepted], start=1):
        row = step.script.logits.get(step.round.position + i, ())
        is_largest = row != () and row.count(max(row)) == 1 and row.index(max(row)) == draft
        if is_largest and step.round.target_tokens[i] != draft:
            return True
    return False


def sampled_cancelled_resumed(step: Step) -> bool:
    """What a pass said before it was given up is said again when the turn goes on: no random number was used up."""
    before, round = step.before, step.round
    if before is None or before.stop_reason != "cancelled" or before.verify_width == 0:
        return False
    is_only_pending = step.turn.prompt_tokens == () and round.bonus_token == before.bonus_token
    is_again = round.target_tokens[:1] == before.target_tokens[:1] != []
    return step.is_prefill and is_only_pending and draws(step, GREEDY_DRAFTS) and is_again


BRANCHES: dict[str, Callable[[Step], bool]] = {
    branch.__name__: branch
    for branch in (
        all_accepted, reject_at_first, reject_at_last, zero_drafts, stop_token_in_draft, stop_token_is_bonus,
        budget_ends_mid_round, cache_full_mid_draft, prompt_fills_cache, argmax_tie, verify_width_at_capacity,
        drafter_returns_fewer, single_token_prompt, second_turn_after_stop, cancelled_mid_round, beginning_kept,
        context_goes_on, context_all_cached, cancelled_between_fills, draft_rejected_residual, one_hot_accepted,
        penalty_reaches_into_drafts, sampled_cancelled_resumed,
    )
}  # fmt: skip


def steps(trace: Trace, script: Script) -> Iterator[Step]:
    """The trace's rounds with the budget and the room that each began with."""
    turns, turn, before, remaining = iter(trace.header.turns), trace.header.turns[0], None, 0
    for round in trace.rounds:
        if before is None or before.stop_reason is not None:
            turn = next(turns)
            remaining = turn.max_new_tokens
        room = trace.header.capacity - round.position
        yield Step(round, turn, trace.header, script, before, remaining, room)
        remaining -= len(round.emitted_tokens)
        before = round


def reached(trace: Trace, script: Script) -> set[str]:
    """The names of the branches that the trace shows."""
    return {name for step in steps(trace, script) for name, branch in BRANCHES.items() if branch(step)}
