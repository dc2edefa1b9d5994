"""Sampling over the demo pair's real graphs: drafted texts are as frequent as plain ones, and with drafts that have no
probabilities of their own a seed's text is plain decoding's."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from export.choices.prompts import Prompts
from runtime_spec.litert.rows import ArrayRows
from runtime_spec.litert.runtime import Runtime
from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.sampling.parameters import Sampling
from runtime_spec.sampling.random import CHOOSE, uniform
from runtime_spec.vectors import scripted
from tests.parity.remembered import remember
from tests.spec.sampling.cases import fault

PROMPT = "The garden behind the house"
CHOSEN = Sampling(temperature=1.3, top_k=8, top_p=0.8, min_p=0.02)
TEXTS, FEWER_TEXTS, FEWEST_TEXTS, LENGTH = 20_000, 5_000, 1_000, 3
FAR = 4.0
"""Standard deviations of a chi-square: one time in thirty thousand."""
NEAR = 1e-4
"""How near a random number must be to where the next token begins for passes of other widths to tell them apart."""


@pytest.fixture(scope="module")
def runtime(float_out):
    with Runtime(float_out / "model.litertlm") as opened:
        yield opened


@pytest.fixture(scope="module")
def remembering(float_out):
    """Another, whose graphs are not run twice for the same text: all else is what it is."""
    with Runtime(float_out / "model.litertlm") as opened:
        remember(opened)
        yield opened


def session_of(runtime: Runtime, drafts: int) -> Session:
    """As Runtime.session makes it, with the sampler that a planted fault replaces."""
    sampler = scripted.Sampler(CHOSEN, ArrayRows())
    drafter = runtime.drafter.asking(sampler) if drafts else None
    return Session(runtime.target.asking(sampler), drafter, DecodeConfig(drafts, frozenset()), sampler)


def counted(runtime: Runtime, drafts: int, seeds: range, chosen: Sampling = CHOSEN) -> dict[tuple[int, ...], int]:
    """How often each beginning was drawn. The prompt stays in the cache; the budget goes beyond what is looked at, so
    that whole blocks of drafts are made."""
    found: dict[tuple[int, ...], int] = {}
    session, prompt = session_of(runtime, drafts), runtime.encode(PROMPT)
    for seed in seeds:
        session.sampler.sampling = replace(chosen, seed=seed)
        text: list[int] = []
        for round in session.turn(prompt, LENGTH + 4, from_start=True):
            text += round.emitted_tokens
            if len(text) >= LENGTH:
                break
        found[tuple(text[:LENGTH])] = found.get(tuple(text[:LENGTH]), 0) + 1
    return found


def deviation(one: dict[tuple[int, ...], int], other: dict[tuple[int, ...], int]) -> float:
    """How many standard deviations the chi-square of two samples lies above its mean; rare texts count together."""
    sizes = [sum(one.values()), sum(other.values())]
    cells: dict[object, np.ndarray] = {}
    for text in {*one, *other}:
        pair = np.array([one.get(text, 0), other.get(text, 0)], float)
        cell = text if pair.sum() >= 20 else "rare"
        cells[cell] = cells.get(cell, 0) + pair
    share = np.array(sizes) / sum(sizes)
    square = sum(float(((pair - pair.sum() * share) ** 2 / (pair.sum() * share)).sum()) for pair in cells.values())
    degrees = len(cells) - 1
    return ((square / degrees) ** (1 / 3) - 1 + 2 / (9 * degrees)) / sqrt(2 / (9 * degrees))


def test_graphs_that_remember_answer_as_those_that_do_not(runtime, remembering):
    for drafts in (0, 4):
        assert counted(remembering, drafts, range(250)) == counted(runtime, drafts, range(250))


@pytest.fixture(scope="module")
def plain(remembering):
    return counted(remembering, 0, range(10**6, 10**6 + TEXTS))


@pytest.mark.parametrize(("drafts", "texts"), [("drawn", TEXTS), ("greedy", FEWER_TEXTS)])
def test_beginnings_are_as_frequent_drafted_as_plain(remembering, plain, drafts, texts):
    found = counted(remembering, 4, range(texts), replace(CHOSEN, drafts=drafts))
    assert len(found) > 50 and deviation(found, plain) < FAR


@pytest.mark.parametrize(
    ("mutant", "texts"),
    [
        ("drafter_left_out_of_acceptance", FEWER_TEXTS),
        ("target_drawn_in_place_of_residual", FEWER_TEXTS),
        ("residual_not_renormalised", FEWER_TEXTS),
        ("first_failure_ends", FEWER_TEXTS),
        # Whatever the filter takes away is said, so that few texts are met again and graphs run for most.
        ("acceptance_unfiltered", FEWEST_TEXTS),
    ],
)
def test_a_planted_fault_is_seen(remembering, plain, mutant, texts):
    with fault(mutant):
        assert deviation(counted(remembering, 4, range(texts)), plain) > 2 * FAR


def test_one_seed_is_one_text_however_it_is_drafted(runtime):
    """With drafts that have no probabilities of their own: each token is drawn as plain decoding draws it."""
    near_ties, accepted = 0, 0
    for number, text in enumerate(Prompts.load().plain):
        prompt = runtime.encode(text)[: runtime.target.capacity // 2]
        sampling = Sampling(1.0, 64, 0.95, repetition_penalty=1.1, repetition_window=32, seed=number, drafts="greedy")
        said = []
        for drafts in (0, 2, 4):
            rounds = list(runtime.session(drafts, frozenset(), sampling).turn(prompt, 60))
            accepted += sum(round.num_accepted for round in rounds)
            said.append([token for round in rounds for token in round.emitted_tokens])
        for drafted in said[1:]:
            if drafted != said[0]:
                same = next(i for i, pair in enumerate(zip(*[said[0], drafted], strict=True)) if pair[0] != pair[1])
                assert nearness(runtime, [*prompt, *said[0][:same]], sampling) < NEAR
                near_ties += 1
    assert accepted > 100 and near_ties <= 2


def nearness(runtime: Runtime, text: list[int], sampling: Sampling) -> float:
    """How near the random number of the token after `text` is to the end of some token's share."""
    sampler = scripted.Sampler(sampling, ArrayRows())
    target = runtime.target.asking(sampler)
    session = Session(target, None, DecodeConfig(0, frozenset()), sampler)
    next(session.turn(text, 1))
    p = sampler._distribution(target.logits()[0], len(text), [])
    return float(np.abs(np.cumsum(p.weights) - uniform(sampling.seed, len(text), CHOOSE)).min())


