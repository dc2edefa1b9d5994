"""Quantised models against float, on text the recipe has never seen: top-1 agreement and KL of the target, and what is
left of the pair's acceptance."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from export.checkpoint.checkpoint import Checkpoint
from export.choices.prompts import Prompts
from export.choices.recipe import Tolerances
from export.errors import CheckFailedError
from export.evidence.encoder import Encoder
from export.evidence.size import num_parameters
from export.plan import Plan
from runtime_spec.litert.runtime import Models
from runtime_spec.litert.target import LiteRtTarget
from runtime_spec.reference.ports import Drafter, Target
from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.reference.stats import DecodeStats, count_rounds

PAIR_PARAMETERS = 50_000_000
"""Up to this size the float pair decodes here too; above, acceptance is only counted for the stored pair."""
TEXT_TOKENS, TEXT_TOKENS_LARGE = 384, 64
DRAFTED_TOKENS = 48
NEAR_TIE = 0.05
"""Difference of probability up to which another choice is no worse: where float itself hardly prefers one."""


class Failure(NamedTuple):
    """A figure outside a recipe's tolerances, in words."""

    expected: str
    found: str


@dataclass(frozen=True)
class Acceptance:
    """One class of prompts: the stored pair's acceptance rate, the float pair's over its `drafted` drafts, and the
    standard error of their difference between texts."""

    rate: float
    float_rate: float
    drafted: int
    standard_error: float

    def is_lost(self, ratio: float) -> bool:
        """Whether `rate` fell below `ratio` of float's by more than two standard errors: those between texts, and at
        least those of that many drafts."""
        least = ratio * self.float_rate
        error = math.sqrt(least * (1 - least) / self.drafted) if self.drafted else 0.0
        return self.rate < least - 2 * max(error, self.standard_error)


@dataclass(frozen=True)
class FloatCheck:
    """Shares of `positions` with float's own choice and with one that float finds nearly as likely, mean
    KL(float || stored) in nats a position, and acceptance by class of prompt where it was counted."""

    top1_agreement: float
    near_ties: float
    mean_kl: float
    positions: int
    acceptance: Mapping[str, Acceptance] = field(default_factory=dict)

    def failures(self, tolerances: Tolerances) -> list[Failure]:
        """What is outside `tolerances`, most telling first; a figure that is no number is outside."""
        found = []
        if not self.top1_agreement + self.near_ties >= tolerances.min_top1_agreement:
            expected = f"top-1 agreement of at least {tolerances.min_top1_agreement} but for near ties"
            agreed = f"{self.top1_agreement} and {self.near_ties} near ties"
            found.append(Failure(expected, f"{agreed}, over {self.positions} positions"))
        if not self.mean_kl <= tolerances.max_mean_kl:
            expected = f"mean KL of at most {tolerances.max_mean_kl}"
            found.append(Failure(expected, f"KL {self.mean_kl}, over {self.positions} positions"))
        for name, row in self.acceptance.items():
            if row.is_lost(tolerances.min_acceptance_ratio):
                expected = f"at least {tolerances.min_acceptance_ratio} of the float pair's acceptance"
                rates = f"{row.rate:.4f} of {row.float_rate:.4f} over {row.drafted} drafts on {name} prompts"
                found.append(Failure(expected, f"{rates}, with a standard error of {row.standard_error:.4f}"))
        return found


def recipe_failed(recipe: str, target: str, failures: Sequence[Failure]) -> CheckFailedError:
    """The error for a recipe (by name) that changes `target` (by id) so much that there are `failures`."""
    return CheckFailedError(
        f"Recipe {recipe} changes the model too much",
        expected="; ".join(failure.expected for failure in failures),
        found="; ".join(failure.found for failure in failures),
        where=target,
        action="Choose a recipe with more bits, or seal it all the same: the same command with --accept-loss.",
    )


def checked_tokens(target: Checkpoint, capacity: int, prompts: Prompts, encoder: Encoder) -> list[int]:
    """The text that logits are compared over: every prompt, one after the other. Where those are few, the prompts that
    come with the export follow: of a handful of positions each would weigh more than a tolerance."""
    length = TEXT_TOKENS if num_parameters(target) <= PAIR_PARAMETERS else TEXT_TOKENS_LARGE
    own, texts = Prompts.load(), [*prompts.plain, *prompts.chats]
    tokens = encoder.prompt("\n".join(texts))
    if len(tokens) < length and prompts != own:
        tokens = encoder.prompt("\n".join([*texts, *own.plain, *own.chats]))
    return tokens[: min(length, capacity)]


