"""A bundle opened for use: ports over its models, its tokenizer and chat pieces."""

import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from runtime_spec.bundle.manifest import ChatPieces
from runtime_spec.bundle.reader import Bundle, unpack_tokenizer
from runtime_spec.cache import cache_folder
from runtime_spec.errors import UsageError
from runtime_spec.litert import assembly
from runtime_spec.litert.compiled import CompiledModel
from runtime_spec.litert.library import Library
from runtime_spec.litert.quiet import held_log
from runtime_spec.reference.follow_up import without_pending
from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig

MODELS = ("main", "embedder", "per_layer_embedder", "drafter")


class Models:
    """The compiled models of a bundle and the ports over them. `sections` are the mapped bytes by name, which must stay
    mapped; `weight_cache` is the folder of packed weights, which belongs to exactly these bytes; None leaves it off."""

    def __init__(self, sections: dict[str, memoryview], threads: int, weight_cache: Path | None):
        self._library = Library()
        self._compiled: dict[str, CompiledModel] = {}
        self._views = {name: np.frombuffer(view, np.uint8) for name, view in sections.items()}
        with held_log():
            self._environment = self._library.create("LiteRtCreateEnvironment", 0, None)
            self._open(threads, weight_cache)

    def _open(self, threads: int, weight_cache: Path | None) -> None:
        try:
            for name, view in self._views.items():
                packed = weight_cache and weight_cache / f"{name}.xnnpack"
                self._compiled[name] = CompiledModel(
                    self._library, self._environment, view.ctypes.data, view.size, threads, packed
                )
            caches = assembly.cache_buffers(self._compiled["main"])
            rows = assembly.embeddings(self._compiled["embedder"], self._compiled.get("per_layer_embedder"))
            self.target = assembly.target(self._compiled["main"], caches, rows)
            self.drafter = None
            if "drafter" in self._compiled:
                self.drafter = assembly.drafter(self._compiled["drafter"], caches, rows)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        with held_log():
            for model in reversed(self._compiled.values()):
                model.close()
            self._compiled, self._views = {}, {}
            if self._environment:
                self._library.destroy("Environment", self._environment)
                self._environment = None


def _weight_cache(key: str) -> Path:
    """The folder of a bundle's packed weights; `key` names the bundle's content."""
    folder = cache_folder() / "weights" / f"{key}-{version('ai-edge-litert')}-{platform.machine()}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Runtime:
    """An opened bundle. Close it, or use it in a `with`."""

    def __init__(self, path: Path | str, threads: int = 1):
        self.bundle = Bundle.open(path)
        self.manifest = self.bundle.manifest
        sections = {name: self.bundle.section(name).data for name in MODELS if self.bundle.has(name)}
        # The cache file of an embedder would be empty: it has no matrix that XNNPACK packs.
        self.models = Models(sections, threads, _weight_cache(self.manifest.manifest_sha256[:32]))
        self.target, self.drafter = self.models.target, self.models.drafter
        self.tokenizer = Tokenizer.from_str(self.bundle.tokenizer_json().decode())

    def encode(self, prompt: str, chat: bool = False) -> list[int]:
        """The beginning-of-sequence token and the text; with `chat` one user turn of the chat template.

        Raises UsageError for a chat where the bundle has no template."""
        bos = self.manifest.tokens.bos
        if not chat:
            return [bos, *self.tokenizer.encode(prompt, add_special_tokens=False).ids]
        return self.tokenizer.encode(self._chat().prompt([("user", prompt)]), add_special_tokens=False).ids

    def encode_follow_up(self, content: str, last_token: int) -> list[int]:
        """`content` as a further user turn of the chat template, behind `last_token`, the last of the conversation so
        far (a session's `state.bonus_token`). Where that is the token that closes a turn it is not said twice.

        Raises UsageError where the bundle has no chat template."""
        tokens = self.tokenizer.encode(self._chat().follow_up(content), add_special_tokens=False).ids
        return without_pending(tokens, last_token, self.manifest.tokens.stop)

    def _chat(self) -> ChatPieces:
        if self.manifest.chat is None:
            raise UsageError(
                "There is no chat in this bundle",
                expected="a bundle with a chat template",
                found="none",
                where=str(self.bundle.path),
                action="Give a plain prompt, or export a checkpoint that has a chat template.",
            )
        return self.manifest.chat

    def decode(self, tokens: list[int]) -> str:
        return self.tokenizer.decode(tokens, skip_special_tokens=False)

    def session(self, draft_tokens: int | None = None, stop: frozenset[int] | None = None) -> Session:
        """A new conversation; draft_tokens 0 decodes plainly, None takes the bundle's."""
        count = self.manifest.draft_tokens if draft_tokens is None else draft_tokens
        stops = frozenset(self.manifest.tokens.stop) if stop is None else stop
        return Session(self.target, self.drafter if count else None, DecodeConfig(count, stops))

    def close(self) -> None:
        self.models.close()
        self.bundle.close()

    def __enter__(self) -> "Runtime":
        return self

    def __exit__(self, *_) -> None:
        self.close()


__all__ = ["Models", "Runtime", "cache_folder", "unpack_tokenizer"]
