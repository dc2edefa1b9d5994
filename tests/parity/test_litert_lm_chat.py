"""Conversations with LiteRT-LM: with and without the drafter alike, to the end of the cache, tools and thoughts, and
what it is told of the model."""

import litert_lm
import numpy as np
import pytest
from litert_lm.model_info import ModelInfo

from export.bundle.metadata import QUOTE, THOUGHT, TOOL_CALL, TOOL_RESPONSE, llm_metadata
from export.chat.engine import engine_template
from export.checkpoint.sampling import Sampling
from export.choices.prompts import Prompts
from runtime_spec.chat.conversation import Message, written
from runtime_spec.litert.runtime import Runtime
from tests.export.chat.templates import LARGE_SHAPED, template
from tests.parity.engine import GREEDY, engine, retold, session
from tests.parity.test_engine_templates import Declared

# The demo pair ends its replies to them itself.
TURNS = ("for i in range(3):", "x = 1", "else:", "for key in keys:", "if x:")
LEFT = range(41)
"""Slots of the cache that a prompt leaves."""
SHORTEST = 12
NEXT = "return x"


@pytest.fixture(scope="module")
def bundle(float_out):
    return float_out / "model.litertlm"


@pytest.fixture(scope="module")
def gemma(bundle, tmp_path_factory):
    """The bundle with all that a real Gemma 4's metadata has."""
    special = [*TOOL_CALL, TOOL_RESPONSE, QUOTE, *THOUGHT]
    with Runtime(bundle) as runtime:
        manifest = runtime.manifest
    most = manifest.context_length - manifest.draft_tokens
    found = engine_template(template(LARGE_SHAPED), manifest.chat)
    told = llm_metadata(manifest.tokens, most, manifest.chat, found, Sampling(1.0, 64, 0.95), special)

    def change(message):
        message.ParseFromString(told)

    return retold(bundle, tmp_path_factory.mktemp("gemma") / "model.litertlm", change)


# What it is told


def test_the_engine_reads_what_it_is_told(bundle, gemma):
    info, told = ModelInfo(str(bundle)), ModelInfo(str(gemma))
    with Runtime(bundle) as runtime:
        manifest = runtime.manifest
    for one in (info, told):
        assert one.min_runtime_version == "0.18.1"
        assert one.max_context_tokens == manifest.context_length - manifest.draft_tokens
    assert info.supported_backends_for_modality(litert_lm.LiteRtLmModality.TEXT) == ["cpu"]
    assert not info.llm.supports_thinking() and not info.llm.supports_function_calling()
    assert told.llm.supports_thinking() and told.llm.supports_function_calling()
    assert info.llm.has_speculative_decoding_support() and told.llm.has_speculative_decoding_support()
    sampling = told.llm.default_sampler_params
    assert (sampling.top_k, sampling.temperature) == (64, 1.0) and sampling.top_p == pytest.approx(0.95)


def test_the_engine_decodes_and_drafts_with_all_of_it(bundle, gemma):
    texts = {}
    for path in (bundle, gemma):
        for speculative in (False, True):
            with engine(path, speculative) as opened, session(opened, 48) as one:
                one.run_prefill(["def main():"])
                texts[path, speculative] = one.run_decode().texts[0]
    assert texts[bundle, False] == texts[gemma, False] and texts[bundle, True] == texts[gemma, True]
    # It drafts: only a round of drafts goes beyond the budget.
    assert texts[gemma, True].startswith(texts[gemma, False]) and texts[gemma, True] != texts[gemma, False]


# Turns


def reply(opened, history, text):
    """What the engine says to `text` behind turns that it gets as a history, and how many tokens it holds then."""
    with opened.create_conversation(messages=history, sampler_config=GREEDY) as conversation:
        return str(conversation.send_message(text)), conversation.token_count


def test_five_turns_are_the_same_with_and_without_the_drafter(bundle):
    """Turn by turn, the earlier ones as a history: see the defect below for what further turns of one conversation are.
    With the drafter the stop token that ends a reply is counted or not, by its place in a round."""
    history, counts, uncounted = [], [], 0
    with engine(bundle, False) as plain, engine(bundle, True) as drafted, Runtime(bundle) as runtime:
        stops = runtime.manifest.tokens.stop
        for text in TURNS:
            said, count = reply(plain, history, text)
            again, drafted_count = reply(drafted, history, text)
            assert again == said and count - 1 <= drafted_count <= count
            uncounted += count - drafted_count
            turns = [written(runtime.chat.format, **message) for message in history]
            prompt = runtime.chat.context([*turns, Message("user", text)])
            tokens = [token for one in runtime.session(0).turn(prompt, 200) for token in one.emitted_tokens]
            assert tokens[-1] in stops and said == runtime.decode(tokens[:-1])
            assert count == len(prompt) + len(tokens)
            history += [{"role": "user", "content": text}, {"role": "assistant", "content": said}]
            counts.append(count)
    assert len(counts) == 5 and counts == sorted(set(counts))
    # Where every one is counted, ask for equal counts.
    assert uncounted > 0


