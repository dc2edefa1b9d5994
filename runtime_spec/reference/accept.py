"""The acceptance rule."""

from collections.abc import Sequence


def accept(draft_tokens: Sequence[int], target_tokens: Sequence[int]) -> int:
    """Length of the longest prefix of drafts that the target agrees with.

    target_tokens[i] is what the target says in the place of draft_tokens[i]; it has one token more than the drafts, or
    ends behind the first that is not the draft.
    """
    num_accepted = 0
    while num_accepted < len(draft_tokens) and draft_tokens[num_accepted] == target_tokens[num_accepted]:
        num_accepted += 1
    return num_accepted
