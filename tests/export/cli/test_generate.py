"""`generate` over scripted rounds: what it prints as text and as JSON, what it times, what it refuses."""

import json
import time
from types import SimpleNamespace

import pytest

import runtime_spec.litert.runtime
from export.cli import generate
from export.cli.main import main
from runtime_spec.chat.reply import Splitter
from runtime_spec.drafting.fixed import Fixed
from runtime_spec.litert.text_stream import TextStream
from runtime_spec.reference.trace import Round
from runtime_spec.sampling.parameters import GREEDY, Sampling
from runtime_spec.sampling.random import reply_seed
from runtime_spec.sampling.sampler import Sampler

SEEN = []
"""Policy and sampling of each turn."""
STOP, CONTROL = 1, 3
WORDS = {STOP: "<stop>", 2: "<bos>", CONTROL: "<unused>", 10: "def", 11: " main", 12: "():", 13: "\n"}
ROUNDS = [([10], None), ([11, 12], None), ([13, STOP], "stop_token")]


class ScriptedRuntime:
    """Stands for a bundle: two verify passes of two drafts each, the first accepts one and the second one."""

    def __init__(self, path, threads=1):
        self.manifest = SimpleNamespace(tokens=SimpleNamespace(stop=(STOP,), bos=2), chat=None)
        self.most_drafts, self.sampling, self.asked = 4, GREEDY, []

    def encode(self, prompt):
        return [2, *map(ord, prompt)]

    def splitter(self):
        control = {id: WORDS[id] for id in (STOP, CONTROL)}
        return Splitter(None, "", control, lambda: TextStream(self.decode, lambda token: None))

    def decode(self, tokens):
        return "".join(WORDS[token] for token in tokens)

    def fixed_policy(self, count, n_grams=False):
        return Fixed(count, n_grams)

    def auto_policy(self, n_grams=True):
        return Fixed(2, n_grams)

    def session(self, policy):
        session = SimpleNamespace(sampler=Sampler())

        def turn(prompt, most, cancelled, filled, from_start):
            SEEN.append((policy, session.sampler.sampling))
            return self.rounds()

        session.turn = turn
        return session

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
    SEEN.clear()


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
    policy = Fixed(2)
    session = ScriptedRuntime("b").session(policy)
    reply, taken = generate.turn(session, policy, [2, 9], 8, GREEDY, print)
    for _ in taken:
        write("")
    assert (reply.prefill_seconds, reply.decode_seconds, reply.tokens_per_second) == (2.0, 4.0, 1.0)


@pytest.mark.parametrize(
    ("count", "code"), [("auto", 0), ("off", 0), ("0", 0), ("4", 0), ("5", 2), ("\u00b2", 2), ("-1", 2), ("x", 2)]
)
def test_draft_tokens(count, code, capsys):
    assert main(["generate", "b", "--prompt", "x", f"--draft-tokens={count}"]) == code
    assert ("auto, off or a number from 0 to 4" in capsys.readouterr().err) == (code == 2)


@pytest.mark.parametrize(
    ("words", "count", "n_grams"),
    [([], 2, True), (["--n-grams", "off"], 2, False), (["--draft-tokens", "off"], 0, False),
     (["--draft-tokens", "3"], 3, False), (["--draft-tokens", "3", "--n-grams", "on"], 3, True)],
)  # fmt: skip
def test_where_drafts_come_from(words, count, n_grams, capsys):
    """2 is what the scripted runtime's automatic policy says."""
    assert main(["generate", "b", "--prompt", "x", *words]) == 0
    ((policy, _),) = SEEN
    assert (policy.count, policy.looks_up) == (count, n_grams)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], GREEDY),
        (["--temperature", "0"], GREEDY),
        (["--temperature", "0", "--seed", "5"], GREEDY),
        (["--temperature", "0.5", "--seed", "5"], Sampling(0.5, seed=5, drafts="greedy")),
        (["--seed", "5"], Sampling(1.0, seed=5, drafts="greedy")),
        (["--seed", "5", "--drafts", "drawn"], Sampling(1.0, seed=5, drafts="drawn")),
        (["--top-k", "40", "--seed", "5"], Sampling(1.0, 40, seed=5, drafts="greedy")),
        (["--top-k", "off", "--top-p", "0.9", "--min-p", "0.1", "--seed", "5"],
         Sampling(1.0, 0, 0.9, 0.1, seed=5, drafts="greedy")),
        (["--temperature", "0", "--repetition-penalty", "1.1", "--repetition-window", "9", "--seed", "0"],
         Sampling(0.0, repetition_penalty=1.1, repetition_window=9, drafts="greedy")),
        (["--repetition-penalty", "1.1", "--seed", "0"],
         Sampling(1.0, repetition_penalty=1.1, repetition_window=2**31 - 1, drafts="greedy")),
    ],
)  # fmt: skip
def test_what_is_sampled_where_the_bundle_is_greedy(words, expected, capsys):
    assert main(["generate", "b", "--prompt", "x", *words]) == 0
    assert [sampling for _, sampling in SEEN] == [expected]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--seed", "5"], Sampling(1.0, 64, 0.95, seed=5, drafts="greedy")),
        (["--top-p", "0.5", "--seed", "5"], Sampling(1.0, 64, 0.5, seed=5, drafts="greedy")),
        (["--temperature", "0"], GREEDY),
    ],
)
def test_what_the_bundles_makers_say_holds_unless_it_is_named(monkeypatch, words, expected, capsys):
    class OfMakers(ScriptedRuntime):
        def __init__(self, *args):
            super().__init__(*args)
            self.sampling = Sampling(1.0, 64, 0.95)

    monkeypatch.setattr(runtime_spec.litert.runtime, "Runtime", OfMakers)
    assert main(["generate", "b", "--prompt", "x", *words]) == 0
    # At temperature 0 what would be kept of the rest changes nothing.
    ((_, found),) = SEEN
    assert found == expected


