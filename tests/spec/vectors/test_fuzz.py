import dataclasses
import hashlib
import json
import re

from runtime_spec.reference.record import new_session
from runtime_spec.reference.trace import Round, Trace, header_line, round_line
from runtime_spec.sampling.parameters import Sampling
from runtime_spec.vectors.branches import BRANCHES, reached
from runtime_spec.vectors.fuzz import COUNT, WIDTH_SETS, Draws, play, scenario, scenario_lines, script_line
from runtime_spec.vectors.scenario import DIGEST_FILE
from runtime_spec.vectors.scripted import scripted_pair
from tests.spec.reference.oracle import Drawing, Greedy, live_rows


def played(number):
    header, script = scenario(number)
    target, drafter = scripted_pair(script, header.capacity, header.verify_widths, header.sampling)
    return header, script, target, play(new_session(header, target, drafter), header.turns)


def follow(number, add):
    """Plays scenario `number` beside plain decoding; `add` gets every line of the digest."""
    header, script, target, rounds = played(number)
    add(header_line(header))
    add(script_line(script))
    plain = Greedy(script, header.capacity, header.stop_tokens)
    if header.sampling is not None:
        plain = Drawing(script, header.capacity, header.stop_tokens, header.sampling)
    for turn in header.turns:
        emitted, refused, first = [], False, None
        for round in rounds:
            if isinstance(round, str):
                add(f'{{"refused":"{round}"}}')
                before = 0 if turn.from_start else len(plain.tokens)
                fits = before + len(turn.prompt_tokens) <= header.capacity
                assert round == ("nothing_to_decode" if fits else "prompt_too_long")
                refused = True
                break
            add(round_line(round))
            first = first or round
            emitted += round.emitted_tokens
            assert target.cache_length == round.cache_length <= header.capacity
            if round.stop_reason is not None:
                break
        if refused:
            continue
        if turn.from_start:
            assert first.position == plain.shared(turn.prompt_tokens)
        if header.sampling is not None and header.sampling.draws_drafts:
            plain.given = iter(emitted)
        expected = plain.turn(turn.prompt_tokens, turn.max_new_tokens, turn.from_start)
        if round.stop_reason == "cancelled":
            assert emitted == expected[0][: len(emitted)] and len(emitted) < len(expected[0])
        else:
            assert (emitted, round.stop_reason) == expected
        plain.keep(turn.prompt_tokens, emitted, turn.from_start)
        assert live_rows(target) == plain.cached


def test_ten_thousand_conversations_equal_plain_decoding_and_give_the_committed_digest():
    """One seed, one text: sampled ones too, wherever drafts have no probabilities of their own."""
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
    assert branches == set(BRANCHES) - {"argmax_tie", "context_goes_on", "penalty_reaches_into_drafts"}
    assert reasons == {None, "stop_token", "max_new_tokens", "cache_full", "cancelled"}
    assert refusals == {"prompt_too_long", "nothing_to_decode"}
    assert widths == set(WIDTH_SETS) and turns == {1, 2, 3, 4} and none > 50


def test_every_line_is_canonical_json():
    for number in range(50):
        for line in scenario_lines(number):
            again = json.dumps(json.loads(line), separators=(",", ":"))
            assert line == re.sub(r":(\d+\.\d+)", lambda number: f":{float(number[1]):.6f}", again)


def test_about_a_quarter_is_sampled_and_every_parameter_is_off_and_on():
    found = [header.sampling for header, _ in map(scenario, range(2000)) if header.sampling is not None]
    assert 0.22 < len(found) / 2000 < 0.28
    for field in dataclasses.fields(Sampling):
        assert len({getattr(sampling, field.name) for sampling in found}) > 1, field.name
    assert sum(sampling.is_greedy for sampling in found) > 20
    assert sum(sampling.temperature == 0 and sampling.has_penalty for sampling in found) > 20
    assert max(sampling.seed for sampling in found) > 2**62


def test_draws_are_the_upper_bits_of_the_generator():
    draws = Draws(0)
    assert [draws.below(1 << 31) for _ in range(2)] == [0xE220A8397B1DCDAF >> 33, 0x6E789E6AA1B965F4 >> 33]
