"""What LiteRT-LM itself renders of chat templates, against Jinja: every word that export/chat/engine.py lets through,
and whole templates; and what it still lacks, for which that module rewrites them."""

import json

import litert_lm
import pytest

from export.chat.derive import chat_format, proof_conversations, sentinel_conversations
from export.chat.engine import FILTERS, FUNCTIONS, METHODS, TESTS, engine_template, rewritten, template_of
from export.chat.template import as_messages, render_all
from runtime_spec.chat.conversation import rendered, written
from tests.export.chat.templates import GEMMA_SHAPED, LARGE_SHAPED, PLAIN, template
from tests.parity.engine import engine

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Its name."}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
CALL = {"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Oslo", "days": 2}}}
USED = {
    "strip": "' a '.strip() ~ 'xax'.strip('x')", "lstrip": "' a '.lstrip()",
    "rstrip": "' a '.rstrip()", "split": "'a b c'.split(' ')[-2] ~ 'a,b'.split(',')|length",
    "startswith": "'x' if 'ab'.startswith('a')", "endswith": "'x' if 'ab'.endswith('b')",
    "replace": "'aba'.replace('a', 'c') ~ ('aba'|replace('b', 'd'))", "abs": "-1|abs",
    "batch": "[1, 2, 3]|batch(2)|list|length",
    "items": "{'a': 1}.items()|list|length ~ ({'b': 2}|items|list)[0][0]", "capitalize": "'aB'|capitalize",
    "d": "q|d('x')", "default": "q|default('x') ~ (''|default('y', true))",
    "dictsort": "({'b': 1, 'A': 2}|dictsort)[0][0]",
    "first": "[3, 4]|first", "float": "'1.5'|float", "groupby": "([{'a': 1}]|groupby('a'))|length",
    "indent": "'a\\nb'|indent(2)", "int": "'12'|int", "join": "['a', 'b']|join('-')", "last": "[3, 4]|last",
    "length": "'abc'|length", "list": "'ab'|list|length", "lower": "'aB'|lower ~ ('x' if 'a' is lower)",
    "map": "['a']|map('upper')|join ~ ([{'a': 1}]|map(attribute='a')|join)", "max": "[1, 3, 2]|max",
    "reject": "[1, 2]|reject('odd')|join", "rejectattr": "[{'a': 0}, {'a': 1}]|rejectattr('a')|list|length",
    "reverse": "[1, 2]|reverse|join", "safe": "'<'|safe", "select": "[1, 2]|select('odd')|join",
    "selectattr": "[{'a': 0}, {'a': 1}]|selectattr('a', 'eq', 1)|list|length", "sort": "[3, 1]|sort|join",
    "string": "(12|string)|length ~ ('x' if 'a' is string)", "sum": "[1, 2]|sum", "title": "'ab cd'|title",
    "tojson": "{'b': [1, none, true, 'é\"<'], 'a': 'x'}|tojson", "trim": "' a '|trim ~ ('xax'|trim('x'))",
    "unique": "[1, 1, 2]|unique|join", "upper": "'aB'|upper ~ ('x' if 'A' is upper)",
    "boolean": "'x' if true is boolean",
    "defined": "'x' if q is not defined", "divisibleby": "'x' if 4 is divisibleby(2)", "eq": "'x' if 1 is eq(1)",
    "equalto": "'x' if 1 is equalto(1)", "even": "'x' if 2 is even", "false": "'x' if false is false",
    "in": "'x' if 1 is in([1]) and 'a' in 'ab' and 'b' not in {'a': 1}", "integer": "'x' if 1 is integer",
    "iterable": "'x' if [] is iterable", "mapping": "'x' if {} is mapping", "ne": "'x' if 1 is ne(2)",
    "none": "'x' if 'a' is not none", "number": "'x' if 1 is number", "odd": "'x' if 1 is odd",
    "sameas": "'x' if 1 is sameas(1)", "sequence": "'x' if [] is sequence", "true": "'x' if true is true",
    "undefined": "'x' if q is undefined", "namespace": "namespace(a=1).a", "range": "range(5, 1, -2)|join('-')",
    "dict": "dict({'a': 1, 'b': 2}, a=3)|tojson",
}  # fmt: skip
"""An expression for each word that a template for the engine may use."""


class Declared(litert_lm.Tool):
    """A tool that is declared and never called."""

    def get_tool_description(self):
        return TOOL

    def execute(self, param):
        raise AssertionError("called")


@pytest.fixture(scope="module")
def opened(float_out):
    with engine(float_out / "model.litertlm") as one:
        yield one


def said(opened, text, messages, tools=False, thinking=False):
    """The engine's render of all messages and the opening of a reply; None when it fails."""
    settings = {"messages": messages[:-1]} if len(messages) > 1 else {}
    settings |= {"tools": [Declared()]} if tools else {}
    settings |= {"extra_context": {"enable_thinking": True}} if thinking else {}
    with opened.create_conversation(chat_template=text, automatic_tool_calling=False, **settings) as conversation:
        return conversation.render_message_to_string(messages[-1]) or None