def test_without_a_seed_one_is_drawn_and_told(capsys):
    assert main(["generate", "b", "--prompt", "x", "--temperature", "1"]) == 0
    ((_, found),) = SEEN
    assert found.drafts == "drawn" and f"seed {found.seed}]" in capsys.readouterr().err
    assert main(["generate", "b", "--prompt", "x", "--temperature", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sampling"]["seed"] == SEEN[1][1].seed != found.seed


@pytest.mark.parametrize(
    ("option", "value", "parameter"),
    [("--temperature", "-0.1", "temperature"), ("--temperature", "nan", "temperature"), ("--top-p", "0", "top_p"),
     ("--temperature", "inf", "temperature"), ("--top-p", "1.01", "top_p"), ("--top-p", "nan", "top_p"),
     ("--top-k", "0", "--top-k"), ("--top-k", "-3", "--top-k"), ("--top-k", "1.5", "--top-k"),
     ("--min-p", "1", "min_p"),
     ("--repetition-penalty", "0", "repetition_penalty"), ("--repetition-window", "-1", "repetition_window"),
     ("--seed", "-1", "seed"), ("--seed", str(2**63), "seed"), ("--drafts", "sure", "--drafts"),
     ("--temperature", "warm", "--temperature"), ("--samples", "0", "--samples")],
)  # fmt: skip
def test_a_bad_parameter_is_named(option, value, parameter, capsys):
    assert main(["generate", "b", "--prompt", "x", "--temperature", "1", f"{option}={value}", "--json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert parameter in error["title"] + error["where"] and all(error.values()) and SEEN == []


def test_samples_are_replies_of_their_own_seeds(capsys):
    words = ["generate", "b", "--prompt", "x", "--samples", "3", "--seed", "9"]
    assert main([*words, "--json"]) == 0
    samples = json.loads(capsys.readouterr().out)["samples"]
    assert [one["sampling"]["seed"] for one in samples] == [reply_seed(9, n) for n in range(3)]
    assert samples[0]["sampling"]["seed"] == 9 and [one["text"] for one in samples] == ["def main():\n"] * 3
    assert main(words) == 0
    assert capsys.readouterr().out == "".join(f"[{n}]\ndef main():\n\n" for n in (1, 2, 3))


def test_one_sample_is_a_list_too_and_greedy_ones_are_refused(capsys):
    assert main(["generate", "b", "--prompt", "x", "--samples", "1", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["samples"]) == 1
    assert main(["generate", "b", "--prompt", "x", "--samples", "2", "--temperature", "0"]) == 2
    assert "greedy replies are all the same" in capsys.readouterr().err


def test_json_has_what_drafts_came_to(capsys):
    assert main(["generate", "b", "--prompt", "x", "--json"]) == 0
    drafting = json.loads(capsys.readouterr().out)["drafting"]
    assert drafting == {
        "rounds_by_length": {"2": 2},
        "sources": {
            "drafter": {
                "rounds": 2, "drafted": 4, "accepted": 2, "acceptance_rate": 0.5, "drafted_by_position": [2, 2],
                "accepted_by_position": [2, 0],
            }
        },
        "probe_seconds": 0.0,
    }  # fmt: skip


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
