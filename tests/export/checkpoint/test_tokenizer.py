"""Tokenizer files: ids and their sources, the chat template's places, and damaged files."""

import json

import pytest
from tokenizers import Tokenizer

from export.checkpoint.tokenizer import TokenizerFiles
from export.errors import CheckpointError
from tests.checkpoints import CHAT_TEMPLATE, tokenizer


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "tokenizer.json", tokenizer(512))
    return tmp_path


def write(path, values):
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")


def read(folder, config=None):
    return TokenizerFiles.read(folder, config or {}, 512)


def test_defaults(folder):
    files = read(folder)
    assert (files.bos, files.bos_text, files.pad, files.stop) == (2, "<bos>", 0, (1,))
    assert files.chat_template is None and files.path == folder / "tokenizer.json"


def test_generation_config_wins_over_config_wins_over_text_config(folder):
    config = {"eos_token_id": 3, "text_config": {"eos_token_id": 4, "bos_token_id": 5, "pad_token_id": None}}
    assert (read(folder, config).stop, read(folder, config).bos, read(folder, config).pad) == ((3,), 5, 0)
    write(folder / "generation_config.json", {"eos_token_id": [1, 106, 1], "bos_token_id": None})
    assert (read(folder, config).stop, read(folder, config).bos) == ((1, 106), 5)


def test_chat_template_file_wins(folder):
    write(folder / "tokenizer_config.json", {"chat_template": "from the config"})
    assert read(folder).chat_template == "from the config"
    write(folder / "chat_template.jinja", CHAT_TEMPLATE)
    assert read(folder).chat_template == CHAT_TEMPLATE


def test_named_chat_templates(folder):
    templates = [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]
    write(folder / "tokenizer_config.json", {"chat_template": templates})
    assert read(folder).chat_template == "d"


def test_what_a_training_run_left_is_not_exported(folder):
    """With it every prompt of more than 8 tokens would be cut, and every shorter one filled."""
    assert read(folder).content() == (folder / "tokenizer.json").read_bytes()
    before = Tokenizer.from_file(str(folder / "tokenizer.json"))
    trained = Tokenizer.from_file(str(folder / "tokenizer.json"))
    trained.enable_truncation(8)
    trained.enable_padding(length=8)
    trained.save(str(folder / "tokenizer.json"))
    exported = Tokenizer.from_buffer(read(folder).content())
    for text in ("a", "a longer text, ünd " * 5):
        assert trained.encode(text).ids != before.encode(text).ids == exported.encode(text).ids


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("tokenizer.json", "{", "tokenizer.json can't be read"),
        ("tokenizer.json", "[]", "tokenizer.json can't be read"),
        ("tokenizer.json", {"model": {}}, "tokenizer.json is not valid"),
        ("tokenizer.json", {"model": {"vocab": [["a", 1.0]]}}, "tokenizer.json is not valid"),
        ("tokenizer.json", {"model": {"vocab": {"a": "b"}}}, "tokenizer.json is not valid"),
        ("tokenizer.json", {"model": {"vocab": {}}}, "does not fit"),
        ("tokenizer.json", tokenizer(513), "id 512"),
        ("generation_config.json", {"eos_token_id": [512]}, "eos_token_id"),
        ("generation_config.json", {"eos_token_id": []}, "eos_token_id"),
        ("generation_config.json", {"bos_token_id": "<bos>"}, "bos_token_id"),
        ("generation_config.json", {"pad_token_id": True}, "pad_token_id"),
        ("tokenizer_config.json", {"chat_template": 3}, "Chat template is not text"),
        ("tokenizer_config.json", {"chat_template": ["x"]}, "Chat template is not text"),
    ],
)
def test_damaged_files(folder, name, values, text):
    write(folder / name, values)
    with pytest.raises(CheckpointError) as caught:
        read(folder)
    assert text in str(caught.value) and caught.value.exit_code == 3


def test_chat_template_that_is_not_utf8(folder):
    (folder / "chat_template.jinja").write_bytes(b"\xff\xfe")
    with pytest.raises(CheckpointError, match="UTF-8"):
        read(folder)


def test_missing_tokenizer(tmp_path):
    with pytest.raises(CheckpointError, match="tokenizer.json"):
        read(tmp_path)