def test_drawn_drafts_are_accepted_more_often_than_greedy_ones(runtime):
    """Which is why they are what is chosen where no seed is."""
    rates = {}
    for drafts in ("drawn", "greedy"):
        accepted = drafted = 0
        for number, text in enumerate(Prompts.load().plain):
            sampling = Sampling(1.0, 64, 0.95, seed=number, drafts=drafts)
            for round in runtime.session(4, frozenset(), sampling).turn(runtime.encode(text)[:200], 200):
                accepted, drafted = accepted + round.num_accepted, drafted + len(round.draft_tokens)
        rates[drafts] = accepted / drafted
    assert rates["drawn"] > rates["greedy"] > 0


def test_two_sessions_choose_for_themselves_and_anew_each_turn(runtime):
    prompt, hot = runtime.encode(PROMPT), Sampling(2.0, seed=5, drafts="greedy")
    greedy, drawing = runtime.session(), runtime.session(sampling=hot)

    def said(session):
        session.reset()
        return [token for round in session.turn(prompt, 20) for token in round.emitted_tokens]

    first, second = said(greedy), said(drawing)
    assert first != second and said(greedy) == first and said(drawing) == second
    drawing.sampler.sampling = replace(hot, seed=6)
    assert said(drawing) not in (first, second) and said(greedy) == first
    drawing.sampler.sampling = Sampling()
    assert said(drawing) == first
