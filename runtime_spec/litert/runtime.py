"""A bundle opened for use: ports over its models, its tokenizer and chat format."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from runtime_spec.bundle.contents import MODELS, Signatures, check_contents, expected_models
from runtime_spec.bundle.manifest import MAX_THREADS
from runtime_spec.bundle.reader import Bundle, unpack_tokenizer, verify_hashes
from runtime_spec.cache import cache_folder
from runtime_spec.chat.reply import Splitter
from runtime_spec.drafting.auto import Auto
from runtime_spec.drafting.fixed import Fixed
from runtime_spec.drafting.proposer import Policy, Proposer
from runtime_spec.drafting.unmatched import Unmatched
from runtime_spec.errors import UsageError
from runtime_spec.litert import assembly, known_drafting, packed_weights
from runtime_spec.litert.chat import Chat, control_tokens, splitter
from runtime_spec.litert.compiled import CompiledModel
from runtime_spec.litert.drafter import GoesOn, LiteRtDrafter
from runtime_spec.litert.library import Library
from runtime_spec.litert.pack import PACKED, file_name
from runtime_spec.litert.quiet import held_log
from runtime_spec.litert.rows import ArrayRows
from runtime_spec.litert.tokenizer import BundleTokenizer
from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.sampling.parameters import GREEDY, Sampling
from runtime_spec.sampling.sampler import Sampler


class Models:
    """The compiled models of a bundle and the ports over them. `sections` are the mapped bytes by name, which must stay
    mapped. `weight_cache` is the folder of packed weights, which belongs to exactly these bytes; None packs in memory.
    `signatures` are the manifest's, by model, which the graphs must have (BundleError); None takes what they have."""

    def __init__(
        self,
        sections: dict[str, memoryview],
        threads: int,
        weight_cache: Path | None,
        signatures: Mapping[str, Signatures] | None = None,
    ):
        check_threads(threads)
        self._library = Library()
        self._compiled: dict[str, CompiledModel] = {}
        self._views = {name: np.frombuffer(view, np.uint8) for name, view in sections.items()}
        with held_log():
            self._environment = self._library.create("LiteRtCreateEnvironment", 0, None)
            self._open(threads, weight_cache, signatures)

    def _open(self, threads: int, weight_cache: Path | None, signatures: Mapping[str, Signatures] | None) -> None:
        try:
            for name, view in self._views.items():
                packed = weight_cache / file_name(name) if weight_cache and name in PACKED else None
                place, expected = (view.ctypes.data, view.size), signatures and signatures[name]
                self._compiled[name] = CompiledModel(
                    self._library, self._environment, *place, threads, packed, expected, f"section {name}"
                )
            caches = assembly.cache_buffers(self._compiled["main"])
            main, embedder = self._compiled["main"], self._compiled["embedder"]
            rows = assembly.embeddings(main, embedder, self._compiled.get("per_layer_embedder"))
            self.target = assembly.target(main, caches, rows)
            self.drafter = None
            if "drafter" in self._compiled:
                self.drafter = assembly.drafter(self._compiled["drafter"], caches, rows)
        except BaseException:
            self.close()
            raise

    def session(self, policy: Policy, stops: frozenset[int], sampling: Sampling = GREEDY) -> Session:
        """A new conversation over the models, of which only one at a time is decoded."""
        sampler = Sampler(sampling, ArrayRows())

        def model(goes_on: GoesOn) -> LiteRtDrafter:
            # Confidence costs a look at the logits: a fixed number of drafts needs none.
            return self.drafter.asking(sampler, None if isinstance(policy, Fixed) else goes_on)

        proposer = Proposer(policy, model if self.drafter else None)
        most = self.target.verify_widths[-1] - 1
        return Session(self.target.asking(sampler), proposer, DecodeConfig(most, stops), sampler, proposer.observe)

    def close(self) -> None:
        with held_log():
            for model in reversed(self._compiled.values()):
                model.close()
            self._compiled, self._views = {}, {}
            if self._environment:
                self._library.destroy("Environment", self._environment)
                self._environment = None


def check_threads(threads: int) -> None:
    """UsageError unless LiteRT can be asked for so many: from a few ten thousand on it ends the process."""
    if not 1 <= threads <= MAX_THREADS:
        raise UsageError(
            "Number of threads does not fit",
            expected=f"1 to {MAX_THREADS} threads",
            found=str(threads)[:40],
            where="threads",
            action="Choose at most as many as the machine has cores.",
        )


