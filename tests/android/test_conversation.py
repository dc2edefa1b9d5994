"""Several turns in one Kotlin session are one text: the chat template's, said once."""

import pytest

from export.choices.prompts import Prompts
from runtime_spec.litert.runtime import Runtime
from tests.android.launcher import run_driver

CHATS = Prompts.load().chats


def converse(bundle, count, *contents):
    done = run_driver("ConversationDriver", bundle, count, *contents)
    assert done.returncode == 0, done.stderr
    lines = [[int(token) for token in line.split()] for line in done.stdout.splitlines()]
    return list(zip(lines[::2], lines[1::2], strict=True))


@pytest.mark.parametrize("count", [256, 7], ids=["replies that end by themselves", "replies that are cut"])
def test_turns_are_one_conversation(int8_out, count):
    bundle = int8_out / "model.litertlm"
    turns = converse(bundle, count, *CHATS[:3])
    with Runtime(bundle) as runtime:
        pieces, stops = runtime.manifest.chat, runtime.manifest.tokens.stop
        ended = [reply[-1] in stops for _, reply in turns]
        assert any(ended) == (count == 256)
        said = []
        for given, reply in turns:
            said += given
            # A fresh conversation of the same tokens in one prefill says the same.
            rounds = runtime.session().turn(said, count)
            assert reply == [token for one in rounds for token in one.emitted_tokens]
            said += reply
        texts = [runtime.decode(reply[:-1] if reply[-1] in stops else reply) for _, reply in turns]
        expected = [("user", CHATS[0])]
        for text, content in zip(texts, CHATS[1:3], strict=False):
            expected += [("model", text), ("user", content)]
        assert runtime.decode(said).startswith(pieces.prompt(expected))
