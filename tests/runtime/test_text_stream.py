"""Streamed text: whole letters as they come, the same text in the end, at a cost that follows the tokens."""

import random

import pytest
from tokenizers import Tokenizer

from export.resources import DEMO
from runtime_spec.litert.text_stream import UNFINISHED, TextStream

TOKENIZER = Tokenizer.from_file(str(DEMO / "target" / "tokenizer.json"))


def decode(tokens):
    return TOKENIZER.decode(tokens, skip_special_tokens=False)


def streamed(rounds, decode=decode):
    """What a user sees: what each round adds, and at the end what is left of the whole text."""
    stream = TextStream(decode)
    text = "".join(map(stream.add, rounds))
    assert stream.length == len(text)
    return text + decode([token for tokens in rounds for token in tokens])[stream.length :]


def cut(tokens, random):
    """Tokens in rounds of one to six."""
    rounds = []
    while tokens:
        count = random.randint(1, 6)
        rounds.append(tokens[:count])
        tokens = tokens[count:]
    return rounds


@pytest.mark.parametrize("seed", range(50))
def test_any_tokens_give_their_text(seed):
    """Random tokens of the whole vocabulary: special ones, spaces, bytes that make no letter."""
    numbers = random.Random(seed)
    tokens = [numbers.randrange(TOKENIZER.get_vocab_size()) for _ in range(200)]
    said, whole = streamed(cut(tokens, numbers)), decode(tokens)
    # A byte that turns out to belong to no letter spoils those before it too, and what is printed stays.
    assert len(said) == len(whole) and all(a == b or b == UNFINISHED for a, b in zip(said, whole, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_letters_of_several_bytes(seed):
    numbers = random.Random(seed)
    text = "".join(
        numbers.choice(["a", " ", "\n", "\u00e9", "\u65e5\u672c", "\U0001f600", "def ", "\u0300"]) for _ in range(80)
    )
    tokens = TOKENIZER.encode(text, add_special_tokens=False).ids
    assert streamed(cut(tokens, numbers)) == decode(tokens) == text


def test_an_unfinished_letter_waits_for_its_bytes():
    stream = TextStream(decode)
    tokens = TOKENIZER.encode("x\U0001f600y", add_special_tokens=False).ids
    said = [stream.add([token]) for token in tokens]
    assert "".join(said) == "x\U0001f600y"
    assert len(tokens) == 6 and said == ["x", "", "", "", "\U0001f600", "y"]


def test_a_round_without_tokens_adds_nothing():
    assert TextStream(decode).add([]) == ""


def test_the_cost_follows_the_tokens():
    decoded = []

    def counted(tokens):
        decoded.append(len(tokens))
        return decode(tokens)

    tokens = TOKENIZER.encode("for i in range(10):\n    print(i)\n" * 100, add_special_tokens=False).ids
    stream = TextStream(counted)
    for start in range(0, len(tokens), 4):
        stream.add(tokens[start : start + 4])
    assert max(decoded) <= 8 and sum(decoded) <= 3 * len(tokens)
