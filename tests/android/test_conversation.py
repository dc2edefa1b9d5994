"""Several turns in one Kotlin session are one text: the chat template's, said once."""

import os
import subprocess

import pytest

from export.record import prompts
from runtime_spec.litert.library import default_path
from runtime_spec.litert.runtime import Runtime
from tests.android.launcher import ANDROID_APP

CHATS = prompts()[1]


def converse(bundle, count, *contents):
    target = ANDROID_APP / "litert/target"
    path = ":".join(map(str, (target / "classes", target / "test-classes", target / "test-lib/*")))
    command = ["java", "-cp", path, "dev.slipstream.litert.ConversationDriverKt", bundle, str(count), *contents]
    environment = os.environ | {"SLIPSTREAM_LITERT": str(default_path())}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
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
