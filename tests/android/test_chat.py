"""Kotlin's conversations and replies against Python's, over tokenizers of several kinds: drawn messages with control
tokens spelled out in them, drawn replies, and files of messages as clients write them."""

import dataclasses
import json
import random
import re
from pathlib import Path

import pytest

from export.cli.messages import read_messages, with_system
from runtime_spec.bundle.manifest import Tokens
from runtime_spec.chat.conversation import Message
from runtime_spec.chat.format import ChatFormat
from runtime_spec.errors import SlipstreamError
from runtime_spec.litert.chat import Chat, control_tokens
from runtime_spec.litert.tokenizer import BundleTokenizer
from runtime_spec.vectors.chat import read_cases, read_format
from tests.android.jvm import run_driver
from tests.android.tokenizer_texts import texts
from tests.android.tokenizer_variants import variants

CONTEXT = 4096
CONVERSATIONS, REPLIES = 60, 60  # of each tokenizer and format
TOKENS = Tokens(bos=2, pad=0, stop=(1, 5))
TOKENIZERS = {name: value for name, value in variants().items() if name in ("demo", "llama", "words", "flags")}
FORMATS = {name: read_format(raw) for name, raw in read_cases()["formats"].items()}
SPELLED = {"<|channel>": {}, "<channel|>": {}, "<|think|>": {"special": False}, "<S>": {"lstrip": True, "rstrip": True}}
"""Added tokens that the formats spell and the tokenizers lack."""


def tokenizer(name: str) -> dict:
    value = TOKENIZERS[name]
    fresh = 1 + max([*value["model"]["vocab"].values(), *(token["id"] for token in value["added_tokens"])])
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    more = [plain | flags | {"id": fresh + i, "content": text} for i, (text, flags) in enumerate(SPELLED.items())]
    return value | {"added_tokens": value["added_tokens"] + more}


@dataclasses.dataclass
class Case:
    """A tokenizer with a format, on both sides. `drawn` are texts with every added token in them."""

    name: str
    format: ChatFormat
    chat: Chat
    opening: dict
    drawn: list[str]
    ids: list[int]
    byte_ids: list[int]

    @classmethod
    def of(cls, name: str, value: dict, format: str, folder: Path) -> "Case":
        path = folder / f"{name}.json"
        path.write_text(json.dumps(value))
        vocab, spelled = value["model"]["vocab"], [token["content"] for token in value["added_tokens"]]
        ids = sorted({*vocab.values(), *(token["id"] for token in value["added_tokens"])})
        bounded, chosen = BundleTokenizer(path.read_bytes(), ids[-1] + 1, CONTEXT, str(path)), FORMATS[format]
        chat = Chat(chosen, control_tokens(chosen, TOKENS, bounded), TOKENS, bounded)
        opening = dataclasses.asdict(TOKENS) | {"tokenizer": str(path), "format": dataclasses.asdict(chosen)}
        opening |= {"vocab_size": ids[-1] + 1, "context_length": CONTEXT}
        drawn = texts(400, spelled, [*vocab, *spelled], seed=len(name))
        byte_ids = [vocab[f"<0x{byte:02X}>"] for byte in range(256)]
        return cls(f"{name}, {format}", chosen, chat, opening, drawn, ids, byte_ids)


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> list[Case]:
    folder = tmp_path_factory.mktemp("tokenizers")
    return [Case.of(name, tokenizer(name), format, folder) for name in TOKENIZERS for format in FORMATS]


def answers(cases: list[Case], tasks: dict[str, list[dict]]):
    """Each case, each of its tasks, and Kotlin's answer, all from one JVM."""
    lines = [json.dumps(task) for case in cases for task in [case.opening, *tasks[case.name]]]
    said = iter(map(json.loads, run_driver("decode", "dev.slipstream.chat.ChatDriverKt", lines)))
    for case in cases:
        control = {text: list(dataclasses.astuple(token)) for text, token in case.chat.control.items()}
        assert next(said) == {"control": control}, case.name
        for task in tasks[case.name]:
            yield case, task, next(said)


