"""Scripted pairs to sample from in small, the exact distribution of their texts, and the faults to be seen in them."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from math import exp

from numpy import float32

from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.sampling.parameters import Sampling
from runtime_spec.sampling.random import splitmix
from runtime_spec.vectors import scripted
from runtime_spec.vectors.mutants import MUTANTS, planted
from runtime_spec.vectors.scripted import DrafterScript, Script, hash_row

PROMPT = (1, 0)
FAULTS = [mutant for mutant in MUTANTS if mutant.name in (
    "drafter_left_out_of_acceptance", "target_drawn_in_place_of_residual", "residual_not_renormalised",
    "acceptance_unfiltered", "accept_number_drafts", "accept_number_chooses", "accept_number_of_all_rounds",
    "ratio_not_capped", "ratio_of_one_less", "ratio_left_out_of_acceptance", "ratio_left_out_of_residual",
    "first_failure_ends",
)]  # fmt: skip


def fault(name: str) -> AbstractContextManager[None]:
    return planted(next(mutant for mutant in MUTANTS if mutant.name == name))


class LookedUp:
    """A proposer without a model: the text's own tokens in turn. What it says has no q."""

    source = "ngram"

    def __init__(self, vocab: int):
        self.vocab = vocab

    def draft(self, cached: Sequence[int], bonus_token: int, hidden: object, position: int, count: int) -> list[int]:
        return [(bonus_token + cached[-1] + i) % self.vocab for i in range(count)]


class Hesitant:
    """The scripted drafter, which ends a round of drafts behind one that it was not sure of."""

    source = "drafter"

    def __init__(self, drafter: scripted.ScriptedDrafter):
        self.drafter, self.sampler = drafter, drafter.target.sampler
        self.sampler.draft_token, self.confidences = self._draft_token, []
        self.draw = type(self.sampler).draft_token

    def _draft_token(self, row):
        token, confidence = self.draw(self.sampler, row, True)
        self.confidences.append(confidence)
        return token, None

    def draft(self, cached: Sequence[int], bonus_token: int, hidden: object, position: int, count: int) -> list[int]:
        self.confidences.clear()
        tokens = self.drafter.draft(cached, bonus_token, hidden, position, count)
        unsure = next((i for i, one in enumerate(self.confidences) if one < 0.5), count)
        return tokens[: unsure + 1]


class Remembering:
    """The scripted drafter under a policy that learns from rounds: behind one that ended in token 0 it drafts one
    token, else as many as it may. What is learned from drafts that were never judged must not lead the next ones."""

    source = "drafter"

    def __init__(self, drafter: scripted.ScriptedDrafter):
        self.drafter, self.last = drafter, None

    def draft(self, cached: Sequence[int], bonus_token: int, hidden: object, position: int, count: int) -> list[int]:
        tokens = self.drafter.draft(cached, bonus_token, hidden, position, 1 if self.last == 0 else count)
        self.last = tokens[-1]
        return tokens


@dataclass(frozen=True)
class Case:
    """A pair, what is chosen, and how many tokens of text are looked at. `source`: the script's drafter, "ngram",
    "hesitant", "remembering" or None."""

    sampling: Sampling
    vocab: int = 3
    tokens: int = 4
    drafts: int = 3
    hit_percent: int = 40
    fewer_percent: int = 0
    stops: tuple[int, ...] = ()
    seed: int = 11
    source: str | None = "drafter"
    cancel_at: int | None = None

    @property
    def script(self) -> Script:
        return Script(self.seed, self.vocab, 0, DrafterScript(77, self.hit_percent, self.fewer_percent))

    def session(self) -> Session:
        target, drafter = scripted.scripted_pair(self.script, 16, (1, 3, 5), self.sampling)
        of = {
            "drafter": lambda: drafter,
            "ngram": lambda: LookedUp(self.vocab),
            "hesitant": lambda: Hesitant(drafter),
            "remembering": lambda: Remembering(drafter),
        }
        proposer = of[self.source]() if self.source else None
        return Session(target, proposer, DecodeConfig(self.drafts, frozenset(self.stops)), target.sampler)

    def texts(self) -> dict[tuple[int, ...], float]:
        """Every text of so many tokens, or up to a stop token, and its probability; nothing of ours is used."""
        found: dict[tuple[int, ...], float] = {}
        for text, probability in self._texts((), 1.0):
            found[text] = found.get(text, 0.0) + probability
        return found

    def _texts(self, text: tuple[int, ...], probability: float) -> Iterator[tuple[tuple[int, ...], float]]:
        if len(text) == self.tokens or (text and text[-1] in self.stops):
            yield text, probability
            return
        for token, p in shares(self.script, [*PROMPT, *text], self.sampling).items():
            yield from self._texts((*text, token), probability * p)


def shares(script: Script, text: list[int], sampling: Sampling) -> dict[int, float]:
    """The share of each token that may follow `text`, as one would write it without a specification."""
    state = splitmix(script.seed)
    for token in text:
        state = splitmix(state ^ token)
    logits = dict(enumerate(hash_row(state, script.vocab)))
    window = text[max(0, len(text) - sampling.repetition_window) :]
    for token in set(window):
        by = sampling.repetition_penalty
        logits[token] = float(float32(logits[token] / by if logits[token] > 0 else logits[token] * by))
    order = sorted(logits, key=lambda token: (-logits[token], token))[: sampling.top_k or None]
    if sampling.temperature == 0:
        return {order[0]: 1.0}
    weights = {token: exp((logits[token] - logits[order[0]]) / sampling.temperature) for token in order}
    total, reached, kept = sum(weights.values()), 0.0, {}
    for token in order:
        if reached < sampling.top_p * total:
            kept[token] = weights[token]
        reached += weights[token]
    kept = {token: weight for token, weight in kept.items() if weight >= sampling.min_p}
    return {token: weight / sum(kept.values()) for token, weight in kept.items()}


WIDE = Sampling(temperature=4.0)
FILTERED = Sampling(temperature=6.0, top_k=4, top_p=0.8, min_p=0.02)
PENALISED = Sampling(temperature=3.0, repetition_penalty=1.6, repetition_window=2)
ALL = Sampling(2.0, 3, 0.95, 0.01, 1.5, 3)


def drafting(**changes) -> dict[str, Case]:
    """Drawn drafts, greedy ones and looked up ones under the four choices above."""
    found = {}
    for name, sampling, vocab, tokens in (
        ("wide", WIDE, 3, 5), ("filtered", FILTERED, 6, 4), ("penalised", PENALISED, 3, 5), ("all", ALL, 5, 4),
    ):  # fmt: skip
        for drafts, source in (("drawn", "drafter"), ("greedy", "drafter"), ("drawn", "ngram")):
            title = f"{name}, {'looked up' if source == 'ngram' else drafts}"
            found[title] = Case(replace(sampling, drafts=drafts), vocab, tokens, source=source, **changes)
    return found
