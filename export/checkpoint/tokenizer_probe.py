"""Loads a tokenizer in a process of its own: `python -I export/checkpoint/tokenizer_probe.py`, tokenizer.json on stdin.

A tokenizer.json is a program of normalizers and patterns from whoever made the checkpoint. Limits of this process keep
it from eating the machine, and a crash of the library stays here. The parent ends it after a time limit.
Imports nothing of the project.

Reply: {"error"} or {"last": largest id, "added": {text: id} as the library has them, "length": tokens of PROBE}.
"""

import json
import sys
from contextlib import suppress

MEMORY_BYTES = 4 * 2**30
PROBE = (
    "The quick brown fox, 0123456789:\n\tdef f(x): return x + 1  # naïve café 日本語 русский مرحبا 😀 <b>&amp;</b>\n"
    * 2
)


def _limit():
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(raw):
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_buffer(raw)
        added = {token.content: index for index, token in tokenizer.get_added_tokens_decoder().items()}
        last = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
        return {"last": last, "added": added, "length": len(tokenizer.encode(PROBE, add_special_tokens=False).ids)}
    except BaseException as error:  # a panic of the library is no Exception
        return {"error": f"{type(error).__name__}: {error}"[:500]}


if __name__ == "__main__":
    _limit()
    json.dump(_answer(sys.stdin.buffer.read()), sys.stdout)
