"""What the target is given to go on with: prompts, beginnings of prompts, and stretches of what it said itself.

A greedy target says one thing behind one prompt. Few prompts become much text where it begins at many places.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from export.choices.prompts import Prompts
from export.errors import UsageError
from export.evidence.encoder import Encoder
from runtime_spec.chat.conversation import Message

STRETCH = (8, 48)
"""Tokens of own text that a text begins with."""
FROM_OWN_TEXT = 0.6
"""Share of them among the beginnings that are no whole prompt."""
HELD_OUT_EVERY = 3


@dataclass(frozen=True)
class Prompt:
    """A text to go on with, or what a user says first."""

    text: str
    is_chat: bool


def split(prompts: Prompts, use_chats: bool) -> tuple[tuple[Prompt, ...], tuple[Prompt, ...]]:
    """(for training, held out): every third of each kind, a text on one side alone. Raises UsageError."""
    classes = [[Prompt(text, False) for text in dict.fromkeys(prompts.plain)]]
    if use_chats:
        classes.append([Prompt(text, True) for text in dict.fromkeys(prompts.chats)])
    held_out = {
        prompt.text for prompts in classes for prompt in prompts[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY] or prompts[1:2]
    }
    every = [prompt for prompts in classes for prompt in prompts]
    training = tuple(prompt for prompt in every if prompt.text not in held_out)
    if not training or not held_out:
        raise UsageError(
            "Too few prompts",
            expected="two different prompts or more: some are held out, to measure what the drafter did not learn from",
            found=str(len({prompt.text for prompt in every})),
            where=prompts.source,
            action="Name a file with more prompts, of what the target is used for.",
        )
    return training, tuple(prompt for prompt in every if prompt.text in held_out)


class Starts:
    """Draws beginnings of at most `most` tokens from prompts."""

    def __init__(self, encoder: Encoder, prompts: Sequence[Prompt], most: int):
        self._encoder, self._prompts, self._most = encoder, prompts, most
        self._has_chats = any(prompt.is_chat for prompt in prompts)

    def draw(self, draw: random.Random, count: int, said: Sequence[list[int]] = ()) -> list[tuple[list[int], bool]]:
        """Up to `count` different beginnings, and whether each is a chat; half of them whole prompts where there are so
        many. `said` is what the target said, without control tokens."""
        whole = list(self._prompts)
        draw.shuffle(whole)
        found = {tuple(self._encoded(prompt)): prompt.is_chat for prompt in whole[: max(1, count // 2)]}
        for _ in range(4 * count):
            if len(found) >= count:
                break
            tokens, is_chat = self._made(draw, said)
            found[tuple(tokens)] = is_chat
        return [(list(tokens), is_chat) for tokens, is_chat in found.items()]

    def _made(self, draw: random.Random, said: Sequence[list[int]]) -> tuple[list[int], bool]:
        prompt = draw.choice(self._prompts)
        if not said or draw.random() >= FROM_OWN_TEXT:
            ends = [match.end() for match in re.finditer(r"\S+", prompt.text)]
            return self._encoded(Prompt(prompt.text[: draw.choice(ends)], prompt.is_chat)), prompt.is_chat
        own = draw.choice(said)
        begin = draw.randrange(max(1, len(own) - STRETCH[0]))
        stretch = tuple(own[begin : begin + draw.randint(*STRETCH)])
        if not self._has_chats or draw.random() < 0.5:
            return [self._encoder.bos, *stretch][: self._most], False
        return self._encoder.chat.context([Message("user", "what it said", tokens=stretch)]), True

    def _encoded(self, prompt: Prompt) -> list[int]:
        """Cut where it is too long: of a chat, what the user says."""
        if not prompt.is_chat:
            return self._encoder.prompt(prompt.text)[: self._most]
        text = prompt.text
        tokens = self._encoder.context([text], [])
        while len(tokens) > self._most and len(text) > 1:
            text = text[: max(1, min(len(text) - 8, len(text) * self._most // len(tokens)))]
            tokens = self._encoder.context([text], [])
        return tokens
