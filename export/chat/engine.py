"""A chat template for LiteRT-LM, which renders with MiniJinja and hands every content over as a list of parts.

Seen in litert-lm 0.18.1: maps have no methods but `items`; text has those of METHODS; a template's last line feed
stays; `bos_token` is empty, since the engine puts its start token in front itself. So the template is rewritten where
that keeps its meaning, may use nothing but what the engine is known to render (tests/parity/test_engine_templates.py
asks the engine itself), and is proven with Jinja to say the same as the checkpoint's. Where it can't be, one of ours
takes its place, made from the format: plain conversations are the same, tools and thinking are not there.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import Environment, TemplateError, nodes
from jinja2.ext import loopcontrols

from export.chat.derive import proof_conversations, sentinel_conversations
from export.chat.sandbox import GenerationBlock
from export.chat.template import (
    Asked,
    BudgetError,
    ChatTemplate,
    Rendered,
    as_messages,
    render_all,
)
from export.errors import ChatTemplateError
from runtime_spec.chat.format import ChatFormat

METHODS = {"strip", "lstrip", "rstrip", "split", "startswith", "endswith", "replace", "items"}
AS_FILTERS = {"upper", "lower", "title", "capitalize"}
"""Methods that MiniJinja has as filters only."""
FILTERS = {
    "abs", "batch", "capitalize", "d", "default", "dictsort", "first", "float", "groupby", "indent", "int", "items",
    "join", "last", "length", "list", "lower", "map", "max", "reject", "rejectattr", "replace", "reverse",
    "safe", "select", "selectattr", "sort", "string", "sum", "title", "tojson", "trim", "unique", "upper",
}  # fmt: skip
TESTS = {
    "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "in", "integer", "iterable",
    "lower", "mapping", "ne", "none", "number", "odd", "sameas", "sequence", "string", "true", "undefined", "upper",
}  # fmt: skip
FUNCTIONS = {"namespace", "range", "dict", "raise_exception"}
NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.Macro, nodes.Assign,
    nodes.AssignBlock, nodes.Scope, nodes.Name, nodes.NSRef, nodes.Const, nodes.Tuple, nodes.List, nodes.Dict,
    nodes.Pair, nodes.Keyword, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Call, nodes.Getitem, nodes.Getattr,
    nodes.Slice, nodes.Concat, nodes.Compare, nodes.Operand, nodes.BinExpr, nodes.UnaryExpr,
)  # fmt: skip
MOST_CALLS = 1000
"""Rewritten in one template: each takes a pass over its tokens."""
_LINE_END = re.compile(r"\r\n|\r|\n")
_SPACE, _OPEN, _CLOSE = ("whitespace", "linecomment", "linecomment_begin"), "([{", ")]}"
_NO_VALUES = {"in", "not", "and", "or", "if", "else", "is"}
# What a template that takes text wants: contents joined to text, each answer of a tool as a message.
PLAIN_MESSAGES = """\
{%- set plain = namespace(messages=[]) -%}
{%- for message in messages -%}
{%- if message['content'] is not defined or message['content'] is string or message['content'] is mapping -%}
{%- set plain.messages = plain.messages + [message] -%}
{%- elif message['role'] == 'tool' -%}
{%- for part in message['content'] -%}
{%- set plain.messages = plain.messages + [dict(message, name=part['name'], content=part['response'])] -%}
{%- endfor -%}
{%- else -%}
{%- set whole = namespace(text='') -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'text' -%}{%- set whole.text = whole.text + part['text'] -%}{%- endif -%}
{%- endfor -%}
{%- set plain.messages = plain.messages + [dict(message, content=whole.text)] -%}
{%- endif -%}
{%- endfor -%}
{%- set messages = plain.messages -%}
"""
_TOOL = {
    "type": "function",
    "function": {
        "name": "Qtoolq",
        "description": "Qsaysq",
        "parameters": {
            "type": "object",
            "properties": {"Qargq": {"type": "string", "description": "Qmeansq"}},
            "required": ["Qargq"],
        },
    },
}
_CALL = {"type": "function", "function": {"name": "Qtoolq", "arguments": {"Qargq": "Qgivenq"}}}
_ANSWER = {"Qkeyq": "Qanswerq"}


@dataclass(frozen=True)
class EngineTemplate:
    """`text` is Jinja for LiteRT-LM. `problem` says why it is ours and not the checkpoint's, None where it is that.

    `thinks` and `calls_tools`: whether thinking can be asked for, and whether declared tools reach the prompt."""

    text: str
    problem: str | None = None
    thinks: bool = False
    calls_tools: bool = False

    @property
    def summary(self) -> str:
        """What the engine gets, in a line for people."""
        if self.problem is not None:
            return f"turns alone, without tools{'' if self.thinks else ' and thinking'}: {self.problem}"
        can = [name for name, there in (("tools", self.calls_tools), ("thinking", self.thinks)) if there]
        return "the template" + (f" with {' and '.join(can)}" if can else "")


class _UnknownToEngine(Exception):
    """Something in a template that LiteRT-LM does not render, or that can't be rewritten for it."""


