import pytest

from runtime_spec.errors import PromptTooLongError, UsageError
from runtime_spec.reference.plan import common_beginning
from runtime_spec.reference.record import cancel_after
from runtime_spec.reference.session import Session
from runtime_spec.sampling.random import splitmix
from runtime_spec.vectors.scripted import ScriptedTarget
from tests.spec.reference.oracle import Greedy, emitted_by, live_rows, new_session

PROMPT = (3, 1, 4)


def test_turns_leave_the_cache_as_one_prefill_of_the_same_tokens_would():
    for seed in range(60):
        session = new_session(seed=seed, capacity=300, stops=(0,), vocab=24)
        text: list[int] = []
        for turn in range(1 + seed % 5):
            prompt = tuple(splitmix(seed * 10 + turn + i) % 24 for i in range(1 + turn))
            text += [*prompt, *emitted_by(session.turn(prompt, 1 + seed % 17))]
        once = ScriptedTarget(session.target.script, 300, (1, 5))
        once.prefill(text[:-1], 0)
        assert live_rows(session.target) == text[:-1]
        assert session.target.states[: len(text)] == once.states[: len(text)]
        assert session.state.bonus_token == text[-1]


def test_the_pending_token_is_the_first_that_the_next_turn_prefills():
    session = new_session()
    first = list(session.turn(PROMPT, 6))
    second = next(session.turn((9, 9), 6))
    assert second.bonus_token == first[-1].emitted_tokens[-1]
    assert second.position == first[-1].cache_length
    assert second.cache_length == second.position + 1 + 2
    assert second.index == first[-1].index + 1


def test_every_turn_has_a_budget_of_its_own():
    session = new_session(capacity=200)
    assert [len(emitted_by(session.turn((7,), budget))) for budget in (5, 1, 12)] == [5, 1, 12]


def test_an_empty_turn_goes_on_where_the_budget_ended():
    session = new_session()
    text = emitted_by(session.turn(PROMPT, 7)) + emitted_by(session.turn((), 9))
    assert text == emitted_by(new_session().turn(PROMPT, 16))


def test_cancellation_at_every_point_leaves_a_session_that_can_go_on():
    whole = emitted_by(new_session().turn(PROMPT, 30))
    points = 0
    while True:
        session = new_session()
        rounds = list(session.turn(PROMPT, 30, cancel_after(points)))
        text = emitted_by(rounds)
        if rounds[-1].stop_reason != "cancelled":
            break
        points += 1
        assert rounds[-1].emitted_tokens == [] and text == whole[: len(text)]
        assert live_rows(session.target) == [*PROMPT, *text][:-1] if text else session.target.cache_length == 0
        text += emitted_by(session.turn(() if text else PROMPT, 30 - len(text)))
        assert text == whole
    assert points == 2 + 3 * (len(rounds) - 1)  # two in the prefill, three in every round


def test_a_context_from_the_start_is_decoded_as_if_it_were_new():
    """Edited, asked again, gone on with: any beginning of what was said, and any tokens behind it."""
    for seed in range(200):
        session, text = new_session(seed=seed, capacity=300, stops=(0,), vocab=24, fill=seed % 4), []
        for turn in range(5):
            draw = splitmix(seed * 10 + turn)
            more = [splitmix(draw + i) % 24 for i in range(draw % 4 + (not text))]
            context = tuple([*text[: draw % (len(text) + 1)], *more])
            if not context:
                continue
            shared = common_beginning(text[:-1], context)
            rounds = list(session.turn(context, 1 + draw % 17, from_start=True))
            fresh = new_session(seed=seed, capacity=300, stops=(0,), vocab=24)
            assert emitted_by(rounds) == emitted_by(fresh.turn(context, 1 + draw % 17))
            assert (rounds[0].position, rounds[0].bonus_token) == (shared, -1)
            text = [*context, *emitted_by(rounds)]
            assert live_rows(session.target) == session.state.cached == text[:-1]


def test_a_turn_that_is_refused_leaves_the_conversation_as_it_was():
    session = new_session(capacity=20)
    text = [*PROMPT, *emitted_by(session.turn(PROMPT, 6))]
    for context, error in ((tuple(range(21)), PromptTooLongError), ((), UsageError)):
        with pytest.raises(error):
            next(session.turn(context, 4, from_start=True))
        assert live_rows(session.target) == session.state.cached == text[:-1]
        assert session.state.bonus_token == text[-1]


