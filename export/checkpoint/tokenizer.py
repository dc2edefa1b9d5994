"""What a checkpoint folder says about its tokens: tokenizer.json, proven by the library that will read it, and ids.

The chat template is chat/template.py's. Used by checkpoint.py.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint import tokenizer_probe
from export.checkpoint.files import (
    MAX_TOKENIZER,
    MAX_TOKENIZER_VALUES,
    is_there,
    parse_json,
    printable,
    read_file,
    read_json,
)
from export.errors import CheckpointError
from runtime_spec.bundle.limits import tokenizer_limit

TIME_LIMIT = 60.0
"""Seconds to load a tokenizer and encode a probe: Gemma's takes two."""
MAX_GROWTH = 16
"""Tokens for a byte of the probe: byte fallback needs one, and no normalisation of Unicode makes more than 18 of one
rare character."""
_ANSWERS: dict[str, dict] = {}
"""The probe's by the SHA-256 of what it was asked: a target and its drafter often hold the same tokenizer."""


@dataclass(frozen=True)
class TokenizerFiles:
    """`path` is tokenizer.json, `sha256` of its bytes when it was checked; `stop` ids end a reply. `pieces` is how many
    ids the model was trained with: beyond them, all are added tokens. `added` are the added tokens, id by text."""

    path: Path
    sha256: str
    bos: int
    pad: int
    stop: tuple[int, ...]
    pieces: int
    added: dict[str, int]

    @classmethod
    def read(cls, folder: Path, config: dict, vocab_size: int) -> "TokenizerFiles":
        """Reads `folder`; ids come from generation_config.json, then config.json, then its text_config; stop tokens
        from all that name some.

        Raises CheckpointError when tokenizer.json is missing, not valid, not loaded by the tokenizers library as it
        stands there or makes text grow, or an id is outside `vocab_size`.
        """
        path = folder / "tokenizer.json"
        raw = read_file(path, MAX_TOKENIZER)
        values = _parsed(raw, path)
        last = _last_id(path, values)
        if not 0 <= last < vocab_size:
            raise _error("Tokenizer does not fit the model", f"ids below vocab_size {vocab_size}", f"id {last}", path)
        exported, limit = _exported(raw, values), tokenizer_limit(vocab_size)
        if len(exported) > limit:
            expected = f"at most {limit} bytes for {vocab_size} tokens, as a bundle may hold"
            raise _error("Tokenizer is too large", expected, f"{len(exported)} bytes", path)
        _prove(path, values, exported, vocab_size)
        generation = folder / "generation_config.json"
        sources = [read_json(generation) if is_there(generation) else {}, config, config.get("text_config")]
        sources = [source for source in sources if isinstance(source, dict)]
        bos = _ids(sources, "bos_token_id", 2, vocab_size, folder)[0]
        pad = _ids(sources, "pad_token_id", 0, vocab_size, folder)[0]
        stop = stop_tokens(sources[0], sources[1:], vocab_size, folder)
        pieces = 1 + max(values["model"]["vocab"].values(), default=-1)
        added = {token["content"]: token["id"] for token in values.get("added_tokens") or []}
        return cls(path, hashlib.sha256(raw).hexdigest(), bos, pad, stop, pieces, added)

    def content(self) -> bytes:
        """tokenizer.json as the bundle holds it: without truncation and padding, which a training run leaves there and
        which would cut or fill every prompt. Raises CheckpointError when the file is not the one that was checked."""
        raw = read_file(self.path, MAX_TOKENIZER)
        if hashlib.sha256(raw).hexdigest() != self.sha256:
            raise _error("tokenizer.json changed meanwhile", "the file that was checked", "another one", self.path)
        return _exported(raw, _parsed(raw, self.path))

    def pieces_of(self, ids: Collection[int]) -> dict[int, str]:
        """The pieces of the vocabulary among `ids`, by id. Raises CheckpointError."""
        vocab = _parsed(read_file(self.path, MAX_TOKENIZER), self.path)["model"]["vocab"]
        return {id: printable(piece)[:100] for piece, id in vocab.items() if id in ids}

    def differs_in(self, folder: Path) -> str | None:
        """What a tokenizer.json in `folder` has otherwise: ids of pieces, or of added tokens; None where there is none,
        or where these are the same. Raises CheckpointError."""
        path = folder / "tokenizer.json"
        if not is_there(path):
            return None
        raw = read_file(path, MAX_TOKENIZER)
        if hashlib.sha256(raw).hexdigest() == self.sha256:
            return None
        theirs = _parsed(raw, path)
        _last_id(path, theirs)
        ours = _parsed(read_file(self.path, MAX_TOKENIZER), self.path)
        added = {token["content"]: token["id"] for token in theirs.get("added_tokens") or []}
        more = [printable(text)[:100] for text, id in added.items() if self.added.get(text) != id]
        if more:
            return f"{len(more)} added tokens, {', '.join(map(repr, more[:3]))} among them"
        return None if theirs["model"]["vocab"] == ours["model"]["vocab"] else "another vocabulary"

    def added_from(self, first: int) -> list[str]:
        """The added tokens with ids of `first` and above. Raises CheckpointError."""
        values = _parsed(read_file(self.path, MAX_TOKENIZER), self.path)
        return [printable(token["content"])[:100] for token in values.get("added_tokens") or [] if token["id"] >= first]


