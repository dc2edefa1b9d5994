import ast
import re
from pathlib import Path

import pytest

from runtime_spec.reference import decode_loop
from runtime_spec.reference.decode_loop import cut, stop
from tests.spec.reference.oracle import Greedy, emitted_by, live_rows, new_session

SOURCE = Path(decode_loop.__file__).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("tokens", "remaining", "emitted"),
    [
        ([4, 5, 6], 9, [4, 5, 6]),
        ([4, 0, 6], 9, [4, 0]),
        ([0, 0, 6], 9, [0]),
        ([4, 5, 6], 2, [4, 5]),
        ([4, 5, 0], 3, [4, 5, 0]),
    ],
)
def test_cut(tokens, remaining, emitted):
    assert cut(tokens, remaining, frozenset([0])) == emitted


@pytest.mark.parametrize(
    ("token", "remaining", "cache_length", "reason"),
    [
        (0, 0, 8, "stop_token"),
        (4, 0, 8, "max_new_tokens"),
        (4, 1, 8, "cache_full"),
        (4, 1, 7, None),
    ],
)
def test_stop_reasons_have_an_order(token, remaining, cache_length, reason):
    assert stop(token, remaining, cache_length, 8, frozenset([0])) == reason


@pytest.mark.parametrize("hit", [0, 50, 100])
@pytest.mark.parametrize("drafts", [0, 1, 4, 7])
def test_drafts_never_change_the_text(drafts, hit):
    session = new_session(seed=5, hit=hit, drafts=drafts, widths=(1, 2, 5, 8), capacity=200, stops=(0,), vocab=80)
    rounds = list(session.turn((3, 1, 4), 100))
    greedy = Greedy(session.target.script, 200, (0,))
    assert (emitted_by(rounds), rounds[-1].stop_reason) == greedy.turn((3, 1, 4), 100)


def test_a_better_drafter_needs_fewer_rounds():
    rounds = [len(list(new_session(hit=hit, capacity=200).turn((3, 1, 4), 100))) for hit in (0, 50, 100)]
    assert rounds[0] > rounds[1] > rounds[2] == 1 + 20  # a prefill, then 99 tokens, five a round


def test_without_a_drafter_every_round_is_plain_decoding():
    session = new_session()
    session.drafter = None
    rounds = list(session.turn((3, 1, 4), 9))
    assert [(r.verify_width, r.draft_tokens) for r in rounds[1:]] == [(1, [])] * 8


def test_between_rounds_the_cache_holds_every_token_but_the_pending_one():
    session = new_session(seed=3)
    text = [3, 1, 4]
    for round in session.turn((3, 1, 4), 40):
        text += round.emitted_tokens
        assert live_rows(session.target) == text[:-1]
        assert (session.state.cache_length, session.state.bonus_token) == (len(text) - 1, text[-1])
        assert session.state.hidden == session.target.states[len(text) - 1]


def test_a_cut_inside_the_accepted_drafts_cuts_the_cache_too():
    for seed in range(200):
        session = new_session(seed=seed, hit=100, stops=(0,), vocab=16)
        rounds = list(session.turn((3, 1, 4), 40))
        if len(rounds[-1].emitted_tokens) < rounds[-1].num_accepted:
            assert live_rows(session.target) == [3, 1, 4, *emitted_by(rounds)][:-1]
            return
    pytest.fail("no seed cut inside the drafts")


def test_a_prompt_that_fills_the_cache_yields_one_token():
    rounds = list(new_session(capacity=3).turn((3, 1, 4), 9))
    assert [(len(r.emitted_tokens), r.stop_reason) for r in rounds] == [(1, "cache_full")]


def test_a_full_cache_holds_every_token_but_the_last():
    session = new_session(capacity=20, hit=90, widths=(1, 2, 5))
    rounds = list(session.turn((3, 1, 4), 99))
    assert rounds[-1].stop_reason == "cache_full"
    assert 3 + len(emitted_by(rounds)) == 20 + 1 and session.target.cache_length == 20


def test_steps_are_numbered_in_order_and_the_file_stays_short():
    names = re.findall(r"^    # (\d\. \w+)", SOURCE, re.M)
    assert names == [
        "1. plan", "2. prefill", "3. commit", "4. emit", "5. stop",
        "1. plan", "2. draft", "3. verify", "4. accept", "5. commit", "6. emit", "7. stop",
    ]  # fmt: skip
    assert len(SOURCE.splitlines()) < 180


def test_functions_stand_in_the_order_that_the_twin_copies():
    names = [node.name for node in ast.parse(SOURCE).body if isinstance(node, ast.FunctionDef)]
    assert names == ["decode", "prefill_round", "decode_round", "cancel", "cut", "stop"]
