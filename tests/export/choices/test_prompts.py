"""--prompts: text or TOML, read whole or refused with the reason."""

import os
import re

import pytest

from export.choices.prompts import MAX_BYTES, MAX_PROMPTS, Prompts
from export.errors import UsageError


def written(tmp_path, content, name="prompts.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_prompts_that_come_with_it():
    own = Prompts.load()
    assert (len(own.plain), len(own.chats), own.source) == (10, 4, "prompts.toml")
    assert own.plain[0].startswith("def count_words(text):\n") and own.chats[0] == "def add(a, b):"


def test_a_text_file_has_a_prompt_a_line_for_both_kinds(tmp_path):
    found = Prompts.load(written(tmp_path, "\ufeffEin Gedicht über\r\n\n   \n  def main():\n"))
    assert found.plain == found.chats == ("Ein Gedicht über", "  def main():")
    assert found.source == "prompts.txt"


def test_a_line_ends_with_a_newline_and_with_nothing_else(tmp_path):
    assert Prompts.load(written(tmp_path, "a\u2028b\x0cc\rd\ne")).plain == ("a\u2028b\x0cc\rd", "e")


def test_toml_has_both_kinds_or_one_for_both(tmp_path):
    both = written(tmp_path, 'prompts = ["a\\n"]\nchat_prompts = ["b", "c"]\n', "both.TOML")
    assert (Prompts.load(both).plain, Prompts.load(both).chats) == (("a\n",), ("b", "c"))
    one = written(tmp_path, 'prompts = ["a"]', "one.toml")
    assert Prompts.load(one).plain == Prompts.load(one).chats == ("a",)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("empty.txt", "", "none"),
        ("blank.txt", " \n\t\n", "none"),
        ("empty.toml", "", "none"),
        ("none.toml", "prompts = []", "none"),
        ("chats.toml", 'prompts = ["a"]\nchat_prompts = []', "none"),
        ("latin.txt", "caf\u00e9".encode("latin-1"), "byte 3"),
        ("latin.toml", b'prompts = ["\xff"]', "byte 12"),
        ("large.txt", b"a" * (MAX_BYTES + 1), "more"),
        ("many.txt", "a\n" * (MAX_PROMPTS + 1), "1001"),
        ("many.toml", 'prompts = ["a"]\nchat_prompts = [' + '"a",' * 1001 + "]", "1001"),
        ("number.toml", "prompts = [1]", "[1]"),
        ("text.toml", 'prompts = "a"', "'a'"),
        ("table.toml", "prompts = {}", "{}"),
        ("blank.toml", 'prompts = ["a", " "]', "an empty one"),
        ("key.toml", 'prompt = ["a"]', "prompt"),
        ("broken.toml", "prompts = [", "Invalid"),
        ("deep.toml", "prompts = " + "[" * 100_000, ""),
    ],
    ids=lambda value: value if isinstance(value, str) and value.endswith(("txt", "toml")) else "",
)
def test_anything_else_is_refused(tmp_path, name, content, found):
    path = written(tmp_path, content, name)
    with pytest.raises(UsageError, match=re.escape(str(path))) as raised:
        Prompts.load(path)
    assert found in raised.value.found and raised.value.exit_code == 2


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe"])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "prompts"
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(UsageError):
        Prompts.load(path)


def test_the_limits_themselves_are_allowed(tmp_path):
    assert len(Prompts.load(written(tmp_path, "a\n" * MAX_PROMPTS)).plain) == MAX_PROMPTS
    assert len(Prompts.load(written(tmp_path, "a" * MAX_BYTES)).plain[0]) == MAX_BYTES
