"""What a turn and a round may do before anything is written to the cache."""

from collections.abc import Sequence

from runtime_spec.errors import PromptTooLongError, UsageError

PASS_ROWS = 6
"""What a pass of a prefill costs beside its rows, in rows: the weights are read once for all of them. At E2B's shape in
int4 passes of 1 to 128 rows cost 5.4 to 6.4 (python -m tests.scale.prefill; avx512_vnni)."""
NO_COST = 1 << 30
"""Of tokens that no passes take within the room: more than any passes cost."""


def check_turn(tokens: Sequence[int], max_new_tokens: int, position: int, capacity: int) -> None:
    """Refuses a turn of `tokens` (the pending token included) at `position` that can't be prefilled.

    Raises PromptTooLongError if it does not fit, UsageError if there is nothing to prefill or to emit.
    """
    if position + len(tokens) > capacity:
        raise PromptTooLongError(
            "The prompt does not fit the context",
            expected=f"at most {capacity - position} tokens",
            found=f"{len(tokens)} tokens",
            where=f"the turn that starts at position {position} of a context of {capacity}",
            action="Shorten the prompt, start a new conversation, or export with a larger --context.",
        )
    if not tokens or max_new_tokens < 1:
        raise UsageError(
            "There is nothing to decode",
            expected="a prompt of at least one token and a budget of at least one new token",
            found=f"{len(tokens)} prompt tokens, max_new_tokens {max_new_tokens}",
            where=f"the turn that starts at position {position}",
            action="Give a prompt and a positive max_new_tokens.",
        )


def common_beginning(cached: Sequence[int], tokens: Sequence[int]) -> int:
    """How many of the first tokens are in the cache already; never all of them, for the last one must be prefilled
    again to have its hidden."""
    count = 0
    while count < len(cached) and count < len(tokens) - 1 and cached[count] == tokens[count]:
        count += 1
    return count


def fill_width(num_tokens: int, room: int, prefill_lengths: Sequence[int]) -> int:
    """Rows of the next pass where `num_tokens` tokens (>= 1, < room) are to be filled into `room` free slots by passes
    of `prefill_lengths`, ascending: the longest as long as it is full, then the first of those passes that together
    cost least, and the widest of several. 0 if even the shortest is longer than the tokens and the room.

    A pass that would end past the cache is no choice; where only such could take the last tokens, the widest that is
    full comes first and what is left behind it is not for these passes."""
    longest = prefill_lengths[-1]
    if num_tokens >= longest:
        return longest
    # As passes are full but for the last, room and tokens shrink alike.
    slack, costs, widths = room - num_tokens, [0], [0]
    for left in range(1, num_tokens + 1):
        least, first = NO_COST, 0
        for width in prefill_lengths:
            cost = costs[max(0, left - width)] + width + PASS_ROWS
            if width <= left + slack and cost <= least:
                least, first = cost, width
        costs.append(least)
        widths.append(first)
    return widths[num_tokens] or max((width for width in prefill_lengths if width <= num_tokens), default=0)


def draft_count(num_draft_tokens: int, remaining: int, room: int, verify_widths: Sequence[int]) -> int:
    """How many drafts to ask for when `remaining` tokens may be emitted and `room` cache slots are free (both >= 1).

    One token of each is the bonus token's. A verify pass wider than the room would be moved back over live slots
    without a word, so that the widest pass that fits bounds the drafts too.
    """
    widest = max(width for width in verify_widths if width <= room)
    return min(num_draft_tokens, remaining - 1, room - 1, widest - 1)


def verify_width(num_tokens: int, verify_widths: Sequence[int]) -> int:
    """The smallest exported width that holds num_tokens; draft_count has seen to it that one exists and fits."""
    for width in verify_widths:
        if width >= num_tokens:
            return width
    raise ValueError(f"{num_tokens} tokens to verify, widest pass {verify_widths[-1]}: more drafts than asked for")