def jinja(text, messages, **more):
    (answer,) = render_all(template(text), [{"messages": messages, "add_generation_prompt": True, **more}])
    return answer.text.removeprefix("<bos>")


def expected_words(name):
    return jinja("{{ " + USED[name] + " }}", [])


def test_every_word_has_an_expression():
    assert USED.keys() == (METHODS | FILTERS | TESTS | FUNCTIONS) - {"raise_exception"}


@pytest.mark.parametrize("name", sorted(USED))
def test_every_word_that_is_let_through(opened, name):
    found = said(opened, rewritten("{{ " + USED[name] + " }}"), [{"role": "user", "content": "x"}])
    assert found == expected_words(name) != ""


@pytest.mark.parametrize(
    "text",
    [
        "{{ messages[0].get('role') }}",
        "{{ 'a'.upper() }}",
        "{{ 'a b'.split() | length }}",
        "{{ {'a': 1}.keys() }}",
        "{% for m in messages %}{% break %}x{% endfor %}",
    ],
)
def test_the_engine_still_lacks_what_is_rewritten_or_refused(opened, text):
    """Where this fails the engine has learnt it: export/chat/engine.py can let it through."""
    assert said(opened, "." + text, [{"role": "user", "content": "x"}]) is None


@pytest.mark.parametrize(
    "text",
    [
        "{% set m = {'b': 'x', 'a': {'c': 1}} %}{{ m.get('b') ~ m.get('z', 'y') + m.get('a', {}).get('q', 'w') }}",
        "{% for key in {'b': 1, 'a': 2}.keys() %}{{ key.upper() }}{% endfor %}",
        "{{ 'x' if not {}.get('a') }}{{ 'y' if {'a': 1}.get('a') == 1 }}",
        "{{ 'a b c'.split()[-1] ~ 'a-b'.split('-')|length }}",
    ],
)
def test_what_is_rewritten_is_understood(opened, text):
    assert said(opened, rewritten(text), [{"role": "user", "content": "x"}]) == jinja(text, [])


def test_the_engine_still_keeps_the_last_line_feed(opened):
    assert said(opened, "x\n", [{"role": "user", "content": "x"}]) == "x\n"
    assert rewritten("x\n") == "x"


@pytest.mark.parametrize("text", [PLAIN, GEMMA_SHAPED, LARGE_SHAPED], ids=["plain", "gemma", "large"])
def test_the_engine_says_what_the_template_says(opened, text):
    found = engine_template(template(text), chat_format(template(text)))
    assert found.problem is None
    compared = 0
    for turns, reply, thinking in [*sentinel_conversations(), *proof_conversations(chat_format(template(text)))]:
        if reply:
            wanted = jinja(text, as_messages(turns), enable_thinking=thinking)
            assert said(opened, found.text, as_messages(turns), False, thinking) == wanted, turns
            compared += 1
    assert compared > 10
    for turns in ((("user", "Hi"),), (("system", "Be brief. "), ("user", "Hi"))):
        messages = as_messages(turns)
        for tools, thinking in ((True, False), (False, True), (True, True)):
            wanted = jinja(text, messages, tools=[TOOL] if tools else None, enable_thinking=thinking)
            assert said(opened, found.text, messages, tools, thinking) == wanted
            assert (text != PLAIN and tools) == ("get_weather" in wanted)


def test_answers_of_tools_reach_a_template_that_wants_them_as_messages(opened):
    found = engine_template(template(LARGE_SHAPED), chat_format(template(LARGE_SHAPED)))
    answer = {
        "role": "tool",
        "content": [{"type": "tool_response", "name": "get_weather", "response": {"sky": "grey"}}],
    }
    asked = [{"role": "user", "content": "And in Oslo?"}, {"role": "assistant", "tool_calls": [CALL]}]
    wanted = '<|tool_call>call:get_weather{city:<|"|>Oslo<|"|>,days:2}<tool_call|>'
    wanted += '<|tool_response>response:get_weather{sky:<|"|>grey<|"|>}<tool_response|>'
    assert said(opened, found.text, [*asked, answer], tools=True).endswith(f"<|turn>model\n{wanted}")


@pytest.mark.parametrize("text", [PLAIN, GEMMA_SHAPED], ids=["plain", "trims"])
def test_turns_of_ours_say_what_the_format_says(opened, text):
    """They stand in for templates that can't be rewritten; the metadata's affixes alone would not trim."""
    chat = chat_format(template(text))
    ours = template_of(chat)
    for turns, reply, thinking in proof_conversations(chat):
        if reply and not any(chat.thoughts and chat.thoughts.end in text for _, text in turns):
            wanted = rendered(chat, [written(chat, *turn) for turn in turns], thinking)
            assert said(opened, ours, as_messages(turns), False, thinking) == wanted, json.dumps(turns)