def test_declared_tools_reach_the_prompt(gemma):
    counts = []
    with engine(gemma) as opened:
        for tools in ([], [Declared()]):
            with opened.create_conversation(tools=tools, sampler_config=GREEDY, max_output_tokens=1) as conversation:
                text = conversation.render_message_to_string("And in Oslo?")
                assert ("<|tool>declaration:get_weather" in text) == bool(tools)
                conversation.send_message("And in Oslo?")
                counts.append(conversation.token_count)
    assert counts[1] > counts[0] + 20


def test_a_thought_comes_apart_from_the_reply(bundle, tmp_path):
    """The demo pair has no thoughts: words that it does say stand for the marks of one."""
    text = next(text for text in Prompts.load().plain if text.startswith("class Point:"))
    with engine(bundle) as opened, opened.create_conversation(sampler_config=GREEDY) as conversation:
        whole = conversation.send_message(text)
    said = whole.contents.items[0].text if hasattr(whole.contents, "items") else str(whole)
    assert not whole.channels and "'<" in said and ">'" in said

    def change(message):
        channel = message.channels.add()
        channel.channel_name, channel.start, channel.end = "thought", "'<", ">'"

    for speculative in (False, True):
        path = retold(bundle, tmp_path / f"{speculative}.litertlm", change)
        with engine(path, speculative) as opened, opened.create_conversation(sampler_config=GREEDY) as conversation:
            apart = conversation.send_message(text)
        thought = said.split("'<")[1].split(">'")[0]
        assert apart.channels == {"thought": thought} and thought
        assert str(apart) == said.replace(f"'<{thought}>'", "")


# To the end of the cache


@pytest.fixture(scope="module")
def filling(bundle):
    """Slots left → (a prompt that leaves so many, what our plain loop says behind it); the context's length first."""
    text = "\n".join([*Prompts.load().plain, *Prompts.load().chats] * 9)
    found = {}
    with Runtime(bundle) as runtime:
        context = runtime.manifest.context_length
        for end in range(len(text)):
            left = context - len(runtime.encode(text[:end]))
            if left in LEFT and left not in found:
                rounds = runtime.session(0).turn(runtime.encode(text[:end]), 60) if left else []
                tokens = [token for one in rounds for token in one.emitted_tokens]
                said = [token for token in tokens if token not in runtime.manifest.tokens.stop]
                found[left] = text[:end], runtime.decode(said)
            if left <= 0:
                break
    assert sorted(found) == list(LEFT)
    return found


def endings(path, filling, speculative):
    """Slots left → what the engine says there, None where it takes no such prompt."""
    found = {}
    with engine(path, speculative) as opened:
        for left, (text, _) in filling.items():
            with session(opened, 60) as one:
                try:
                    one.run_prefill([text])
                except RuntimeError:
                    found[left] = None
                else:
                    found[left] = one.run_decode().texts[0]
    return found


def wrong(found, filling):
    """Slots left where the engine says something else than our loop, as far as it goes."""
    return [left for left, said in found.items() if said is not None and not filling[left][1].startswith(said)]


def num_drafts(bundle):
    with Runtime(bundle) as runtime:
        return runtime.manifest.draft_tokens


@pytest.mark.parametrize("speculative", [False, True])
def test_the_cache_is_filled_to_its_end_as_ours_is(bundle, filling, speculative):
    found = endings(bundle, filling, speculative)
    drafts = num_drafts(bundle)
    assert [left for left in LEFT if found[left] is None] == list(range(drafts + 1))
    assert wrong(found, filling) == []
    assert all(len(found[left]) > 0 for left in LEFT[drafts + 1 :])


def test_the_whole_context_still_goes_wrong_with_the_drafter(bundle, filling, tmp_path):
    """Why the engine is told of fewer tokens. Where this fails, it looks where its verify pass ends."""

    def change(message):
        message.max_num_tokens = ModelInfo(str(bundle)).max_context_tokens + num_drafts(bundle)

    path = retold(bundle, tmp_path / "model.litertlm", change)
    assert wrong(endings(path, filling, False), filling) == []
    assert len(wrong(endings(path, filling, True), filling)) > 5


