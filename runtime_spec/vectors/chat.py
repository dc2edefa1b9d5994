"""Cases of CHAT.md: conversations to parts and ids, replies to thought and answer, over a tokenizer of bytes.

`chat.json` holds the cases; `record` writes anew what must come of them. In the tokenizer of bytes every byte of UTF-8
is the id 1000 + byte, 999 stands before each text that is encoded at once, and control tokens are those of the case."""

import json
from collections.abc import Sequence
from pathlib import Path

from runtime_spec.chat.conversation import SAID, Message, Part, parts, written
from runtime_spec.chat.format import Affixes, ChatFormat, Thinking, Thoughts
from runtime_spec.chat.reply import Splitter
from runtime_spec.chat.tokens import ControlToken, encode
from runtime_spec.errors import TraceError, UsageError

FILE = Path(__file__).parent / "chat.json"
TEXT_BEGINS, FIRST_BYTE = 999, 1000


def encode_bytes(text: str) -> list[int]:
    return [TEXT_BEGINS, *(FIRST_BYTE + byte for byte in text.encode())]


class ByteStream:
    """Text of byte tokens, whole characters only."""

    def __init__(self):
        self._bytes = b""

    def add(self, tokens: Sequence[int]) -> str:
        self._bytes += bytes(token - FIRST_BYTE for token in tokens)
        for length in range(len(self._bytes), max(-1, len(self._bytes) - 4), -1):
            try:
                text = self._bytes[:length].decode()
            except UnicodeDecodeError:
                continue
            self._bytes = self._bytes[length:]
            return text
        return ""

    def finish(self) -> str:
        text, self._bytes = "\ufffd" * len(self._bytes), b""
        return text


def read_format(raw: dict) -> ChatFormat:
    def affixes(value: dict | None) -> Affixes | None:
        return None if value is None else Affixes(**value)

    return ChatFormat(
        **raw
        | {role: affixes(raw[role]) for role in ("system", "user", "model")}
        | {"thinking": None if raw["thinking"] is None else Thinking(**raw["thinking"])}
        | {"thoughts": None if raw["thoughts"] is None else Thoughts(**raw["thoughts"])}
        | {"trims": tuple(raw["trims"])}
    )


def play_conversation(formats: dict[str, ChatFormat], case: dict) -> dict:
    """{"parts", "ids"} of a case, or {"refused": where}."""
    messages = [_message(formats[case["format"]], one) for one in case["messages"]]
    try:
        found = parts(formats[case["format"]], messages, case["thinking"])
    except UsageError as error:
        return {"refused": error.where}
    control = {text: ControlToken(*values) for text, values in case["control"].items()}
    return {"parts": list(map(_part, found)), "ids": encode(found, case["bos"], control, encode_bytes)}


def _message(format: ChatFormat, raw: dict) -> Message:
    """As it stands, or with `written` as others write it."""
    if raw.get("written"):
        return written(format, raw["role"], raw["content"], raw.get("thought", ""))
    said = {name: None if raw.get(name) is None else tuple(raw[name]) for name in ("tokens", "answer_tokens")}
    return Message(raw["role"], raw["content"], raw.get("thought", ""), **said)


def play_reply(formats: dict[str, ChatFormat], case: dict) -> dict:
    """{"said": (channel, text) after each group of tokens and at the end, "answer_begin"}."""
    control = {id: text for text, id in case["control"].items()}
    splitter = Splitter(formats[case["format"]].thoughts, case["opened_by"], control, ByteStream)
    said = [list(map(list, splitter.add(group))) for group in case["tokens"]]
    return {"said": [*said, list(map(list, splitter.finish()))], "answer_begin": splitter.answer_begin}


def _part(part: Part) -> list:
    return [part.kind, list(part.tokens) if part.kind == SAID else part.text]


def played(raw: dict) -> dict:
    """The cases with what comes of them now."""
    formats = {name: read_format(one) for name, one in raw["formats"].items()}
    return raw | {
        "conversations": [case | {"gives": play_conversation(formats, case)} for case in raw["conversations"]],
        "replies": [case | {"gives": play_reply(formats, case)} for case in raw["replies"]],
    }


def text_of(raw: dict) -> str:
    """One case a line."""
    blocks = [f'"formats":{{\n{_lines(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in raw["formats"].items())}\n}}']
    for name in ("conversations", "replies"):
        blocks.append(f'"{name}":[\n{_lines(map(json.dumps, raw[name]))}\n]')
    return "{" + ",\n".join(blocks) + "}\n"


def _lines(texts) -> str:
    return ",\n".join(texts)


def read_cases() -> dict:
    return json.loads(FILE.read_text(encoding="utf-8"))


def record_chat() -> None:
    FILE.write_text(text_of(played(read_cases())), encoding="utf-8")


def verify_chat() -> int:
    """How many cases were checked. Raises TraceError naming the first that differs."""
    recorded = read_cases()
    now = played(recorded)
    count = 0
    for kind in ("conversations", "replies"):
        for number, (old, new) in enumerate(zip(recorded[kind], now[kind], strict=True)):
            count += 1
            if json.loads(json.dumps(new["gives"])) != old["gives"]:
                raise TraceError(
                    "The reference and its vectors disagree",
                    expected=json.dumps(old["gives"]),
                    found=json.dumps(new["gives"]),
                    where=f"chat.json, {kind} {number}",
                    action="Mend chat/, or record again with `python -m runtime_spec record` if the change is meant.",
                )
    return count
