"""Tokenizer files: ids and their sources, what the tokenizers library makes of them, and damaged files."""

import json
import resource
import time

import pytest
from tokenizers import Tokenizer

from export.checkpoint import tokenizer as tokenizer_files
from export.checkpoint.tokenizer import TokenizerFiles
from export.errors import CheckpointError
from tests.checkpoints import tokenizer


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
    assert (files.bos, files.pad, files.stop) == (2, 0, (1,))
    assert files.path == folder / "tokenizer.json"


def test_generation_config_wins_over_config_wins_over_text_config(folder):
    config = {"eos_token_id": 3, "text_config": {"eos_token_id": 4, "bos_token_id": 5, "pad_token_id": None}}
    assert (read(folder, config).stop, read(folder, config).bos, read(folder, config).pad) == ((3,), 5, 0)
    write(folder / "generation_config.json", {"eos_token_id": [1, 106, 1], "bos_token_id": None})
    assert (read(folder, config).stop, read(folder, config).bos) == ((1, 106, 3), 5)


@pytest.mark.parametrize(
    ("generation", "config", "stop"),
    [
        ([1, 106, 50], {"eos_token_id": [1, 106], "text_config": {"eos_token_id": 1}}, (1, 106, 50)),
        (1, {"eos_token_id": [1, 106]}, (1, 106)),
        (None, {"eos_token_id": [1, 106]}, (1, 106)),
        (None, {"eos_token_id": None, "text_config": {"eos_token_id": [106, 1]}}, (106, 1)),
        ([106], {}, (106,)),
        (None, {}, (1,)),
    ],
)
def test_a_reply_stops_at_whatever_either_file_names(folder, generation, config, stop):
    """Tools that merge a fine-tune write one of the two files anew, and forget the turn's end in it."""
    write(folder / "generation_config.json", {"eos_token_id": generation})
    assert read(folder, config).stop == stop


@pytest.mark.parametrize("text_config", [None, 3, [], "text"])
def test_a_text_config_that_is_no_object_has_no_ids(folder, text_config):
    """A text-only checkpoint has no such key: what stands there is nobody's."""
    assert read(folder, {"text_config": text_config}).stop == (1,)


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
        ("generation_config.json", [], "generation_config.json can't be read"),
        ("tokenizer.json", {"model": {"vocab": {"a": 1, "b": 1}}}, "each id once"),
        ("tokenizer.json", {"model": {"vocab": {"a": 1}}, "added_tokens": [3]}, "tokenizer.json is not valid"),
    ],
)
def test_damaged_files(folder, name, values, text):
    write(folder / name, values)
    with pytest.raises(CheckpointError) as caught:
        read(folder)
    assert text in str(caught.value) and caught.value.exit_code == 3


def changed(**changes):
    return tokenizer(512) | changes


def added(index, content):
    return {"id": index, "content": content} | dict.fromkeys(
        ("single_word", "lstrip", "rstrip", "normalized", "special"), False
    )


def doubling(times):
    double = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    return {"type": "Sequence", "normalizers": [double] * times}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (changed(model=tokenizer(512)["model"] | {"type": "Nonsense"}), "refused"),
        (changed(model=tokenizer(512)["model"] | {"merges": [["no", "such"]]}), "refused"),
        (changed(model=tokenizer(512)["model"] | {"merges": 3}), "refused"),
        (changed(normalizer={"type": "Replace", "pattern": {"Regex": "("}, "content": ""}), "refused"),
        (changed(pre_tokenizer={"type": "Nonsense"}), "refused"),
        (changed(decoder=[]), "refused"),
        (changed(added_tokens=[{"id": 0, "content": "<pad>"}]), "refused"),
        # The library gives them an id of their own, which no table has a row for.
        (changed(added_tokens=[added(300, "<mine>")]), "id 300 there, which is another piece's: it becomes 512"),
        (changed(added_tokens=[added(7, "<bos>")]), "it becomes 2"),
        (changed(normalizer=doubling(12)), "makes text grow"),
    ],
)
def test_what_the_library_makes_of_it_is_known_at_once(folder, values, text):
    """A library's exception after the graphs are lowered would be half an hour late."""
    write(folder / "tokenizer.json", values)
    with pytest.raises(CheckpointError) as caught:
        read(folder)
    assert text in str(caught.value)


def test_a_tokenizer_without_end_takes_neither_time_nor_memory(folder, monkeypatch):
    monkeypatch.setattr(tokenizer_files, "TIME_LIMIT", 3.0)
    write(folder / "tokenizer.json", changed(normalizer=doubling(48)))
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(CheckpointError, match="Tokenizer (does not end|can't be loaded)"):
        read(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10
    assert time.monotonic() - begun < 10


def test_a_crash_of_the_library_is_an_error_of_the_tokenizer(folder, monkeypatch, tmp_path):
    crash = tmp_path / "crash.py"
    crash.write_text("import os\nos.abort()\n")
    monkeypatch.setattr(tokenizer_files.tokenizer_probe, "__file__", str(crash))
    write(folder / "tokenizer.json", changed(version="1.0 "))
    with pytest.raises(CheckpointError, match="can't be loaded"):
        read(folder)


def test_the_file_that_is_exported_is_the_one_that_was_checked(folder):
    files = read(folder)
    write(folder / "tokenizer.json", tokenizer(511))
    with pytest.raises(CheckpointError, match="changed meanwhile"):
        files.content()


def test_missing_tokenizer(tmp_path):
    with pytest.raises(CheckpointError, match="tokenizer.json"):
        read(tmp_path)
