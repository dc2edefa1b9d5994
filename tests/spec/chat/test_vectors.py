"""chat.json: the reference agrees with it, and every planted fault does not."""

import types
from dataclasses import replace
from pathlib import Path

import pytest

from runtime_spec.chat import conversation, reply, tokens
from runtime_spec.errors import BundleError, TraceError
from runtime_spec.vectors import chat
from runtime_spec.vectors.chat import read_cases, read_format, verify_chat

MODULES = {"parts": conversation, "written": conversation, "encode": tokens, "Splitter": reply}
"""By the name that vectors.chat takes from it."""

MUTANTS = [
    ("parts", "Part(TEMPLATE, chat.start)", 'Part(TEMPLATE, "")'),
    ("parts", "if thinking and not has_system:", "if False:"),
    ("parts", 'message.role == "system" and thinking', "False"),
    ("parts", "if number == 1 and has_system", "if has_system"),
    ("parts", "chat.thinking.reply if thinking else chat.reply", "chat.reply"),
    ("parts", "and chat.thoughts.kept", ""),
    ("parts", "shown.rstrip() if keeps else shown.strip()", "shown.strip()"),
    ("parts", "shown.rstrip() if keeps else shown.strip()", "shown.rstrip()"),
    ("parts", "if message.role in chat.trims", "if False"),
    ("parts", "if keeps or not message.thought else message.answer_tokens", ""),
    ("parts", "is not None and shown == message.content", "is not None"),
    ("parts", "if part.kind != SAID and not part.text", "if False"),
    ("parts", "part.kind == found[-1].kind != SAID", "False"),
    ("parts", 'message.role == before == "model" or', ""),
    ("parts", "(chat.alternates and message.role == before)", "message.role == before"),
    ("parts", '(chat.alternates and is_first and message.role == "model")', "False"),
    ("parts", "before is not None or chat.system is None", "chat.system is None"),
    ("parts", "before is not None or chat.system is None", "before is not None"),
    ("parts", 'if before != "user"', "if False"),
    ("parts", "if message.role not in ROLES", "if False"),
    ("parts", "if thinking and chat.thinking is None", "if False"),
    ("written", "OTHERS.get(role, role)", "role"),
    ("written", "and not thought and thoughts", "and thoughts"),
    ("written", 'role == "model" and not thought', "not thought"),
    ("written", "if is_delimited", "if True"),
    ("written", "content.removeprefix(thoughts.start).partition", "content.partition"),
    ("written", "content.startswith(thoughts.start)", "thoughts.start in content"),
    ("encode", "if part.kind == TEMPLATE else ()", ""),
    ("encode", "key=len, reverse=True", "key=len"),
    ("encode", "if token.id != bos", "if True"),
    ("encode", "text.lstrip() if strips else text", "text"),
    ("encode", "text.rstrip() if left_strip else text", "text"),
    ("encode", "            strips = False\n", ""),
    ("encode", "ids += part.tokens", "ids += part.tokens[:-1]"),
    ("encode", "        text += part.text[at:]\n", "        text += part.text[at:]\n        cut()\n"),
    ("Splitter", "self.opened_by.rfind(self.thoughts.start) > self.opened_by.rfind(self.thoughts.end)", "False"),
    ("Splitter", "self.opened_by.rfind(self.thoughts.end)", "-1"),
    ("Splitter", "if token not in self.control", "if True"),
    ("Splitter", "            found += self._flush()\n", ""),
    ("Splitter", "self.channel, self._drop = channel, rest", "self.channel = channel"),
    ("Splitter", "elif self._drop.startswith(self._held)", "elif False"),
    ("Splitter", 'held, self._held, self._drop = self._held, "", ""', 'held, self._held, self._drop = "", "", ""'),
    ("Splitter", "keep = _could_begin(self._held, wanted.rest)", "keep = 0"),
    ("Splitter", "max(found, key=lambda one: len(one[0]))", "min(found, key=lambda one: len(one[0]))"),
    ("Splitter", "if self._end.token is not None and not rest else None", ""),
    ("Splitter", "self._enter(ANSWER, self._end.rest)", "self._enter(THOUGHT, self._end.rest)"),
]


def test_the_reference_agrees_with_every_case():
    assert verify_chat() == len(read_cases()["conversations"]) + len(read_cases()["replies"])


@pytest.mark.parametrize(("name", "right", "wrong"), MUTANTS, ids=[f"{m[0]}: {m[1][:50]}" for m in MUTANTS])
def test_a_planted_fault_is_caught(name, right, wrong, monkeypatch):
    module = MODULES[name]
    source = Path(module.__file__).read_text()
    assert source.count(right) == 1, "the fault has no place, or two"
    mutant = types.ModuleType(module.__name__)
    # Classes of the true module, so that parts are equal across both.
    mutant.__dict__.update({"__name__": module.__name__})
    exec(compile(source.replace(right, wrong), module.__file__, "exec"), mutant.__dict__)
    monkeypatch.setattr(chat, name, getattr(mutant, name))
    with pytest.raises((TraceError, AttributeError, IndexError, KeyError, ValueError)):
        verify_chat()


def test_a_format_with_roles_that_there_are_not_is_refused():
    plain = read_format(read_cases()["formats"]["plain"])
    with pytest.raises(BundleError, match="chat.trims"):
        replace(plain, trims=("user", "system"))
