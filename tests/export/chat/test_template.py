"""Chat templates: what the sandbox keeps them from, what they may take, and where they stand."""

import json
import os
import pickle
import time
from pathlib import Path

import pytest

from export.chat.derive import chat_format
from export.chat.engine import engine_template
from export.chat.template import TIME_LIMIT, Asked, Budget, BudgetError, ChatTemplate, read_chat_template, render
from export.errors import ChatTemplateError
from tests.export.chat.templates import PLAIN, TOKENS, refused, template

# Templates that attack


@pytest.mark.parametrize(
    "escape",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages | map(attribute='__class__') | list }}",
        "{{ messages[0] | attr('__class__') }}",
        "{{ '{0.__class__.__mro__}'.format(1) }}",
        "{{ raise_exception.__globals__ }}",
        "{{ strftime_now.__globals__ }}",
        "{{ dict.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ namespace(__class__=1) }}",
        "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
        "{{ messages.append(1) }}",
        "{% include '/etc/hostname' %}",
        "{% import '/etc/hostname' as x %}",
        "{% extends '/etc/hostname' %}",
    ],
)
def test_escapes_are_refused(escape: str):
    assert "refused" in refused(escape + PLAIN).title


def test_helpers_that_only_serve_to_escape_are_not_there():
    assert "'lipsum' is undefined" in refused("{{ lipsum.x }}" + PLAIN).found


@pytest.mark.parametrize(
    "greedy",
    ["{{ 'a' * 10**10 }}", "{% for i in range(10**9) %}{% endfor %}", "{{ 'a' * 3000000 }}", "{{ [0] * 10**10 }}"],
)
def test_memory_and_output_are_bounded(greedy: str):
    assert "failed" in refused(greedy + PLAIN).title


@pytest.mark.parametrize(
    "endless",
    ["{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "{{ 7 ** (10 ** 9) }}"],
)
def test_endless_templates_end(endless: str):
    begun = time.monotonic()
    hurried = ChatTemplate(endless, TOKENS, "test.jinja", Budget(seconds=1.0))
    with pytest.raises(BudgetError, match="does not end"):
        render(hurried, [Asked((("user", "Hi"),), True)])
    assert time.monotonic() - begun < 5


def test_time_and_processes_are_one_budget_for_a_template():
    """A limit for each process would be half a minute in all."""
    slow = template(PLAIN)
    assert engine_template(slow, chat_format(slow)).problem is None
    assert slow.budget.processes == 0 and 0 < slow.budget.seconds < TIME_LIMIT
    for spent in (slow, ChatTemplate(PLAIN, TOKENS, "test.jinja", Budget(seconds=0.0))):
        with pytest.raises(BudgetError):
            chat_format(spent)


def test_a_template_without_time_left_is_no_template_that_engines_can_not_use():
    """That would make the bundle's bytes depend on how busy the machine was."""
    with pytest.raises(BudgetError):
        engine_template(ChatTemplate(PLAIN, TOKENS, "test.jinja", Budget(processes=1)), chat_format(template(PLAIN)))


def test_what_was_spent_goes_with_the_template_into_another_process():
    spent = template(PLAIN)
    chat_format(spent)
    assert pickle.loads(pickle.dumps(spent)).budget == spent.budget != Budget()


def test_the_output_of_all_renders_together_is_bounded():
    conversations = [Asked((("user", "Hi"),), True)] * 5
    assert len(render(template("{{ 'a' * 800000 }}"), conversations)) == 5
    with pytest.raises(ChatTemplateError, match="characters of output"):
        render(template("{{ 'a' * 900000 }}"), conversations)


def test_text_that_is_no_unicode_is_refused():
    """Jinja makes half of a surrogate pair of an escape; neither a bundle nor a terminal can hold it."""
    error = refused(PLAIN.replace("<|turn>model", "\\ud800"))
    assert "surrogate" in error.found
    assert "\\ud800" in refused("{{ raise_exception('\\ud800') }}").found


# Where a template stands


def write(folder: Path, **files: object) -> Path:
    for name, content in files.items():
        path = folder / {"jinja": "chat_template.jinja", "config": "tokenizer_config.json"}[name]
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def test_the_jinja_file_comes_before_the_configuration(tmp_path: Path):
    folder = write(tmp_path, jinja=PLAIN, config={"chat_template": "other", "bos_token": {"content": "<bos>"}})
    found = read_chat_template(folder)
    assert found.text == PLAIN and found.special_tokens == {"bos_token": "<bos>"}
    assert found.source.endswith("chat_template.jinja")
    assert chat_format(found).start == ""


def test_the_configurations_template_plain_or_named(tmp_path: Path):
    assert read_chat_template(write(tmp_path, config={"chat_template": "one"})).text == "one"
    named = [{"name": "tool_use", "template": "two"}, {"name": "default", "template": "three"}]
    assert read_chat_template(write(tmp_path, config={"chat_template": named})).text == "three"


def test_a_folder_without_a_template_has_none(tmp_path: Path):
    assert read_chat_template(tmp_path) is None
    assert read_chat_template(write(tmp_path, config={"bos_token": "<bos>"})) is None


def test_of_several_templates_none_may_be_the_default(tmp_path: Path):
    assert read_chat_template(write(tmp_path, config={"chat_template": ["x", {"name": "rag"}]})) is None
    twice = [{"name": "default", "template": "one"}, {"name": "default", "template": "two"}]
    assert read_chat_template(write(tmp_path, config={"chat_template": twice})).text == "two"


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer_config.json"])
@pytest.mark.parametrize("to", ["../secret", "/dev/zero", "absent"])
def test_a_template_that_links_elsewhere_prints_nothing_of_it(tmp_path: Path, name: str, to: str):
    (tmp_path / "secret").write_text("root:x:0:0:{{ ")
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / name).symlink_to(to)
    with pytest.raises(ChatTemplateError, match="can't be read") as caught:
        read_chat_template(tmp_path / "checkpoint")
    assert "root:x" not in str(caught.value) and caught.value.exit_code == 5


def test_a_template_in_the_hubs_cache(tmp_path: Path):
    folder = tmp_path / "models--org--name/snapshots/0123"
    folder.mkdir(parents=True)
    (folder.parents[1] / "blobs").mkdir()
    (folder.parents[1] / "blobs/abcd").write_text(PLAIN)
    (folder / "chat_template.jinja").symlink_to("../../blobs/abcd")
    assert read_chat_template(folder).text == PLAIN


def test_a_template_that_is_a_pipe(tmp_path: Path):
    os.mkfifo(tmp_path / "chat_template.jinja")
    with pytest.raises(ChatTemplateError, match="a pipe"):
        read_chat_template(tmp_path)


@pytest.mark.parametrize("config", ["{", "[]", '"text"', '{"chat_template": 5}', '{"chat_template": "\\ud800"}'])
def test_a_configuration_that_can_not_be_read(tmp_path: Path, config: str):
    with pytest.raises(ChatTemplateError):
        read_chat_template(write(tmp_path, config=config))


def test_a_template_that_is_not_text(tmp_path: Path):
    (tmp_path / "chat_template.jinja").write_bytes(b"\xff\xfe")
    with pytest.raises(ChatTemplateError, match="can't be read"):
        read_chat_template(tmp_path)
    (tmp_path / "chat_template.jinja").write_bytes(b"a" * (2**20 + 1))
    with pytest.raises(ChatTemplateError, match="too large"):
        read_chat_template(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    with pytest.raises(ChatTemplateError, match="too large"):
        read_chat_template(write(tmp_path, config={"chat_template": "a" * (2**20 + 1)}))