def compare_with_float(
    plan: Plan, models: Models, prompts: Prompts, encoder: Encoder, tokens: Sequence[int], float_logits: np.ndarray
) -> FloatCheck:
    """Figures over `tokens` (int[T], of `checked_tokens`), whose float logits are float32[T, V], and acceptance by
    class of prompt where float fits in memory."""
    found = compare_logits(models.target, tokens, float_logits)
    if models.drafter and num_parameters(plan.target) <= PAIR_PARAMETERS:
        found = replace(found, acceptance=_acceptance_by_class(plan, models, prompts, encoder))
    return found


def compare_logits(target: LiteRtTarget, tokens: Sequence[int], exact: np.ndarray) -> FloatCheck:
    """Teacher-forced: what `target` says after each of `tokens`, in passes as wide as its graphs and its cache allow,
    against `exact`, float32[T, V]."""
    agreed, near, divergence = 0, 0, 0.0
    for begin, width in _passes(len(tokens), target.verify_widths, target.capacity):
        part = list(tokens[begin : begin + width])
        target.verify(part, begin, width)
        for ours, theirs in zip(target.logits(), exact[begin : begin + len(part)], strict=True):
            choice, own = int(ours.argmax()), int(theirs.argmax())
            agreed += choice == own
            ours, theirs = _log_softmax(ours), _log_softmax(theirs)
            probabilities = np.exp(theirs)
            near += choice != own and bool(probabilities[own] - probabilities[choice] <= NEAR_TIE)
            # Where float's probability is 0, so is the term, whatever is stored.
            counts = probabilities != 0
            divergence += float(np.sum(probabilities[counts] * (theirs[counts] - ours[counts])))
    count = len(tokens)
    shares = round(agreed / count, 4), round(near / count, 4)
    return FloatCheck(*shares, round(divergence / count, 6), count)


def _passes(count: int, widths: Sequence[int], capacity: int) -> Iterator[tuple[int, int]]:
    """(first slot, width) of passes over `count` tokens: the narrowest graph that takes what is left, else the widest,
    of those that end within the cache. One that ends past it would write over slots before its own."""
    begin = 0
    while begin < count:
        fitting = [width for width in widths if begin + width <= capacity]
        width = next((width for width in fitting if width >= count - begin), fitting[-1])
        yield begin, width
        begin += width


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - math.log(np.exp(shifted).sum())


def _acceptance_by_class(plan: Plan, models: Models, prompts: Prompts, encoder: Encoder) -> dict[str, Acceptance]:
    """Classes of prompts differ much, so each is counted alone."""
    from export.evidence.float_ports import FloatDrafter, FloatTarget, one_torch_thread

    classes = {"plain": [encoder.prompt(text) for text in prompts.plain]}
    if encoder.chat is not None:
        classes["chat"] = [encoder.context([text], []) for text in prompts.chats]
    exact, count = FloatTarget(plan), plan.device.draft_tokens
    float_drafter, found = FloatDrafter(plan, exact), {}
    for name, texts in classes.items():
        texts = [text for text in texts if len(text) + 2 < plan.capacity]
        if texts:
            ours = count_acceptance(models.target, models.drafter, texts, count)
            with one_torch_thread():
                floats = count_acceptance(exact, float_drafter, texts, count)
            found[name] = compare_acceptance(ours, floats)
    return found


def count_acceptance(target: Target, drafter: Drafter, texts: list[list[int]], draft_tokens: int) -> list[DecodeStats]:
    """What the loop counts over each of `texts` and its greedy continuation, without stop tokens."""
    counted = []
    for tokens in texts:
        session = Session(target, drafter, DecodeConfig(draft_tokens, frozenset()))
        room = target.capacity - len(tokens) - 1
        counted.append(count_rounds(session.turn(tokens, min(DRAFTED_TOKENS, room))))
    return counted


def compare_acceptance(ours: Sequence[DecodeStats], exact: Sequence[DecodeStats]) -> Acceptance:
    """Acceptance over all texts, float's, and the standard error of their difference. Where quantising changes one
    token the rest of a text is another one, so drafts are no independent trials and texts are what is counted."""
    rates = [sum(s.accepted for s in stats) / max(1, sum(s.drafted for s in stats)) for stats in (ours, exact)]
    differences = [a.acceptance_rate - b.acceptance_rate for a, b in zip(ours, exact, strict=True)]
    error = statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else 0.0
    drafted = sum(s.drafted for s in exact)
    return Acceptance(round(rates[0], 4), round(rates[1], 4), drafted, round(error, 4))