def told(call) -> dict:
    """What it gives, or its error, in which Kotlin has no path."""
    try:
        return call()
    except SlipstreamError as error:
        parts = {key: getattr(error, key) for key in ("title", "expected", "found", "where", "action")}
        return parts | {"where": re.sub("^--messages [^ ,]*", "--messages", error.where)}


def context(case: Case, task: dict, folder: Path) -> dict:
    path = folder / "messages"
    path.write_text(task["messages"], encoding="utf-8")
    messages = with_system(read_messages(path, case.format), task["system"])
    return {
        "ids": case.chat.context(messages, task["thinking"]),
        "text": case.chat.text(messages, task["thinking"]),
    }


def drawn_messages(draw: random.Random, drawn: list[str]) -> list[dict]:
    """Roles mostly in an order that templates take, white space at the ends, thoughts."""
    roles = ["system"] if draw.random() < 0.4 else []
    roles += [role for _ in range(draw.randrange(4)) for role in ("user", "assistant")] + ["user"]
    if draw.random() < 0.1:
        roles.insert(draw.randrange(len(roles) + 1), draw.choice(("user", "model", "system", "developer")))
    made = []
    for role in roles:
        content = draw.choice(("", " ", "\n\x1c")) + draw.choice(drawn) + draw.choice(("", "\u3000", "\n"))
        message = {"role": role, "content": content}
        if role == "assistant" and draw.random() < 0.4:
            message |= {"thought": draw.choice(drawn)}
        made.append(message)
    return made


def test_contexts_are_the_same(cases, tmp_path):
    tasks = {}
    for number, case in enumerate(cases):
        draw = random.Random(number)
        tasks[case.name] = [
            {
                "messages": json.dumps(drawn_messages(draw, case.drawn)),
                "system": draw.choice((None, None, None, "Be brief")),
                "thinking": draw.random() < 0.3,
            }
            for _ in range(CONVERSATIONS)
        ]
    refused, spelled = 0, 0
    for case, task, found in answers(cases, tasks):
        expected = told(lambda case=case, task=task: context(case, task, tmp_path))
        assert found == expected, (case.name, task)
        refused += "title" in expected
        spelled += any(text in task["messages"] for text in case.chat.control)
    total = sum(map(len, tasks.values()))
    assert total / 10 < refused < total / 2 and spelled > total / 2


FILES = [
    "[",
    "{}",
    "null",
    "3",
    "[]",
    '[{"role":"user","content":"a"},"x"]',
    '[{"role":"tool","content":"x"}]',
    '[{"content":"x"}]',
    '[{"role":["user"],"content":"x"}]',
    '[{"role":"user"}]',
    '[{"role":"user","content":3}]',
    '[{"role":"user","content":[{"type":"image","url":"x"}]}]',
    '[{"role":"user","content":[{"type":"text","text":1}]}]',
    '[{"role":"user","content":["x"]}]',
    '[{"role":"user","content":[]}]',
    '[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"name":null}]',
    '[{"role":"user","content":"x","tool_calls":[{"id":1}]}]',
    '[{"role":"user","content":"x","tool_calls":[],"a":{},"b":""}]',
    '[{"role":"user","content":"x","a":0}]',
    '[{"role":"user","content":"x","it\'s a \\u00e9 \\ud83d\\ude00 long name of a key, longer than forty":1}]',
    '[{"role":"user","content":"x","thought":"y"}]',
    '[{"role":"user","content":"x","thought":0}]',
    '[{"role":"model","content":"x","thought":1},{"role":"user","content":"x"}]',
    '[{"role":"developer","content":"x"},{"role":"user","content":"\\ud83d"}]',
    '[{"role":"user","content":"' + "x" * (128 * CONTEXT + 1) + '"}]',
    '[{"role":"system","content":"' + "x" * 64 * CONTEXT + '"},{"role":"user","content":"' + "é" * 32 * CONTEXT + '"}]',
    '[{"role":"user","content":"' + "\\ud83d" * (43 * CONTEXT) + '"}]',
]


