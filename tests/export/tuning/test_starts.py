"""What the target is given to go on with."""

import random

import pytest
from transformers import AutoTokenizer

from export.choices.device import Device
from export.choices.prompts import Prompts
from export.choices.recipe import Recipe
from export.errors import UsageError
from export.evidence.encoder import Encoder
from export.plan import Choices, make_plan
from export.resources import DEMO
from export.tuning.starts import Prompt, Starts, split

MOST = 60


@pytest.fixture(scope="module")
def encoder():
    choices = Choices(str(DEMO / "target"), str(DEMO / "drafter"), Device.load("pixel"), Recipe.load("float"))
    return Encoder(make_plan(choices))


def test_every_third_prompt_of_a_kind_is_held_out_and_a_text_is_on_one_side_alone():
    lines = tuple("abcdefg")
    training, held_out = split(Prompts(lines, lines, "mine.txt"), True)
    assert {prompt.text for prompt in held_out} == {"c", "f"} and len(training) == 10 and len(held_out) == 4
    # The first chat is held out among the plain prompts.
    training, held_out = split(Prompts(lines, ("c", "x", "y"), "mine.toml"), True)
    assert Prompt("c", True) in held_out and Prompt("y", True) in held_out and Prompt("x", True) in training
    training, held_out = split(Prompts(("a", "b"), ("x",), "mine.toml"), False)
    assert (training, held_out) == ((Prompt("a", False),), (Prompt("b", False),))


@pytest.mark.parametrize("lines", [("a",), ("a", "a", "a")])
def test_one_prompt_is_too_few(lines):
    with pytest.raises(UsageError) as caught:
        split(Prompts(lines, lines, "mine.txt"), True)
    assert caught.value.found == "1" and caught.value.where == "mine.txt"


def test_chats_are_what_transformers_makes_of_them(encoder):
    texts = ["def add(a, b):", " Complete:\n<turn|>x ", "ü" * 10]
    starts = Starts(encoder, [Prompt(text, True) for text in texts], 1000).draw(random.Random(0), 6)
    tokenizer = AutoTokenizer.from_pretrained(DEMO / "target")
    for text in (texts[0], texts[2]):
        messages = [{"role": "user", "content": text}]
        expected = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        assert (expected, True) in starts
    # What a user types is text, never a control token: one turn's end is the template's own.
    [end] = tokenizer.convert_tokens_to_ids(["<turn|>"])
    assert all(tokens.count(end) == 1 for tokens, _ in starts)


def test_few_prompts_become_many_beginnings_of_a_bounded_length(encoder):
    prompts = [Prompt("def f(a, b):\n    return a + b\n" * 20, False), Prompt("Write a class for a point. " * 20, True)]
    said = [encoder.text("    for i in range(10):\n        print(i)\n" * 5)]
    starts = Starts(encoder, prompts, MOST)
    drawn = starts.draw(random.Random(0), 60, said)
    assert len(drawn) == 60 == len({tuple(tokens) for tokens, _ in drawn})
    assert all(1 < len(tokens) <= MOST + 12 for tokens, _ in drawn) and {kind for _, kind in drawn} == {False, True}
    assert max(len(tokens) for tokens, is_chat in drawn if not is_chat) == MOST
    assert drawn == starts.draw(random.Random(0), 60, said) != starts.draw(random.Random(1), 60, said)
    # Of own text plain and as what a user says.
    own = [tokens for tokens, _ in drawn if any(said[0][i : i + 6] == tokens[-6:] for i in range(len(said[0])))]
    assert own
    assert all(tokens[0] == encoder.bos for tokens, _ in drawn)


def test_without_chats_none_are_made(encoder):
    starts = Starts(encoder, [Prompt("def f(a, b):", False)], MOST)
    assert not any(is_chat for _, is_chat in starts.draw(random.Random(0), 20, [list(range(20, 60))]))