def engine_template(template: ChatTemplate, chat: ChatFormat) -> EngineTemplate:
    """The checkpoint's template for LiteRT-LM, proven by rendering, else one made from `chat`.

    Raises BudgetError when the template's time is used up: the bundle's bytes must not depend on how busy the machine
    is."""
    try:
        text = rewritten(template.text)
        _require_known(text)
        wanted = _expected(template, [*sentinel_conversations(), *proof_conversations(chat)])
    except _UnknownToEngine as error:
        return _of_ours(chat, str(error))
    problem = None
    for candidate in (text, PLAIN_MESSAGES + text):
        problem = wanted.difference(_render(replace(template, text=candidate), wanted.asked))
        if problem is None:
            return EngineTemplate(candidate, None, wanted.thinks, wanted.calls_tools)
    return _of_ours(chat, problem)


def _of_ours(chat: ChatFormat, problem: str) -> EngineTemplate:
    shown = "".join(character if character.isprintable() else "?" for character in problem[:300])
    return EngineTemplate(template_of(chat), shown, thinks=chat.thinking is not None)


def rewritten(text: str) -> str:
    """`text` with what MiniJinja lacks in other words: `x.get(k)`, `x.get(k, d)`, `x.keys()`, lists of `x.split()`, and
    methods that it has as filters. Raises _UnknownToEngine."""
    tokens = _tokens(text)
    start = calls = 0
    while (at := _next_call(tokens, start)) is not None:
        dot, name, opening = at
        calls += 1
        if calls > MOST_CALLS:
            raise _UnknownToEngine(f"more than {MOST_CALLS} calls of methods that it does not have")
        closing = _matching(tokens, opening, 1)
        begin = _value_begin(tokens, dot)
        value, arguments = tokens[begin:dot], _arguments(tokens[opening + 1 : closing])
        if tokens[name][1] == "split":
            # What it gives there has no length and no end to count from.
            tokens[begin : closing + 1] = [*_words("("), *tokens[begin : closing + 1], *_words("|", "list", ")")]
            start = opening + 2
        else:
            tokens[begin : closing + 1] = _replacement(tokens[name][1], value, arguments)
            start = begin
    return "".join(value for _, value in tokens)


def _tokens(text: str) -> list[tuple[str, str]]:
    """(kind, text) of everything in the template but a last line feed, which Jinja does not render either."""
    try:
        lexed = list(Environment().lex(text))
    except TemplateError as error:
        raise _UnknownToEngine(f"no valid Jinja: {error}") from None
    # Line feeds as Jinja has them, and as its tokens do.
    text, tokens, at = _LINE_END.sub("\n", text), [], 0
    for _, kind, value in lexed:
        # White space before a `{%-` is in no token; without it `{ {%-` would be another text.
        end = text.index(value, at)
        if end > at:
            tokens.append(("data", text[at:end]))
        tokens.append((kind, value))
        at = end + len(value)
    return tokens


def _next_call(tokens: list, start: int) -> tuple[int, int, int] | None:
    """(dot, name, opening parenthesis) of the next call to rewrite, from `start` on."""
    wanted = {"get", "keys", "split", *AS_FILTERS}
    for dot in range(start, len(tokens)):
        if tokens[dot] == ("operator", "."):
            name = _skip(tokens, dot + 1, 1)
            opening = _skip(tokens, name + 1, 1)
            if opening < len(tokens) and tokens[name][1] in wanted and tokens[opening] == ("operator", "("):
                return dot, name, opening
    return None


def _skip(tokens: list, at: int, step: int) -> int:
    while 0 <= at < len(tokens) and tokens[at][0] in _SPACE:
        at += step
    return at


def _matching(tokens: list, at: int, step: int) -> int:
    """The bracket that closes (step 1) or opens (step -1) the one at `at`."""
    deeper, depth = (_OPEN, 0) if step == 1 else (_CLOSE, 0)
    while 0 <= at < len(tokens):
        kind, value = tokens[at]
        if kind == "operator" and value in _OPEN + _CLOSE:
            depth += 1 if value in deeper else -1
            if depth == 0:
                return at
        at += step
    raise _UnknownToEngine("brackets without their others")


