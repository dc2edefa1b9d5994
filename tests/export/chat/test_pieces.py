"""Chat templates become constant turn pieces, or an error that says why they can't."""

import pytest
from export.chat.pieces import turn_pieces

from export.chat.template import render
from runtime_spec.bundle.manifest import ChatPieces
from tests.export.chat.templates import GEMMA_SHAPED, PLAIN, refused, template

# Templates that decompose


def test_a_plain_template_in_pieces():
    assert turn_pieces(template(PLAIN)) == ChatPieces(
        start="<bos>",
        user_prefix="<|turn>user\n",
        user_suffix="<turn|>\n",
        model_prefix="<|turn>model\n",
        model_suffix="<turn|>\n",
        system_prefix="<|turn>system\n",
        system_suffix="<turn|>\n",
        trims=False,
    )


def test_gemmas_shape_has_the_same_pieces_and_trims():
    pieces = turn_pieces(template(GEMMA_SHAPED))
    assert pieces.trims
    assert pieces.prompt([("system", " Be brief.\n"), ("user", "Hi ")]) == (
        "<bos><|turn>system\nBe brief.<turn|>\n<|turn>user\nHi<turn|>\n<|turn>model\n"
    )


def test_a_template_that_refuses_system_turns_has_none():
    guard = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    pieces = turn_pieces(template(guard + PLAIN))
    assert pieces.system_prefix is None and pieces.system_suffix is None
    assert pieces.user_prefix == "<|turn>user\n"


def test_no_beginning_of_sequence_is_an_empty_start():
    assert turn_pieces(template(PLAIN.replace("{{ bos_token }}", ""))).start == ""


def test_whitespace_rules_are_those_of_transformers():
    text = (
        "{% for m in messages %}\n    {% if true %}\n[{{ m.role }}] {{ m.content }}\n    {% endif %}\n{% endfor %}\n"
        "{% if add_generation_prompt %}\n[assistant] {% endif %}"
    )
    assert turn_pieces(template(text)) == ChatPieces(
        "", "[user] ", "\n", "[assistant] ", "\n", "[system] ", "\n", trims=False
    )


@pytest.mark.parametrize("helper", ["{% generation %}{{ m.content }}{% endgeneration %}", "{{ m.content | tojson }}"])
def test_transformers_own_blocks_and_filters_are_known(helper: str):
    text = (
        "{% for m in messages %}{{ m.role }}:"
        + helper
        + ";{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
    )
    turns = (("user", 'a "b" <é>'),)
    expected = "user:" + ('"a \\"b\\" <é>"' if "tojson" in helper else 'a "b" <é>') + ";assistant:"
    assert render(template(text), [(turns, True)])[0].text == expected


# Templates that do not


@pytest.mark.parametrize(
    ("text", "says"),
    [
        # The first user turn is another than the later ones.
        (PLAIN.replace("'<|turn>' +", "('<|first>' if loop.first else '<|turn>') +"), "<|first>user"),
        # A system text inside the first user turn.
        (
            "{% set s = '' %}{% set rest = messages %}{% if messages[0].role == 'system' %}"
            "{% set s = messages[0].content + '\\n\\n' %}{% set rest = messages[1:] %}{% endif %}"
            "{% for m in rest %}{{ m.role }}:{{ s if loop.first else '' }}{{ m.content }};{% endfor %}"
            "{% if add_generation_prompt %}assistant:{% endif %}",
            "'\\n\\n'",
        ),
        # Before an answer stands something that no earlier model turn has.
        (PLAIN.replace("'<|turn>model\\n' }}{% endif", "'<|turn>model\\n<think>' }}{% endif"), "<think>"),
        # Contents changed, dropped, doubled.
        (PLAIN.replace("m.content +", "m.content | upper +"), "not at all"),
        (PLAIN.replace("m.content + '", "'"), "not at all"),
        (PLAIN.replace("m.content +", "m.content + m.content +"), "more than once"),
        # Pieces hold for one turn but not for four.
        (PLAIN.replace("{{ bos_token }}", "{{ bos_token }}{% if messages | length > 3 %}!{% endif %}"), "'!"),
        # Only user contents are trimmed.
        (PLAIN.replace("m.content +", "(m.content | trim if m.role == 'user' else m.content) +"), ""),
        # Changes quotes, as HTML escaping does.
        (PLAIN.replace("m.content +", "m.content | e +"), "&"),
        # The date of the day.
        (PLAIN.replace("{{ bos_token }}", "{{ bos_token }}{{ strftime_now('%d %B') }}"), "date"),
    ],
)
def test_a_template_that_does_not_decompose_is_refused(text: str, says: str):
    error = refused(text)
    assert "can't be expressed as turn pieces" in error.title
    assert says in error.found, error


def test_the_conversation_and_the_first_difference_are_named():
    error = refused(PLAIN.replace("m.content +", "m.content | replace('\\n\\n', '\\n') +"))
    assert "conversation user 'line one" in error.where
    assert "at character" in error.expected


def test_what_fails_or_is_no_jinja():
    assert "not valid Jinja" in refused("{% for m in messages %}").title
    assert "failed" in refused("{{ 1 / 0 }}").title
    assert "refuses a plain conversation" in refused("{{ raise_exception('never') }}").title
    assert "never" in refused("{{ raise_exception('never') }}").found
