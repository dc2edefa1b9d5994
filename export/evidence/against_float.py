"""Quantised models against float, on text the recipe has never seen: top-1 agreement and KL of the target, and what is
left of the pair's acceptance."""

import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np

from export.choices.prompts import prompts
from export.errors import CheckFailedError
from export.evidence.golden_traces import num_parameters
from export.plan import Plan
from runtime_spec.bundle.manifest import ChatPieces
from runtime_spec.litert.runtime import Models
from runtime_spec.reference.ports import Drafter, Target
from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.reference.stats import DecodeStats, count_rounds

PAIR_PARAMETERS = 50_000_000
"""Up to this size the float pair decodes here too; above, acceptance is only counted for the stored pair."""
TEXT_TOKENS, TEXT_TOKENS_LARGE = 384, 64
DRAFTED_TOKENS = 48
NEAR_TIE = 0.05
"""Difference of probability up to which another choice is no worse: an untrained model has hardly any other."""


def checked_tokens(plan: Plan, encode: Callable[[str], list[int]]) -> list[int]:
    """The text that logits are compared over: every prompt, one after the other."""
    plain, chats = prompts()
    length = TEXT_TOKENS if num_parameters(plan) <= PAIR_PARAMETERS else TEXT_TOKENS_LARGE
    return [plan.target.tokenizer.bos, *encode("\n".join(plain + chats))][: min(length, plan.capacity)]


def check(
    plan: Plan,
    models: Models,
    encode: Callable[[str], list[int]],
    chat: ChatPieces | None,
    tokens: Sequence[int],
    float_logits: np.ndarray,
) -> dict:
    """Figures over `tokens`, whose float logits are float32[T, V], and acceptance by class of prompt.

    Raises CheckFailedError with the numbers when they are outside the recipe's tolerances."""
    found = compare_logits(models, tokens, float_logits)
    if models.drafter and num_parameters(plan) <= PAIR_PARAMETERS:
        found["acceptance"] = _acceptance_by_class(plan, models, encode, chat)
    hold(plan, found)
    return found


def compare_logits(models: Models, tokens: Sequence[int], exact: np.ndarray) -> dict:
    """Share of positions with float's own choice, share with another that float gives nearly the same probability, and
    mean KL(float || stored) in nats; teacher-forced, each pass with the widest verify graph that ends within the cache
    (decode in the last slots)."""
    target, done, agreed, near, divergence = models.target, 0, 0, 0, 0.0
    while done < len(tokens):
        room = min(target.capacity - done, target.verify_widths[-1])
        fitting = max(width for width in target.verify_widths if width <= room)
        part = list(tokens[done : done + fitting])
        target.verify(part, done, min(width for width in target.verify_widths if width >= len(part)))
        ours_exact = zip(target.logits(), exact[done : done + len(part)], strict=True)
        done += len(part)
        for ours, theirs in ours_exact:
            choice, own = int(ours.argmax()), int(theirs.argmax())
            agreed += choice == own
            ours, theirs = _log_softmax(ours), _log_softmax(theirs)
            probabilities = np.exp(theirs)
            near += choice != own and bool(probabilities[own] - probabilities[choice] <= NEAR_TIE)
            divergence += float(np.sum(probabilities * (theirs - ours)))
    count = len(tokens)
    shares = {"top1_agreement": round(agreed / count, 4), "near_ties": round(near / count, 4)}
    return shares | {"mean_kl": round(divergence / count, 6), "positions": count}


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - math.log(np.exp(shifted).sum())


def _acceptance_by_class(
    plan: Plan, models: Models, encode: Callable[[str], list[int]], chat: ChatPieces | None
) -> dict:
    """Classes of prompts differ much, so each is counted alone."""
    from export.evidence.float_ports import FloatDrafter, FloatTarget

    plain, chats = prompts()
    classes = {"plain": [[plan.target.tokenizer.bos, *encode(text)] for text in plain]}
    if chat:
        classes["chat"] = [encode(chat.prompt([("user", text)])) for text in chats]
    exact, count = FloatTarget(plan), plan.device.draft_tokens
    float_drafter, found = FloatDrafter(plan, exact), {}
    for name, texts in classes.items():
        texts = [text for text in texts if len(text) + 2 < plan.capacity]
        ours = acceptance(models.target, models.drafter, texts, count)
        float_pair = acceptance(exact, float_drafter, texts, count)
        found[name] = compare_acceptance(ours, float_pair)
    return found


def acceptance(target: Target, drafter: Drafter, texts: list[list[int]], draft_tokens: int) -> list[DecodeStats]:
    """What the loop counts over each of `texts` and its greedy continuation, without stop tokens."""
    counted = []
    for tokens in texts:
        session = Session(target, drafter, DecodeConfig(draft_tokens, frozenset()))
        room = target.capacity - len(tokens) - 1
        counted.append(count_rounds(session.turn(tokens, min(DRAFTED_TOKENS, room))))
    return counted


def compare_acceptance(ours: Sequence[DecodeStats], exact: Sequence[DecodeStats]) -> dict:
    """Acceptance over all texts, float's, and the standard error of their difference. Where quantising changes one
    token the rest of a text is another one, so drafts are no independent trials and texts are what is counted."""
    rates = [sum(s.accepted for s in stats) / max(1, sum(s.drafted for s in stats)) for stats in (ours, exact)]
    differences = [a.acceptance_rate - b.acceptance_rate for a, b in zip(ours, exact, strict=True)]
    error = statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else 0.0
    return {
        "rate": round(rates[0], 4),
        "float_rate": round(rates[1], 4),
        "drafted": sum(s.drafted for s in exact),
        "standard_error": round(error, 4),
    }


def hold(plan: Plan, found: dict) -> None:
    """Raises CheckFailedError when a figure is outside the recipe's tolerances."""
    wanted = plan.recipe.tolerances
    kept = found["top1_agreement"] + found["near_ties"]
    if kept < wanted.min_top1_agreement or found["mean_kl"] > wanted.max_mean_kl:
        raise _failed(
            plan,
            f"top-1 agreement of at least {wanted.min_top1_agreement} but for near ties, "
            f"mean KL of at most {wanted.max_mean_kl}",
            f"{found['top1_agreement']} and {found['near_ties']} near ties, KL {found['mean_kl']}, "
            f"over {found['positions']} positions",
        )
    for name, row in found.get("acceptance", {}).items():
        if _acceptance_lost(row, wanted.min_acceptance_ratio):
            raise _failed(
                plan,
                f"at least {wanted.min_acceptance_ratio} of the float pair's acceptance",
                f"{row['rate']:.4f} of {row['float_rate']:.4f} over {row['drafted']} drafts on {name} prompts, "
                f"with a standard error of {row['standard_error']:.4f}",
            )


def _acceptance_lost(row: dict, ratio: float) -> bool:
    """Whether acceptance fell below its share by more than two standard errors: those between texts, and at least those
    of that many drafts."""
    least, drafts = ratio * row["float_rate"], row["drafted"]
    error = math.sqrt(least * (1 - least) / drafts) if drafts else 0.0
    return row["rate"] < least - 2 * max(error, row["standard_error"])


def _failed(plan: Plan, expected: str, found: str) -> CheckFailedError:
    return CheckFailedError(
        f"Recipe {plan.recipe.name} changes the model too much",
        expected=expected,
        found=found,
        where=plan.target.id,
        action="Choose a recipe with more bits.",
    )
