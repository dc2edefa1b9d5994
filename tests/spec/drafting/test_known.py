import json

import pytest

from runtime_spec.drafting.auto import Auto
from runtime_spec.drafting.known import FIELDS, from_dict, to_dict
from runtime_spec.errors import UsageError
from runtime_spec.vectors.device import Play
from tests.spec.drafting.scenarios import FAST, INT4_BLOCKS, device, steady


def learnt(passes=FAST, rate=900, rounds=300, widths=(1, 3, 5)):
    policy = Auto(widths, True)
    play = Play(device(passes), steady(rate), 1)
    for _ in range(rounds):
        play.round(policy, 99)
    return policy


def started(known, widths=(1, 3, 5)):
    policy = Auto(widths, True)
    from_dict(policy, known)
    return policy


def test_it_is_plain_json_of_integers_and_is_read_as_it_was_written():
    known = json.loads(json.dumps(to_dict(learnt())))
    assert tuple(known) == FIELDS
    again = to_dict(started(known))
    for name in ("tokens", "pass_nanos", "waits"):
        assert again[name] == known[name]
    # Thousandths are rounded down.
    assert known["account"] - again["account"] in (0, 1)


def test_the_first_round_is_the_best_one_and_plain_is_checked_soon():
    plain = []
    for seed in range(9):
        policy = started(to_dict(learnt()))
        play = Play(device(FAST), steady(900), seed)
        rounds = [play.round(policy, 99) for _ in range(200)]
        assert rounds[0].planned == 4
        plain.append(sum(round.source is None for round in rounds))
    # A chain of rejected drafts, one in ten times, may look as though the text had changed.
    assert plain[0] >= 1 and sorted(plain)[7] <= 8, plain


def test_what_never_paid_is_not_tried_again_at_once():
    policy = started(to_dict(learnt(INT4_BLOCKS, 100, rounds=60, widths=(1, 3, 5, 7))), widths=(1, 3, 5, 7))
    play = Play(device(INT4_BLOCKS), steady(100), 2)
    assert sum(play.round(policy, 99).source is not None for _ in range(60)) <= 2


def test_costs_that_are_wrong_by_now_are_found_out():
    known = to_dict(learnt())
    policy = started(known | {"pass_nanos": known["pass_nanos"] | {"1": 10 * known["pass_nanos"]["1"]}})
    play = Play(device(INT4_BLOCKS), steady(100), 2)
    rounds = [play.round(policy, 99) for _ in range(300)]
    assert sum(round.source is not None for round in rounds[100:]) < 20


def test_all_costs_rising_alike_is_another_level_and_no_reason_to_stop():
    policy = started(to_dict(learnt()))
    play = Play(device({width: 3 * cost for width, cost in FAST.items()}, 24), steady(900), 2)
    assert sum(play.round(policy, 99).planned == 4 for _ in range(100)) > 85


def test_widths_that_the_bundle_lacks_are_left_out():
    assert set(to_dict(started(to_dict(learnt()), widths=(1, 3)))["pass_nanos"]) == {"1", "3"}


def test_nothing_learnt_is_read_too():
    policy = started(to_dict(Auto((1, 3, 5), True)))
    assert policy.plan(0, 99, 0) == (None, 0)


WRONG = [
    (("format",), "slipstream-trace"),
    (("version",), 2),
    (("version",), True),
    (("tokens",), -1),
    (("account",), 0.5),
    (("pass_nanos",), []),
    (("pass_nanos", "01"), 5),
    (("pass_nanos", "1"), 0),
    (("draft_nanos", "1"), 1.5),
    (("bound_nanos", "x"), 5),
    (("acceptance", "drafter"), {}),
    (("acceptance", "drafter"), [[1]]),
    (("acceptance", "drafter"), [[2, 1]]),
    (("acceptance", "ngram_6"), []),
    (("confidence",), [[0, 1]]),
    (("waits",), None),
    (("waits", "plain"), [1, 2, 3]),
    (("unknown",), 1),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=str)
def test_what_is_not_written_is_refused_and_the_key_named(path, value):
    known = json.loads(json.dumps(to_dict(learnt(rounds=100))))
    place = known
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    policy = Auto((1, 3, 5), True)
    with pytest.raises(UsageError) as error:
        from_dict(policy, known)
    assert "key " in error.value.where
    if path[0] in FIELDS:
        assert path[0] in error.value.where
    assert to_dict(policy) == to_dict(Auto((1, 3, 5), True))


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_refused(name):
    known = to_dict(learnt(rounds=50))
    del known[name]
    with pytest.raises(UsageError, match="the fields"):
        from_dict(Auto((1, 3, 5), True), known)
