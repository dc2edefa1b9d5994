"""Golden traces: what the reference loop does over the finished models, recorded into the bundle."""

import math
from collections.abc import Callable

from export.choices.prompts import prompts
from export.plan import Plan
from runtime_spec.bundle.manifest import ChatPieces
from runtime_spec.litert.runtime import Models
from runtime_spec.reference.record import record_with_margins
from runtime_spec.reference.trace import Header, Trace, Turn, trace_text

NEW_TOKENS, NEW_TOKENS_LARGE = 48, 8
LARGE_PARAMETERS = 500_000_000


def golden_traces(
    plan: Plan, models: Models, encode: Callable[[str], list[int]], chat: ChatPieces | None
) -> dict[str, bytes]:
    """Trace files by name: a plain prompt drafted and undrafted, and a chat of two turns."""
    plain, chats = prompts()
    count = plan.device.draft_tokens if models.drafter else 0
    stops = tuple(plan.target.tokenizer.stop)
    first = [plan.target.tokenizer.bos, *encode(plain[0])]
    wanted = {"drafted": (count, [first]), "plain": (0, [[plan.target.tokenizer.bos, *encode(plain[1])]])}
    if chat is not None:
        follow_up = encode(chat.model_suffix + chat.turn("user", chats[2]) + chat.model_prefix)
        wanted["chat"] = (count, [encode(chat.prompt([("user", chats[1])])), follow_up])
    traces = {}
    for name, (drafts, turns) in wanted.items():
        # Of a short context only the first turn, or none.
        while turns and _room(plan, turns) < 1:
            turns = turns[:-1]
        if not turns:
            continue
        budget = min(_new_tokens(plan), _room(plan, turns))
        header = Header(
            name=name,
            capacity=plan.capacity,
            verify_widths=models.target.verify_widths,
            num_draft_tokens=drafts,
            stop_tokens=stops,
            exact_drafts=False,
            tolerance=plan.recipe.tolerances.near_tie_margin,
            turns=tuple(Turn(tuple(turn), budget) for turn in turns),
        )
        rounds = record_with_margins(header, models.target, models.drafter if drafts else None)
        traces[name] = trace_text(Trace(header, rounds)).encode()
    return traces


def _room(plan: Plan, turns: list[list[int]]) -> int:
    """New tokens that each turn may have."""
    return (plan.capacity - 1 - sum(map(len, turns))) // len(turns) - 1


def _new_tokens(plan: Plan) -> int:
    """Fewer for a large model: it is recorded at a few tokens a second."""
    return NEW_TOKENS_LARGE if num_parameters(plan) > LARGE_PARAMETERS else NEW_TOKENS


def num_parameters(plan: Plan) -> int:
    """Of the target, towers included."""
    tensors = plan.target.tensors
    return sum(math.prod(tensors.info(name).shape) for name in tensors.names())