def test_a_turn_fits_into_the_last_slots(bundle, filling):
    """A pass of 32 or 128 tokens does not: lengths of 8 and 1 take it."""
    with engine(bundle) as opened:
        for left in LEFT[SHORTEST:]:
            with session(opened, 2) as one:
                one.run_prefill([filling[left][0]])
                one.run_decode()
                one.run_prefill([NEXT])
                assert one.run_decode().texts[0], left


# A defect of the engine: runtime_spec/LITERT_LM.md. Where one of these fails it is cured, wholly or in part.


def test_the_engine_still_forgets_the_embedding_of_the_last_decoded_token(bundle):
    """The pass after a reply begins with the reply's last token, whose embedding the engine has not looked up: it has
    the id's bits where the embedding belongs, and zeros for the layers."""
    follow = "\n    return value\n\ndef second(x):\n"
    cured = forgotten = 0
    prompts = Prompts.load().plain[:8]
    with Runtime(bundle) as runtime, engine(bundle) as opened:
        target = runtime.target
        for prompt in prompts:
            with session(opened, 12) as one:
                one.run_prefill([prompt])
                reply = one.run_decode().texts[0]
                one.run_prefill([follow])
                theirs = one.run_decode().texts[0]
            tokens = runtime.encode(prompt)
            first = greedy(target, tokens, 0)
            assert runtime.decode(first) == reply
            position = len(tokens) + len(first) - 1
            again = [first[-1], *runtime.tokenizer.encode(follow)]
            ours = greedy(target, again, position)
            cured += runtime.decode(ours) == theirs
            # In one prefill, or in two with the reply between them: the same to us.
            assert greedy(target, [*tokens, *first, *again[1:]], 0) == ours
            greedy(target, tokens, 0)
            with forgetting(target, first[-1]):
                forgotten += runtime.decode(greedy(target, again, position)) == theirs
    assert forgotten == len(prompts) and cured < len(prompts)


def test_a_further_turn_still_stands_on_that_and_with_the_drafter_on_a_lost_stop_token(bundle):
    """With the drafter the token that ended this reply is dropped, so that the one before it is the last."""
    asked = [TURNS[0], "with open(p) as f:"]
    found = {}
    for speculative in (False, True):
        with engine(bundle, speculative) as opened, opened.create_conversation(sampler_config=GREEDY) as conversation:
            found[speculative] = [str(conversation.send_message(text)) for text in asked]
    with Runtime(bundle) as runtime:
        target, stops, format = runtime.target, runtime.manifest.tokens.stop, runtime.chat.format
        prompt = runtime.chat.context([Message("user", asked[0])])
        # Without the line feed that the template has behind a reply's end: the engine does not say it.
        further = runtime.tokenizer.encode(format.user.prefix + asked[1] + format.user.suffix + format.reply)
        for speculative, dropped in ((False, 0), (True, 1)):
            tokens = greedy(target, prompt, 0, 200, stops)
            assert tokens[-1] in stops and found[speculative][0] == runtime.decode(tokens[:-1])
            last = tokens[-1 - dropped]
            position = len(prompt) + len(tokens) - 1 - dropped
            with forgetting(target, last):
                again = greedy(target, [last, *further], position, 200, stops)
            assert found[speculative][1] == runtime.decode(again[:-1])
    assert found[False][1] != found[True][1]


def greedy(target, tokens, position, most=12, stops=()):
    """Up to `most` tokens behind `tokens`."""
    done = 0
    while count := target.fill_count(len(tokens) - done, position + done):
        target.fill(tokens[done : done + count], position + done)
        done += count
    token, _ = target.prefill(tokens[done:], position + done)
    said, position = [token], position + len(tokens)
    while len(said) < most and token not in stops:
        (token,), _ = target.verify([token], position, 1)
        said.append(token)
        position += 1
    return said


class forgetting:
    """The first row of the next pass holds `token`'s bits, as the engine leaves it."""

    def __init__(self, target, token):
        self.embeddings, self.token = target._embeddings, token

    def __enter__(self):
        write = self.embeddings.write

        def write_once(tokens, main, per_layer):
            write(tokens, main, per_layer)
            main[0] = 0
            main[0].view(np.int32)[0] = self.token
            if per_layer is not None:
                per_layer[0] = 0
            del self.embeddings.write

        self.embeddings.write = write_once

    def __exit__(self, *_):
        vars(self.embeddings).pop("write", None)