def _value_begin(tokens: list, dot: int) -> int:
    """Where the value before `dot` begins: a name, a text or brackets, and what is called or taken of it."""
    at = _skip(tokens, dot - 1, -1)
    while True:
        kind, value = tokens[at]
        if kind == "operator" and value in _CLOSE:
            at = _matching(tokens, at, -1)
            before = _skip(tokens, at - 1, -1)
            kind, value = tokens[before]
            is_value = kind in ("name", "string") and value not in _NO_VALUES
            if not is_value and not (kind == "operator" and value in ")]"):
                return at
            at = before
            continue
        if kind not in ("name", "string") or value in _NO_VALUES:
            raise _UnknownToEngine(f"a method of {value!r}")
        before = _skip(tokens, at - 1, -1)
        if tokens[before] != ("operator", "."):
            return at
        at = _skip(tokens, before - 1, -1)


def _arguments(tokens: list) -> list[list]:
    """Tokens of each argument."""
    found, depth = [[]], 0
    for token in tokens:
        if token[0] == "operator":
            depth += (token[1] in _OPEN) - (token[1] in _CLOSE)
        if token == ("operator", ",") and depth == 0:
            found.append([])
        else:
            found[-1].append(token)
    if any(token == ("operator", "=") for argument in found for token in argument):
        raise _UnknownToEngine("a method called with names")
    return [argument for argument in found if any(token[0] not in _SPACE for token in argument)]


def _replacement(method: str, value: list, arguments: list[list]) -> list:
    count = len(arguments)
    if method == "get" and count == 1:
        return [*value, *_words("["), *arguments[0], *_words("]")]
    if method == "get" and count == 2:
        words = [*_words("["), *arguments[0], *_words("]", "|", "default", "("), *arguments[1], *_words(")", ")")]
        return [*_words("("), *value, *words]
    if count == 0 and method in AS_FILTERS:
        return [*_words("("), *value, *_words("|", method, ")")]
    if count == 0 and method == "keys":
        return [*_words("("), *value, *_words("|", "list", ")")]
    raise _UnknownToEngine(f"the method {method} with {count} arguments")


def _words(*values: str) -> list:
    return [("name" if value.isalpha() else "operator", value) for value in values]


def _require_known(text: str) -> None:
    """Raises _UnknownToEngine for what LiteRT-LM is not known to render."""
    try:
        tree = Environment(extensions=[GenerationBlock, loopcontrols]).parse(text)
    except (TemplateError, RecursionError) as error:
        raise _UnknownToEngine(f"no Jinja that can be read: {error}") from None
    macros = {macro.name for macro in tree.find_all(nodes.Macro)}
    for node in _walk(tree):
        if not isinstance(node, NODES):
            raise _UnknownToEngine(f"{type(node).__name__.lower()} in its line {node.lineno}")
        if isinstance(node, nodes.Filter) and (
            node.name not in FILTERS or (node.name == "tojson" and (node.args or node.kwargs))
        ):
            raise _UnknownToEngine(f"the filter {node.name} in its line {node.lineno}")
        if isinstance(node, nodes.Test) and node.name not in TESTS:
            raise _UnknownToEngine(f"the test {node.name} in its line {node.lineno}")
        if isinstance(node, nodes.Call):
            called = node.node
            is_known = (isinstance(called, nodes.Name) and called.name in FUNCTIONS | macros) or (
                isinstance(called, nodes.Getattr) and called.attr in METHODS
            )
            if not is_known:
                name = getattr(called, "attr", None) or getattr(called, "name", "a value")
                raise _UnknownToEngine(f"a call of {name} in its line {node.lineno}")


def _walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.iter_child_nodes()


@dataclass(frozen=True)
class _Expected:
    """What LiteRT-LM is asked to render (`asked`, in its form), and what that must be."""

    asked: list[dict[str, Any]]
    texts: list[str | None]
    thinks: bool
    calls_tools: bool

    def difference(self, found: list[Rendered]) -> str | None:
        """What is not as it must be, in words."""
        for asked, text, answer in zip(self.asked, self.texts, found, strict=False):
            said = answer.text if answer.kind is None else None
            if said != text:
                shown = f"{answer.kind}: {answer.message}" if said is None else repr(said[:80])
                return f"contents as lists of parts give {shown} for {len(asked['messages'])} messages"
        return None if len(found) == len(self.asked) else "contents as lists of parts fail"


