"""The thresholds of the automatic draft length, over the scripted devices and texts of scenarios.py."""

from collections import Counter

import pytest

from runtime_spec.drafting.auto import Auto
from runtime_spec.vectors.device import Play, PlayedRound
from tests.spec.drafting.scenarios import FAST, FOUR_WIDTHS, MS, SCENARIOS, SLOW, VNNI, device, steady
from tests.spec.drafting.simulate import added, chats, score, slowest

SEEDS, TOKENS = 200, 300
LONG_SEEDS, LONG_TOKENS = 10, 4000
LONG = [scenario for scenario in SCENARIOS if scenario.long is not None][::3]
CHANGES = [scenario for scenario in SCENARIOS if scenario.long is None]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_it_is_hardly_ever_slower_than_plain_decoding(scenario):
    found = score(scenario, SEEDS, TOKENS, with_best=False)
    assert found.first >= scenario.first
    assert found.window >= scenario.window


@pytest.mark.parametrize("scenario", LONG, ids=lambda scenario: scenario.name)
def test_it_comes_near_the_best_fixed_length(scenario):
    found = score(scenario, LONG_SEEDS, LONG_TOKENS)
    assert found.long >= scenario.long * found.best


@pytest.mark.parametrize("scenario", CHANGES, ids=lambda scenario: scenario.name)
def test_it_notices_when_drafting_begins_to_pay_and_when_it_stops(scenario):
    found = score(scenario, 40, 1800, with_best=False)
    assert found.window >= scenario.window
    spans = []
    for seed in range(20):
        policy = Auto(scenario.device.widths, True)
        play = Play(scenario.device, scenario.text, seed)
        drafted = []
        while play.token < 2000:
            round = play.round(policy, 99)
            drafted += [round.source is not None] * (round.num_accepted + 1)
        spans.append((sum(drafted[:600]), sum(drafted[1000:1400]), sum(drafted[1500:2000])))
    before, meanwhile, after = (sorted(span) for span in zip(*spans, strict=True))
    assert before[10] < 30 and before[-1] < 90
    assert meanwhile[10] > 300
    assert after[10] < 30 and after[-1] < 90


@pytest.mark.parametrize("passes", [SLOW, VNNI], ids=["slow", "vnni"])
def test_short_replies_with_new_policies_lose_nothing(passes):
    acceptance = 400 if passes is SLOW else 800
    runs = [chats(device(passes, 20), steady(acceptance), seed, is_kept=False) for seed in range(20)]
    assert slowest(*map(added, zip(*runs, strict=True)))[0] >= 0.98


def test_short_replies_learn_from_each_other_by_what_is_kept():
    runs = [chats(device(FAST), steady(600), seed, is_kept=True) for seed in range(40)]
    plain, auto = map(added, zip(*runs, strict=True))
    assert plain[-1] / auto[-1] > 1.5
    runs = [chats(device(SLOW, 30), steady(400), seed, is_kept=True) for seed in range(60)]
    assert slowest(*map(added, zip(*runs, strict=True)))[0] >= 0.98


class Told:
    """A policy's rounds, made up one by one."""

    def __init__(self, widths=(1, 3, 5), has_drafter=True):
        self.policy = Auto(widths, has_drafter)
        self.position = 0

    def round(self, nanos, accepted=None, draft_nanos=8 * MS, match=0, most=99, at_once=False, confidence=0.9):
        """`nanos` of a pass by number of drafts; all are accepted unless `accepted` says how many, and of the match's
        drafts, drafted or not, as many."""
        source, count = self.policy.plan(self.position, most, match)
        drafted = count
        if source == "drafter":
            asked = (n for n in range(1, count) if not self.policy.goes_on(n, confidence, count if at_once else n))
            drafted = next(asked, count)
        right = drafted if accepted is None else min(accepted, drafted)
        played = PlayedRound(self.position, range(drafted), 0, right)
        took = draft_nanos * (count if at_once else drafted) if source == "drafter" else 0
        matched = right + 1 if accepted is None else min(accepted, right + 1)
        self.policy.observe(played, took, nanos[drafted] + took, matched)
        self.position = (self.position + right + 1) % 100
        return source, count


