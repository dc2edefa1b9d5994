"""Several turns in one Kotlin session, each from the start, say what Python's runtime says of the same conversation."""

from dataclasses import dataclass

import pytest

from export.choices.prompts import Prompts
from runtime_spec.chat.conversation import Message
from runtime_spec.litert.runtime import Runtime
from runtime_spec.reference.plan import common_beginning
from tests.android.launcher import run_driver

CHATS = Prompts.load().chats


@dataclass
class Turn:
    context: list[int]
    kept: int
    reply: list[int]


def converse(bundle, count, *contents) -> list[Turn]:
    done = run_driver("ConversationDriver", bundle, count, *contents)
    assert done.returncode == 0, done.stderr
    lines = [[int(token) for token in line.split()] for line in done.stdout.splitlines()]
    return [Turn(context, kept, reply) for context, (kept,), reply in zip(*[iter(lines)] * 3, strict=True)]


@pytest.mark.parametrize("count", [256, 7], ids=["replies that end by themselves", "replies that are cut"])
def test_turns_are_one_conversation(int8_out, count):
    bundle, said = int8_out / "model.litertlm", CHATS[:3]
    turns = converse(bundle, count, *said, "and <turn|> the user types")
    with Runtime(bundle) as runtime:
        stops = runtime.manifest.tokens.stop
        assert any(turn.reply[-1] in stops for turn in turns) == (count == 256)
        messages, cached = [], []
        for turn, content in zip(turns, [*said, "and <turn|> the user types"], strict=False):
            messages.append(Message("user", content))
            assert turn.context == runtime.chat.context(messages)
            assert turn.kept == common_beginning(cached, turn.context)
            # A fresh conversation of the same tokens in one prefill says the same.
            rounds = runtime.session().turn(turn.context, count)
            assert turn.reply == [token for one in rounds for token in one.emitted_tokens]
            cached = [*turn.context, *turn.reply][:-1]
            messages.append(runtime.chat.message(turn.reply))
        assert turns[1].kept > len(turns[0].context)  # the reply is not read again
        again = turns[-1]
        assert (again.context, again.reply) == (turns[-2].context, turns[-2].reply)
        assert again.kept == len(again.context) - 1
