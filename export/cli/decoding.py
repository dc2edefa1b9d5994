"""The options of every verb that decodes: how tokens are chosen, and where drafts come from."""

import argparse
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from export.errors import UsageError

if TYPE_CHECKING:
    from runtime_spec.drafting.proposer import Policy
    from runtime_spec.litert.runtime import Runtime
    from runtime_spec.sampling.parameters import Sampling


def add_arguments(parser: argparse.ArgumentParser, max_new_tokens: int | None) -> None:
    parser.add_argument("--max-new-tokens", type=int, default=max_new_tokens, help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of LiteRT (default: 1)")
    add_drafting_arguments(parser)
    add_sampling_arguments(parser)


def add_drafting_arguments(parser: argparse.ArgumentParser) -> None:
    drafting = parser.add_argument_group("drafting", "none of it changes what is said, or how often what is said")
    drafting.add_argument(
        "--draft-tokens",
        metavar="N|off|auto",
        default="auto",
        help="drafts a round (default: auto, what measures best)",
    )
    drafting.add_argument(
        "--n-grams", choices=("on", "off"), help="drafts looked up in the text so far (default: on with auto)"
    )


def add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    sampling = parser.add_argument_group("sampling", "what is not named is as the checkpoint's makers sample")
    sampling.add_argument("--temperature", type=float, metavar="T", help="0 is greedy decoding")
    sampling.add_argument("--top-k", metavar="K|off", help="the K largest logits stay")
    sampling.add_argument("--top-p", type=float, metavar="P", help="the largest stay that together reach this share")
    sampling.add_argument("--min-p", type=float, metavar="P", help="those of at least this part of the largest's stay")
    sampling.add_argument(
        "--repetition-penalty", type=float, metavar="X", help="divides logits of what was said; 1: off"
    )
    sampling.add_argument("--repetition-window", type=int, metavar="N", help="of so many tokens back (default: all)")
    sampling.add_argument("--seed", type=int, help="the same text each time, drafted or not")
    sampling.add_argument(
        "--drafts", choices=("drawn", "greedy"), help="how the drafter chooses (default: drawn, greedy with a seed)"
    )


def policy_of(options: argparse.Namespace, runtime: "Runtime") -> "Policy":
    """Who says how much to draft. Raises UsageError."""
    text = options.draft_tokens
    if text == "auto":
        return runtime.auto_policy(n_grams=options.n_grams != "off")
    return runtime.fixed_policy(draft_count(text, runtime), n_grams=options.n_grams == "on")


def draft_count(text: str, runtime: "Runtime") -> int:
    """0 for plain decoding. Raises UsageError for what no exported width allows."""
    if text == "off":
        return 0
    most = runtime.most_drafts
    choices = (
        f"auto, off or a number from 0 to {most}"
        if most
        else "auto or off: the bundle has no pass that verifies drafts"
    )
    # isdigit alone is true of digits that int does not take, as a superscript two is.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):
        raise usage("--draft-tokens", choices, ascii(text[:40]), "Choose a number that the bundle has graphs for.")
    return int(text)


def sampling_of(options: argparse.Namespace, runtime: "Runtime") -> "Sampling":
    """The bundle's own way, changed by what was named; a seed is drawn where none was. Raises UsageError."""
    from runtime_spec.sampling.parameters import GREEDY, MOST_COUNT, Sampling

    names = ("temperature", "top_p", "min_p", "repetition_penalty", "repetition_window")
    named = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.top_k is not None:
        named["top_k"] = _top_k(options.top_k)
    own = runtime.sampling
    if own.temperature == 0 and "temperature" not in named and (named or options.seed is not None or options.drafts):
        # Nobody names a filter or a seed to have greedy decoding.
        own = replace(own, temperature=1.0)
    if "repetition_penalty" in named and "repetition_window" not in named:
        # No context is longer.
        named["repetition_window"] = MOST_COUNT
    drafts = options.drafts or ("drawn" if options.seed is None else "greedy")
    seed = secrets.randbits(63) if options.seed is None else options.seed
    found: Sampling = replace(own, **named, seed=seed, drafts=drafts)
    return GREEDY if found.is_greedy else found


def _top_k(text: str) -> int:
    if text == "off":
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise usage("--top-k", "a whole number above 0, or off", ascii(text[:40]), "Say off to keep all logits.")
    return int(text)


def usage(where: str, expected: str, found: str, action: str) -> UsageError:
    return UsageError(f"{where} does not fit", expected=expected, found=found, where=where, action=action)
