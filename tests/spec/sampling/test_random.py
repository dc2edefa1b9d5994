from runtime_spec.sampling.random import (
    CHOOSE,
    PURPOSES,
    accept_purpose,
    draft_purpose,
    reply_seed,
    splitmix,
    uniform,
)

ACCEPT, DRAFT = accept_purpose(0), draft_purpose(0)
MOST_DRAFTS = 63


def test_the_numbers_are_what_the_document_says():
    for seed, slot, purpose in ((0, 0, CHOOSE), (5, 17, ACCEPT), (2**63 - 1, 2**31 - 1, DRAFT)):
        hashed = splitmix(splitmix(splitmix(seed) ^ (128 * slot + purpose)))
        assert uniform(seed, slot, purpose) == (hashed >> 11) / 2**53


def test_seeds_slots_and_purposes_all_count_and_numbers_are_even():
    found = [uniform(seed, slot, purpose) for seed in range(20) for slot in range(500) for purpose in (0, 1, 2)]
    assert len(set(found)) == len(found) == 30_000 and min(found) >= 0 and max(found) < 1
    counts = [0] * 20
    for u in found:
        counts[int(u * 20)] += 1
    # 19 degrees of freedom: above 43.8 one time in a thousand.
    assert sum((count - 1500) ** 2 / 1500 for count in counts) < 43.8


def test_numbers_of_one_token_do_not_depend_on_one_another():
    """Pairs of purposes at one slot: an accepted draft says nothing of what is chosen, nor of the next round."""
    pairs = (CHOOSE, ACCEPT), (ACCEPT, DRAFT), (CHOOSE, DRAFT), (ACCEPT, accept_purpose(1)), (DRAFT, draft_purpose(1))
    for first, second in pairs:
        counts = [0] * 16
        for slot in range(16_000):
            counts[4 * int(4 * uniform(3, slot, first)) + int(4 * uniform(3, slot, second))] += 1
        assert sum((count - 1000) ** 2 / 1000 for count in counts) < 37.7  # 15 degrees, one in a thousand


def test_every_draft_of_a_round_has_purposes_of_its_own():
    purposes = [CHOOSE, *(of(i) for i in range(MOST_DRAFTS) for of in (accept_purpose, draft_purpose))]
    assert len(set(purposes)) == len(purposes) and max(purposes) < PURPOSES


def test_replies_have_seeds_of_their_own_and_the_first_has_the_given_one():
    seeds = [reply_seed(7, n) for n in range(1000)]
    assert seeds[0] == 7 and len(set(seeds)) == 1000 and all(0 <= seed < 2**63 for seed in seeds)
    assert seeds[1] == splitmix(7 ^ splitmix(1)) >> 1
