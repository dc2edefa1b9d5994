"""Drafts change nothing: every text has exactly the probability that the target alone gives it.

Nothing is drawn here. Loop, ports and sampler are run once for every way in which their random numbers can fall,
and the probabilities of all runs that gave a text are added up."""

from dataclasses import replace
from unittest import mock

import pytest

from runtime_spec.vectors import scripted
from tests.spec.sampling.cases import ALL, FAULTS, FILTERED, PENALISED, PROMPT, WIDE, Case, drafting, fault
from tests.spec.sampling.chances import every_run

ENOUGH = 1e-12


def text_of(case: Case, numbers) -> tuple[int, ...]:
    """The tokens of a conversation whose random numbers are `numbers`."""
    session, text = case.session(), []
    uses = scripted.Sampler.target_tokens.__globals__
    with mock.patch.dict(uses, uniform=numbers.uniform):
        turns = [(PROMPT, case.cancel_at), ((), None)]
        for prompt, cancel_at in turns if case.cancel_at else turns[:1]:
            asked = iter(range(cancel_at or 0))
            cancelled = (lambda asked=asked: next(asked, None) is None) if cancel_at else (lambda: False)
            for round in session.turn(prompt, case.tokens - len(text), cancelled):
                text += round.emitted_tokens
                if len(text) >= case.tokens or (text and text[-1] in case.stops):
                    return tuple(text[: case.tokens])
    raise AssertionError(f"{text} ended early")


def enumerated(case: Case) -> dict[tuple[int, ...], float]:
    found: dict[tuple[int, ...], float] = {}
    for probability, text in every_run(lambda numbers: text_of(case, numbers)):
        found[text] = found.get(text, 0.0) + probability
    return found


def difference(case: Case) -> float:
    found, exact = enumerated(case), case.texts()
    assert abs(sum(exact.values()) - 1) < ENOUGH
    return max(abs(found.get(text, 0.0) - exact.get(text, 0.0)) for text in {*found, *exact})


CASES = drafting() | {
    "one draft": Case(WIDE, drafts=1, tokens=5),
    "two drafts": Case(FILTERED, vocab=5, drafts=2),
    "four drafts": Case(WIDE, drafts=4, vocab=2, tokens=6),
    "no drafter": Case(ALL, vocab=5, source=None),
    "a drafter that is nearly right": Case(WIDE, hit_percent=95),
    "a drafter that gives up": Case(WIDE, fewer_percent=40, seed=8),
    "a drafter that ends where it is not sure": Case(WIDE, source="hesitant"),
    "a policy that learns from drafts": Case(WIDE, source="remembering", tokens=5),
    "another text": Case(PENALISED, seed=21, tokens=5, vocab=2, drafts=4),
    "stop tokens": Case(WIDE, stops=(1,), tokens=5),
    "coldest with a penalty": Case(replace(PENALISED, temperature=0.0), vocab=5, tokens=6),
    "cancelled after drafting": Case(WIDE, cancel_at=3),
    "cancelled after a pass": Case(WIDE, cancel_at=4),
    "cancelled in the second round": Case(WIDE, cancel_at=7, vocab=2, tokens=5),
}


@pytest.mark.parametrize("name", CASES)
def test_every_text_has_the_targets_own_probability(name):
    assert difference(CASES[name]) < ENOUGH


def test_drafts_are_accepted_and_rejected_in_these_cases():
    """Or there would be nothing to see."""
    for name in ("wide, drawn", "filtered, drawn", "all, greedy", "penalised, looked up"):
        case, accepted, rejected = CASES[name], 0.0, 0.0

        def first_pass(numbers, case=case):
            with mock.patch.dict(scripted.Sampler.target_tokens.__globals__, uniform=numbers.uniform):
                turn = case.session().turn(PROMPT, 9)
                next(turn)
                return next(turn)

        for probability, round in every_run(first_pass):
            accepted += probability * round.num_accepted
            rejected += probability * (round.num_accepted < len(round.draft_tokens))
        assert accepted > 0.05 and rejected > 0.05, name


@pytest.mark.parametrize("mutant", [mutant.name for mutant in FAULTS])
def test_a_planted_fault_changes_a_probability(mutant):
    names = [name for name in CASES if name.endswith(("drawn", "greedy", "looked up"))]
    with fault(mutant):
        assert any(difference(CASES[name]) > 1e-3 for name in names)
        # Faults of the acceptance of a draft by its probabilities do not touch drafts that have none.
        if mutant not in ("residual_not_renormalised", "accept_number_chooses"):
            assert all(difference(CASES[name]) < ENOUGH for name in names if not name.endswith("drawn"))


@pytest.mark.parametrize("number", ["draft", "accept"])
def test_one_number_for_a_slot_in_all_rounds_bends_what_later_rounds_say(number):
    """A round looks at both behind the place where it rejects, policy or not."""
    with fault(f"{number}_number_of_all_rounds"):
        assert difference(CASES["a policy that learns from drafts"]) > 1e-3
        assert difference(CASES["wide, drawn"]) > 1e-3
