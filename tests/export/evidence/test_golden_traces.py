"""Golden traces: conversations that an app would make, of whatever prompts there are."""

from types import SimpleNamespace

import pytest

from export.choices.prompts import Prompts
from export.evidence import golden_traces as golden
from export.evidence.golden_traces import golden_traces, write_traces
from runtime_spec.chat.conversation import Message, parts
from runtime_spec.chat.tokens import ControlToken, encode
from runtime_spec.litert.runtime import Runtime
from runtime_spec.reference.trace import read_traces
from tests.bundles import CHAT

STOP = 6


class Letters:
    """A token a letter, from 10 on; `<turn|>`, which ends turns, is a stop token."""

    def __init__(self, chat=CHAT):
        self.chat = chat

    def text(self, text):
        return [10 + ord(c) % 50 for c in text]

    def prompt(self, text):
        return [2, *self.text(text)]

    def context(self, contents, replies):
        messages = [Message("user", contents[0])]
        for reply, content in zip(replies, contents[1:], strict=True):
            said = tuple(reply[:-1] if reply[-1:] == [STOP] else reply)
            messages += [Message("model", "", tokens=said), Message("user", content)]
        return encode(parts(self.chat, messages), 2, {"<turn|>": ControlToken(STOP)}, self.text)


class Parrot:
    """A target that answers every prompt with the same tokens, one after the other, and never anything else."""

    verify_widths = (1,)

    def __init__(self, capacity, reply):
        self.capacity, self.reply, self.cache = capacity, reply, []

    def comparing(self):
        return self

    def fill_count(self, num_tokens, position):
        return 0

    def prefill(self, tokens, position):
        self.cache[position:], self.left = tokens, iter(self.reply)
        return next(self.left), None

    def verify(self, tokens, position, width):
        self.cache[position:] = tokens
        return [next(self.left)], [None]

    def rollback(self, cache_length):
        del self.cache[cache_length:]

    def margins(self):
        return [1.0]


def recorded(monkeypatch, prompts, capacity=512, reply=None, encoder=None, parameters=1):
    """The traces by name, and the target as the last of them left it."""
    monkeypatch.setattr(golden, "num_parameters", lambda checkpoint: parameters)
    target = Parrot(capacity, reply or [*Letters().text("ok"), STOP])
    plan = SimpleNamespace(
        capacity=capacity,
        device=SimpleNamespace(draft_tokens=4),
        target=None,
        tokens=SimpleNamespace(stop=(1, STOP)),
        recipe=SimpleNamespace(tolerances=SimpleNamespace(near_tie_margin=0.5)),
    )
    models = SimpleNamespace(target=target, drafter=None)
    texts = golden_traces(plan, models, prompts, encoder or Letters())
    return {name: read_traces(text.decode(), name)[0] for name, text in texts.items()}, target


def said(trace):
    """All tokens of a trace, turn by turn: given, emitted, given, emitted."""
    turns, rounds, found = iter(trace.header.turns), iter(trace.rounds), []
    for turn in turns:
        found.append(list(turn.prompt_tokens))
        emitted = []
        for one in rounds:
            emitted += one.emitted_tokens
            if one.stop_reason:
                break
        found.append(emitted)
    return found


THREE = Prompts(("one", "two", "three"), ("A?", "B?", "C?"), "")


def test_a_turn_that_the_model_closed_is_not_closed_again(monkeypatch):
    traces, target = recorded(monkeypatch, THREE)
    first, reply, second, again = said(traces["chat"])
    assert reply[-1] == STOP and second == Letters().context(["B?", "C?"], [reply])
    assert second[: len(first) + len(reply)] == first + reply and target.cache == second + again[:-1]
    assert [turn.from_start for turn in traces["chat"].header.turns] == [False, True]


