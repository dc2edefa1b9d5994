"""fills.json: fill_width agrees with it, a search finds no passes that cost less, and no planted fault
passes."""

import json
import types
from pathlib import Path

import pytest

from runtime_spec.errors import TraceError
from runtime_spec.reference import plan
from runtime_spec.reference.plan import PASS_ROWS, fill_width
from runtime_spec.vectors import fills
from runtime_spec.vectors.fills import LENGTH_SETS, cases, lines, verify_fills, widths

DIVIDING = [lengths for lengths in LENGTH_SETS if not any(b % a for a, b in zip(lengths, lengths[1:], strict=False))]
MUTANTS = {
    "passes_cost_nothing": ("PASS_ROWS = 6", "PASS_ROWS = 0"),
    "passes_cost_more": ("PASS_ROWS = 6", "PASS_ROWS = 7"),
    "passes_cost_less": ("PASS_ROWS = 6", "PASS_ROWS = 5"),
    "past_the_cache": ("width <= left + slack and ", ""),
    "not_to_the_last_slot": ("width <= left + slack", "width < left + slack"),
    "shortest_of_equals": ("cost <= least", "cost < least"),
    "longest_only_when_more_is_left": ("num_tokens >= longest", "num_tokens > 2 * longest"),
    "longest_when_it_is_not_full": ("num_tokens >= longest", "num_tokens >= longest - 2"),
    "nothing_where_no_passes_take_all": ("widths[num_tokens] or max", "widths[num_tokens] or min"),
}


def planted(name):
    right, wrong = MUTANTS[name]
    source = Path(plan.__file__).read_text(encoding="utf-8")
    assert source.count(right) == 1, right
    module = types.ModuleType(name)
    exec(compile(source.replace(right, wrong), name, "exec"), module.__dict__)
    return module.fill_width


def cost(passes):
    return sum(passes) + PASS_ROWS * len(passes)


def least_cost(num_tokens, room, lengths):
    """Over all sums of rows that take the tokens and fit, each of the fewest passes: the longest first, where each
    length divides the next. Infinite where there is none."""

    def passes(rows):
        found = []
        for n in reversed(lengths):
            found += [n] * (rows // n)
            rows %= n
        return found if rows == 0 else None

    sums = filter(None, map(passes, range(num_tokens, min(room, num_tokens + lengths[-1]) + 1)))
    return min(map(cost, sums), default=float("inf"))


def test_the_vectors_are_what_the_function_says():
    assert verify_fills() == len(list(cases()))


@pytest.mark.parametrize("lengths", DIVIDING)
def test_no_other_passes_cost_less_where_each_length_divides_the_next(lengths):
    for num_tokens in (*range(1, 60), *range(100, 150, 3), *range(500, 540, 3)):
        for slack in (1, 2, 7, 31, 100, 600):
            found = widths(num_tokens, num_tokens + slack, lengths)
            least = least_cost(num_tokens, num_tokens + slack, lengths)
            assert (found[-1] == 0) == (least == float("inf"))
            assert found[-1] == 0 or cost(found) == least


def test_every_pass_ends_in_the_room_and_all_but_the_last_are_full():
    for lengths, num_tokens, room in cases():
        passes = [n for n in widths(num_tokens, room, lengths) if n]
        assert sum(passes[:-1]) < num_tokens and sum(passes) <= room, (lengths, num_tokens, room)


def test_prompts_of_a_few_rows_more_than_a_pass_take_no_longer_one():
    assert widths(129, 2048, (8, 32, 128, 512)) == [128, 8]
    assert widths(129, 2048, (32, 128, 512)) == [128, 32]


@pytest.mark.parametrize("name", MUTANTS)
def test_the_vectors_catch_the_fault(name):
    assert list(lines(planted(name))) != list(lines())


def test_a_difference_is_named(tmp_path, monkeypatch):
    recorded = json.loads(fills.FILE.read_text())
    recorded[3]["widths"] = [fill_width(1, 2, (1,))]
    (tmp_path / "fills.json").write_text(json.dumps(recorded))
    monkeypatch.setattr(fills, "FILE", tmp_path / "fills.json")
    with pytest.raises(TraceError, match=r"fills\.json, case 3"):
        verify_fills()