def test_a_prefill_is_shown_and_cancelled_between_its_passes():
    session, shown = new_session(fill=3), []
    prompt = tuple(range(10))
    list(session.turn(prompt, 1, filled=lambda *done: shown.append(done)))
    assert shown == [(3, 10), (6, 10), (9, 10)]
    for asked in range(5):
        session = new_session(fill=3)
        (round,) = session.turn(prompt, 1, cancel_after(asked))
        assert (round.stop_reason, round.fills) == ("cancelled", min(asked, 3))
        assert session.state.cached == live_rows(session.target) == []
    assert list(new_session(fill=3).turn(prompt, 1, cancel_after(5)))[0].fills == 3


def test_a_cancelled_prefill_from_the_start_keeps_what_it_shares():
    session = new_session(fill=2)
    list(session.turn(PROMPT, 9))
    context = (*PROMPT[:2], 30, 31, 30, 31)
    list(session.turn(context, 4, cancel_after(2), from_start=True))
    assert session.state.cached == live_rows(session.target) == list(PROMPT[:2])
    assert emitted_by(session.turn(context, 4, from_start=True)) == emitted_by(new_session().turn(context, 4))


def test_a_cancelled_round_says_what_it_computed():
    drafted = [list(new_session(hit=100).turn(PROMPT, 30, cancel_after(2 + n)))[-1] for n in range(3)]
    assert [(len(r.draft_tokens), r.verify_width, len(r.target_tokens)) for r in drafted] == [
        (0, 0, 0),
        (4, 0, 0),
        (4, 5, 5),
    ]
    assert {(r.num_accepted, r.cache_length, r.stop_reason) for r in drafted} == {(0, 3, "cancelled")}


def test_a_caller_may_drop_a_turn_between_rounds():
    session = new_session()
    rounds = session.turn(PROMPT, 30)
    text = [*next(rounds).emitted_tokens, *next(rounds).emitted_tokens]
    rounds.close()
    text += emitted_by(session.turn((), 30 - len(text)))
    assert text == emitted_by(new_session().turn(PROMPT, 30))


def test_an_error_in_a_port_leaves_a_session_that_can_go_on():
    session = new_session()
    rounds = session.turn(PROMPT, 30)
    text = [*next(rounds).emitted_tokens, *next(rounds).emitted_tokens]
    verify = session.target.verify

    def verify_then_fail(tokens, position, width):
        verify(tokens, position, width)
        raise OSError("the accelerator went away")

    session.target.verify = verify_then_fail
    with pytest.raises(OSError):
        next(rounds)
    session.target.verify = verify
    text += emitted_by(session.turn((), 30 - len(text)))
    assert text == emitted_by(new_session().turn(PROMPT, 30))


def test_a_prompt_too_long_changes_nothing():
    session = new_session(capacity=12)
    first = emitted_by(session.turn(PROMPT, 4))
    assert session.room == 12 - 6 - 1
    with pytest.raises(PromptTooLongError, match="at most 6 tokens\n.*7 tokens"):
        next(session.turn((1,) * 6, 4))
    greedy = Greedy(session.target.script, 12, ())
    greedy.keep(PROMPT, first)
    assert emitted_by(session.turn((1,) * 5, 4)) == greedy.turn((1,) * 5, 4)[0]


def test_a_full_conversation_takes_no_further_turn():
    session = new_session(capacity=12)
    assert list(session.turn(PROMPT, 99))[-1].stop_reason == "cache_full"
    assert session.room == 0
    with pytest.raises(PromptTooLongError):
        next(session.turn((), 4))


def test_a_first_turn_needs_a_prompt():
    with pytest.raises(UsageError):
        next(new_session().turn((), 4))


def test_reset_forgets_the_conversation():
    session = new_session()
    once = list(session.turn(PROMPT, 9))
    session.reset()
    assert list(session.turn(PROMPT, 9)) == once


def test_every_round_is_observed_and_a_slow_reader_is_not_its_time():
    ticks = iter(range(0, 10**9, 10))
    now = [0]

    def clock() -> int:
        now[0] += next(ticks) % 7 + 1
        return now[0]

    seen = []
    plain = new_session(hit=100)
    session = Session(
        plain.target,
        plain.drafter,
        plain.config,
        observe=lambda round, nanos: seen.append((round.index, nanos)),
        clock=clock,
    )
    read = []
    for round in session.turn(PROMPT, 30, cancel_after(7)):
        now[0] += 10**6
        read.append(round.index)
    assert round.stop_reason == "cancelled" and read == [0, 1, 2]
    assert [index for index, _ in seen] == read
    assert all(0 < nanos < 100 for _, nanos in seen)
