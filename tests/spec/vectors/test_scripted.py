"""The scripted models must go wrong where real graphs would, or no fault would ever be seen."""

import dataclasses

import numpy as np
import pytest

from runtime_spec.sampling.parameters import Sampling
from runtime_spec.sampling.random import splitmix
from runtime_spec.vectors.scripted import PADDING, DrafterScript, MisuseError, Script, hash_row, scripted_pair

SCRIPT = Script(seed=1, vocab=1000, fill_length=0, drafter=DrafterScript(seed=2, hit_percent=100, fewer_percent=0))
PROMPT = [5, 6, 7]


def fresh(capacity=16, widths=(1, 3, 5)):
    target, drafter = scripted_pair(SCRIPT, capacity, widths)
    token, hidden = target.prefill(PROMPT, 0)
    return target, drafter, token, hidden


def test_splitmix_is_the_published_generator():
    """The first outputs of SplitMix64 seeded with 0 and with 1234567 (Vigna's reference)."""
    assert splitmix(0) == 0xE220A8397B1DCDAF
    assert splitmix(0x9E3779B97F4A7C15) == 0x6E789E6AA1B965F4
    assert splitmix(1234567) == 6457827717110365317


def test_a_pass_gives_what_single_steps_give():
    target, _, token, _ = fresh()
    tokens, hiddens = target.verify([token, 8, 9], 3, 5)
    single, _, _, _ = fresh()
    steps = [single.verify([t], 3 + i, 1) for i, t in enumerate([token, 8, 9])]
    assert tokens == [step[0][0] for step in steps] and hiddens == [step[1][0] for step in steps]


def test_a_perfect_drafter_says_what_the_target_will_say():
    target, drafter, token, hidden = fresh()
    draft_tokens = drafter.draft(PROMPT, token, hidden, 3, 4)
    assert target.verify([token, *draft_tokens], 3, 5)[0][:4] == draft_tokens


def test_padding_is_written_and_hidden():
    target, _, token, _ = fresh()
    target.verify([token], 3, 5)
    assert target.rows[3:9] == [token, *[PADDING] * 5] and target.cache_length == 4


def test_a_pass_past_the_end_lands_on_live_rows_without_a_word():
    target, _, token, _ = fresh(capacity=6)
    right = fresh()[0].verify([token], 3, 1)
    wrong = target.verify([token], 3, 5)
    assert target.rows == [5, token, PADDING, PADDING, PADDING, PADDING]
    assert wrong != right


def test_a_drafter_with_the_wrong_hidden_is_worse_but_answers():
    target, drafter, token, hidden = fresh()
    right, wrong = drafter.draft(PROMPT, token, hidden, 3, 4), drafter.draft(PROMPT, token, hidden ^ 1, 3, 4)
    assert len(wrong) == 4 and all(a != b for a, b in zip(right, wrong, strict=True))


def test_a_drafter_that_sees_dead_rows_is_worse_but_answers():
    target, drafter, token, hidden = fresh()
    right = drafter.draft(PROMPT, token, hidden, 3, 4)
    target.verify([token, 8], 3, 3)
    assert drafter.draft(PROMPT, token, hidden, 3, 4) != right
    target.rollback(3)
    assert drafter.draft(PROMPT, token, hidden, 3, 4) == right


def test_a_drafter_at_the_wrong_position_is_worse_but_answers():
    target, drafter, token, hidden = fresh()
    assert drafter.draft(PROMPT, token, hidden, 2, 4) != drafter.draft(PROMPT, token, hidden, 3, 4)


def test_rows_that_were_rejected_can_be_written_again():
    target, _, token, _ = fresh()
    right = target.verify([token, 8], 3, 3)
    target.rollback(3)
    target.verify([token, 9], 3, 3)
    target.rollback(3)
    assert target.verify([token, 8], 3, 3) == right


