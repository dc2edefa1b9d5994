"""What the demo pair is trained and checked on: rows of tokens out of the corpus."""

import random
from collections import defaultdict
from pathlib import Path

import torch
from torch.nn import functional as F
from transformers import PreTrainedTokenizerFast

from export.demo import corpus, tokenizer
from export.demo.tokenizer import BOS, EOS, PAD, TURN_END, TURN_START

TOKENS_PER_STEP = 4096


class Rows:
    """Draws training rows: windows of source text from a line start, and packed chats."""

    def __init__(self, encode, texts: list[str], code: list[str], chats: list[corpus.Chat], seed: int):
        self.draw = random.Random(seed)
        user, model, newline = encode("user\n"), encode("model\n"), encode("\n")
        self.chats = [
            [BOS, TURN_START, *user, *encode(c.user), TURN_END, *newline]
            + [TURN_START, *model, *encode(c.model), TURN_END, *newline]
            for c in chats
        ]
        # By length, since a batch has one.
        self.prompts: dict[int, list[list[int]]] = defaultdict(list)
        for chat in self.chats:
            length = chat.index(TURN_END) + 1 + len(newline) + 1 + len(model)
            self.prompts[length].append(chat[:length])
        self.streams = [self._stream(encode, texts), self._stream(encode, code)]

    @staticmethod
    def _stream(encode, texts: list[str]) -> tuple[torch.Tensor, list[int], list[int]]:
        """(ids, offsets of top-level lines, offsets of all lines); no merge crosses a newline."""
        ids, top_level, lines = [], [], []
        for text in texts:
            for line in text.splitlines(keepends=True):
                if line.strip():
                    lines.append(len(ids))
                    if not line[0].isspace():
                        top_level.append(len(ids))
                ids += encode(line)
            ids += [EOS, BOS]
        return torch.tensor(ids), top_level, lines

    def window(self, length: int) -> torch.Tensor:
        """A row of `length` ids: <bos>, then text from a line start; two thirds are plain code."""
        ids, top_level, lines = self.streams[self.draw.random() < 0.67]
        start = self.draw.choice(top_level if self.draw.random() < 0.5 else lines)
        row = F.pad(ids[start : start + length - 1], (1, 0), value=BOS)
        return F.pad(row, (0, length - len(row)), value=PAD)

    def packed_chats(self, length: int) -> torch.Tensor:
        row: list[int] = []
        while len(row) < length:
            row += self.draw.choice(self.chats)
        return torch.tensor(row[:length])

    def batch(self, count: int, length: int, chat_share: float = 0.3) -> torch.Tensor:
        """int64[count, length]."""
        rows = [
            self.packed_chats(length) if self.draw.random() < chat_share else self.window(length) for _ in range(count)
        ]
        return torch.stack(rows)

    def chat_prompts(self, count: int) -> torch.Tensor:
        """Chats up to where the model's turn begins, all of one length: int64[count, length]."""
        lengths = list(self.prompts)
        [length] = self.draw.choices(lengths, [len(self.prompts[n]) for n in lengths])
        return torch.tensor(self.draw.choices(self.prompts[length], k=count))

    def step_batch(self, step: int) -> torch.Tensor:
        """One step's rows; every fourth is twice as long, so that positions up to 512 are seen."""
        length = 512 if step % 4 == 3 else 256
        return self.batch(TOKENS_PER_STEP // length, length + 1)


def read_rows(target_folder: Path, is_new: bool, seed: int) -> tuple[Rows, dict[str, torch.Tensor]]:
    """Training rows, and held-out ones by kind; with `is_new` the tokenizer is trained and saved."""
    training, held_out = corpus.standard_library()
    code = [c for c in map(corpus.plain_code, training) if c]
    held_out_code = [c for c in map(corpus.plain_code, held_out) if c]
    if is_new:
        hugging_face = tokenizer.train(training + code)
        hugging_face.save_pretrained(target_folder)
    else:
        hugging_face = PreTrainedTokenizerFast.from_pretrained(target_folder)

    def encode(text: str) -> list[int]:
        return hugging_face.backend_tokenizer.encode(text, add_special_tokens=False).ids

    rows = Rows(encode, training, code, corpus.chats(training + code, seed=1), seed)
    others = Rows(encode, held_out, held_out_code, corpus.chats(held_out + held_out_code, seed=1), seed + 1)
    return rows, {"plain": others.batch(8, 257, 0.0), "chat": others.batch(8, 257, 1.0)}
