"""Bounds of BUNDLE.md that writers keep too. Imports nothing: checkpoints are opened by it."""

MAX_TOKENIZER = 64 * 2**20
TOKENIZER_BASE, TOKENIZER_PER_TOKEN = 2**20, 256


def tokenizer_limit(vocab_size: int) -> int:
    """Bytes that a tokenizer.json of so many tokens may have."""
    return min(MAX_TOKENIZER, TOKENIZER_BASE + TOKENIZER_PER_TOKEN * vocab_size)