FLAT = [100 * MS, 110 * MS, 110 * MS, 120 * MS, 120 * MS]
STEEP = [100 * MS, 300 * MS, 300 * MS, 500 * MS, 500 * MS]


def rounds_until(told, source, nanos, accepted=None, most=4000):
    """How many rounds go by before drafts of `source` (None: plain decoding) have been the rule for ten rounds."""
    latest = []
    for i in range(most):
        latest.append(told.round(nanos, accepted)[0])
        if latest[-10:] == [source] * 10:
            return i - 9
    raise AssertionError(f"never {source}")


def test_plain_decoding_is_measured_first_and_a_trial_begins_at_the_narrowest_width():
    told = Told()
    plans = [told.round(FLAT) for _ in range(30)]
    assert plans[:24] == [(None, 0)] * 24
    assert plans[24] == ("drafter", 2)
    assert plans[29] == ("drafter", 4)


def test_a_hopeless_trial_is_one_round_and_is_repeated_rarely():
    told = Told()
    plans = [told.round(STEEP, accepted=0) for _ in range(3000)]
    tried = [i for i, plan in enumerate(plans) if plan != (None, 0)]
    gaps = [b - a for a, b in zip(tried, tried[1:], strict=False)]
    assert 4 <= len(tried) <= 20
    assert min(gaps) >= 60
    counts = Counter(plans)
    assert counts.keys() <= {(None, 0), ("drafter", 2), ("drafter", 4)}
    assert told.policy.probe_nanos == (counts["drafter", 2] * 316 + counts["drafter", 4] * 532) * MS


@pytest.mark.parametrize("slow", [300 * MS, 1000 * MS])
def test_one_slow_round_moves_no_decision_for_long(slow):
    told = Told()
    rounds_until(told, "drafter", FLAT)
    for _ in range(60):
        told.round(FLAT)
    told.round([nanos + slow for nanos in FLAT])
    assert sum(told.round(FLAT)[0] != "drafter" for _ in range(200)) < 10
    plain = Told()
    for _ in range(200):
        plain.round(STEEP, accepted=0)
    plain.round([nanos + slow for nanos in STEEP], accepted=0)
    assert sum(plain.round(STEEP, accepted=0)[0] is not None for _ in range(200)) < 4


def test_a_slow_plain_round_at_the_very_beginning_does_not_make_drafting_look_good():
    told = Told()
    told.round([1000 * MS] * 5)
    told.round([1000 * MS] * 5)
    assert sum(told.round(STEEP, accepted=1)[0] is not None for _ in range(300)) < 8


def test_the_first_round_after_a_switch_is_left_out():
    """Planning a graph anew, at each width's first use and each 128 slots, says nothing of what it costs."""
    told = Told()
    for _ in range(24):
        told.round(FLAT)
    told.round([nanos + 200 * MS for nanos in FLAT])
    for _ in range(5):
        told.round(FLAT)
    assert told.policy.costs.pass_nanos(1) == 110 * MS
    assert told.policy.costs.passes[1].count == 3


def test_trials_keep_to_their_account():
    """No more is lost than the first allowance and a hundredth of the time, though each trial seems worth while."""
    told = Told(widths=(1, 2))
    tried = sum(told.round([100 * MS, 130 * MS], accepted=0, draft_nanos=0)[0] is not None for _ in range(1000))
    assert tried >= 2
    assert 0.3 * tried <= 1.5 + 0.01 * 1000


def test_planning_that_costs_more_than_the_account_holds_delays_trials_but_ends_none():
    """The demo pair's four widths: planning one anew takes two decodes, and the widest pays most."""
    policy = Auto(FOUR_WIDTHS.widths, True)
    play = Play(FOUR_WIDTHS, steady(900), 0)
    while play.token < 50:
        assert play.round(policy, 99).source is None
    while play.token < 1000:
        play.round(policy, 99)
    assert play.round(policy, 99).planned >= 4


