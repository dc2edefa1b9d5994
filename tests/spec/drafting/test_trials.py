from runtime_spec.drafting.trials import (
    ALARM,
    ALLOWANCE,
    DRAFTER,
    FIRST_WAIT,
    LONGEST_WAIT,
    MOST_SAVED,
    NGRAM,
    NONE,
    PLAIN,
    REPAID,
    SHARE,
    Trials,
)


def failed(trials, kind):
    trials.begin(kind, 2, 1)
    trials.spend(1, 0.0)
    trials.end(False)


def test_each_failure_doubles_the_wait_up_to_the_longest():
    trials = Trials(7)
    waits = []
    for _ in range(8):
        failed(trials, NGRAM)
        waits.append(trials.wait_of(NGRAM)[0])
        trials.pass_time(LONGEST_WAIT, 0.0)
        assert trials.is_due(NGRAM, 0.0)
    assert waits == [min(FIRST_WAIT * 2**i, LONGEST_WAIT) for i in range(8)]


def test_a_trial_that_wins_may_be_followed_at_once_and_starts_over_with_waits():
    trials = Trials(7)
    failed(trials, PLAIN)
    failed(trials, PLAIN)
    trials.begin(PLAIN, 0, 1)
    trials.end(True)
    assert trials.kind == NONE
    assert trials.is_due(PLAIN, 0.0)
    assert trials.wait_of(PLAIN) == (0.0, FIRST_WAIT)


def test_a_width_that_fails_holds_up_the_others_but_not_other_kinds():
    trials = Trials(DRAFTER + 3)
    failed(trials, DRAFTER + 1)
    assert trials.is_waiting(DRAFTER + 2)
    assert not trials.is_waiting(NGRAM)


def test_the_account_is_a_share_of_the_time_and_bears_what_is_expected():
    trials = Trials(7)
    trials.begin(PLAIN, 0, 1)
    trials.spend(5, ALLOWANCE + 1.0)
    assert (trials.nanos, trials.account) == (5, -1.0)
    assert not trials.is_due(PLAIN, 0.0)
    trials.pass_time(1.5 / SHARE, 0.0)
    assert trials.is_due(PLAIN, 0.4)
    assert not trials.is_due(PLAIN, 0.6)
    trials.pass_time(1e9, 0.0)
    assert trials.account == MOST_SAVED


def test_what_is_gained_over_plain_decoding_pays_for_trials():
    trials = Trials(7)
    trials.account = -1.0
    trials.pass_time(10.0, 0.5)
    assert trials.account == -1.0 + 10.0 * (SHARE + 0.5 * REPAID)


def test_a_full_account_bears_a_trial_that_costs_more():
    trials = Trials(7)
    assert not trials.is_due(DRAFTER, 100.0)
    trials.pass_time(1e9, 0.0)
    assert trials.is_due(DRAFTER, 100.0)


def test_an_alarm_spends_what_was_saved():
    trials = Trials(DRAFTER + 3)
    trials.pass_time(1e9, 0.0)
    trials.alarm()
    assert trials.account == -ALARM and trials.is_waiting(DRAFTER + 1)
    trials.alarm()
    assert trials.account == -2 * ALARM


def test_a_round_that_wins_is_no_credit():
    trials = Trials(7)
    trials.spend(1, -3.0)
    assert trials.account == ALLOWANCE


def test_a_wait_goes_on_at_another_time():
    trials, other = Trials(7), Trials(7)
    failed(trials, NGRAM)
    trials.pass_time(14.0, 0.0)
    other.pass_time(5.0, 0.0)
    other.take_wait(NGRAM, *trials.wait_of(NGRAM))
    assert other.wait_of(NGRAM) == (FIRST_WAIT - 14.0, 2 * FIRST_WAIT)
