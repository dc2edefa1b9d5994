"""The decoding loop. Its twin in Kotlin has the same functions, parameters, order and numbered steps (DECODE.md)."""

from collections.abc import Callable, Iterator, Sequence

from runtime_spec.reference.accept import accept
from runtime_spec.reference.plan import check_turn, common_beginning, draft_count, verify_width
from runtime_spec.reference.ports import Drafter, Target
from runtime_spec.reference.state import NO_TOKEN, DecodeConfig, State
from runtime_spec.reference.trace import Round


def decode(
    state: State,
    prompt_tokens: Sequence[int],
    from_start: bool,
    max_new_tokens: int,
    target: Target,
    drafter: Drafter | None,
    config: DecodeConfig,
    cancelled: Callable[[], bool],
    filled: Callable[[int, int], None],
) -> Iterator[Round]:
    """Yields the rounds of one turn: a prefill, then decode rounds up to the one that has a stop_reason."""
    latest = prefill_round(state, prompt_tokens, from_start, max_new_tokens, target, config, cancelled, filled)
    yield latest
    while latest.stop_reason is None:
        latest = decode_round(state, target, drafter, config, cancelled)
        yield latest


def prefill_round(
    state: State,
    prompt_tokens: Sequence[int],
    from_start: bool,
    max_new_tokens: int,
    target: Target,
    config: DecodeConfig,
    cancelled: Callable[[], bool],
    filled: Callable[[int, int], None],
) -> Round:
    # 1. plan: from the start, what the cache holds already is kept; else the pending token comes first. What does not
    #    fit is refused untouched.
    position = common_beginning(state.cached, prompt_tokens) if from_start else state.cache_length
    bonus_token = NO_TOKEN if from_start else state.bonus_token
    tokens = list(prompt_tokens[position:]) if from_start else list(prompt_tokens)
    if bonus_token != NO_TOKEN:
        tokens.insert(0, bonus_token)
    check_turn(tokens, max_new_tokens, position, target.capacity)
    target.rollback(position)
    if from_start:
        del state.cached[position:]
        state.bonus_token, state.hidden = NO_TOKEN, None
    if cancelled():
        return cancel(state, 0, [], None, 0, [], target)

    # 2. prefill: pass after pass, the last of which also names the turn's first token.
    done = fills = 0
    while count := target.fill_count(len(tokens) - done, position + done):
        target.fill(tokens[done : done + count], position + done)
        done, fills = done + count, fills + 1
        filled(done, len(tokens))
        if cancelled():
            return cancel(state, fills, [], None, 0, [], target)
    target_token, hidden = target.prefill(tokens[done:], position + done)
    if cancelled():
        return cancel(state, fills, [], None, 0, [target_token], target)

    # 3. commit: every prompt token is in the cache; the new one is pending.
    state.cached += tokens
    cache_length = state.cache_length
    state.bonus_token, state.hidden = target_token, hidden

    # 4. emit: the first token counts against the budget like any other.
    state.remaining = max_new_tokens - 1

    # 5. stop
    stop_reason = stop(target_token, state.remaining, cache_length, target.capacity, config.stop_tokens)
    state.index += 1
    emitted = [target_token]
    return Round(
        state.index - 1, position, bonus_token, fills, [], None, 0, [target_token], 0, emitted, cache_length,
        stop_reason,
    )  # fmt: skip


def decode_round(
    state: State,
    target: Target,
    drafter: Drafter | None,
    config: DecodeConfig,
    cancelled: Callable[[], bool],
) -> Round:
    # 1. plan: never draft past the budget, the cache, or the widest verify pass that fits.
    if cancelled():
        return cancel(state, 0, [], None, 0, [], target)
    position, bonus_token = state.cache_length, state.bonus_token
    room = target.capacity - position
    count = 0 if drafter is None else draft_count(config.num_draft_tokens, state.remaining, room, target.verify_widths)

    # 2. draft: one constant position, live cache rows only.
    draft_tokens = drafter.draft(state.cached, bonus_token, state.hidden, position, count) if count > 0 else []
    draft_source = drafter.source if draft_tokens else None
    if cancelled():
        return cancel(state, 0, draft_tokens, draft_source, 0, [], target)

    # 3. verify: the drafter may have returned fewer, so that the width is chosen now.
    width = verify_width(1 + len(draft_tokens), target.verify_widths)
    target_tokens, hiddens = target.verify([bonus_token, *draft_tokens], position, width)
    if cancelled():
        return cancel(state, 0, draft_tokens, draft_source, width, target_tokens, target)

    # 4. accept: the drafts that the target agrees with and one token of its own, cut at a stop token or the budget.
    num_accepted = accept(draft_tokens, target_tokens)
    tokens = [*draft_tokens[:num_accepted], target_tokens[num_accepted]]
    emitted_tokens = cut(tokens, state.remaining, config.stop_tokens)

    # 5. commit: the bonus token and all that is emitted but its last, which is pending now; other rows are dead.
    state.cached += [bonus_token, *emitted_tokens[:-1]]
    cache_length = state.cache_length
    target.rollback(cache_length)
    state.bonus_token = emitted_tokens[-1]
    state.hidden = hiddens[len(emitted_tokens) - 1]

    # 6. emit: only what is emitted counts against the budget.
    state.remaining -= len(emitted_tokens)

    # 7. stop
    stop_reason = stop(emitted_tokens[-1], state.remaining, cache_length, target.capacity, config.stop_tokens)
    state.index += 1
    return Round(
        state.index - 1, position, bonus_token, 0, draft_tokens, draft_source, width, target_tokens,
        num_accepted, emitted_tokens, cache_length, stop_reason,
    )  # fmt: skip


def cancel(
    state: State,
    fills: int,
    draft_tokens: list[int],
    draft_source: str | None,
    width: int,
    target_tokens: list[int],
    target: Target,
) -> Round:
    """The record of a round that was given up: what it computed is noted, nothing is emitted or kept."""
    position, bonus_token = state.cache_length, state.bonus_token
    target.rollback(position)
    state.index += 1
    return Round(
        state.index - 1, position, bonus_token, fills, draft_tokens, draft_source, width, target_tokens, 0, [],
        position, "cancelled",
    )  # fmt: skip


def cut(tokens: list[int], remaining: int, stop_tokens: frozenset[int]) -> list[int]:
    """Tokens up to and with the first stop token, at most `remaining` of them."""
    for i, token in enumerate(tokens):
        if token in stop_tokens or i + 1 == remaining:
            return tokens[: i + 1]
    return tokens


def stop(token: int, remaining: int, cache_length: int, capacity: int, stop_tokens: frozenset[int]) -> str | None:
    """Why the turn ends after `token`, or None. The earlier line wins where two reasons meet."""
    if token in stop_tokens:
        return "stop_token"
    if remaining == 0:
        return "max_new_tokens"
    if cache_length == capacity:
        return "cache_full"
    return None
