"""Chat templates become formats of constant texts, or an error that says why they can't."""

import pytest

from export.chat.derive import DELIMITERS, chat_format
from export.chat.template import Asked, render
from runtime_spec.chat.conversation import Message, rendered
from runtime_spec.chat.format import Affixes, ChatFormat, Thinking, Thoughts
from tests.export.chat.templates import GEMMA_SHAPED, LARGE_SHAPED, PLAIN, refused, template

FORMAT = ChatFormat(
    start="",
    system=Affixes("<|turn>system\n", "<turn|>\n"),
    user=Affixes("<|turn>user\n", "<turn|>\n"),
    model=Affixes("<|turn>model\n", "<turn|>\n"),
    user_prefix_after_system="<|turn>user\n",
    reply="<|turn>model\n",
)
GUARD = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
IN_USER = (
    "{{ bos_token }}{% set s = '' %}{% set rest = messages %}{% if messages[0].role == 'system' %}"
    "{% set s = messages[0].content + '\\n\\n' %}{% set rest = messages[1:] %}{% endif %}"
    "{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('twice') }}{% endif %}"
    "{{ m.role }}:{{ s if loop.first else '' }}{{ m.content | trim }};{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)

# Templates that have a format


def test_a_plain_template():
    assert chat_format(template(PLAIN)) == FORMAT


def test_gemmas_shape_trims_and_drops_thoughts():
    chat = chat_format(template(GEMMA_SHAPED))
    assert chat.trims == ("system", "user", "model") and chat.thoughts == Thoughts(*DELIMITERS[0], kept=False)
    assert rendered(chat, [Message("system", " Be brief.\n"), Message("user", "Hi ")]) == (
        "<|turn>system\nBe brief.<turn|>\n<|turn>user\nHi<turn|>\n<|turn>model\n"
    )


def test_the_large_models_shape_opens_a_reply_by_thinking():
    chat = chat_format(template(LARGE_SHAPED))
    assert chat.reply == "<|turn>model\n<|channel>thought\n<channel|>" and chat.model.prefix == "<|turn>model\n"
    assert chat.thinking is not None and chat.thinking.reply == "<|turn>model\n"
    assert "<|think|>" in chat.thinking.system_alone and "<|think|>" in chat.thinking.system_prefix
    assert chat.thoughts is not None and not chat.thoughts.kept


def test_thoughts_that_stay():
    kept = PLAIN + "{# <|channel> #}"
    chat = chat_format(template(kept))
    assert chat.thoughts == Thoughts(*DELIMITERS[0], kept=True)
    said = [Message("user", "a"), Message("model", "c", thought="b"), Message("user", "d")]
    assert "<|turn>model\n<|channel>thought\nb<channel|>c<turn|>" in rendered(chat, said)


def test_thoughts_between_tags_which_a_reply_opens():
    text = PLAIN.replace("'<|turn>model\\n' }}{% endif", "'<|turn>model\\n<think>' }}{% endif")
    text = text.replace("m.content +", "(m.content.split('</think>')[-1]) +")
    chat = chat_format(template(text))
    assert chat.reply.endswith("<think>") and chat.thoughts == Thoughts("<think>", "</think>", kept=False)


def test_thinking_without_a_system_turn():
    text = PLAIN.replace(
        "<|turn>model\\n' }}{% endif", "<|turn>model\\n' + ('<hm>' if enable_thinking else '') }}{% endif"
    )
    chat = chat_format(template(GUARD + text))
    assert chat.thinking == Thinking("<|turn>model\n<hm>", "", "") and chat.system is None


def test_a_template_that_refuses_system_turns_has_none():
    chat = chat_format(template(GUARD + PLAIN))
    assert chat.system is None and chat.user.prefix == "<|turn>user\n"


def test_a_system_text_inside_the_first_user_turn_and_turns_that_alternate():
    chat = chat_format(template(IN_USER))
    assert (chat.system, chat.user_prefix_after_system) == (Affixes("user:", "\n\n"), "")
    assert chat.trims == ("user", "model") and chat.alternates


@pytest.mark.parametrize("bos", ["", "{{ bos_token }}{{ bos_token }}"], ids=["none", "two"])
def test_the_beginning_of_sequence_is_the_runtimes(bos):
    assert chat_format(template(PLAIN.replace("{{ bos_token }}", bos))) == FORMAT


def test_only_some_contents_are_trimmed():
    text = PLAIN.replace("m.content +", "(m.content | trim if m.role == 'user' else m.content) +")
    assert chat_format(template(text)).trims == ("user",)


def test_whitespace_rules_are_those_of_transformers():
    text = (
        "{% for m in messages %}\n    {% if true %}\n[{{ m.role }}] {{ m.content }}\n    {% endif %}\n{% endfor %}\n"
        "{% if add_generation_prompt %}\n[assistant] {% endif %}"
    )
    found = chat_format(template(text))
    assert (found.system, found.user) == (Affixes("[system] ", "\n"), Affixes("[user] ", "\n"))
    assert (found.model, found.reply) == (Affixes("[assistant] ", "\n"), "[assistant] ")


@pytest.mark.parametrize("helper", ["{% generation %}{{ m.content }}{% endgeneration %}", "{{ m.content | tojson }}"])
def test_transformers_own_blocks_and_filters_are_known(helper: str):
    text = (
        "{% for m in messages %}{{ m.role }}:"
        + helper
        + ";{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
    )
    expected = "user:" + ('"a \\"b\\" <é>"' if "tojson" in helper else 'a "b" <é>') + ";assistant:"
    assert render(template(text), [Asked((("user", 'a "b" <é>'),), True)])[0].text == expected


# Templates that have none


@pytest.mark.parametrize(
    ("text", "says"),
    [
        # The first user turn is another than the later ones.
        (PLAIN.replace("'<|turn>' +", "('<|first>' if loop.first else '<|turn>') +"), "<|first>user"),
        # Contents changed, dropped, doubled.
        (PLAIN.replace("m.content +", "m.content | upper +"), "not at all"),
        (PLAIN.replace("m.content + '", "'"), "not at all"),
        (PLAIN.replace("m.content +", "m.content + m.content +"), "more than once"),
        # Texts that hold for one turn but not for four.
        (PLAIN.replace("{{ bos_token }}", "{{ bos_token }}{% if messages | length > 3 %}!{% endif %}"), "'!"),
        # Changes quotes, as HTML escaping does.
        (PLAIN.replace("m.content +", "m.content | e +"), "&"),
        # Trims one side.
        (PLAIN.replace("m.content +", "m.content.lstrip() +"), ""),
        # The date of the day.
        (PLAIN.replace("{{ bos_token }}", "{{ bos_token }}{{ strftime_now('%d %B') }}"), "date"),
    ],
)
def test_a_template_without_a_format_is_refused(text: str, says: str):
    error = refused(text)
    assert "can't be expressed as constant texts" in error.title
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
