import dataclasses
import json

import pytest

from runtime_spec.errors import TraceError
from runtime_spec.reference.trace import Header, Round, Trace, Turn, header_line, read_traces, round_line, trace_text
from runtime_spec.sampling.parameters import Sampling

HEADER = Header("demo", 64, (1, 3, 5), 4, (0, 2), False, 0.25, (Turn((5, 6), 9), Turn((7,), 3, 4)))
PREFILL = Round(0, 0, -1, 0, [], None, 0, [7], 0, [7], 2, None, [1.5])
PASS = Round(1, 2, 7, 0, [3, 1], "drafter", 3, [3, 0, 25], 1, [3, 0], 4, "stop_token", [0.0, 2.0000005, 0.1])
TEXT = """\
{"format":"slipstream-trace","version":2,"name":"demo","capacity":64,"verify_widths":[1,3,5],"num_draft_tokens":4,\
"stop_tokens":[0,2],"sampling":null,"ngram":false,"exact_drafts":false,"tolerance":0.250000,"turns":[\
{"prompt_tokens":[5,6],"from_start":false,"max_new_tokens":9,"cancel_at":null},{"prompt_tokens":[7],"from_start":false,"max_new_tokens":3,"cancel_at":4}]}
{"index":0,"position":0,"bonus_token":-1,"fills":0,"draft_tokens":[],"draft_source":null,"verify_width":0,\
"target_tokens":[7],"num_accepted":0,"emitted_tokens":[7],"cache_length":2,"stop_reason":null,"margins":[1.500000]}
{"index":1,"position":2,"bonus_token":7,"fills":0,"draft_tokens":[3,1],"draft_source":"drafter","verify_width":3,\
"target_tokens":[3,0,25],"num_accepted":1,"emitted_tokens":[3,0],"cache_length":4,"stop_reason":"stop_token",\
"margins":[0.000000,2.000001,0.100000]}
"""


def test_the_bytes_of_a_trace_are_fixed():
    assert trace_text(Trace(HEADER, [PREFILL, PASS])) == TEXT


def test_reading_is_the_inverse_of_writing():
    (trace,) = read_traces(TEXT, "demo")
    assert trace.header == HEADER and trace.rounds[0] == PREFILL
    assert trace_text(trace) == TEXT


def test_margins_are_left_out_where_there_are_none():
    line = round_line(dataclasses.replace(PASS, margins=None))
    assert "margins" not in line
    assert read_traces(header_line(HEADER) + "\n" + round_line(dataclasses.replace(PREFILL, margins=None)), "x")


def test_a_file_may_hold_several_traces():
    plain = Trace(dataclasses.replace(HEADER, name="plain"), [PREFILL])
    traces = read_traces(TEXT + trace_text(plain), "demo")
    assert [(trace.header.name, len(trace.rounds)) for trace in traces] == [("demo", 2), ("plain", 1)]


@pytest.mark.parametrize(
    ("line", "right", "wrong", "complaint"),
    [
        (1, '"version":2', '"version":1', "a valid version"),
        (1, '"version":2', '"version":true', "a valid version"),
        (1, "slipstream-trace", "other", "a valid format"),
        (1, "[1,3,5]", "[3,5]", "a valid verify_widths"),
        (1, "[1,3,5]", "[1,5,3]", "a valid verify_widths"),
        (1, "[0,2]", '["0"]', "a valid stop_tokens"),
        (1, '"tolerance":0.250000', '"tolerance":-1', "a valid tolerance"),
        (1, '"tolerance":0.250000', '"tolerance":NaN', "a valid tolerance"),
        (1, '"max_new_tokens":9', '"max_new_tokens":0', "a valid max_new_tokens"),
        (1, '"prompt_tokens":[5,6]', '"prompt_tokens":[-5]', "turn 0"),
        (1, '"ngram":false', '"ngram":0', "a valid ngram"),
        (1, '"sampling":null', '"sampling":7', "a valid sampling"),
        (1, '"sampling":null', '"sampling":{}', "field temperature"),
        (1, '"name":"demo"', '"name":"demo","extra":1', "extra"),
        (2, '"index":0', '"index":1', "index 0"),
        (2, '"bonus_token":-1', '"bonus_token":-2', "a valid bonus_token"),
        (2, '"position":0,', "", "field position"),
        (2, '"position":0', '"position":0.0', "a valid position"),
        (3, "[3,0,25]", "[3,0]", "one more than draft_tokens"),
        (2, '"draft_source":null', '"draft_source":"drafter"', "a draft_source where there are draft_tokens"),
        (3, '"draft_source":"drafter"', '"draft_source":null', "a draft_source where there are draft_tokens"),
        (3, '"draft_source":"drafter"', '"draft_source":"dream"', "a valid draft_source"),
        (3, '"num_accepted":1', '"num_accepted":3', "at most 2"),
        (3, '"stop_token"', '"bored"', "a valid stop_reason"),
        (3, '"margins":[0.000000,', '"margins":[', "3 margins"),
        (3, '"margins":[0.000000', '"margins":[-1', "a valid margins"),
        (3, '{"index"', '["index"', "a line of JSON"),
    ],
)
def test_damage_is_named_with_its_line(line, right, wrong, complaint):
    lines = TEXT.splitlines()
    assert right in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(right, wrong)
    with pytest.raises(TraceError, match=f"demo.jsonl, line {line}") as error:
        read_traces("\n".join(lines), "demo.jsonl")
    assert complaint in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "7", "null", round_line(PREFILL)])