def test_a_turn_that_was_cut_is_closed(monkeypatch):
    endless = Letters().text("abc") * 40
    first, reply, second, _ = said(recorded(monkeypatch, THREE, reply=endless)[0]["chat"])
    assert len(reply) == golden.NEW_TOKENS and second[: len(first) + len(reply) + 1] == [*first, *reply, STOP]
    assert second == Letters().context(["B?", "C?"], [reply])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_prompts_do(monkeypatch, count):
    prompts = Prompts(THREE.plain[:count], THREE.chats[:count], "")
    traces, _ = recorded(monkeypatch, prompts)
    plain = [list(traces[name].header.turns[0].prompt_tokens) for name in ("drafted", "plain")]
    assert plain == [Letters().prompt(text) for text in ("one", "one" if count == 1 else "two")]
    assert len(traces["chat"].header.turns) == 2
    contents = {1: "AA", 2: "BA", 3: "BC"}[count]
    first, reply, second, _ = said(traces["chat"])
    asked = [f"{letter}?" for letter in contents]
    assert first == Letters().context(asked[:1], []) and second == Letters().context(asked, [reply])


def test_a_prompt_longer_than_the_context_is_cut_and_a_chat_is_left_out(monkeypatch):
    traces, _ = recorded(monkeypatch, Prompts(("a" * 600,), ("b" * 600,), ""), capacity=64)
    assert {name: len(trace.header.turns[0].prompt_tokens) for name, trace in traces.items()} == {
        "drafted": 32,
        "plain": 32,
    }


def test_of_a_chat_that_does_not_fit_the_first_turn_is_recorded(monkeypatch):
    traces, _ = recorded(monkeypatch, THREE, capacity=64)
    assert [len(traces["chat"].header.turns), len(said(traces["chat"]))] == [1, 2]


def test_a_reply_that_is_read_as_many_tokens_more_ends_the_chat(monkeypatch):
    """An untrained model says pieces such as <unused700>, which no text is made of: theirs is read letter by letter."""

    class Long(Letters):
        def context(self, contents, replies):
            return super().context(contents, [10 * reply[:-1] for reply in replies])

    endless = Letters().text("abc") * 40
    traces, _ = recorded(monkeypatch, THREE, reply=endless, encoder=Long())
    assert [len(traces["chat"].header.turns), len(said(traces["chat"])[1])] == [1, golden.NEW_TOKENS]


def test_no_chat_without_a_template_and_few_tokens_of_a_large_model(monkeypatch):
    endless = Letters().text("abc") * 40
    traces, _ = recorded(monkeypatch, THREE, reply=endless, encoder=Letters(None), parameters=600_000_000)
    assert list(traces) == ["drafted", "plain"]
    assert {len(said(trace)[1]) for trace in traces.values()} == {golden.NEW_TOKENS_LARGE}


def test_they_are_written_beside_the_bundle(tmp_path):
    write_traces(tmp_path / "traces", {"chat": b"{}\n"})
    assert (tmp_path / "traces/chat.jsonl").read_bytes() == b"{}\n"


def test_the_demo_bundles_chat_is_one_conversation(int8_out):
    """Its first turn ends with the stop token, and the tokens of both are the rendered conversation's."""
    prompts = Prompts.load()
    with Runtime(int8_out / "model.litertlm") as runtime:
        (trace,) = read_traces(runtime.bundle.traces()["chat"], "chat")
        first, reply, second, _ = said(trace)
        assert reply[-1] in runtime.manifest.tokens.stop
        asked = [Message("user", text) for text in prompts.chats[1:3]]
        assert first == runtime.chat.context(asked[:1])
        assert second == runtime.chat.context([asked[0], runtime.chat.message(reply), asked[1]])
        # What was said is what the text says.
        texts = [asked[0], Message("model", runtime.decode(reply[:-1])), asked[1]]
        assert second == runtime.chat.context(texts)
        prefill = next(one for one in trace.rounds if one.verify_width == 0 and one.index > 0)
        assert prefill.position == len(first) + len(reply) - 1
