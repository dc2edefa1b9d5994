import pytest

from runtime_spec.errors import PromptTooLongError, UsageError
from runtime_spec.reference.plan import check_turn, draft_count, verify_width

WIDTHS = (1, 3, 5)


@pytest.mark.parametrize(
    ("wanted", "remaining", "room", "count", "bound_by"),
    [
        (4, 99, 99, 4, "the policy"),
        (9, 99, 99, 4, "the widest pass"),
        (4, 3, 99, 2, "the budget, of which the bonus token takes one"),
        (4, 1, 99, 0, "the budget"),
        (4, 99, 5, 4, "the policy, exactly at the end of the cache"),
        (4, 99, 4, 2, "the pass of width 5, which would end past the cache"),
        (4, 99, 3, 2, "the cache"),
        (4, 99, 2, 0, "the pass of width 3, which would end past the cache"),
        (4, 99, 1, 0, "the last slot, which is the bonus token's"),
        (0, 99, 99, 0, "the policy"),
    ],
)
def test_draft_count(wanted, remaining, room, count, bound_by):
    assert draft_count(wanted, remaining, room, WIDTHS) == count, bound_by


def test_no_plan_ever_writes_past_the_cache_or_asks_for_more_than_it_may():
    for widths in ((1,), (1, 2), WIDTHS, (1, 4, 8), (1, 2, 3, 4, 5, 6, 7, 8)):
        for wanted in range(9):
            for remaining in range(1, 12):
                for room in range(1, 12):
                    count = draft_count(wanted, remaining, room, widths)
                    assert 0 <= count <= wanted and count + 1 <= remaining
                    for returned in range(count + 1):
                        assert returned + 1 <= verify_width(returned + 1, widths) <= room


def test_the_smallest_width_that_holds_the_tokens_is_taken():
    assert [verify_width(n, WIDTHS) for n in (1, 2, 3, 4, 5)] == [1, 3, 3, 5, 5]


def test_a_drafter_that_returns_more_than_it_was_asked_for_is_found_out():
    with pytest.raises(ValueError, match="more drafts than asked for"):
        verify_width(6, WIDTHS)


def test_a_turn_may_fill_the_cache_exactly_but_no_more():
    check_turn([1, 2, 3], 1, 7, 10)
    with pytest.raises(PromptTooLongError, match="at most 3 tokens\n.*4 tokens"):
        check_turn([1, 2, 3, 4], 1, 7, 10)


@pytest.mark.parametrize(("tokens", "max_new_tokens"), [([], 5), ([1], 0)])
def test_a_turn_without_anything_to_do_is_refused(tokens, max_new_tokens):
    with pytest.raises(UsageError, match="nothing to decode"):
        check_turn(tokens, max_new_tokens, 0, 10)
