"""What a further turn prefills, by chat format: nothing twice where the template appends, else the last answer."""

import pytest

from runtime_spec.chat.conversation import Message, parts
from runtime_spec.chat.tokens import ControlToken, encode
from runtime_spec.reference.plan import common_beginning
from runtime_spec.vectors.chat import encode_bytes, read_cases, read_format

CONTROL = {"<bos>": 2, "<|turn>": 105, "<turn|>": 106, "<|channel>": 100, "<channel|>": 101, "<|think|>": 98}
ANSWER = [*b"yes, it is"]
THOUGHT = [CONTROL["<|channel>"], *b"thought\nlet me see", CONTROL["<channel|>"]]


def context(format, messages, thinking=False):
    control = {text: ControlToken(id) for text, id in CONTROL.items()}
    return encode(parts(format, messages, thinking), 2, control, encode_bytes)


EMPTY_THOUGHT = [CONTROL["<|channel>"], *encode_bytes("thought\n"), CONTROL["<channel|>"]]


@pytest.mark.parametrize(
    ("name", "thinking", "said", "dropped"),
    [
        ("plain", False, ANSWER, 0),
        ("kept", True, THOUGHT + ANSWER, 0),
        ("large", True, THOUGHT + ANSWER, len(THOUGHT + ANSWER)),
        ("large", False, ANSWER, len(EMPTY_THOUGHT + ANSWER)),
    ],
)
def test_what_a_turn_drops_of_the_cache(name, thinking, said, dropped):
    format = read_format(read_cases()["formats"][name])
    messages, cached = [], []
    for number in range(4):
        messages.append(Message("user", f"question {number}"))
        now = context(format, messages, thinking)
        assert len(cached) - common_beginning(cached, now) == (dropped if number else 0)
        # The stop token that ended the reply stays pending: it is not in the cache.
        cached = now + said
        thought = "let me see" if said != ANSWER else ""
        messages.append(Message("model", "yes, it is", thought, tuple(said), tuple(ANSWER)))
