"""The tokens of hard texts: this reference, LiteRT-LM and the library, over the demo pair's bundle. (Kotlin's are in
tests/android/test_tokenizer.py; over Gemma's own vocabulary all four are in tests/scale/vocabulary.json.)"""

import json

import pytest
from tokenizers import Tokenizer

from export.resources import DEMO
from runtime_spec.bundle.reader import Bundle
from runtime_spec.litert.text_stream import TextStream
from runtime_spec.litert.tokenizer import BundleTokenizer
from tests.scale.vocabulary import UNFINISHED, Engine, cases, differences, streams

PATH = DEMO / "target" / "tokenizer.json"
OF_A_KIND = 250


@pytest.fixture(scope="module")
def library():
    return Tokenizer.from_file(str(PATH))


@pytest.fixture(scope="module")
def texts(library):
    """Text → its ids, some of every kind."""
    lines = [
        line for kind in cases(json.loads(PATH.read_text())).values() for line in kind[:: len(kind) // OF_A_KIND + 1]
    ]
    encoded = library.encode_batch(lines, add_special_tokens=False)
    return {line: encoding.ids for line, encoding in zip(lines, encoded, strict=True)}


@pytest.fixture(scope="module")
def bundle(int8_out):
    with Bundle.open(int8_out / "model.litertlm") as opened:
        yield opened


def test_the_reference_gives_the_librarys_ids_and_texts(bundle, texts, library):
    manifest = bundle.manifest
    own = BundleTokenizer(bundle.tokenizer_json(), manifest.config.vocab_size, manifest.context_length, "it")
    assert len(texts) > 1500 and differences(own.encode, texts, texts.values()) == []
    decoded = [library.decode(ids, skip_special_tokens=False) for ids in texts.values()]
    assert differences(own.decode, texts.values(), decoded) == []


def test_litert_lm_gives_the_same(bundle, texts, library):
    engine = Engine(bundle.path)
    taken = {line: ids for line, ids in texts.items() if "\0" not in line}
    assert differences(engine.encode, taken, taken.values()) == []
    whole = [ids for line, ids in taken.items() if UNFINISHED not in line and ids]
    assert differences(engine.decode, whole, [library.decode(ids, skip_special_tokens=False) for ids in whole]) == []


def test_text_is_never_torn_wherever_a_reply_ends(texts, library):
    def decode(ids):
        return library.decode(ids, skip_special_tokens=False)

    def byte_of(token):
        piece = library.id_to_token(token)
        return int(piece[3:5], 16) if piece.startswith("<0x") else None

    found = streams(decode, [t for t in texts.values() if len(t) < 200], lambda: TextStream(decode, byte_of))
    assert found["replies"] > 4000 and found["inside"] > 1000 and (found["torn"], found["different"]) == (0, 0)


def test_a_torn_character_is_counted(texts, library):
    """The check of the check: a stream without the hold shows halves."""

    def decode(ids):
        return library.decode(ids, skip_special_tokens=False)

    class Unheld:
        def __init__(self):
            self.tokens, self.said = [], ""

        def add(self, tokens):
            self.tokens += tokens
            text = decode(self.tokens)
            new, self.said = text[len(self.said) :], text
            return new

        def finish(self):
            return ""

    some = [ids for line, ids in texts.items() if "😀" in line and len(ids) < 200]
    found = streams(decode, some, Unheld)
    assert found["torn"] > 0
