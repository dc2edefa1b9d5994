"""Figures of a bundle of the demo pair on held-out prompts: `python -m export.demo.evaluate BUNDLE [--prompts N]`.

Held-out files are those that training never saw (corpus.standard_library). Plain prompts are the first 24 to 56 tokens
from a top-level `def` or `class`, as written and as plain code in turn; chats are held-out functions cut in two.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

from export.demo import corpus
from runtime_spec.chat.conversation import Message
from runtime_spec.litert.runtime import Runtime
from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.reference.trace import Round

DRAFT_TOKENS, NEW_TOKENS, FIRST_TOKENS, REPLY_TOKENS = 4, 128, 32, 256


def held_out_prompts(runtime: Runtime, count: int) -> tuple[list[list[int]], list[list[int]]]:
    """(plain, chat) prompts as tokens, drawn with a fixed seed."""
    draw = random.Random(7)
    _, texts = corpus.standard_library()
    views = [texts, [code for code in map(corpus.plain_code, texts) if code]]
    plain: list[list[int]] = []
    while len(plain) < count:
        text = draw.choice(views[len(plain) % 2])
        starts = [m.start() for m in corpus.TOP_LEVEL_START.finditer(text)]
        starts = [s for s in starts if text.startswith(("def ", "class "), s)]
        if starts:
            start = draw.choice(starts)
            tokens = runtime.encode(text[start : start + 800])
            if len(tokens) > 64:
                plain.append(tokens[: draw.randint(24, 56)])
    chats = draw.sample(corpus.chats(texts, seed=1), count)
    return plain, [runtime.chat.context([Message("user", chat.user)]) for chat in chats]


def drafted(runtime: Runtime, prompt: Sequence[int], count: int, stop: frozenset[int]) -> list[Round]:
    session = Session(runtime.target, runtime.drafter, DecodeConfig(DRAFT_TOKENS, stop))
    return list(session.turn(prompt, count))


def acceptance(conversations: list[list[Round]], first: int | None = None) -> float:
    """accepted / drafted; with `first` over the rounds that begin within that many emitted tokens."""
    accepted = proposed = 0
    for rounds in conversations:
        emitted = 0
        for one in rounds:
            if first is None or emitted < first:
                accepted += one.num_accepted
                proposed += len(one.draft_tokens)
            emitted += len(one.emitted_tokens)
    return accepted / max(1, proposed)


def distinct_four_grams(tokens: list[int]) -> float:
    grams = list(zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False))
    return len(set(grams)) / max(1, len(grams))


def evaluate(bundle: Path, count: int) -> dict:
    """The card's figures."""
    with Runtime(bundle) as runtime:
        plain, chats = held_out_prompts(runtime, count)
        stops = frozenset(runtime.manifest.tokens.stop)
        texts = [drafted(runtime, prompt, NEW_TOKENS, frozenset()) for prompt in plain]
        replies = [drafted(runtime, prompt, REPLY_TOKENS, stops) for prompt in chats]
    greedy = [[token for one in rounds for token in one.emitted_tokens] for rounds in texts]
    ended = sum(rounds[-1].stop_reason == "stop_token" for rounds in replies)
    return {
        "prompts": count,
        "acceptance_128": round(acceptance(texts), 3),
        "acceptance_first_32": round(acceptance(texts, FIRST_TOKENS), 3),
        "distinct_4_grams": round(sum(map(distinct_four_grams, greedy)) / len(greedy), 3),
        "chat_acceptance": round(acceptance(replies), 3),
        "chat_replies_ended": round(ended / len(replies), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--prompts", type=int, default=40)
    args = parser.parse_args()
    print(json.dumps(evaluate(args.bundle, args.prompts), indent=1))


if __name__ == "__main__":
    main()
