"""Google's LiteRT-LM, which nobody here wrote, runs the bundles: with and without the drafter it says what our
reference loop says, on plain prompts and through the chat template."""

import pytest

from export.choices.prompts import Prompts
from runtime_spec.chat.conversation import Message, rendered
from runtime_spec.litert.runtime import Runtime
from tests.engine import NEW_TOKENS, engine_replies


@pytest.fixture(params=["float_out", "int8_out", "int4_out"])
def bundle(request):
    return request.getfixturevalue(request.param) / "model.litertlm"


def reference(bundle, draft_tokens):
    """(prompt text for the engine, reply) for eight plain prompts and four chats."""
    prompts, found = Prompts.load(), []
    with Runtime(bundle) as runtime:
        format, stops = runtime.manifest.chat, runtime.manifest.tokens.stop
        for text, chat in [(p, False) for p in prompts.plain[:8]] + [(c, True) for c in prompts.chats]:
            session = runtime.session(draft_tokens)
            messages = [Message("user", text)]
            prompt = runtime.chat.context(messages) if chat else runtime.encode(text)
            turn = session.turn(prompt, NEW_TOKENS)
            tokens = [token for one in turn for token in one.emitted_tokens if token not in stops]
            # The engine adds the beginning-of-sequence token itself.
            given = rendered(format, messages).removeprefix(format.start) if chat else text
            found.append((given, runtime.decode(tokens)))
    return found


def test_engine_and_reference_say_the_same_drafted_and_plain(bundle):
    plain, drafted = reference(bundle, 0), reference(bundle, None)
    assert plain == drafted
    texts = [text for text, _ in plain]
    for speculative in (False, True):
        for (text, ours), theirs in zip(plain, engine_replies(bundle, texts, speculative), strict=True):
            # With its drafter the engine may overshoot the budget by up to the drafts of one round.
            assert len(ours) > 20 and theirs[: len(ours)] == ours, (speculative, text)
            assert len(theirs) - len(ours) <= (80 if speculative else 0)
