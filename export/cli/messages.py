"""Messages that the user gives: a file of them, a system text beside them."""

import json
from pathlib import Path

from export.errors import UsageError
from runtime_spec.bundle.json_fields import unique_keys
from runtime_spec.chat.conversation import OTHERS, Message, written
from runtime_spec.chat.format import ROLES, ChatFormat

MOST_BYTES = 64 * 2**20
"""Of a file of messages; what it says is bounded by the context anyway."""
KEYS = ("role", "content", "thought")
NAMES = (*ROLES, *OTHERS)


def read_messages(path: Path, chat: ChatFormat) -> list[Message]:
    """The messages of a JSON file, a list of {"role", "content"}; a model's may have a "thought". UsageError for a file
    that can't be read, and for what `chat` has no words for, as a call of a tool."""
    where = f"--messages {path}"
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise _error(where, f"at most {MOST_BYTES >> 20} MB", "more")
        value = json.loads(content.decode("utf-8"), object_pairs_hook=unique_keys)
    except (OSError, ValueError, RecursionError) as error:
        raise _error(where, "a JSON file in UTF-8", f"{type(error).__name__}: {error}"[:200]) from None
    if not isinstance(value, list):
        raise _error(where, "a list of messages", f"{_kind(value)}")
    return [_message(chat, one, f"{where}, message {number}") for number, one in enumerate(value, 1)]


def with_system(messages: list[Message], text: str | None) -> list[Message]:
    """The messages behind a system message that says `text`. UsageError if they have one already."""
    if text is None:
        return messages
    if messages and messages[0].role == "system":
        action = "Leave --system out, or the message."
        raise UsageError("Two system texts", expected="one", found="two", where="--system, message 1", action=action)
    return [Message("system", text), *messages]


def _message(chat: ChatFormat, value: object, where: str) -> Message:
    if not isinstance(value, dict):
        raise _error(where, "an object with role and content", _kind(value))
    # Clients write null, or an empty list, for what a message does not have.
    more = [key for key, given in value.items() if key not in KEYS and given not in (None, [], "", {})]
    if more:
        raise _error(where, f"{', '.join(KEYS)} alone", f"{more[0][:40]!r}")
    role, thought = value.get("role"), value.get("thought") or ""
    if role not in NAMES:
        raise _error(f"{where}, role", f"one of {', '.join(NAMES)}", repr(role)[:80])
    if not isinstance(thought, str) or thought and OTHERS.get(role, role) != "model":
        raise _error(f"{where}, thought", "a text, in a model's message", repr(thought)[:80])
    return written(chat, role, _content(value.get("content"), f"{where}, content"), thought)


def _content(value: object, where: str) -> str:
    """A text, or a list of {"type": "text", "text": …} as some clients write it."""
    parts = value if isinstance(value, list) else [{"type": "text", "text": value}]
    for part in parts:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            found = part.get("type") if isinstance(part, dict) and part.get("type") != "text" else value
            raise _error(where, "a text: images and sounds are not read", repr(found)[:80])
    return "".join(part["text"] for part in parts)


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _error(where: str, expected: str, found: str) -> UsageError:
    action = 'Write [{"role": "user", "content": "…"}, …].'
    return UsageError("Messages can't be read", expected=expected, found=found, where=where, action=action)
