"""The Kotlin tokenizer against the `tokenizers` library, text for text and token for token, in one JVM.

`mvn -f android_app/pom.xml verify` compiles what runs here; without it these tests fail under CI and are skipped
elsewhere.
"""

import json
import os
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from tests.android.tokenizer_model import FAULTS, Model
from tests.android.tokenizer_sizes import gemma_sized
from tests.android.tokenizer_texts import sequences, texts
from tests.android.tokenizer_variants import DEMO, variants

TARGET = Path(__file__).resolve().parents[2] / "android_app" / "decode" / "target"
TEXTS, SEQUENCES = 3000, 2000  # of each variant
HEAP = "96m"


def test_kotlin_encodes_and_decodes_as_the_library(tmp_path):
    count = 0
    with (tmp_path / "cases.jsonl").open("w") as file:
        for name, value in VARIANTS.items():
            file.write(_open_line(tmp_path, name, value))
            for case in _cases(name):
                file.write(json.dumps(case) + "\n")
                count += 1 if "encode" in case else 2  # decoding is also streamed
    assert sum("encode" in case for name in VARIANTS for case in _cases(name)) >= 20_000
    assert _check(tmp_path / "cases.jsonl") == {"cases": count, "differences": 0}


def test_kotlin_knows_the_word_characters_and_white_space_of_the_library(tmp_path):
    """Every character that Unicode 3.2 has, beside tokens that look at it; newer ones depend on the JVM's tables."""
    value = VARIANTS["flags"]
    codes = [c for c in range(0x110000) if unicodedata.ucd_3_2_0.category(chr(c)) not in ("Cn", "Cs", "Co")]
    step = 16
    lines = [
        "".join(f"wqrd{chr(c)}<r>{chr(c)}<l>{chr(c)}wqrd" for c in codes[i : i + step])
        for i in range(0, len(codes), step)
    ]
    ids = _library("flags").encode_batch(lines, add_special_tokens=False)
    cases = [{"encode": line, "ids": encoding.ids} for line, encoding in zip(lines, ids, strict=True)]
    path = tmp_path / "cases.jsonl"
    path.write_text(_open_line(tmp_path, "flags", value) + "".join(json.dumps(case) + "\n" for case in cases))
    assert _check(path) == {"cases": len(cases), "differences": 0}


def test_the_cases_tell_every_planted_fault(tmp_path):
    """A model in Python agrees with the library without a fault. With one, some case differs, and the Kotlin side,
    told to expect what the faulty model gives, says so."""
    for name, value in VARIANTS.items():
        model = Model(value)
        for case in _small_cases(name):
            assert _outcome(model, case) == _expected(case), name
    with (tmp_path / "cases.jsonl").open("w") as file:
        for fault in FAULTS:
            name, case, outcome = next(_told(fault), (None, None, None))
            assert case is not None, f"no case tells {fault}"
            file.write(_open_line(tmp_path, name, VARIANTS[name]))
            file.write(json.dumps(case | {"ids" if "encode" in case else "text": outcome}) + "\n")
    assert _check(tmp_path / "cases.jsonl")["differences"] == len(FAULTS)


def test_a_vocabulary_of_gemmas_size_loads_in_seconds_and_little_memory(tmp_path):
    json_path, text_path = tmp_path / "tokenizer.json", tmp_path / "text.txt"
    gemma_sized(json_path)
    text = (DEMO.parent.parent / "corpus.py").read_text(encoding="utf-8")
    text_path.write_text((text * (100_000 // len(text) + 1))[:100_000])
    measured = json.loads(_java(f"-Xmx{HEAP}", "measure", json_path, text_path))
    print(json_path.stat().st_size, measured)
    assert measured["load_seconds"] < 20
    assert measured["encode_seconds"] < 1
    assert measured["kept_bytes"] < 48e6


VARIANTS = variants()


@cache
def _library(name: str) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(VARIANTS[name]))


@cache
def _cases(name: str) -> list[dict]:
    """Lines for the driver: each text encoded, its ids decoded again, and any ids decoded."""
    value, library = VARIANTS[name], _library(name)
    vocab, seed = value["model"]["vocab"], list(VARIANTS).index(name)
    drawn = texts(TEXTS, [token["content"] for token in value["added_tokens"]], list(vocab), seed)
    encoded = [encoding.ids for encoding in library.encode_batch(drawn, add_special_tokens=False)]
    cases = [{"encode": text, "ids": ids} for text, ids in zip(drawn, encoded, strict=True)]
    ids = sorted({*vocab.values(), *(token["id"] for token in value["added_tokens"])})
    byte_ids = [vocab[piece] for piece in (f"<0x{byte:02X}>" for byte in range(256)) if piece in vocab]
    drawn_ids = sequences(SEQUENCES, ids[-1] + 1, ids, byte_ids, seed)
    for number, tokens in enumerate(encoded + drawn_ids):
        skip = number % 3 == 0
        cases.append({"decode": tokens, "skip": skip, "text": library.decode(tokens, skip_special_tokens=skip)})
    return cases


def _small_cases(name: str) -> list[dict]:
    """What a quadratic model is quick at."""
    small = [case for case in _cases(name) if len(case.get("encode", case.get("decode"))) < 60]
    return small[:: len(small) // 1000]


def _outcome(model: Model, case: dict) -> list[int] | str:
    return model.encode(case["encode"]) if "encode" in case else model.decode(case["decode"], case["skip"])


def _expected(case: dict) -> list[int] | str:
    return case["ids"] if "encode" in case else case["text"]


def _told(fault: str) -> Iterator[tuple[str, dict, list[int] | str]]:
    for name, value in VARIANTS.items():
        model = Model(value, fault)
        for case in _small_cases(name):
            outcome = _outcome(model, case)
            if outcome != _expected(case):
                yield name, case, outcome


def _open_line(folder: Path, name: str, value: dict) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(value))
    return json.dumps({"tokenizer": str(path)}) + "\n"


def _check(cases: Path) -> dict:
    *difference, counts = _java("-Xmx512m", "check", cases).splitlines()
    print("\n".join(difference))
    return json.loads(counts)


def _java(heap: str, *arguments: object) -> str:
    """Standard output of the driver, which ends with 1 when something differs."""
    java, classes = shutil.which("java"), TARGET / "test-classes"
    if java is None or not classes.exists() or not (TARGET / "lib").exists():
        message = "needs a JDK, and first: mvn -f android_app/pom.xml verify"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    path = os.pathsep.join(map(str, (TARGET / "classes", classes, TARGET / "lib" / "*")))
    command = [java, heap, "-cp", path, "dev.slipstream.tokenizer.TokenizerDriverKt", *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode in (0, 1) and run.stdout, run.stderr[-2000:]
    return run.stdout