class Runtime:
    """An opened bundle: proven, and of the contents that BUNDLE.md asks for. Close it, or use it in a `with`."""

    def __init__(self, path: Path | str, threads: int = 1, verifying: bool = False):
        """BundleError for damage and for contents that don't fit, UsageError for a number of threads that doesn't.

        `verifying` proves every byte anew and packs the weights anew, and leaves those kept between runs alone."""
        check_threads(threads)
        self.bundle = Bundle.open(path)
        try:
            self._open(threads, verifying)
        except BaseException:
            self.bundle.close()
            raise

    def _open(self, threads: int, verifying: bool) -> None:
        manifest = self.manifest = self.bundle.manifest
        if verifying:
            verify_hashes(self.bundle)
        check_contents(self.bundle)
        where = f"{self.bundle.path}, section tokenizer"
        size, slots = manifest.config.vocab_size, manifest.context_length
        self.tokenizer = BundleTokenizer(self.bundle.tokenizer_json(), size, slots, where)
        self._control = control_tokens(manifest.chat, manifest.tokens, self.tokenizer)
        self._chat = manifest.chat and Chat(manifest.chat, self._control, manifest.tokens, self.tokenizer)
        names = expected_models(manifest)
        weights = packed_weights.for_once if verifying else packed_weights.kept
        with weights(self.bundle, names, threads) as folder:
            sections = {name: self.bundle.section(name).data for name in names}
            self.models = Models(sections, threads, folder, manifest.signatures)
        self.target, self.drafter = self.models.target, self.models.drafter
        self._auto: Auto | None = None
        self._known: Path | None = None
        self._threads = threads

    def encode(self, prompt: str) -> list[int]:
        """The beginning-of-sequence token and the text. Raises as BundleTokenizer.encode does."""
        return [self.manifest.tokens.bos, *self.tokenizer.encode(prompt)]

    @property
    def chat(self) -> Chat:
        """Raises UsageError where the bundle has no chat template."""
        if self._chat is None:
            raise UsageError(
                "There is no chat in this bundle",
                expected="a bundle with a chat template",
                found="none",
                where=str(self.bundle.path),
                action="Give a plain prompt, or export a checkpoint that has a chat template.",
            )
        return self._chat

    def decode(self, tokens: list[int]) -> str:
        """The text of `tokens`, with every control token spelled out."""
        return self.tokenizer.decode(tokens)

    def splitter(self) -> Splitter:
        """For the tokens that follow a plain prompt: their text, without control tokens."""
        return splitter(self._control, self.tokenizer, None, "")

    def session(
        self,
        draft_tokens: int | None = None,
        stop: frozenset[int] | None = None,
        sampling: Sampling = GREEDY,
        policy: Policy | None = None,
    ) -> Session:
        """A new conversation. `policy` says what is drafted; without one it is always draft_tokens of the drafter's, 0
        for plain decoding, None for the bundle's own number. session.sampler.sampling may be set between turns."""
        stops = frozenset(self.manifest.tokens.stop) if stop is None else stop
        if policy is None:
            count = self.manifest.draft_tokens if draft_tokens is None else draft_tokens
            policy = self.fixed_policy(count)
        return self.models.session(policy, stops, sampling)

    @property
    def sampling(self) -> Sampling:
        """As the checkpoint's makers sample; greedy where they don't say."""
        own = self.manifest.sampling
        return GREEDY if own is None else Sampling(**asdict(own))

    @property
    def most_drafts(self) -> int:
        """Of a round: what the widest verify pass takes."""
        return self.target.verify_widths[-1] - 1

    def fixed_policy(self, count: int, n_grams: bool = False) -> Fixed:
        """Always `count` drafts, with `n_grams` of a match in the text where there is one. Without a drafter in the
        bundle nothing else can be drafted."""
        return Fixed(count, n_grams or self.drafter is None)

    def auto_policy(self, n_grams: bool = True) -> Policy:
        """What measures best on this machine (DECODE.md, *The automatic draft length*); the same one for all sessions,
        whose results are kept for the next time that this bundle is opened."""
        if self._auto is None:
            self._auto = Auto(self.target.verify_widths, self.drafter is not None)
            self._known = known_drafting.place(self.manifest.manifest_sha256, self._threads)
            known_drafting.recall(self._auto, self._known)
        return self._auto if n_grams else Unmatched(self._auto)

    def close(self) -> None:
        if self._auto is not None:
            known_drafting.keep(self._auto, self._known)
            self._auto = None
        self.models.close()
        self.bundle.close()

    def __enter__(self) -> "Runtime":
        return self

    def __exit__(self, *_) -> None:
        self.close()


__all__ = ["MODELS", "Models", "Runtime", "cache_folder", "unpack_tokenizer"]
