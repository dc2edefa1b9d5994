"""What a checkpoint folder says about its tokens: tokenizer.json, the special ids, and the chat template's text.

Reads JSON only: encoding is the tokenizers library's, rendering is chat_template.py's. Used by checkpoint.py.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from export.errors import CheckpointError


@dataclass(frozen=True)
class TokenizerFiles:
    """`path` is tokenizer.json; `bos_text` what the chat template knows as bos_token; `stop` ids end a reply."""

    path: Path
    bos: int
    bos_text: str
    pad: int
    stop: tuple[int, ...]
    chat_template: str | None

    @classmethod
    def read(cls, folder: Path, config: dict, vocab_size: int) -> "TokenizerFiles":
        """Reads `folder`; ids come from generation_config.json, then config.json, then its text_config.

        Raises CheckpointError when tokenizer.json is missing or not valid, or an id is outside `vocab_size`.
        """
        path = folder / "tokenizer.json"
        pieces = _pieces(path, _object(path, required=True))
        last = max(pieces, default=-1)
        if not 0 <= last < vocab_size:
            raise _error("Tokenizer does not fit the model", f"ids below vocab_size {vocab_size}", f"id {last}", path)
        generation = _object(folder / "generation_config.json")
        sources = [generation, config, config.get("text_config") or {}]
        bos = _ids(sources, "bos_token_id", 2, vocab_size, folder)[0]
        pad = _ids(sources, "pad_token_id", 0, vocab_size, folder)[0]
        stop = _ids(sources, "eos_token_id", 1, vocab_size, folder)
        return cls(path, bos, pieces.get(bos, ""), pad, stop, _chat_template(folder))

    def content(self) -> bytes:
        """tokenizer.json as the bundle holds it: without truncation and padding, which a training run leaves there and
        which would cut or fill every prompt."""
        raw = self.path.read_bytes()
        values = json.loads(raw)
        if values.get("truncation") is None and values.get("padding") is None:
            return raw
        return json.dumps(values | {"truncation": None, "padding": None}, ensure_ascii=False, indent=2).encode()


def _pieces(path: Path, tokenizer: dict) -> dict[int, str]:
    """Id → text of every piece."""
    try:
        vocab = tokenizer["model"]["vocab"]
        pieces = {index: piece for piece, index in vocab.items()}
        pieces |= {token["id"]: token["content"] for token in tokenizer.get("added_tokens") or []}
        if not all(type(index) is int for index in pieces):
            raise TypeError("an id is not an integer")
        return pieces
    except (KeyError, TypeError, AttributeError) as error:
        found = f"{type(error).__name__}: {error}"
        raise _error("tokenizer.json is not valid", "a BPE model with a vocab of piece to id", found, path) from error


def _chat_template(folder: Path) -> str | None:
    path = folder / "chat_template.jinja"
    if path.exists():
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise _error("Chat template can't be read", "text in UTF-8", str(error), path) from error
    path = folder / "tokenizer_config.json"
    template = _object(path).get("chat_template")
    if isinstance(template, list):  # several named ones
        named = [one.get("template") for one in template if isinstance(one, dict) and one.get("name") == "default"]
        template = named[0] if named else template
    if template is not None and not isinstance(template, str):
        raise _error("Chat template is not text", "a string", type(template).__name__, path)
    return template


def _ids(sources: list[dict], key: str, default: int, vocab_size: int, folder: Path) -> tuple[int, ...]:
    value = next((source[key] for source in sources if source.get(key) is not None), default)
    ids = value if isinstance(value, list) else [value]
    if not ids or not all(type(one) is int and 0 <= one < vocab_size for one in ids):
        raise _error(f"{key} is not valid", f"ids below vocab_size {vocab_size}", f"{key} = {value!r}"[:300], folder)
    return tuple(dict.fromkeys(ids))


def _object(path: Path, required: bool = False) -> dict:
    if not required and not path.exists():
        return {}
    try:
        values = json.loads(path.read_bytes())
        if not isinstance(values, dict):
            raise ValueError(f"a {type(values).__name__}")
        return values
    except (OSError, ValueError, RecursionError) as error:
        raise _error(f"{path.name} can't be read", "a JSON object", str(error), path) from error


def _error(title: str, expected: str, found: str, where: Path) -> CheckpointError:
    action = "Copy the tokenizer's files of the same model into the folder (tokenizer.json, generation_config.json)."
    return CheckpointError(title, expected=expected, found=found, where=str(where), action=action)
