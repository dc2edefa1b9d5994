"""Chat templates that the tests share."""

import pytest

from export.chat.derive import chat_format
from export.chat.template import ChatTemplate
from export.errors import ChatTemplateError

TOKENS = {"bos_token": "<bos>", "eos_token": "<eos>"}
PLAIN = (
    "{{ bos_token }}{% for m in messages %}{{ '<|turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' }}"
    "{{ m.content + '<turn|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|turn>model\\n' }}{% endif %}"
)
WITHOUT_THOUGHTS = """
{%- macro without_thoughts(text) -%}
    {%- set ns = namespace(kept='') -%}
    {%- for part in text.split('<channel|>') -%}
        {%- set ns.kept = ns.kept + part.split('<|channel>')[0] -%}
    {%- endfor -%}
    {{- ns.kept | trim -}}
{%- endmacro -%}
"""
# The shape of Gemma 4's own: the system turn apart, macros, contents trimmed, thoughts taken out of model turns,
# a model turn that goes on after a tool's answer, blocks for tools that a plain conversation never enters.
GEMMA_SHAPED = (
    WITHOUT_THOUGHTS
    + """\
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
)
# The shape of Gemma 4's larger models: calls of `get`, a look ahead for the answers of tools, and an open reply with an
# empty thought. Contents of one part are taken, but a system turn of parts ends with a space.
LARGE_SHAPED = (
    WITHOUT_THOUGHTS
    + """\
{%- macro in_quotes(value) -%}
    {%- if value is string -%}
        {{- '<|"|>' + value + '<|"|>' -}}
    {%- elif value is mapping -%}
        {
        {%- for key, inner in value | dictsort -%}{{ key }}:{{ in_quotes(inner) }}{%- if not loop.last %},{% endif -%}
        {%- endfor -%}
        }
    {%- else -%}
        {{- value -}}
    {%- endif -%}
{%- endmacro -%}
{{- bos_token -}}
{%- set turns = messages -%}
{%- if enable_thinking or tools or messages[0].get('role', '') in ['system', 'developer'] -%}
    {{- '<|turn>system\\n' -}}
    {%- if enable_thinking -%}{{- '<|think|>\\n' -}}{%- endif -%}
    {%- if messages[0]['role'] in ['system', 'developer'] -%}
        {%- if messages[0]['content'] is string -%}
            {{- messages[0]['content'] | trim -}}
        {%- else -%}
            {%- for part in messages[0]['content'] -%}{{- part['text'] | trim + ' ' -}}{%- endfor -%}
        {%- endif -%}
        {%- set turns = messages[1:] -%}
    {%- endif -%}
    {%- for tool in tools or [] -%}
        {%- set declared = tool['function'] -%}
        {%- set takes = declared.get('parameters', {}) -%}
        {{- '<|tool>declaration:' + declared.get('name') + '{' + takes.get('type', '').upper() -}}
        {%- for key, value in declared.get('parameters', {}).get('properties', {}) | dictsort -%}
            ,{{ key }}:{{ value.get('type', 'any') | upper }}
        {%- endfor -%}
        {{- '}<tool|>' -}}
    {%- endfor -%}
    {{- '<turn|>\\n' -}}
{%- endif -%}
{%- set state = namespace(last='') -%}
{%- for message in turns -%}
    {%- if message['role'] != 'tool' -%}
        {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
        {{- '<|turn>' + role + '\\n' -}}
        {%- for call in message.get('tool_calls') or [] -%}
            {%- set called = call['function'] -%}
            {{- '<|tool_call>call:' + called['name'] + in_quotes(called['arguments']) + '<tool_call|>' -}}
        {%- endfor -%}
        {%- set answers = namespace(found=false, ended=false) -%}
        {%- for k in range(loop.index0 + 1, turns | length) -%}
            {%- if turns[k]['role'] != 'tool' -%}
                {%- set answers.ended = true -%}
            {%- elif not answers.ended -%}
                {{- '<|tool_response>response:' + (turns[k].get('name') | default('unknown')) -}}
                {{- in_quotes(turns[k].get('content')) + '<tool_response|>' -}}
                {%- set answers.found = true -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set state.last = 'answer' if answers.found else role -%}
        {%- if message.get('content') is string -%}
            {{- without_thoughts(message['content']) if role == 'model' else message['content'] | trim -}}
        {%- else -%}
            {%- for part in message.get('content', []) or [] -%}{{- part['text'] | trim -}}{%- endfor -%}
        {%- endif -%}
        {%- if not answers.found -%}{{- '<turn|>\\n' -}}{%- endif -%}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt and state.last != 'answer' -%}
    {{- '<|turn>model\\n' -}}
    {%- if not enable_thinking | default(false) -%}{{- '<|channel>thought\\n<channel|>' -}}{%- endif -%}
{%- endif -%}
"""
)


def template(text: str) -> ChatTemplate:
    return ChatTemplate(text, TOKENS, "test.jinja")


def refused(text: str) -> ChatTemplateError:
    with pytest.raises(ChatTemplateError) as caught:
        chat_format(template(text))
    error = caught.value
    assert all((error.expected, error.found, error.where, error.action)) and error.exit_code == 5
    return error
