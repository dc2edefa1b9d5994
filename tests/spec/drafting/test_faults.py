"""Each planted fault fails a test of test_auto.py, test_trials.py or test_recent.py."""

import pytest

from tests.spec.drafting import test_auto, test_recent, test_trials
from tests.spec.drafting.faults import FAULTS, planted

CAUGHT_BY = {
    "mean_for_median": [(test_recent.test_it_is_the_lower_median_of_the_last_ones,)],
    "first_round_after_a_switch_counted": [(test_auto.test_the_first_round_after_a_switch_is_left_out,)],
    "no_budget": [(test_trials.test_the_account_is_a_share_of_the_time_and_bears_what_is_expected,)],
    "dear_trials_never": [
        (test_auto.test_planning_that_costs_more_than_the_account_holds_delays_trials_but_ends_none,)
    ],
    "gains_pay_nothing": [(test_trials.test_what_is_gained_over_plain_decoding_pays_for_trials,)],
    "first_planning_forgotten": [
        (test_auto.test_planning_that_costs_more_than_the_account_holds_delays_trials_but_ends_none,)
    ],
    "alarm_costs_nothing": [(test_trials.test_an_alarm_spends_what_was_saved,)],
    "delayed_rounds_believed": [(test_auto.test_rounds_that_something_else_delayed_say_nothing_of_a_width,)],
    "dear_drafts_for_ever": [(test_auto.test_drafts_that_were_dear_long_ago_are_tried_again,)],
    "fading_by_rounds": [(test_auto.test_what_failed_long_ago_is_tried_again,)],
    "hopeless_trial_not_stopped": [(test_auto.test_a_hopeless_trial_is_one_round_and_is_repeated_rarely,)],
    "no_wait_after_a_failure": [(test_trials.test_each_failure_doubles_the_wait_up_to_the_longest,)],
    "waits_do_not_grow": [(test_trials.test_each_failure_doubles_the_wait_up_to_the_longest,)],
    "plain_not_measured_again": [(test_auto.test_drafting_that_alone_becomes_dear_is_noticed,)],
    "changed_text_not_noticed": [(test_auto.test_drafts_that_are_no_longer_accepted_are_noticed,)],
    "confidence_ignored": [(test_auto.test_a_draft_ends_where_the_drafter_is_not_confident,)],
    "matches_without_measure": [(test_auto.test_matches_come_first_but_by_the_same_measure,)],
    "matches_judged_by_trials_alone": [(test_auto.test_matches_are_judged_by_the_text_before_any_is_drafted, 0, False)],
    "refused_drafts_cost_nothing": [(test_auto.test_drafts_of_one_call_cost_what_the_call_took_whatever_was_kept,)],
    "made_drafts_paid_again": [(test_auto.test_drafts_that_are_made_cost_nothing_more_to_verify,)],
    "matches_stay_narrow": [(test_auto.test_matches_that_pay_are_tried_with_wider_passes,)],
    "gains_of_matches_pay_nothing": [(test_auto.test_what_matches_gain_pays_for_trials,)],
    "round_after_a_trial_free": [(test_auto.test_the_round_after_a_trial_is_paid_by_the_account,)],
    "widest_first": [(test_auto.test_plain_decoding_is_measured_first_and_a_trial_begins_at_the_narrowest_width,)],
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_caught(fault, monkeypatch):
    with planted(fault) as faulty:
        monkeypatch.setattr(test_auto, "Auto", faulty["auto"].Auto)
        monkeypatch.setattr(test_trials, "Trials", faulty["trials"].Trials)
        monkeypatch.setattr(test_recent, "RecentMedian", faulty["recent"].RecentMedian)
        for test, *arguments in CAUGHT_BY[fault.name]:
            with pytest.raises(AssertionError):
                test(*arguments)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_without_the_fault_the_same_test_passes(fault):
    for test, *arguments in CAUGHT_BY[fault.name]:
        test(*arguments)
