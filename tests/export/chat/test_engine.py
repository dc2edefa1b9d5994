"""Chat templates for LiteRT-LM: rewritten and proven, or ours in their place with the reason.

Whether the engine itself renders them so: tests/parity/test_engine_templates.py."""

import pytest

from export.chat.derive import chat_format
from export.chat.engine import PLAIN_MESSAGES, engine_template, rewritten
from export.chat.template import render_all
from runtime_spec.chat.conversation import Message, rendered
from tests.export.chat.templates import GEMMA_SHAPED, LARGE_SHAPED, PLAIN, template

FORMAT = chat_format(template(PLAIN))
PARTS = "{% for part in m.content %}{{ part.text }}{% endfor %}"
BOTH = PLAIN.replace(
    "{{ m.content + '<turn|>\\n' }}",
    "{% if m.content is string %}{{ m.content }}{% else %}" + PARTS + "{% endif %}{{ '<turn|>\\n' }}",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ m.get('role') }}", "{{ m['role'] }}"),
        ("{{ m . get ( 'role' ) }}", "{{ m [ 'role' ] }}"),
        ("{{ m.get('a', 1) + 2 }}", "{{ (m['a']|default( 1)) + 2 }}"),
        ("{{ m['x'].y(3).get('a', {}).get('b', [n]) }}", "{{ ((m['x'].y(3)['a']|default( {}))['b']|default( [n])) }}"),
        ("{{ 1 if 'a' in (m).get(k.get('c')) }}", "{{ 1 if 'a' in (m)[k['c']] }}"),
        ("{{ {'a': 1}.get('a') }}", "{{ {'a': 1}['a'] }}"),
        ("{{ m.role.upper() ~ m.keys() }}", "{{ (m.role|upper) ~ (m|list) }}"),
        ("{{ a.split(b.get('c'))[-1].split('d') }}", "{{ ((a.split(b['c'])|list)[-1].split('d')|list) }}"),
        # Text that only looks like a call, white space that keeps two brackets apart, the last line feed.
        ("x.get('a') {# y.get('b') #}{% raw %}{{ z.get('c') }}{% endraw %}", None),
        ("a:{ \n{%- set b = 1 -%} {\n\n {{- b -}} }", None),
        ("{{ 'm.get(1)' }}\n", "{{ 'm.get(1)' }}"),
        ("a\u2028b\x0c{{ 'c\u2028' }}\r\n{%- set d = 1 -%}\rx", "a\u2028b\x0c{{ 'c\u2028' }}\n{%- set d = 1 -%}\nx"),
    ],
)
def test_calls_that_minijinja_lacks_are_said_in_other_words(text: str, expected: str | None):
    found = rewritten(text)
    assert found == (text if expected is None else expected)


def test_what_is_rewritten_says_the_same():
    values = {"m": {"a": 1, "n": {"b": "x"}}, "k": "a"}
    text = "{{ m.get(k) }} {{ m.get('z', 'none') }} {{ m.get('n', {}).get('b', '') + 'y' }} "
    text += "{{ m.get('q', {}).get('b', 5) }}"
    old, new = (render_all(template(one), [values])[0].text for one in (text, rewritten(text)))
    assert old == new == "1 none xy 5"


def test_a_template_that_takes_lists_of_parts_is_left_as_it_is():
    found = engine_template(template(BOTH + "\n"), FORMAT)
    assert BOTH != PLAIN and (found.text, found.problem) == (BOTH, None)
    assert found.summary == "the template" and not found.thinks and not found.calls_tools


@pytest.mark.parametrize("text", [PLAIN, GEMMA_SHAPED, LARGE_SHAPED])
def test_a_template_that_takes_text_gets_text(text: str):
    found = engine_template(template(text), FORMAT)
    assert found.problem is None and found.text == PLAIN_MESSAGES + rewritten(text)
    has_more = text != PLAIN
    assert found.calls_tools == has_more and found.thinks == has_more
    assert found.summary == "the template" + has_more * " with tools and thinking"


@pytest.mark.parametrize(
    ("added", "says"),
    [
        ("{{ messages[0].role.find('x') }}", "a call of find in its line 1"),
        ("{{ messages[0].role | center(9) }}", "the filter center"),
        ("{{ messages | tojson(indent=2) }}", "the filter tojson"),
        ("{% for m in messages %}{% break %}{% endfor %}", "break in its line 1"),
        ("{{ strftime_now('%d') }}", "a call of strftime_now"),
        ("{{ messages[0].get(key='role') }}", "called with names"),
        ("{{ messages[0].get() }}", "the method get with 0 arguments"),
        ("{% if messages[0].content is string %}{% else %}a list{% endif %}{{ 1 / 0 }}", "fails"),
        ("{% for %}", "Jinja"),
    ],
)
def test_what_the_engine_does_not_know_gives_way_to_ours_and_is_told(added: str, says: str):
    found = engine_template(template(PLAIN + added), FORMAT)
    assert found.problem is not None and says in found.problem
    assert found.summary.startswith("turns alone, without tools and thinking: ") and says in found.summary
    assert "center" not in found.text and not found.thinks and not found.calls_tools


def test_ours_trims_where_the_template_does_and_has_its_turns():
    chat = chat_format(template(GEMMA_SHAPED))
    found = engine_template(template(GEMMA_SHAPED + "{{ messages[0].role.find('x') if false }}"), chat)
    assert found.problem is not None and chat.trims
    turns = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in CONVERSATION]
    (answer,) = render_all(template(found.text), [{"messages": turns, "add_generation_prompt": True}])
    assert answer.text == rendered(chat, [Message(MODEL.get(role, role), text) for role, text in CONVERSATION])


CONVERSATION = [("system", " Be brief.\n"), ("user", " Hi "), ("assistant", "\tHo\n"), ("user", "{{ x }} é \n")]
MODEL = {"assistant": "model"}
