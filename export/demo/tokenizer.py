"""Trains the demo tokenizer: Gemma's kind (BPE with byte fallback, ▁ for space), 2,048 pieces."""

import json
import re

from tokenizers import Tokenizer, models, trainers
from transformers import PreTrainedTokenizerFast

VOCAB_SIZE = 2048
SPECIAL_TOKENS = ["<pad>", "<eos>", "<bos>", "<unk>", "<|turn>", "<turn|>"]
PAD, EOS, BOS, UNK, TURN_START, TURN_END = range(6)
# Indents, newlines and words never share a piece: a prompt that ends in a newline or an indent then encodes to a
# prefix of what training saw.
WORD = re.compile(r"\n|▁▁+|▁?[A-Za-z_]+|▁?[0-9]|▁?[^\nA-Za-z_0-9▁]+|▁")
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' }}"
    "{{ message['content'] + '<turn|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|turn>model\\n' }}{% endif %}"
)


def train(texts: list[str]) -> PreTrainedTokenizerFast:
    """The tokenizer trained on `texts`, with the chat template set."""
    alphabet = ["▁", "\n", *map(chr, range(33, 127))]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE - len(SPECIAL_TOKENS) - 256,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        max_token_length=16,
        show_progress=False,
    )
    bpe = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    bpe.train_from_iterator((word for text in texts for word in _words(text)), trainer)
    description = json.loads(bpe.to_str())
    learned = description["model"]["vocab"]
    pieces = SPECIAL_TOKENS + [f"<0x{b:02X}>" for b in range(256)] + sorted(learned, key=learned.get)
    if len(pieces) != VOCAB_SIZE:
        raise ValueError(f"Tokenizer has {len(pieces)} pieces, expected {VOCAB_SIZE}: give it more text.")
    description["model"].update(
        vocab={piece: i for i, piece in enumerate(pieces)}, fuse_unk=True, byte_fallback=True, unk_token="<unk>"
    )
    description["added_tokens"] = [
        dict(id=i, content=s, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
        for i, s in enumerate(SPECIAL_TOKENS)
    ]
    description["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    description["pre_tokenizer"] = {
        "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False,
    }  # fmt: skip
    description["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
        ],
    }
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(description)),
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=["<|turn>", "<turn|>"],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _words(text: str) -> list[str]:
    ascii_text = "".join(c for c in text if c == "\n" or 32 <= ord(c) < 127)
    return WORD.findall(ascii_text.replace(" ", "▁"))