def test_files_of_messages_are_read_and_refused_in_the_same_words(cases, tmp_path):
    case = next(one for one in cases if one.name == "demo, large")
    tasks = [{"messages": text, "system": None, "thinking": False} for text in FILES]
    tasks.append({"messages": '[{"role":"system","content":"a"}]', "system": "b", "thinking": False})
    for _, task, found in answers([case], {case.name: tasks}):
        expected = told(lambda task=task: context(case, task, tmp_path))
        if expected.get("expected") == "a JSON file in UTF-8":
            found, expected = ({k: v for k, v in one.items() if k != "found"} for one in (found, expected))
        assert found == expected, task["messages"][:200]


def drawn_reply(draw: random.Random, case: Case, is_whole: bool = False) -> list[int]:
    """Any ids, control tokens often, characters in bytes, cut or, if `is_whole`, not."""
    control, tokens = [token.id for token in case.chat.control.values()], []
    for _ in range(draw.randrange(12)):
        kind = draw.randrange(5)
        if kind == 0:
            tokens.append(draw.choice(control))
        elif kind == 1:
            thoughts = case.format.thoughts
            tokens += case.chat._tokenizer.encode(draw.choice((thoughts.start, thoughts.end)) if thoughts else "\n")
        elif kind == 2:
            letters = "".join(draw.choice("aé日😀 \n") for _ in range(3)).encode()
            tokens += [case.byte_ids[byte] for byte in letters[: None if is_whole else draw.choice((2, 5))]]
        else:
            id = draw.choice(case.ids)
            tokens += [] if is_whole and id in case.byte_ids else [id]
    return tokens


def test_replies_are_split_the_same(cases):
    tasks = {}
    for number, case in enumerate(cases):
        draw = random.Random(1000 + number)
        tasks[case.name] = [
            {"reply": drawn_reply(draw, case), "thinking": case.format.thinking is not None and draw.random() < 0.5}
            for _ in range(REPLIES)
        ]
    thoughts = spoiled = 0
    for case, task, found in answers(cases, tasks):
        message = case.chat.message(task["reply"], task["thinking"])
        answer = message.answer_tokens
        expected = {
            "thought": message.thought,
            "content": message.content,
            "tokens": list(message.tokens),
            "answer_tokens": None if answer is None else list(answer),
        }
        said = [piece for pieces in found.pop("said") for piece in pieces]
        assert found == expected, (case.name, task)
        # As they come they are the same, and no character is cut.
        for channel, text in (("thought", found["thought"]), ("answer", found["content"])):
            assert "".join(text for name, text in said if name == channel) == text
        assert not any("\ud800" <= letter <= "\udfff" for _, text in said for letter in text)
        thoughts += bool(message.thought)
        spoiled += "\ufffd" in message.thought + message.content
    assert thoughts > REPLIES and spoiled > REPLIES


def test_replies_that_were_decoded_stand_in_the_next_context_as_they_were(cases):
    tasks = {}
    for number, case in enumerate(cases):
        draw = random.Random(2000 + number)
        tasks[case.name] = [
            {"turns": ["a", drawn_reply(draw, case, is_whole=True), draw.choice(case.drawn)], "thinking": False}
            for _ in range(REPLIES)
        ]
    said = 0
    for case, task, found in answers(cases, tasks):
        first, reply, last = task["turns"]
        messages = [Message("user", first), case.chat.message(reply), Message("user", last)]
        expected = told(lambda case=case, messages=messages: {"ids": case.chat.context(messages)})
        assert found == expected, (case.name, task)
        said += "ids" in expected and bool(reply) and str(list(reply))[1:-1] in str(expected["ids"])
    assert said > REPLIES
