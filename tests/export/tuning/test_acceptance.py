"""Acceptance over whole texts against the reference loop's own rounds."""

import pytest
import torch

from export.choices.device import Device
from export.choices.recipe import Recipe
from export.evidence.encoder import Encoder
from export.evidence.float_ports import FloatDrafter, FloatTarget, one_torch_thread
from export.plan import Choices, make_plan
from export.resources import DEMO
from export.tuning import acceptance
from export.tuning.acceptance import Counted, count_accepted, difference_error, drafted, rate
from export.tuning.models import load_drafter, load_target
from export.tuning.own_text import continued
from runtime_spec.reference.session import Session
from runtime_spec.reference.state import DecodeConfig
from runtime_spec.reference.stats import count_rounds

BUDGET = 40


class Demo:
    def __init__(self):
        choices = Choices(str(DEMO / "target"), str(DEMO / "drafter"), Device.load("pixel"), Recipe.load("float"))
        self.plan = make_plan(choices)
        self.target = load_target(self.plan.target, torch.float32, "cpu", lambda _: None)
        self.drafter = load_drafter(self.plan.drafter, "cpu", lambda _: None)
        encoder = Encoder(self.plan)
        self.prompts = [encoder.prompt(text) for text in self.plan.prompts.plain[:4]]
        self.prompts += [encoder.context([text], []) for text in self.plan.prompts.chats[:2]]

    def counted(self, drafts, stop=()):
        texts = continued(self.target, self.prompts, BUDGET, stop, beyond=drafts)
        return count_accepted(self.target, self.drafter, texts, drafts, stop, rows=4)


@pytest.fixture(scope="module")
def demo():
    with one_torch_thread():
        yield Demo()


@pytest.fixture(scope="module")
def by_the_loop(demo):
    """(drafts, stop tokens) → what the reference loop counts over the export's float ports."""
    target = FloatTarget(demo.plan)
    drafter = FloatDrafter(demo.plan, target)

    def counted(drafts, stop=()):
        found = []
        for prompt in demo.prompts:
            session = Session(target, drafter, DecodeConfig(drafts, frozenset(stop)))
            stats = count_rounds(session.turn(prompt, BUDGET))
            found.append(Counted(stats.rounds, stats.drafted, stats.accepted))
        return found

    return counted


@pytest.mark.parametrize("drafts", [1, 4])
def test_the_loop_counts_the_same(demo, by_the_loop, drafts):
    expected = by_the_loop(drafts)
    assert sum(one.accepted for one in expected) > 40
    assert demo.counted(drafts) == expected


def test_with_stop_tokens_too(demo, by_the_loop):
    """A newline is one that often comes."""
    said = [token for text in continued(demo.target, demo.prompts, BUDGET, ()) for token in text.said]
    stop = {max(set(said), key=said.count)}
    expected = by_the_loop(4, stop)
    assert sum(one.drafted for one in expected) < sum(one.drafted for one in by_the_loop(4)) / 2
    assert demo.counted(4, stop) == expected


def test_what_would_flatter_or_wrong_a_drafter_is_seen(demo, by_the_loop, monkeypatch):
    """Planted: the cache's rows of what is yet to be said, and a state of the wrong token."""
    step, right, expected = acceptance.drafter_step, acceptance.drafter_masks, by_the_loop(4)

    def ahead(window, length, device):
        return {kind: torch.ones_like(mask) for kind, mask in right(window, length, device).items()}

    def late(drafter, embedded, hidden, *more):
        return step(drafter, embedded, hidden.roll(1, 1), *more)

    for name, fault in (("drafter_masks", ahead), ("drafter_step", late)):
        with monkeypatch.context() as planted:
            planted.setattr(acceptance, name, fault)
            assert demo.counted(4) != expected, name


@torch.no_grad()
def test_the_sparse_head_drafts_what_transformers_drafts(demo, monkeypatch):
    out = torch.randn(2, 50, 128, generator=torch.Generator().manual_seed(0))
    expected = demo.drafter.masked_embedding(out, demo.drafter.lm_head.weight).argmax(-1)
    assert torch.equal(drafted(demo.drafter, out), expected)
    assert not torch.equal(demo.drafter.lm_head(out).argmax(-1), expected)
    monkeypatch.setattr(acceptance, "HEAD_LOGITS", 3 * 2 * 2048)
    assert torch.equal(drafted(demo.drafter, out), expected)


def test_rates_and_their_error():
    before, after = [Counted(1, 4, 1), Counted(2, 8, 2)], [Counted(1, 4, 3), Counted(1, 4, 2)]
    assert rate(before) == 0.25 and rate(after) == 0.625 and rate([Counted(1, 0, 0)]) == 0.0
    assert difference_error(before, after) == pytest.approx(0.125)
    assert difference_error(before[:1], after[:1]) == 0.0
