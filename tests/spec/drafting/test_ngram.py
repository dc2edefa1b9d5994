import random
import statistics
import time
import tracemalloc

import pytest

from runtime_spec.drafting.ngram import NgramIndex
from tests.spec.drafting import oracle


def asked(index: NgramIndex, text: list[int], count: int = 6) -> tuple[int, list[int]]:
    return index.match(text[:-1], text[-1]), index.drafts(count)


def expected(text: list[int], count: int = 6) -> tuple[int, list[int]]:
    return oracle.match(text)[0], oracle.drafts(text, count)


def entries(index: NgramIndex) -> int:
    return sum(map(len, index._latest.values()))


@pytest.mark.parametrize("alphabet", [1, 2, 3, 4, 10])
@pytest.mark.parametrize("seed", range(12))
def test_texts_that_grow_shrink_and_are_edited_match_as_the_definition_says(alphabet, seed):
    draw = random.Random(f"{alphabet} {seed}")
    index, text = NgramIndex(), [0]
    for _ in range(150):
        kind = draw.choice(["grow", "grow", "copy", "shrink", "edit", "replace", "same"])
        if kind == "grow":
            text += [draw.randrange(alphabet) for _ in range(draw.randint(1, 6))]
        elif kind == "copy":
            begin = draw.randrange(len(text))
            text += text[begin : begin + draw.randint(1, 20)]
        elif kind == "shrink":
            del text[draw.randint(1, len(text)) :]
        elif kind == "edit":
            text[draw.randrange(len(text))] = draw.randrange(alphabet)
        elif kind == "replace":
            text = [draw.randrange(alphabet) for _ in range(draw.randint(1, 40))]
        count = draw.randint(0, 9)
        assert asked(index, text, count) == expected(text, count), (kind, text)


@pytest.mark.parametrize("period", range(1, 12))
def test_a_periodic_text_is_drafted_on_for_ever(period):
    draw = random.Random(period)
    unit = draw.sample(range(100), period)
    index, text = NgramIndex(), [200, 201]
    for i in range(4 * period + 5):
        text.append(unit[i % period])
        assert asked(index, text, 3 * period) == expected(text, 3 * period)
    assert index.drafts(3 * period) == [unit[(len(text) - 2 + j) % period] for j in range(3 * period)]


def test_one_token_repeated_matches_ever_longer_up_to_five():
    index = NgramIndex()
    found = [asked(index, [7] * length, 3) for length in range(1, 9)]
    assert [length for length, _ in found] == [0, 0, 2, 3, 4, 5, 5, 5]
    assert [drafts for _, drafts in found] == [[], [], *[[7, 7, 7]] * 6]


def test_every_text_of_two_tokens_up_to_ten_long():
    """All of them, one index for all: each is an edit of the one before."""
    index = NgramIndex()
    for length in range(1, 11):
        for number in range(2**length):
            text = [number >> i & 1 for i in range(length)]
            assert asked(index, text) == expected(text), text


def test_a_turn_from_the_start_that_ends_as_the_last_one_did_is_seen():
    """Same length, same end, another token far in front: nothing but the whole text tells."""
    index, text = NgramIndex(), [1, 2, 3, *range(100, 400), 1, 2]
    assert asked(index, text, 1) == (2, [3])
    text[2] = 4
    assert asked(index, text, 1) == (2, [4])


def test_the_text_belongs_to_the_caller():
    index, cached = NgramIndex(), [1, 2, 3, 1]
    index.match(cached, 2)
    cached += [2, 3, 1, 2]
    assert index.drafts(2) == [3, 1] and (index.match(cached, 3), index.drafts(2)) == (5, [1, 2])
    assert index.match(tuple(cached), 9) == 0


def test_what_was_drafted_is_a_copy():
    index = NgramIndex()
    index.match([1, 2, 3, 1], 2)
    index.drafts(2).append(77)
    assert index.drafts(3) == [3, 1, 2]


def test_no_drafts_before_a_match():
    assert NgramIndex().drafts(4) == []


def test_at_most_an_entry_for_a_token_and_an_n_and_none_once_the_text_is_gone():
    index, draw = NgramIndex(), random.Random(3)
    for length in (1, 50, 2000, 10, 300):
        asked(index, [draw.randrange(50_000) for _ in range(length)])
        assert entries(index) <= 4 * length
        assert all(len(places) == length for places in index._earlier.values())
    asked(index, [1])
    assert entries(index) == 0


def test_memory_follows_the_text_not_the_rounds():
    """What grows and is cut again many times takes what the longest text took."""
    draw = random.Random(5)
    texts = [[draw.randrange(1000) for _ in range(1500)] for _ in range(3)]
    index = NgramIndex()
    asked(index, texts[0])
    tracemalloc.start()
    try:
        for text in texts * 3:
            asked(index, text)
        first = tracemalloc.get_traced_memory()[0]
        for text in texts * 10:
            asked(index, text)
        assert tracemalloc.get_traced_memory()[0] < first + 50_000
    finally:
        tracemalloc.stop()


def test_a_round_costs_its_own_tokens_not_the_texts():
    """32,768 slots against 2,048: a round that built the index again would take a thousand times as long."""

    def round_seconds(slots: int) -> float:
        draw, index = random.Random(1), NgramIndex()
        cached, bonus, seconds = [draw.randrange(3000) for _ in range(slots - 200)], 5, []
        index.match(cached, bonus)
        for _ in range(60):
            cached += [bonus, draw.randrange(3000)]
            bonus = draw.randrange(3000)
            begin = time.perf_counter()
            index.match(cached, bonus)
            seconds.append(time.perf_counter() - begin)
        return statistics.median(seconds)

    assert round_seconds(32_768) < 1e-3