def test_what_does_not_begin_with_a_header_is_no_trace(text):
    with pytest.raises(TraceError):
        read_traces(text, "demo")


def test_names_of_any_letters_survive():
    header = dataclasses.replace(HEADER, name='größe "1"\n')
    assert header_line(header).isascii() and json.loads(header_line(header))["name"] == header.name


SAMPLED = dataclasses.replace(HEADER, sampling=Sampling(0.7, 64, 0.95, 0.01, 1.1, 32, 2**63 - 1, "greedy"))
SAMPLING = (
    '"sampling":{"temperature":0.700000,"top_k":64,"top_p":0.950000,"min_p":0.010000,"repetition_penalty":1.100000,'
    '"repetition_window":32,"seed":9223372036854775807,"drafts":"greedy"},'
)


def test_the_bytes_of_sampling_are_fixed_and_read_again():
    line = header_line(SAMPLED)
    assert line == TEXT.splitlines()[0].replace('"sampling":null,', SAMPLING)
    assert read_traces(line, "demo")[0].header == SAMPLED


def test_a_number_that_six_digits_do_not_hold_is_not_written():
    header = dataclasses.replace(HEADER, sampling=Sampling(temperature=1 / 3))
    with pytest.raises(TraceError, match="temperature of at most six digits"):
        header_line(header)


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ('"top_p":0.950000', '"top_p":0', "top_p: a number above 0, at most 1"),
        ('"temperature":0.700000', '"temperature":true', "temperature: a number of at least 0"),
        ('"seed":9223372036854775807', '"seed":9223372036854775808', "seed: a whole number from 0"),
        ('"drafts":"greedy"', '"drafts":"lucky"', "drafts: drawn or greedy"),
        ('"top_k":64,', "", "field top_k"),
        ('"top_k":64,', '"top_k":64,"top_q":1,', "top_q"),
    ],
)
def test_damaged_sampling_is_named(right, wrong, complaint):
    line = header_line(SAMPLED)
    assert right in line
    with pytest.raises(TraceError, match="demo.jsonl, line 1, sampling") as error:
        read_traces(line.replace(right, wrong), "demo.jsonl")
    assert complaint in str(error.value)


@pytest.mark.parametrize("said", [[3, 0], [5], [3, 1, 25]])
def test_what_a_sampled_target_says_ends_behind_the_first_that_is_not_the_draft(said):
    short = dataclasses.replace(PASS, target_tokens=said, num_accepted=len(said) - 1, margins=None)
    text = (
        header_line(SAMPLED) + "\n" + round_line(dataclasses.replace(PREFILL, margins=None)) + "\n" + round_line(short)
    )
    assert read_traces(text, "demo")[0].rounds[1] == short


@pytest.mark.parametrize("said", [[3, 1], [3], [5, 1], [3, 1, 25, 7]])
def test_it_ends_nowhere_else(said):
    other = dataclasses.replace(PASS, target_tokens=said, margins=None)
    text = (
        header_line(SAMPLED) + "\n" + round_line(dataclasses.replace(PREFILL, margins=None)) + "\n" + round_line(other)
    )
    with pytest.raises(TraceError, match="demo, line 3"):
        read_traces(text, "demo")
