import pytest

from runtime_spec.reference.accept import accept


@pytest.mark.parametrize(
    ("draft_tokens", "target_tokens", "num_accepted"),
    [
        ([], [7], 0),
        ([3, 1, 25], [3, 1, 25, 35], 3),
        ([3, 1, 25], [4, 1, 25, 35], 0),
        ([3, 1, 25], [3, 1, 24, 35], 2),
        ([3, 1, 25], [3, 0, 25, 35], 1),
    ],
)
def test_counts_drafts_up_to_the_first_disagreement(draft_tokens, target_tokens, num_accepted):
    assert accept(draft_tokens, target_tokens) == num_accepted