def test_rounds_that_something_else_delayed_say_nothing_of_a_width():
    told = Told()
    for _ in range(25):
        told.round(FLAT)
    for _ in range(3):
        told.round([20 * nanos for nanos in FLAT], draft_nanos=400 * MS)
    assert not told.policy.costs.is_measured(1) and not told.policy.costs.has_drafts()
    for _ in range(1000):
        told.round(FLAT)
    assert told.round(FLAT)[0] == "drafter"


def test_drafts_that_were_dear_long_ago_are_tried_again():
    told = Told()
    for _ in range(200):
        told.round(FLAT, draft_nanos=130 * MS)
    assert not told.policy.goodput.used
    assert any(told.round(FLAT)[0] for _ in range(1000))


def test_what_failed_long_ago_is_tried_again():
    told, quick = Told(), [nanos // 1000 for nanos in FLAT]
    for _ in range(400):
        told.round(quick, accepted=0, draft_nanos=8000)
    assert any(told.round(quick, accepted=0, draft_nanos=8000)[0] for _ in range(1000))
    # Plain tokens go by, too, and say nothing: what is still possible rises towards the hope of the beginning.
    hope = told.policy.drafter.hopes[0]
    while told.round(quick, accepted=0, draft_nanos=8000)[0] is not None:
        hope = told.policy.drafter.hopes[0]
    for _ in range(40):
        told.policy.plan(50, 4, 0)
        told.policy.observe(PlayedRound(50, range(0), 1, 0), 0, quick[0], 0)
    assert told.policy.drafter.hopes[0] > hope


def test_costs_that_rise_together_change_nothing_and_plain_is_measured_again():
    told = Told()
    rounds_until(told, "drafter", FLAT)
    plans = [told.round([nanos * (1000 + i) // 1000 for nanos in FLAT], accepted=1) for i in range(1000)]
    kinds = [source for source, _ in plans[100:]]
    assert kinds.count("drafter") > 850
    assert 3 <= kinds.count(None) < 50


def test_drafting_that_alone_becomes_dear_is_noticed():
    told = Told()
    rounds_until(told, "drafter", FLAT)
    for _ in range(100):
        told.round(FLAT)
    slower = [FLAT[0], *(nanos * 6 for nanos in FLAT[1:])]
    assert rounds_until(told, None, slower) < 80


def test_drafts_that_are_no_longer_accepted_are_noticed():
    told = Told()
    rounds_until(told, "drafter", FLAT)
    for _ in range(300):
        told.round(FLAT)
    assert rounds_until(told, None, FLAT, accepted=0) < 16


def test_a_draft_ends_where_the_drafter_is_not_confident():
    told = Told()
    rounds_until(told, "drafter", FLAT)
    for _ in range(100):
        told.round(FLAT)
    while told.policy.plan(50, 4, 0) != ("drafter", 4):
        told.round(FLAT)
    assert told.policy.goes_on(1, 0.95, 1)
    assert not told.policy.goes_on(2, 0.01, 2)


def test_drafts_of_one_call_cost_what_the_call_took_whatever_was_kept():
    """Were the time of four the cost of the one that was kept, one draft would look as dear as four."""
    told = Told()
    rounds_until(told, "drafter", FLAT)
    for _ in range(100):
        told.round(FLAT, at_once=True)
    costs = told.policy.costs
    before = costs.drafts[1].count
    for _ in range(7):
        while told.policy.plan(50, 4, 0) != ("drafter", 4):
            told.round(FLAT, at_once=True)
        told.policy.goes_on(1, 0.9, 4)
        told.policy.observe(PlayedRound(50, range(1), 3, 1), 20 * MS, FLAT[1] + 20 * MS, 0)
    assert costs.drafts[1].count == before
    assert costs.draft_nanos(4) == pytest.approx(20 * MS, rel=0.2)


def test_drafts_that_are_made_cost_nothing_more_to_verify():
    """The pass is as dear for two as for four: a draft more of the same call is worth its chance, were it the least."""
    told = Told()
    rounds_until(told, "drafter", FLAT)
    for _ in range(100):
        told.round(FLAT)
    flat = [FLAT[0], *[110 * MS] * 4]
    for _ in range(300):
        told.round(flat)
    while told.policy.plan(50, 4, 0) != ("drafter", 4):
        told.round(flat)
    assert told.policy.goes_on(1, 0.02, 4)
    told.policy.plan(50, 4, 0)
    assert not told.policy.goes_on(1, 0.02, 1)


@pytest.mark.parametrize(("accepted", "drafts"), [(None, True), (0, False)])
def test_matches_are_judged_by_the_text_before_any_is_drafted(accepted, drafts):
    """A trial of what the text has refuted would be lost."""
    told = Told(has_drafter=False)
    for _ in range(40):
        told.policy.plan(told.position, 0, 5)
        told.policy.observe(PlayedRound(told.position, range(0), 1, 0), 0, FLAT[0], 1 if accepted is None else 0)
    found = {told.round(STEEP[:1] + FLAT[1:], accepted=accepted, match=5)[0] for _ in range(20)}
    assert (found != {None}) == drafts


def test_matches_that_pay_are_tried_with_wider_passes():
    told = Told(widths=(1, 3, 5, 7), has_drafter=False)
    flat = [100 * MS, *[115 * MS] * 6]
    found = [told.round(flat, match=5)[1] for _ in range(120)]
    assert found[-30:] == [6] * 30


def test_what_matches_gain_pays_for_trials():
    """Where the model is bad it is tried no less because matches decode most of the text."""
    told = Told()
    for _ in range(200):
        told.round(FLAT, match=5)
    told.policy.trials.account = 0.0
    for _ in range(10):
        told.round(FLAT, match=5)
    assert told.policy.trials.account > 0.5


def test_the_round_after_a_trial_is_paid_by_the_account():
    """What plain decoding needs is out of the processor's cache then."""
    accounts = []
    for late in (0, 100 * MS):
        told, last = Told(), 0
        for _ in range(60):
            nanos = [STEEP[0] + (late if last else 0), *STEEP[1:]]
            last = told.round(nanos, accepted=0)[1]
        accounts.append(told.policy.trials.account)
    assert accounts[1] == pytest.approx(accounts[0] - 1.0, abs=0.1)


def test_matches_come_first_but_by_the_same_measure():
    told = Told(has_drafter=False)
    assert {told.round(FLAT, match=5)[0] for _ in range(24)} == {None}
    sources = [told.round(FLAT, match=5)[0] for _ in range(60)]
    assert sources.count("ngram") > 50
    for _ in range(60):
        told.round(FLAT, accepted=0, match=2)
    assert [told.round(FLAT, accepted=0, match=2)[0] for _ in range(40)].count("ngram") < 5
    # Another class of matches has its own evidence.
    assert told.round(FLAT, match=5)[0] == "ngram"


def test_no_more_is_planned_than_the_loop_allows():
    told, planned = Told(widths=(1, 2, 3, 5)), set()
    for i in range(600):
        most = i % 5
        if most > 0:
            planned.add((most, told.round(FLAT, most=most)[1]))
        else:
            told.policy.observe(PlayedRound(told.position, range(0), 1, 0), 0, 100 * MS, 0)
    assert all(count <= most for most, count in planned) and (3, 3) in planned


def test_a_bundle_without_drafter_and_matches_is_plain():
    told = Told(has_drafter=False)
    assert {told.round(FLAT) for _ in range(500)} == {(None, 0)}


def test_a_looser_threshold_says_why():
    usual = (0.95, 0.98)
    for scenario in SCENARIOS:
        looser = (scenario.first, scenario.window) != usual or (scenario.long or 0.97) < 0.97
        assert looser == bool(scenario.why), scenario.name
