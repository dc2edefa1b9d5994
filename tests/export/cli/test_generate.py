"""`generate` over scripted rounds: what it prints as text and as JSON, what it times, what it refuses."""

import json
import time
from types import SimpleNamespace

import pytest

import runtime_spec.litert.runtime
from export.cli import generate
from export.cli.main import main
from runtime_spec.chat.reply import Splitter
from runtime_spec.litert.text_stream import TextStream
from runtime_spec.reference.trace import Round

STOP, CONTROL = 1, 3
WORDS = {STOP: "<stop>", 2: "<bos>", CONTROL: "<unused>", 10: "def", 11: " main", 12: "():", 13: "\n"}
ROUNDS = [([10], None), ([11, 12], None), ([13, STOP], "stop_token")]


class ScriptedRuntime:
    """Stands for a bundle: two verify passes of two drafts each, the first accepts one and the second one."""

    def __init__(self, path, threads=1):
        self.manifest = SimpleNamespace(tokens=SimpleNamespace(stop=(STOP,), bos=2), chat=None)
        self.target, self.drafter = SimpleNamespace(verify_widths=(1, 3, 5)), "a drafter"

    def encode(self, prompt):
        return [2, *map(ord, prompt)]

    def splitter(self):
        control = {id: WORDS[id] for id in (STOP, CONTROL)}
        return Splitter(None, "", control, lambda: TextStream(self.decode, lambda token: None))

    def decode(self, tokens):
        return "".join(WORDS[token] for token in tokens)

    def session(self, draft_tokens):
        return SimpleNamespace(turn=lambda prompt, most, filled: self.rounds())

    def rounds(self):
        for index, (emitted, reason) in enumerate(ROUNDS):
            width, drafts = (3, [5, 5]) if index else (0, [])
            yield Round(
                index, 0, 0, 0, drafts, "drafter" if drafts else None, width, [], len(emitted) - 1, emitted, 0, reason
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


@pytest.fixture(autouse=True)
def scripted(monkeypatch):
    monkeypatch.setattr(runtime_spec.litert.runtime, "Runtime", ScriptedRuntime)


def test_text_goes_out_and_figures_go_to_stderr(capsys):
    assert main(["generate", "b", "--prompt", "x"]) == 0
    said = capsys.readouterr()
    assert said.out == "def main():\n\n"
    assert said.err.startswith("[stop_token: 5 tokens, ") and said.err.endswith(" tokens/s, acceptance 0.50]\n")


def test_json(capsys):
    assert main(["generate", "b", "--prompt", "x", "--json"]) == 0
    said = capsys.readouterr()
    reply = json.loads(said.out)
    assert (
        said.err == ""
        and (reply["thought"], reply["text"]) == ("", "def main():\n")
        and reply["tokens"] == [10, 11, 12, 13, STOP]
    )
    assert (reply["prompt_tokens"], reply["stop_reason"]) == ([2, ord("x")], "stop_token")
    assert (reply["rounds"], reply["drafted"], reply["accepted"]) == (2, 4, 2)
    assert (reply["acceptance_rate"], reply["mean_accepted_length"]) == (0.5, 2.0)


def test_a_control_token_is_no_text(monkeypatch, capsys):
    monkeypatch.setattr(f"{__name__}.ROUNDS", [([10], None), ([CONTROL, 11], "max_new_tokens")])
    assert main(["generate", "b", "--prompt", "x"]) == 0
    assert capsys.readouterr().out == "def main\n"


def test_the_prompt_alone(capsys):
    assert main(["generate", "b", "--prompt", "x", "--show-prompt"]) == 0
    assert capsys.readouterr().out == "<bos>x\n"
    assert main(["generate", "b", "--prompt", "x", "--show-prompt", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"prompt": "<bos>x", "prompt_tokens": [2, ord("x")]}


def test_text_is_written_as_it_comes(monkeypatch):
    written = []
    monkeypatch.setattr(generate, "write", written.append)
    assert main(["generate", "b", "--prompt", "x"]) == 0
    assert written == ["def", " main():", "\n", "\n"]


def test_printing_is_no_part_of_decoding(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def rounds(self, original=ScriptedRuntime.rounds):
        for one in original(self):
            clock[0] += 2.0
            yield one

    def write(text):
        clock[0] += 1000.0

    monkeypatch.setattr(ScriptedRuntime, "rounds", rounds)
    monkeypatch.setattr(generate, "write", write)
    reply, taken = generate.turn(ScriptedRuntime("b"), [2, 9], None, 8, print)
    for _ in taken:
        write("")
    assert (reply.prefill_seconds, reply.decode_seconds, reply.tokens_per_second) == (2.0, 4.0, 1.0)


@pytest.mark.parametrize(
    ("count", "code"), [("off", 0), ("0", 0), ("4", 0), ("5", 2), ("\u00b2", 2), ("-1", 2), ("x", 2)]
)
def test_draft_tokens(count, code, capsys):
    assert main(["generate", "b", "--prompt", "x", f"--draft-tokens={count}"]) == code
    assert ("off or a number from 0 to 4" in capsys.readouterr().err) == (code == 2)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_prompt_file_that_can_t_be_read(content, tmp_path, capsys):
    path = tmp_path / "prompt"
    if content:
        path.write_bytes(content)
    assert main(["generate", "b", "--prompt-file", str(path)]) == 2
    assert f"Prompt file can't be read: {path}" in capsys.readouterr().err


def test_a_prompt_that_is_no_utf_8(capsys):
    assert main(["generate", "b", "--prompt", "a\udcff"]) == 2
    assert "byte 0xff" in capsys.readouterr().err
