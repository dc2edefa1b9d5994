"""A bundle's tokenizer.json through the tokenizers library, of the kind and within the bounds that BUNDLE.md sets."""

import json
import re
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from tokenizers import AddedToken, Tokenizer

from runtime_spec.chat.tokens import ControlToken
from runtime_spec.errors import BundleError, PromptTooLongError, UsageError

GROWTH, BYTES_A_SLOT = 16, 128
ACTION = "Export the bundle again with a tokenizer.json of Gemma's kind."
BYTE = re.compile(r"<0x(\+[0-9A-Fa-f]|[0-9A-Fa-f]{2})>")
T = TypeVar("T")


class BundleTokenizer:
    """Text to ids and back, in time and memory that the context bounds."""

    def __init__(self, content: bytes, vocab_size: int, context_length: int, where: str):
        """BundleError when `content` is no tokenizer.json, or one of another kind."""
        self._where, self._vocab_size = where, vocab_size
        self._most_bytes = BYTES_A_SLOT * context_length
        self._tokenizer = self._guarded(lambda: Tokenizer.from_str(content.decode("utf-8")), "a tokenizer.json")
        self._check_kind()

    def control_tokens(self, texts: Collection[str], ids: Collection[int]) -> dict[str, ControlToken]:
        """The control tokens of CHAT.md by their text: added tokens that are special, occur in `texts` or are `ids`."""
        found = {}
        for id, token in self._tokenizer.get_added_tokens_decoder().items():
            if token.special or id in ids or any(token.content in text for text in texts):
                found[token.content] = ControlToken(id, token.lstrip, token.rstrip)
                if not token.special:
                    # The library passes over those alone that it takes for special ones.
                    self._tokenizer.add_special_tokens([_special(token)])
        return found

    def encode_text(self, text: str) -> list[int]:
        """The ids of `text`, in which no control token is recognised. Raises as `encode` does."""
        self._tokenizer.encode_special_tokens = True
        try:
            return self.encode(text)
        finally:
            self._tokenizer.encode_special_tokens = False

    def encode(self, text: str) -> list[int]:
        """The ids of `text`, without special tokens but those that are spelled out.

        Raises UsageError for text that is no Unicode, PromptTooLongError for more bytes than the context can hold, and
        BundleError when the tokenizer gives an id outside the vocabulary."""
        try:
            size = len(text.encode("utf-8"))
        except UnicodeEncodeError as error:
            raise UsageError(
                "The prompt is not Unicode text",
                expected="text in UTF-8",
                found=f"{text[error.start]!r} at character {error.start}",
                where="the prompt",
                action="Give the prompt in UTF-8.",
            ) from None
        self.check_size(size)
        ids = self._guarded(lambda: self._tokenizer.encode(text, add_special_tokens=False).ids, "ids for a text")
        if max(ids, default=0) >= self._vocab_size:
            raise self._error(f"ids below vocab_size {self._vocab_size}", f"id {max(ids)}")
        return ids

    def check_size(self, size: int) -> None:
        """PromptTooLongError for more bytes of text than the context can hold."""
        if size > self._most_bytes:
            raise PromptTooLongError(
                "The prompt is too long for the context",
                expected=f"at most {self._most_bytes} bytes, {BYTES_A_SLOT} for every slot of the context",
                found=f"{size} bytes",
                where="the prompt and the texts of the chat template",
                action="Shorten the prompt, or export with a larger --context.",
            )

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`, special ones too; ids that no token has are left out."""
        return self._guarded(lambda: self._tokenizer.decode(tokens, skip_special_tokens=False), "a text for ids")

    def byte_of(self, token: int) -> int | None:
        """The byte that `token` stands for; None where it is text. Rust reads a plus and a digit as a number, too."""
        found = BYTE.fullmatch(self._tokenizer.id_to_token(token) or "")
        return None if found is None else int(found[1], 16)

    def _check_kind(self) -> None:
        tokenizer, model = self._tokenizer, self._tokenizer.model
        if type(model).__name__ != "BPE":
            raise self._error("a model of type BPE", type(model).__name__)
        for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
            if getattr(model, name):
                raise self._error(f"no model.{name}", repr(getattr(model, name)))
        for name in ("truncation", "padding"):
            if getattr(tokenizer, name) is not None:
                raise self._error(f"no {name}", repr(getattr(tokenizer, name)))
        split = self._state(tokenizer.pre_tokenizer)
        if split is not None:
            kept = split["type"] == "Split" and split["behavior"] == "MergedWithPrevious" and not split["invert"]
            if not kept or not split["pattern"].get("String"):
                raise self._error("a pre_tokenizer that splits behind a string, or none", split)
        for kind, state in (("normalizer", tokenizer.normalizer), ("decoder", tokenizer.decoder)):
            growth = self._growth(kind, self._state(state))
            if growth > GROWTH:
                raise self._error(f"a {kind} that lets text grow at most {GROWTH}-fold", f"{growth:.3g}-fold")

    def _state(self, component: object) -> dict | None:
        return None if component is None else self._guarded(lambda: json.loads(component.__getstate__()), "a component")

    def _growth(self, kind: str, step: dict | None) -> float:
        """By how much text may grow in `step`, in bytes."""
        if step is None:
            return 1.0
        if step["type"] == "Sequence":
            growth = 1.0
            for part in step[f"{kind}s"]:
                growth = min(growth * self._growth(kind, part), 1e300)
            return growth
        if step["type"] == "Replace" and step["pattern"].get("String"):
            return max(1.0, len(step["content"].encode()) / len(step["pattern"]["String"].encode()))
        if step["type"] == "Prepend" and kind == "normalizer":
            return 1.0 + len(step["prepend"].encode())
        if step["type"] in ("ByteFallback", "Fuse", "Strip") and kind == "decoder":
            return 1.0
        allowed = "Prepend" if kind == "normalizer" else "ByteFallback, Fuse, Strip"
        raise self._error(f"a {kind} of Replace (of a string), {allowed}, or a Sequence of them", step)

    def _guarded(self, call: Callable[[], T], expected: str) -> T:
        """The library raises bare exceptions, and where it panics one that is no Exception."""
        try:
            return call()
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:
            raise self._error(expected, f"{type(error).__name__}: {error}") from None

    def _error(self, expected: str, found: object) -> BundleError:
        text = ascii(found) if not isinstance(found, str) else found.encode("ascii", "backslashreplace").decode()
        title = "Bundle's tokenizer can't be used"
        return BundleError(title, expected=expected, found=text[:200], where=self._where, action=ACTION)


def _special(token: AddedToken) -> AddedToken:
    flags = {name: getattr(token, name) for name in ("single_word", "lstrip", "rstrip", "normalized")}
    return AddedToken(token.content, special=True, **flags)
