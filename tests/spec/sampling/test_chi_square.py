"""Texts that are drawn by the generator itself, counted and held against their exact probabilities.

What is exact in test_exact.py for numbers that are independent could still fail with those that a hash makes. Seeds are
0, 1, 2, …: each run gives the same counts."""

import functools
import itertools
from dataclasses import replace
from math import sqrt

import pytest

from runtime_spec.vectors import scripted
from tests.spec.sampling.cases import FAULTS, PROMPT, Case, drafting, fault

CASES = {name: replace(case, tokens=3) for name, case in drafting().items()}
TEXTS, TEXTS_WITH_A_FAULT = 28_000, 12_000
"""12 cases of 28,000 texts of three tokens: a million tokens are drawn."""
SMALL = {"accept_number_chooses", "accept_number_of_all_rounds", "ratio_left_out_of_residual"}
"""Faults that test_exact.py sees, but no count of so few texts."""
FAR = 4.0
"""Standard deviations: one time in thirty thousand."""


@pytest.fixture(autouse=True)
def remembered_rows(monkeypatch):
    """The scripted rows of the few texts there are, made once."""
    row = functools.cache(lambda state, size: tuple(hash_row(state, size)))
    hash_row = scripted.hash_row
    monkeypatch.setattr(scripted, "hash_row", lambda state, size: list(row(state, size)))


def counted(case: Case, count: int) -> dict[tuple[int, ...], int]:
    found: dict[tuple[int, ...], int] = {}
    session = case.session()
    for seed in range(count):
        session.reset()
        session.sampler.sampling = replace(case.sampling, seed=seed)
        # The budget goes beyond what is looked at, so that whole blocks of drafts are made.
        rounds = session.turn(PROMPT, case.tokens + case.drafts)
        tokens = itertools.chain.from_iterable(round.emitted_tokens for round in rounds)
        text = tuple(itertools.islice(tokens, case.tokens))
        found[text] = found.get(text, 0) + 1
    return found


def deviation(case: Case, count: int) -> float:
    """How many standard deviations the chi-square of `count` texts lies above its mean (Wilson and Hilferty 1931)."""
    found, square, degrees, rest, rest_found = counted(case, count), 0.0, -1, 0.0, count
    for text, probability in case.texts().items():
        expected = probability * count
        if expected < 10:
            rest += expected
            continue
        rest_found -= found.get(text, 0)
        square += (found.get(text, 0) - expected) ** 2 / expected
        degrees += 1
    if rest >= 1:
        square, degrees = square + (rest_found - rest) ** 2 / rest, degrees + 1
    return ((square / degrees) ** (1 / 3) - 1 + 2 / (9 * degrees)) / sqrt(2 / (9 * degrees))


@pytest.mark.parametrize("name", CASES)
def test_texts_are_as_frequent_as_they_are_probable(name):
    assert deviation(CASES[name], TEXTS) < FAR


@pytest.mark.parametrize("mutant", [mutant.name for mutant in FAULTS if mutant.name not in SMALL])
def test_a_planted_fault_is_seen(mutant):
    with fault(mutant):
        drawn = (case for name, case in CASES.items() if name.endswith("drawn"))
        assert any(deviation(case, TEXTS_WITH_A_FAULT) > 2 * FAR for case in drawn)