def _expected(template: ChatTemplate, conversations: list[Asked]) -> _Expected:
    plain = [
        {"messages": as_messages(turns), "add_generation_prompt": reply, "enable_thinking": thinking}
        for turns, reply, thinking in conversations
    ]
    parts = [
        one | {"messages": as_messages(asked.turns, True)} for one, asked in zip(plain, conversations, strict=True)
    ]
    user = (("user", "Quserq"),)
    asked_for = ({}, {"enable_thinking": True}, {"tools": [_TOOL]}, {"tools": [_TOOL], "enable_thinking": True})
    for values in asked_for:
        plain.append({"messages": as_messages(user), "add_generation_prompt": True, **values})
        parts.append({"messages": as_messages(user, True), "add_generation_prompt": True, **values})
    called = {"role": "assistant", "tool_calls": [_CALL]}
    answer = {"role": "tool", "content": [{"type": "tool_response", "name": "Qtoolq", "response": _ANSWER}]}
    with_answer = {"messages": [*as_messages(user, True), called, answer], "add_generation_prompt": True}
    with_answer["tools"] = [_TOOL]
    spread = {"role": "tool", "name": "Qtoolq", "content": _ANSWER}
    as_message = with_answer | {"messages": [*as_messages(user), {**called, "content": ""}, spread]}
    answers = _render(template, [*plain, as_message, with_answer])
    if len(answers) < len(plain):
        raise _UnknownToEngine("it fails on tools or thinking")
    texts = [one.text if one.kind is None else None for one in answers[: len(plain)]]
    bare, thinks, tools, _ = texts[-len(asked_for) :]
    calls_tools = tools is not None and "Qtoolq" in tools
    if calls_tools:
        # In the form of an engine's answer where the template knows that, else as a message of its own.
        known = [one.text for one in answers[len(plain) :] if one.kind is None and "Qanswerq" in one.text]
        if known:
            parts.append(with_answer)
            texts.append(known[-1])
    return _Expected(parts, texts, thinks is not None and thinks != bare, calls_tools)


def _render(template: ChatTemplate, renders: list[dict[str, Any]]) -> list[Rendered]:
    """Answers up to the first that fails; none where the template fails as a whole."""
    try:
        return render_all(template, renders)
    except BudgetError:
        raise
    except ChatTemplateError:
        return []


def template_of(chat: ChatFormat) -> str:
    """Jinja that says what the format says, for conversations without tools."""

    def content(role: str) -> str:
        return "{{- text.whole | trim -}}" if role in chat.trims else "{{- text.whole -}}"

    def turn(role: str, prefix: str) -> str:
        return prefix + content(role) + _said(chat.affixes(role).suffix)

    thinking = chat.thinking
    thinks = "enable_thinking is defined and enable_thinking"
    is_system = "messages[0]['role'] in ['system', 'developer']"
    system_prefix, reply = _said(chat.system.prefix if chat.system else ""), _said(chat.reply)
    lines = [_said(chat.start)]
    if thinking is not None:
        lines.append(f"{{%- if {thinks} and not {is_system} -%}}{_said(thinking.system_alone)}{{%- endif -%}}")
        system_prefix = _either(thinks, thinking.system_prefix, chat.system.prefix if chat.system else "")
        reply = _either(thinks, thinking.reply, chat.reply)
    after_system = _either(f"loop.index0 == 1 and {is_system}", chat.user_prefix_after_system, chat.user.prefix)
    lines += [
        "{%- for message in messages -%}",
        "{%- set text = namespace(whole='') -%}",
        "{%- if message['content'] is string -%}{%- set text.whole = message['content'] -%}",
        "{%- else -%}{%- for part in message['content'] -%}",
        "{%- if part['type'] == 'text' -%}{%- set text.whole = text.whole + part['text'] -%}{%- endif -%}",
        "{%- endfor -%}{%- endif -%}",
        "{%- if message['role'] == 'user' -%}",
        turn("user", after_system),
        "{%- elif message['role'] in ['assistant', 'model'] -%}",
        turn("model", _said(chat.model.prefix)),
    ]
    if chat.system is not None:
        lines += ["{%- elif message['role'] in ['system', 'developer'] -%}", turn("system", system_prefix)]
    lines += [
        "{%- else -%}",
        "{{- raise_exception('This chat template has no turns of ' + message['role']) -}}",
        "{%- endif -%}",
        "{%- endfor -%}",
        "{%- if add_generation_prompt -%}" + reply + "{%- endif -%}",
    ]
    return "\n".join(lines)


def _either(condition: str, text: str, other: str) -> str:
    if text == other:
        return _said(text)
    return f"{{%- if {condition} -%}}{_said(text)}{{%- else -%}}{_said(other)}{{%- endif -%}}"


def _said(text: str) -> str:
    """Jinja that writes `text`. A JSON string is one of Jinja's too."""
    return "{{- " + json.dumps(text, ensure_ascii=False) + " -}}"
