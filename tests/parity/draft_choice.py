"""python -m tests.parity.draft_choice BUNDLE: which way of drafting pays under sampling, measured on a bundle.

Behind every few tokens of texts that the target sampled itself, the drafter drafts four tokens, drawn from its own
distribution and again as its greedy choices; a verify pass each tells what the target makes of them. What is printed
is how many of the four are accepted on average, each expectation being exact for the drafts at hand:
- first: of the first draft alone, that it is accepted;
- block: drawn drafts, verified as a block, as the runtime does it: the ith is kept with probability P_i (DECODE.md,
  *What the target says*);
- greedy: a draft is accepted where the target draws it;
- token-wise: drawn drafts, verified one by one (Leviathan et al. 2023), for comparison.
Of drawn drafts, the last factor of each term is taken over all drafts at once.

A standard error is that of the mean over texts, which are independent; the tokens of one are not."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np

from export.choices.prompts import Prompts
from runtime_spec.litert.rows import ArrayRows
from runtime_spec.litert.runtime import Runtime
from runtime_spec.reference.plan import verify_width
from runtime_spec.reference.session import Session
from runtime_spec.sampling.block import ratios
from runtime_spec.sampling.filtered import Distribution
from runtime_spec.sampling.parameters import Sampling

TEST_PROMPTS = Path(__file__).parents[1] / "prompts.txt"
DRAFTS = 4
CHOICES = {"temperature 1": Sampling(1.0, 64, 0.95), "temperature 0.7": Sampling(0.7, 64, 0.95)}
SPANS = {"behind prompts": range(0, 48), "in longer texts": range(48, 240)}
"""Tokens of the sampled text at which drafting begins."""
COLUMNS = ("first drawn", "first greedy", "block", "greedy", "token-wise", "block - token-wise")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.parity.draft_choice", description=__doc__.split("\n")[0])
    parser.add_argument("bundle")
    parser.add_argument("--texts", type=int, default=4, help="texts sampled from each prompt")
    parser.add_argument("--every", type=int, default=4, help="tokens from one drafting to the next")
    options = parser.parse_args()
    print(f"{'':34}" + "".join(f"{name:>20}" for name in COLUMNS))
    with Runtime(options.bundle) as runtime:
        for choice, sampling in CHOICES.items():
            means = {name: list(text_means(runtime, sampling, span, options)) for name, span in SPANS.items()}
            for name, found in means.items():
                print(f"{choice + ', ' + name:34}" + "".join(map(cell, zip(*found, strict=True))), flush=True)


def cell(values: Sequence[float]) -> str:
    """Mean and standard error."""
    return f"{np.mean(values):12.3f} ± {np.std(values, ddof=1) / sqrt(len(values)):.3f}"


def text_means(runtime: Runtime, sampling: Sampling, span: range, options) -> Iterator[np.ndarray]:
    """COLUMNS of each text, averaged over its places in `span`; texts that end before it are left out."""
    for number, prompt in enumerate([*Prompts.load(TEST_PROMPTS).plain, *Prompts.load().plain]):
        begin = runtime.encode(prompt)[: runtime.target.capacity // 2]
        budget = min(span.stop, runtime.target.capacity - len(begin) - DRAFTS - 2)
        for sample in range(options.texts):
            chosen = replace(sampling, seed=1000 * number + sample)
            rounds = runtime.session(0, frozenset(), chosen).turn(begin, budget)
            text = [*begin, *(token for round in rounds for token in round.emitted_tokens)]
            places = range(len(begin) + span.start, len(text) - 1, options.every)
            session = runtime.session(DRAFTS, frozenset(), chosen)
            if places:
                yield np.mean([figures(session, text[: place + 1]) for place in places], axis=0)


def figures(session: Session, text: list[int]) -> np.ndarray:
    """COLUMNS where drafting begins behind the last token of `text`."""
    next(session.turn(text[:-1], 1, from_start=True))
    hidden = session.state.hidden.copy()
    x, p, q = drafted(session, "drawn", text, hidden)
    one_by_one = np.cumprod([1.0, *(min(1.0, p[i].of(x[i]) / q[i].of(x[i])) for i in range(DRAFTS - 1))])
    shares = [
        [shared(p[i], scale, q[i]) for i, scale in enumerate(scales)]
        for scales in ([1.0] * DRAFTS, ratios(p, x, q)[:DRAFTS])
    ]
    greedy, own, _ = drafted(session, "greedy", text, hidden)
    is_said = np.cumprod([own[i].of(greedy[i]) for i in range(DRAFTS)])
    token_wise, block = one_by_one @ shares[0], sum(shares[1])
    return np.array([shares[0][0], is_said[0], block, is_said.sum(), token_wise, block - token_wise])


def drafted(
    session: Session, drafts: str, text: list[int], hidden: np.ndarray
) -> tuple[list[int], list[Distribution], list[Distribution]]:
    """The drafts behind `text`, the target's distribution in the place of each and behind the last, and the drafter's
    of each that it drew."""
    sampler, target, position = session.sampler, session.target, len(text) - 1
    sampler.sampling = replace(sampler.sampling, drafts=drafts)
    tokens = session.drafter.draft(text[:-1], text[-1], hidden, position, DRAFTS)
    q = [one for _, one in sampler._drawn.values()]
    target.verify([text[-1], *tokens], position, verify_width(DRAFTS + 1, target.verify_widths))
    rows = ArrayRows()
    return tokens, [rows.filtered(row, sampler.sampling, position) for row in target.logits()], q


def shared(p: Distribution, scale: float, q: Distribution) -> float:
    """The probability that a draft from q is kept where `scale` is what is left to the drafts before it."""
    return sum(min(scale * weight, q.of(token)) for token, weight in zip(p.tokens, p.weights, strict=True))


if __name__ == "__main__":
    main()
