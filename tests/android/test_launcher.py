"""`android_app/bin/slipstream` answers as `python -m export` does: the same tokens and text, the same JSON keys, the
same exit codes for the same mistakes."""

import json
import os
import shutil
import subprocess

import pytest

from export.bundle.writer import BundleWriter
from export.choices.prompts import Prompts
from export.cli.main import main
from runtime_spec.bundle.digests import seal
from runtime_spec.bundle.reader import Bundle
from tests.android.launcher import SLIPSTREAM, run, run_json
from tests.bundles import write_bundle

TIMES = ("prefill_seconds", "decode_seconds", "tokens_per_second")
PLAIN, CHATS = Prompts.load().plain, Prompts.load().chats


def python_json(capsys, verb, *arguments):
    assert main([verb, *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="session")
def int8(int8_out):
    return int8_out / "model.litertlm"


FOUR = ["--draft-tokens", "4"]
"""Automatic lengths depend on times."""


@pytest.mark.parametrize(
    "options",
    [
        ["--prompt", PLAIN[0], *FOUR],
        ["--prompt", PLAIN[1], *FOUR, "--n-grams", "on"],
        ["--prompt", PLAIN[0], *FOUR, "--seed", "7"],
        ["--prompt", PLAIN[2], *FOUR, "--seed", "7", "--drafts", "drawn", "--top-k", "64", "--top-p", "0.95"],
        ["--prompt", PLAIN[2], *FOUR, "--seed", "7", "--temperature", "0.7", "--min-p", "0.05", "--n-grams", "on"],
        ["--prompt", PLAIN[5], *FOUR, "--seed", "3", "--repetition-penalty", "1.2", "--max-new-tokens", "40"],
        ["--prompt", PLAIN[5], *FOUR, "--temperature", "0", "--repetition-penalty", "1.2", "--seed", "3"],
        ["--prompt", PLAIN[3], "--draft-tokens", "off", "--max-new-tokens", "40"],
        ["--prompt", PLAIN[4], "--draft-tokens", "2", "--max-new-tokens", "77"],
        ["--prompt", CHATS[0], *FOUR, "--chat", "--max-new-tokens", "256"],
        ["--prompt", CHATS[3], *FOUR, "--chat", "--threads", "2"],
        ["--prompt", "", *FOUR, "--max-new-tokens", "1"],
        ["--prompt", "caf\u00e9 \U0001f980 <|turn> \t\n", *FOUR, "--max-new-tokens", "30"],
    ],
    ids=lambda options: " ".join(options[2:]),
)
def test_generate_says_what_python_says(int8, options, capsys):
    expected, found = python_json(capsys, "generate", int8, *options), run_json("generate", int8, *options)
    assert list(found) == list(expected)
    assert all(found[key] >= 0 for key in TIMES)
    assert {k: v for k, v in found.items() if k not in TIMES} == {k: v for k, v in expected.items() if k not in TIMES}


def test_samples_are_what_python_says(int8, capsys):
    words = ["--prompt", PLAIN[0], *FOUR, "--samples", "3", "--seed", "11", "--max-new-tokens", "20"]
    expected, found = python_json(capsys, "generate", int8, *words), run_json("generate", int8, *words)
    assert [one["sampling"] for one in found["samples"]] == [one["sampling"] for one in expected["samples"]]
    texts = [one["text"] for one in found["samples"]]
    assert texts == [one["text"] for one in expected["samples"]] and len(set(texts)) == 3


def test_the_automatic_length_changes_no_text(int8, capsys):
    """Greedily, and with a seed; and it says what it did."""
    for words in ([], ["--seed", "5"]):
        plain = python_json(capsys, "generate", int8, "--prompt", PLAIN[0], *words, "--draft-tokens", "off")
        for one in (
            run_json("generate", int8, "--prompt", PLAIN[0], *words),
            python_json(capsys, "generate", int8, "--prompt", PLAIN[0], *words),
        ):
            assert one["tokens"] == plain["tokens"] and one["drafting"]["probe_seconds"] >= 0
            assert sum(one["drafting"]["rounds_by_length"].values()) == one["rounds"] > 0


@pytest.mark.parametrize(
    "words",
    [["--temperature", "-1"], ["--temperature", "NaN"], ["--top-p", "0"], ["--top-p", "1.5"], ["--top-k", "0"],
     ["--min-p", "1"], ["--repetition-penalty", "0"], ["--repetition-window", "-1"], ["--seed", "-1"],
     ["--drafts", "sure"], ["--n-grams", "maybe"], ["--samples", "0"], ["--samples", "2", "--temperature", "0"]],
    ids=" ".join,
)  # fmt: skip
def test_a_bad_parameter_is_named_in_both_languages(int8, words, capsys):
    name = words[0].removeprefix("--")
    if name != "temperature" and "--temperature" not in words:
        words = [*words, "--temperature", "1"]
    done = run("generate", int8, "--prompt", "x", *words)
    assert main(["generate", str(int8), "--prompt", "x", *words]) == done.returncode == 2
    for said in (done.stderr, capsys.readouterr().err):
        assert name in said.replace("_", "-") and "expected" in said and "do:" in said


ASKED = [
    {"role": "user", "content": CHATS[0]},
    {"role": "assistant", "content": " Yes <turn|>\n"},
    {"role": "user", "content": [{"type": "text", "text": CHATS[1]}], "name": None},
]


def written(tmp_path, value):
    path = tmp_path / "messages.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def assert_same_answer(capsys, *arguments):
    expected, found = python_json(capsys, "generate", *arguments), run_json("generate", *arguments)
    assert list(found) == list(expected)
    assert {k: v for k, v in found.items() if k not in TIMES} == {k: v for k, v in expected.items() if k not in TIMES}
    return found


def test_a_conversation_is_read_and_shown_as_python_does(int8, tmp_path, capsys):
    asked = ["--messages", written(tmp_path, ASKED)]
    assert_same_answer(capsys, int8, *asked, *FOUR, "--max-new-tokens", "20")
    shown = assert_same_answer(capsys, int8, *asked, "--show-prompt")
    assert list(shown) == ["prompt", "prompt_tokens"]
    assert run("generate", int8, *asked, "--show-prompt").stdout == shown["prompt"] + "\n"
    chat = assert_same_answer(capsys, int8, "--prompt", "Hi <turn|>", "--chat", "--thinking", "off", "--show-prompt")
    plain = assert_same_answer(capsys, int8, "--prompt", "Hi <turn|>", "--show-prompt")
    assert (chat["prompt_tokens"].count(5), plain["prompt_tokens"].count(5)) == (1, 1)


@pytest.mark.parametrize(
    "value",
    [
        "{}",
        [],
        [ASKED[0], "x"],
        [{"role": "tool", "content": "x"}],
        [ASKED[0] | {"tool_calls": [1]}],
        [{"role": "user", "content": [{"type": "image"}]}],
        ASKED[:2],
        [ASKED[0], {"role": "system", "content": "x"}, ASKED[2]],
    ],
    ids=["no list", "none", "a text", "a role", "a call", "an image", "a reply at the end", "a late system text"],
)
def test_a_conversation_that_can_t_be_used_is_refused_as_python_does(int8, value, tmp_path, capsys):
    arguments = ["generate", int8, "--messages", written(tmp_path, value)]
    assert main(list(map(str, arguments))) == 2
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", capsys.readouterr().err)


def test_options_of_a_conversation_that_do_not_fit(int8, tmp_path, capsys):
    for arguments in (
        ["--prompt", "x", "--thinking", "on"],
        ["--messages", written(tmp_path, [{"role": "system", "content": "a"}, ASKED[0]]), "--system", "b"],
    ):
        assert main(list(map(str, ["generate", int8, *arguments]))) == 2
        done = run("generate", int8, *arguments)
        assert (done.returncode, done.stderr) == (2, capsys.readouterr().err)
    fails(2, "on or off", command=["generate", int8, "--prompt", "x", "--thinking", "maybe"])
    fails(2, "a JSON file in UTF-8", command=["generate", int8, "--messages", tmp_path / "none"])
    assert run("generate", int8, "--messages", "m", "--prompt", "x").returncode == 2


def test_text_streams_to_stdout_and_figures_go_to_stderr(int8, tmp_path):
    (tmp_path / "prompt").write_text(PLAIN[1], encoding="utf-8")
    done = run("generate", int8, "--prompt-file", tmp_path / "prompt")
    assert done.returncode == 0
    assert done.stdout == run_json("generate", int8, "--prompt", PLAIN[1])["text"] + "\n"
    assert done.stderr.startswith("[max_new_tokens: 128 tokens, ") and done.stderr.count("\n") == 1


def test_many_requests_of_one_process(int8):
    expected = [run_json("generate", int8, "--prompt", text) for text in PLAIN[:2]]
    requests = [
        {"prompt_tokens": one["prompt_tokens"], "max_new_tokens": 128, "draft_tokens": 3, "stop": True}
        for one in expected
    ]
    done = run("generate", int8, "--requests", input="".join(json.dumps(one) + "\n" for one in requests))
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == [one["text"] for one in expected]
    assert run("generate", int8, "--requests", input="{}\n").returncode == 2


def test_verify_says_what_python_says(int8, capsys):
    assert run_json("verify", int8) == python_json(capsys, "verify", int8)


def test_bench_has_a_row_a_width(int8):
    found = run_json("bench", int8)
    with Bundle.open(int8) as bundle:
        widths = bundle.manifest.verify_widths
    assert list(found) == ["plain", *(f"drafted_{width - 1}" for width in widths), "auto"]
    drafting = found["drafted_3"]["drafting"]
    assert set(drafting["sources"]) == {"drafter"} and len(drafting["sources"]["drafter"]["drafted_by_position"]) == 3
    assert all(row["tokens_per_second"] > 0 for row in found.values())
    assert found["plain"]["acceptance_rate"] is None and found["drafted_3"]["acceptance_rate"] > 0.4


def fails(code, *parts, command, **environment):
    done = run(*command, **environment)
    assert done.returncode == code, done.stderr
    for part in ("expected:", "found:", "where:", "do:", *parts):
        assert part in done.stderr
    assert "Exception" not in done.stderr.replace("FileNotFoundException", "")


def test_a_bundle_without_a_drafter_drafts_from_the_text_and_says_so(float_out, tmp_path):
    out = tmp_path / "plain"
    shutil.copytree(float_out / "work", out / "work")
    target = ["--target", "export/demo/target"]
    assert main(["--device", "pixel", "--recipe", "float", *target, "--out", str(out)]) == 0
    done = run("generate", out / "model.litertlm", "--prompt", PLAIN[0])
    assert done.returncode == 0 and "no drafter: drafts are looked up in the text" in done.stderr
    drafted = run_json("generate", float_out / "model.litertlm", "--prompt", PLAIN[0])
    assert done.stdout == drafted["text"] + "\n"
    assert run_json("verify", out / "model.litertlm")["forks"] == 0
    rows = run_json("bench", out / "model.litertlm")
    assert list(rows) == ["plain", "drafted_3", "drafted_7", "auto"]
    assert rows["drafted_3"]["acceptance_rate"] > 0.2


def test_a_plain_litert_lm_bundle_is_named(int8, tmp_path):
    plain = tmp_path / "plain.litertlm"
    writer = BundleWriter.resume(shutil.copy(int8, plain))
    os.replace(writer.partial, plain)
    fails(8, "not made by Slipstream", command=["verify", plain])


def test_a_newer_manifest_is_named(tmp_path):
    newer = write_bundle(tmp_path / "newer.litertlm")
    with Bundle.open(newer) as bundle:
        begin = bundle.section("manifest").begin
    data = newer.read_bytes()
    newer.write_bytes(data[:begin] + seal(data[begin:].replace(b'"version":1}', b'"version":2}')))
    fails(8, "newer than this runtime", "version 2", command=["verify", newer])


def test_one_wrong_byte_is_named(int8, tmp_path):
    wrong = tmp_path / "wrong.litertlm"
    data = bytearray(int8.read_bytes())
    data[200_000] ^= 1
    wrong.write_bytes(data)
    fails(8, "byte 200000", command=["verify", wrong])


def test_a_prompt_longer_than_the_context(int8):
    fails(9, "does not fit the context", command=["generate", int8, "--prompt", "x = 1\n" * 2000])


def test_a_library_that_is_missing_or_of_another_version(int8):
    command = ["generate", int8, "--prompt", "x"]
    fails(10, "/nowhere.so", command=command, SLIPSTREAM_LITERT="/nowhere.so")
    fails(10, "lacks a symbol", "LiteRt", command=command, SLIPSTREAM_LITERT="libc.so.6")


def test_options_that_do_not_fit(int8):
    fails(2, "auto, off or a number", command=["generate", int8, "--prompt", "x", "--draft-tokens", "99"])
    for threads in ("0", "65", "100000"):
        fails(2, "1 to 64", command=["bench", int8, "--threads", threads])
    fails(2, "--prompt-file", command=["generate", int8, "--prompt-file", "/nowhere"])
    fails(2, "nothing to decode", command=["generate", int8, "--prompt", "x", "--max-new-tokens", "0"])
    for command in (["generate", int8], ["frobnicate"], ["generate", int8, "--prompt", "x", "--prompt-file", "y"]):
        assert run(*command).returncode == 2
    assert run("digest", arch="sparc").returncode == 2


def test_classes_older_than_a_source_are_built_again(tmp_path):
    """Maven and Java are stubs here: what counts is whether they are called."""
    app, tools = tmp_path / "android_app", tmp_path / "tools"
    for folder in ("decode/src/main", "litert/src/main", "cli/src/main", "cli/target/lib", "bin"):
        (app / folder).mkdir(parents=True)
    for name in ("pom.xml", "decode/pom.xml", "litert/pom.xml", "cli/pom.xml", "decode/src/main/A.kt"):
        (app / name).write_text("")
    shutil.copy(SLIPSTREAM, app / "bin")
    for path in app.rglob("*"):
        os.utime(path, (1000, 1000))
    tools.mkdir()
    for name, line in (("mvn", f'echo "$@" >>{tmp_path}/calls'), ("java", "exit 0")):
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    (app / "cli/target/cli-1.jar").write_text("")
    os.utime(app / "cli/target/cli-1.jar", (2000, 2000))

    def builds() -> int:
        environment = {"PATH": f"{tools}:{os.environ['PATH']}", "JAVA_HOME": "", "SLIPSTREAM_LITERT": "none"}
        subprocess.run([app / "bin/slipstream", "digest"], check=True, env=environment)
        return len((tmp_path / "calls").read_text().splitlines()) if (tmp_path / "calls").exists() else 0

    assert builds() == 0
    os.utime(app / "decode/src/main/A.kt", (3000, 3000))
    assert builds() == 1
    assert builds() == 1  # Maven left the jar alone: its bytes are the same
    (app / "litert/src/main/B.kt").write_text("")
    later = os.stat(app / "cli/target/built").st_mtime + 10
    os.utime(app / "litert/src/main/B.kt", (later, later))
    assert builds() == 2


def test_weights_that_were_packed_for_another_file_are_packed_again(int8, tmp_path):
    """A cache file that was cut or overwritten is no reason to fail or to compute something else."""
    command = ["generate", int8, "--prompt", PLAIN[0]]
    expected = run(*command, XDG_CACHE_HOME=str(tmp_path)).stdout
    packed = list(tmp_path.rglob("*.xnnpack"))
    assert packed and all(path.stat().st_size for path in packed if path.name.startswith(("main", "drafter")))
    for spoil in (lambda data: data[: len(data) // 2], lambda data: bytes(len(data)), lambda data: b"x"):
        for path in packed:
            path.write_bytes(spoil(path.read_bytes()))
        assert run(*command, XDG_CACHE_HOME=str(tmp_path)).stdout == expected
