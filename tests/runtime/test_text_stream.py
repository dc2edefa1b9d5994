"""Streamed text: whole letters as they come, the same text in the end, at a cost that follows the tokens."""

import random

import pytest
from tokenizers import Tokenizer

from export.resources import DEMO
from runtime_spec.litert.text_stream import TextStream

TOKENIZER = Tokenizer.from_file(str(DEMO / "target" / "tokenizer.json"))


def decode(tokens):
    return TOKENIZER.decode(tokens, skip_special_tokens=False)


def byte_of(token):
    piece = TOKENIZER.id_to_token(token)
    return int(piece[3:5], 16) if piece.startswith("<0x") else None


def streamed(rounds, decode=decode):
    """What a user sees: what each round adds, and at the end what was held."""
    stream = TextStream(decode, byte_of)
    return "".join(map(stream.add, rounds)) + stream.finish()


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
    tokens = [*(numbers.randrange(TOKENIZER.get_vocab_size()) for _ in range(200)), TOKENIZER.token_to_id("x")]
    assert streamed(cut(tokens, numbers)) == decode(tokens)


def test_bytes_that_turn_out_to_make_no_letters():
    tokens = [*TOKENIZER.encode("\u732b\u732b", add_special_tokens=False).ids, TOKENIZER.token_to_id("<0xFF>")]
    tokens += TOKENIZER.encode("\nx", add_special_tokens=False).ids
    assert sum(byte_of(token) is not None for token in tokens) == 7
    assert streamed([[token] for token in tokens]) == decode(tokens) == 7 * "\ufffd" + "\nx"


@pytest.mark.parametrize("seed", range(20))
def test_letters_of_several_bytes(seed):
    numbers = random.Random(seed)
    text = "".join(
        numbers.choice(["a", " ", "\n", "\u00e9", "\u65e5\u672c", "\U0001f600", "def ", "\u0300"]) for _ in range(80)
    )
    tokens = TOKENIZER.encode(text, add_special_tokens=False).ids
    assert streamed(cut(tokens, numbers)) == decode(tokens) == text


@pytest.mark.parametrize("text", ["\U0001f600\U0001f389", "x\u732b", "a \U0001f600"])
def test_a_reply_that_is_cut_ends_with_a_whole_letter(text):
    tokens = TOKENIZER.encode(text, add_special_tokens=False).ids
    for count in range(len(tokens) + 1):
        said = streamed([[token] for token in tokens[:count]])
        assert text.startswith(said) and (said == text) == (count == len(tokens))


def test_an_unfinished_letter_waits_for_its_bytes():
    stream = TextStream(decode, byte_of)
    tokens = TOKENIZER.encode("x\U0001f600y", add_special_tokens=False).ids
    said = [stream.add([token]) for token in tokens]
    # Another byte could still follow the fourth, and spoil all four.
    assert len(tokens) == 6 and said == ["x", "", "", "", "", "\U0001f600y"]


def test_a_round_without_tokens_adds_nothing():
    assert TextStream(decode, byte_of).add([]) == ""


def test_the_cost_follows_the_tokens():
    decoded = []

    def counted(tokens):
        decoded.append(len(tokens))
        return decode(tokens)

    tokens = TOKENIZER.encode("for i in range(10):\n    print(i)\n" * 100, add_special_tokens=False).ids
    stream = TextStream(counted, byte_of)
    for start in range(0, len(tokens), 4):
        stream.add(tokens[start : start + 4])
    assert max(decoded) <= 8 and sum(decoded) <= 3 * len(tokens)


def test_a_long_run_of_bytes_is_looked_at_once():
    asked = []

    def counted(token):
        asked.append(token)
        return byte_of(token)

    stream, byte = TextStream(decode, counted), TOKENIZER.token_to_id("<0x41>")
    assert "".join(stream.add([byte]) for _ in range(1000)) == "" and len(asked) == 1000
    assert stream.finish() == 1000 * "A"
