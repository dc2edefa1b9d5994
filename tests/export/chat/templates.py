"""Chat templates that the tests share."""

import pytest

from export.chat.pieces import turn_pieces
from export.chat.template import ChatTemplate
from export.errors import ChatTemplateError

TOKENS = {"bos_token": "<bos>", "eos_token": "<eos>"}
PLAIN = (
    "{{ bos_token }}{% for m in messages %}{{ '<|turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' }}"
    "{{ m.content + '<turn|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|turn>model\\n' }}{% endif %}"
)
# The shape of Gemma 4's own: the system turn apart, macros, contents trimmed, thoughts taken out of model turns,
# a model turn that goes on after a tool's answer, blocks for tools that a plain conversation never enters.
GEMMA_SHAPED = """
{%- macro without_thoughts(text) -%}
    {%- set ns = namespace(kept='') -%}
    {%- for part in text.split('<channel|>') -%}
        {%- set ns.kept = ns.kept + part.split('<|channel>')[0] -%}
    {%- endfor -%}
    {{- ns.kept | trim -}}
{%- endmacro -%}
{%- set state = namespace(last=none) -%}
{%- set turns = messages -%}
{{ bos_token }}
{#- the system turn -#}
{%- if (enable_thinking is defined and enable_thinking) or tools or messages[0]['role'] in ['system', 'developer'] -%}
    {{- '<|turn>system\\n' -}}
    {%- if messages[0]['role'] in ['system', 'developer'] -%}
        {{- messages[0]['content'] | trim -}}
        {%- set turns = messages[1:] -%}
    {%- endif -%}
    {%- for tool in tools or [] %}{{- '<|tool>' + tool | tojson + '<tool|>' -}}{%- endfor %}
    {{- '<turn|>\\n' -}}
{%- endif %}

{%- for message in turns -%}
    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
    {%- if not (role == 'model' and state.last == 'model') -%}
        {{- '<|turn>' + role + '\\n' }}
    {%- endif -%}
    {%- if message.get('tool_calls') -%}
        {%- for call in message['tool_calls'] -%}{{- '<|tool_call>' + call['name'] -}}{%- endfor -%}
    {%- endif -%}
    {%- if message['content'] is string -%}
        {{- without_thoughts(message['content']) if role == 'model' else message['content'] | trim -}}
    {%- elif message['content'] is sequence -%}
        {%- for item in message['content'] -%}{{- item['text'] | trim -}}{%- endfor -%}
    {%- endif -%}
    {{- '<turn|>\\n' -}}
    {%- set state.last = role -%}
{%- endfor -%}

{%- if add_generation_prompt -%}
    {{- '<|turn>model\\n' -}}
{%- endif -%}
"""


def template(text: str) -> ChatTemplate:
    return ChatTemplate(text, TOKENS, "test.jinja")


def refused(text: str) -> ChatTemplateError:
    with pytest.raises(ChatTemplateError) as caught:
        turn_pieces(template(text))
    error = caught.value
    assert all((error.expected, error.found, error.where, error.action)) and error.exit_code == 5
    return error
