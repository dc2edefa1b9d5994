"""Golden traces: what the reference loop does over the finished models, recorded into the bundle."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from export.choices.prompts import Prompts
from export.evidence.encoder import Encoder
from export.evidence.size import num_parameters
from export.files import write_atomically
from export.plan import Plan
from runtime_spec.litert.runtime import Models
from runtime_spec.reference.record import new_session, play_turn
from runtime_spec.reference.trace import Header, Trace, Turn, trace_text

NEW_TOKENS, NEW_TOKENS_LARGE = 48, 8
LARGE_PARAMETERS = 500_000_000
"""From here on fewer tokens are recorded: a few a second are decoded."""
GivenTurn = Callable[[list[list[int]]], list[int]]
"""A turn's context, from the replies of the turns before it."""


def golden_traces(plan: Plan, models: Models, prompts: Prompts, encoder: Encoder) -> dict[str, bytes]:
    """Trace files by name: a plain prompt drafted, another undrafted, and with a template a chat of two turns. Without
    a drafter the drafts are looked up in the text, so that the passes that verify them are recorded, too.

    A plain prompt is cut to half the context. Of a chat that does not fit only the first turn is recorded, or none."""
    count = plan.device.draft_tokens if len(models.target.verify_widths) > 1 else 0
    plain = [encoder.prompt(text)[: plan.capacity // 2] for text in _two(prompts.plain, 0)]
    wanted: dict[str, tuple[int, list[GivenTurn]]] = {
        "drafted": (count, [lambda _: plain[0]]),
        "plain": (0, [lambda _: plain[1]]),
    }
    if encoder.chat is not None:
        first, second = _two(prompts.chats, 1)
        turns = [lambda _: encoder.context([first], []), lambda said: encoder.context([first, second], said)]
        wanted["chat"] = (count, turns)
    traces = {}
    for name, (drafts, turns) in wanted.items():
        while turns and _room(plan, turns) < 1:
            turns = turns[:-1]
        if turns:
            header = _header(plan, models, name, drafts)
            traces[name] = trace_text(_recorded(header, turns, min(_new_tokens(plan), _room(plan, turns)), models))
    return {name: text.encode() for name, text in traces.items()}


def write_traces(folder: Path, traces: Mapping[str, bytes]) -> None:
    """Writes `traces` to `folder`/NAME.jsonl. Raises OutputError."""
    for name, text in traces.items():
        write_atomically(folder / f"{name}.jsonl", text)


def _header(plan: Plan, models: Models, name: str, drafts: int) -> Header:
    return Header(
        name=name,
        capacity=plan.capacity,
        verify_widths=models.target.verify_widths,
        num_draft_tokens=drafts,
        stop_tokens=plan.tokens.stop,
        exact_drafts=False,
        tolerance=plan.recipe.tolerances.near_tie_margin,
        turns=(),
        ngram=models.drafter is None and drafts > 0,
    )


def _recorded(header: Header, given: list[GivenTurn], budget: int, models: Models) -> Trace:
    """`header` with the turns that were played, and their rounds with the margin of every target token.

    What a further turn is given depends on what was replied before it; one that has no room is left out."""
    target = models.target.comparing()
    session = new_session(header, target, models.drafter if header.num_draft_tokens else None)
    turns, rounds, replies = [], [], []
    for context_after in given:
        context = context_after(replies)
        # A reply is read as text, which an untrained model's pieces may make ten times as many tokens of.
        if replies and len(context) + budget >= header.capacity:
            break
        turns.append(Turn(tuple(context), budget, from_start=bool(replies)))
        replies.append([])
        for one in play_turn(session, turns[-1]):
            one.margins = target.margins() if one.target_tokens else []
            rounds.append(one)
            replies[-1] += one.emitted_tokens
    return Trace(replace(header, turns=tuple(turns)), rounds)


def _two(texts: tuple[str, ...], first: int) -> Iterator[str]:
    """Two neighbours of `texts`, from index `first` on; the same one twice where there is no other."""
    return (texts[(first + i) % len(texts)] for i in range(2))


def _room(plan: Plan, turns: list[GivenTurn]) -> int:
    """New tokens that each turn may have, however the turn before it ends."""
    count = len(turns)
    return (plan.capacity - 1 - len(turns[-1]([[]] * (count - 1)))) // count - 1


def _new_tokens(plan: Plan) -> int:
    return NEW_TOKENS_LARGE if num_parameters(plan.target) > LARGE_PARAMETERS else NEW_TOKENS
