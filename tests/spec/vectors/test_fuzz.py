import hashlib
import json

from runtime_spec.reference.record import new_session
from runtime_spec.reference.trace import Round, Trace, header_line, round_line
from runtime_spec.vectors.branches import BRANCHES, reached
from runtime_spec.vectors.fuzz import COUNT, WIDTH_SETS, Draws, play, scenario, scenario_lines, script_line
from runtime_spec.vectors.scenario import DIGEST_FILE
from runtime_spec.vectors.scripted import scripted_pair
from tests.spec.reference.oracle import Greedy, live_rows


def played(number):
    header, script = scenario(number)
    target, drafter = scripted_pair(script, header.capacity, header.verify_widths)
    return header, script, target, play(new_session(header, target, drafter), header.turns)


def follow(number, add):
    """Plays scenario `number` beside plain greedy decoding; `add` gets every line of the digest."""
    header, script, target, rounds = played(number)
    add(header_line(header))
    add(script_line(script))
    greedy = Greedy(script, header.capacity, header.stop_tokens)
    for turn in header.turns:
        emitted, refused, expected = [], False, None
        for round in rounds:
            if isinstance(round, str):
                add(f'{{"refused":"{round}"}}')
                before = 0 if turn.from_start else len(greedy.tokens)
                fits = before + len(turn.prompt_tokens) <= header.capacity
                assert round == ("nothing_to_decode" if fits else "prompt_too_long")
                refused = True
                break
            add(round_line(round))
            if expected is None:
                expected = greedy.turn(turn.prompt_tokens, turn.max_new_tokens, turn.from_start)
                if turn.from_start:
                    assert round.position == greedy.shared(turn.prompt_tokens)
            emitted += round.emitted_tokens
            assert target.cache_length == round.cache_length <= header.capacity
            if round.stop_reason is not None:
                break
        if refused:
            continue
        if round.stop_reason == "cancelled":
            assert emitted == expected[0][: len(emitted)] and len(emitted) < len(expected[0])
        else:
            assert (emitted, round.stop_reason) == expected
        greedy.keep(turn.prompt_tokens, emitted, turn.from_start)
        assert live_rows(target) == greedy.cached


def test_ten_thousand_conversations_equal_plain_greedy_decoding_and_give_the_committed_digest():
    sha = hashlib.sha256()
    for number in range(COUNT):
        follow(number, lambda line: sha.update(line.encode() + b"\n"))
    assert sha.hexdigest() == DIGEST_FILE.read_text().strip()


def test_the_conversations_reach_everything_that_can_happen():
    branches, reasons, refusals, widths, turns, none = set(), set(), set(), set(), set(), 0
    for number in range(1000):
        header, script, _, rounds = played(number)
        rounds = list(rounds)
        refusals |= {round for round in rounds if isinstance(round, str)}
        if all(isinstance(round, Round) for round in rounds):
            branches |= reached(Trace(header, rounds), script)
            reasons |= {round.stop_reason for round in rounds}
        widths.add(header.verify_widths)
        turns.add(len(header.turns))
        none += script.drafter is None
    assert branches == set(BRANCHES) - {"argmax_tie", "context_goes_on"}
    assert reasons == {None, "stop_token", "max_new_tokens", "cache_full", "cancelled"}
    assert refusals == {"prompt_too_long", "nothing_to_decode"}
    assert widths == set(WIDTH_SETS) and turns == {1, 2, 3, 4} and none > 50


def test_every_line_is_canonical_json():
    for number in range(50):
        for line in scenario_lines(number):
            again = json.dumps(json.loads(line), separators=(",", ":"))
            assert line == again.replace('"tolerance":0.0', '"tolerance":0.000000')


def test_draws_are_the_upper_bits_of_the_generator():
    draws = Draws(0)
    assert [draws.below(1 << 31) for _ in range(2)] == [0xE220A8397B1DCDAF >> 33, 0x6E789E6AA1B965F4 >> 33]