@pytest.mark.parametrize(
    "misuse",
    [
        lambda target: target.verify([1], 4, 1),  # a gap
        lambda target: target.verify([1], -1, 1),
        lambda target: target.verify([1, 2], 3, 1),  # more tokens than rows
        lambda target: target.verify([1, 2], 3, 2),  # a width that was not exported
        lambda target: target.verify([], 3, 1),
        lambda target: target.verify([1, 2, 3], 3, 5) and target.verify([1] * 5, 6, 5) and target.verify([1] * 5, 11, 5)
        and target.verify([1], 16, 1),  # past the end
        lambda target: target.prefill([], 3),
        lambda target: target.prefill([1] * 14, 3),
        lambda target: target.rollback(4),
        lambda target: target.rollback(-1),
    ],
)  # fmt: skip
def test_what_a_runtime_could_notice_is_an_error(misuse):
    with pytest.raises(MisuseError):
        misuse(fresh()[0])


def test_a_drafter_is_never_asked_for_nothing():
    _, drafter, token, hidden = fresh()
    with pytest.raises(MisuseError):
        drafter.draft(PROMPT, token, hidden, 3, 0)


def test_hit_and_fewer_percent_are_about_what_they_say():
    target, drafter = scripted_pair(Script(1, 1000, 0, DrafterScript(2, 70, 20)), 4000, (1, 2))
    token, hidden = target.prefill([5], 0)
    drafted = hits = 0
    for position in range(1, 3000):
        draft_tokens = drafter.draft(target.rows[:position], token, hidden, position, 1)
        token_after, hiddens = target.verify([token], position, 1)
        drafted += len(draft_tokens)
        hits += draft_tokens == token_after
        token, hidden = token_after[0], hiddens[0]
    assert drafted / 2999 == pytest.approx(0.8, abs=0.03) and hits / drafted == pytest.approx(0.7, abs=0.03)


def test_given_logits_replace_the_hash_and_have_true_margins():
    target, _ = scripted_pair(Script(1, 4, 0, None, {2: (0, 7, 7, 1), 3: (0, 1, 2, 9)}), 16, (1, 2))
    assert target.prefill([1, 2, 3], 0)[0] == 1 and target.margins() == [0.0]
    assert target.verify([1, 0], 3, 2)[0][0] == 3 and target.margins()[0] == 7.0


def test_sampled_rows_are_exact_in_float32_and_about_zero():
    target, drafter = scripted_pair(Script(1, 64, 0, DrafterScript(2, 37, 0)), 16, (1, 5), Sampling(temperature=1))
    target.prefill(PROMPT, 0)
    rows = [row for slot in range(3) for row in (target._row(slot), drafter._row(target.states[slot + 1]))]
    for row in rows:
        assert len(set(row)) > 32 and row == np.array(row, np.float32).tolist()
    assert all(-15 <= logit <= 1 for row in rows[::2] for logit in row)
    assert all(min(row) < 0 < max(row) for row in rows[::2])


def test_a_row_is_made_of_the_hashes_bytes_from_the_lowest_on():
    first, second = (splitmix(99 ^ (block << 32)) for block in (1, 2))
    assert [16 * logit + 240 for logit in hash_row(99, 10)] == [
        *first.to_bytes(8, "little"),
        second & 255,
        second >> 8 & 255,
    ]


def test_a_perfect_sampled_drafter_has_the_targets_own_distribution():
    sampling = Sampling(temperature=2.0, top_k=9, top_p=0.9, repetition_penalty=1.3, repetition_window=3)
    target, drafter = scripted_pair(SCRIPT, 64, (1, 5), sampling)
    token, hidden = target.prefill(PROMPT, 0)
    draft_tokens = drafter.draft(PROMPT, token, hidden, 3, 4)
    assert target.verify([token, *draft_tokens], 3, 5)[0][:4] == draft_tokens
    noisy, other = scripted_pair(dataclasses.replace(SCRIPT, drafter=DrafterScript(2, 0, 0)), 64, (1, 5), sampling)
    said = []
    for position in range(3, 40):
        token, hidden = noisy.prefill([1] * position, 0)
        said.append(noisy.verify([token, *other.draft([1] * position, token, hidden, position, 4)], position, 5)[0])
        noisy.rollback(0)
    assert {len(tokens) for tokens in said} >= {1, 2}, "a noisy one is rejected"


def test_a_drafter_that_is_shown_another_text_is_worse_but_answers():
    target, drafter, token, hidden = fresh()
    assert drafter.draft(PROMPT[:2], token, hidden, 3, 4) != drafter.draft(PROMPT, token, hidden, 3, 4)