def _parsed(raw: bytes, path: Path) -> dict:
    try:
        return parse_json(raw, MAX_TOKENIZER_VALUES)
    except ValueError as error:
        raise _error("tokenizer.json can't be read", "a JSON object", str(error), path) from error


def _exported(raw: bytes, values: dict) -> bytes:
    if values.get("truncation") is None and values.get("padding") is None:
        return raw
    return json.dumps(values | {"truncation": None, "padding": None}, ensure_ascii=False, indent=2).encode()


def _last_id(path: Path, tokenizer: dict) -> int:
    """The largest id of the file; -1 without any piece."""
    try:
        vocab = tokenizer["model"]["vocab"]
        added = [token["id"] for token in tokenizer.get("added_tokens") or [] if token["content"] is not None]
        ids = [*vocab.values(), *added]
        if not all(type(index) is int for index in ids):
            raise TypeError("an id is not an integer")
        if len(set(vocab.values())) < len(vocab):
            raise ValueError("two pieces with one id")
        return max(ids, default=-1)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
        expected = "a BPE model with a vocab of piece to id, each id once"
        raise _error("tokenizer.json is not valid", expected, found, path) from error


def _prove(path: Path, values: dict, content: bytes, vocab_size: int) -> None:
    """Loads `content` as every runtime will: its ids must be the file's, and text must not grow."""
    answer = _ask(content, path)
    if "error" in answer:
        raise _error("tokenizer.json is refused", "a file that the tokenizers library loads", answer["error"], path)
    for token in values.get("added_tokens") or []:
        text, index = token["content"], token["id"]
        if answer["added"].get(text) != index:
            expected = f"an id of its own for the added token {printable(text)[:100]!r}"
            found = f"id {index} there, which is another piece's: it becomes {answer['added'].get(text)}"
            raise _error("Added token has the id of another piece", expected, found, path)
    if answer["last"] >= vocab_size:
        expected = f"ids below vocab_size {vocab_size}"
        raise _error("Tokenizer does not fit the model", expected, f"id {answer['last']} once it is loaded", path)
    size = len(tokenizer_probe.PROBE.encode())
    if answer["length"] > MAX_GROWTH * size:
        expected = f"at most {MAX_GROWTH} tokens for a byte of text"
        raise _error("Tokenizer makes text grow", expected, f"{answer['length']:,} tokens of {size} bytes", path)


def _ask(content: bytes, path: Path) -> dict:
    key = hashlib.sha256(content).hexdigest()
    if key not in _ANSWERS:
        _ANSWERS[key] = _run(content, path)
    return _ANSWERS[key]


def _run(content: bytes, path: Path) -> dict:
    program = [sys.executable, "-I", tokenizer_probe.__file__]
    expected = f"a tokenizer that loads and encodes a line within {TIME_LIMIT:g} seconds and 4 GiB"
    try:
        done = subprocess.run(
            program, input=content, capture_output=True, timeout=TIME_LIMIT, env={"RAYON_NUM_THREADS": "1"}, check=False
        )
    except subprocess.TimeoutExpired:
        raise _error("Tokenizer does not end", expected, "a tokenizer still at work", path) from None
    if done.returncode != 0:
        found = f"a process that ended with {done.returncode}: {done.stderr[-200:].decode(errors='replace').strip()}"
        raise _error("Tokenizer can't be loaded", expected, found, path)
    return json.loads(done.stdout)


def stop_tokens(generation: dict, configs: list[dict], vocab_size: int, folder: Path) -> tuple[int, ...]:
    """What ends a reply: all that generation_config.json says, then all that config.json or else its text_config does.

    A merged folder often has but one of the two, and a token too few is a reply without an end. Raises CheckpointError.
    """
    said = [generation, next((config for config in configs if config.get("eos_token_id") is not None), {})]
    found = [_ids([one], "eos_token_id", 1, vocab_size, folder) for one in said if one.get("eos_token_id") is not None]
    return tuple(dict.fromkeys(token for ids in found or [(1,)] for token in ids))


def _ids(sources: list[dict], key: str, default: int, vocab_size: int, folder: Path) -> tuple[int, ...]:
    value = next((source[key] for source in sources if source.get(key) is not None), default)
    ids = value if isinstance(value, list) else [value]
    if not ids or not all(type(one) is int and 0 <= one < vocab_size for one in ids):
        raise _error(f"{key} is not valid", f"ids below vocab_size {vocab_size}", f"{key} = {value!r}"[:300], folder)
    return tuple(dict.fromkeys(ids))


def _error(title: str, expected: str, found: str, where: Path) -> CheckpointError:
    action = "Copy the tokenizer's files of the same model into the folder (tokenizer.json, generation_config.json)."
    return CheckpointError(title, expected=expected, found=found[:500], where=printable(where), action=action)
