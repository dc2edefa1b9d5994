"""Files of messages: what clients write is read, what a chat format has no words for is refused by name."""

import json
import os

import pytest

from export.cli.messages import MOST_BYTES, read_messages, with_system
from export.errors import UsageError
from runtime_spec.chat.conversation import Message
from runtime_spec.vectors.chat import read_cases, read_format

CHAT = read_format(read_cases()["formats"]["large"])
U = {"role": "user", "content": "Hi"}


def read(tmp_path, value) -> list[Message]:
    path = tmp_path / "messages.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return read_messages(path, CHAT)


def test_what_clients_write(tmp_path):
    given = [
        {"role": "developer", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": None},
        {"role": "assistant", "content": "yes", "thought": "hm", "tool_calls": [], "refusal": None},
        {"role": "model", "content": "<|channel>thought\nwell<channel|>no"},
    ]
    assert read(tmp_path, given) == [
        Message("system", "s"),
        Message("user", "ab"),
        Message("model", "yes", "hm"),
        Message("model", "no", "well"),
    ]


@pytest.mark.parametrize(
    ("value", "where", "found"),
    [
        ("[", "messages.json", "JSONDecodeError"),
        ("[" * 100_000, "messages.json", "RecursionError"),
        ("{}", "messages.json", "dict"),
        ('[{"role": "user", "role": "model", "content": "x"}]', "messages.json", "a key occurs twice"),
        ("null", "messages.json", "null"),
        ([U, "x"], "message 2", "str"),
        ([{"role": "tool", "content": "x"}], "message 1, role", "'tool'"),
        ([{"content": "x"}], "message 1, role", "None"),
        ([{"role": ["user"], "content": "x"}], "message 1, role", "['user']"),
        ([{"role": "user"}], "message 1, content", "None"),
        ([{"role": "user", "content": 3}], "message 1, content", "3"),
        ([{"role": "user", "content": [{"type": "image", "url": "x"}]}], "message 1, content", "'image'"),
        ([{"role": "user", "content": [{"type": "text", "text": 1}]}], "message 1, content", "1"),
        ([U | {"tool_calls": [{"id": 1}]}], "message 1", "'tool_calls'"),
        ([U | {"thought": "x"}], "message 1, thought", "'x'"),
        ([{"role": "model", "content": "x", "thought": 1}], "message 1, thought", "1"),
    ],
)
def test_what_is_refused(value, where, found, tmp_path):
    with pytest.raises(UsageError) as error:
        read(tmp_path, value)
    assert where in error.value.where and found in error.value.found


def test_files_that_can_t_be_read(tmp_path):
    with pytest.raises(UsageError, match="FileNotFoundError"):
        read_messages(tmp_path / "none", CHAT)
    with pytest.raises(UsageError, match="IsADirectoryError"):
        read_messages(tmp_path, CHAT)
    (tmp_path / "bytes").write_bytes(b"\xff[]")
    with pytest.raises(UsageError, match="UnicodeDecodeError"):
        read_messages(tmp_path / "bytes", CHAT)
    with (tmp_path / "endless").open("wb") as file:
        os.ftruncate(file.fileno(), MOST_BYTES + 1)
    with pytest.raises(UsageError, match="at most 64 MB"):
        read_messages(tmp_path / "endless", CHAT)


def test_a_system_text_beside_the_messages():
    asked = [Message("user", "Hi")]
    assert with_system(asked, None) == asked
    assert with_system(asked, "") == [Message("system", ""), *asked]
    with pytest.raises(UsageError, match="Two system texts"):
        with_system([Message("system", "s"), *asked], "t")
