//! Retries: the second at which one is due, after every outcome of earlier ones.

use shared::domain::billing::subscription::RetryState;

use crate::dunning::calendar::{DAY, HOUR};
use crate::dunning::pair::{Pair, Step};
use crate::dunning::{failed_at, failing};

const STATES: [RetryState; 5] =
    [RetryState::Unknown, RetryState::Accepted, RetryState::Refused, RetryState::NotSent, RetryState::NoResult];

/// Instants around every day of the schedule, and hours between at which staff may request a retry.
fn ask_times() -> Vec<i64> {
    let borders = [1, 3, 7].into_iter().flat_map(|day| [-1, 0, 1].map(|second| day * DAY + second));
    let mut times: Vec<_> = borders.chain([DAY / 2, 2 * DAY, 5 * DAY, 9 * DAY]).collect();
    times.sort_unstable();
    times
}

fn probe_all(pair: &mut Pair) {
    for border in [1, 3, 7, 10].map(|day| failed_at() + day * DAY) {
        for now in [border - 1, border, border + 1] {
            pair.probe(now);
        }
    }
}

/// Requests a retry, records the outcome and, if given, its result: a failure an hour later.
fn ask(pair: &mut Pair, after: i64, state: RetryState, fails: bool) {
    let asked = failed_at() + after;
    if !pair.step(asked, &Step::Ask) {
        return;
    }
    probe_all(pair);
    pair.step(asked + 5, &Step::Answer(state));
    probe_all(pair);
    if fails {
        let failed = asked + HOUR;
        pair.step(failed + 60, &Step::Failure(failed, "10100252"));
        probe_all(pair);
    }
}

/// True if the second request may follow the first in this table. One that did not reach ECPay after one that did has a
/// test of its own, see `corners`.
/// did is a test of its own, see `corners`.
fn belongs_here(first: RetryState, second: RetryState) -> bool {
    first == RetryState::NotSent || second != RetryState::NotSent
}

#[test]
fn a_retry_is_due_on_days_1_3_and_7_unless_one_was_asked_since() {
    let mut cases = 0;
    for first in ask_times() {
        for state in STATES {
            for fails in [false, true] {
                let mut once = failing(&[0]);
                ask(&mut once, first, state, fails);
                cases += once.cases;
                for second in ask_times().into_iter().filter(|second| *second > first + 2 * HOUR) {
                    for next in STATES.into_iter().filter(|next| belongs_here(state, *next)) {
                        let mut twice = once.clone();
                        twice.cases = 0;
                        ask(&mut twice, second, next, true);
                        cases += twice.cases;
                    }
                }
            }
        }
    }
    assert_eq!(cases, 96_531);
}

#[test]
fn an_ask_without_result_is_given_up_after_24_hours_and_not_a_second_sooner() {
    let mut cases = 0;
    for asked in ask_times() {
        for state in STATES {
            for (after, closes) in [(0, false), (HOUR, false), (DAY - 1, false), (DAY, true), (DAY + 1, true)] {
                let mut pair = failing(&[0]);
                assert!(pair.step(failed_at() + asked, &Step::Ask), "{}", pair.case());
                pair.step(failed_at() + asked, &Step::Answer(state));
                let open = matches!(state, RetryState::Unknown | RetryState::Accepted);
                let closed = pair.step(failed_at() + asked + after, &Step::GiveUp);
                assert_eq!(closed, closes && open, "{}", pair.case());
                probe_all(&mut pair);
                cases += pair.cases;
            }
        }
    }
    assert_eq!(cases, 5_525);
}

#[test]
fn a_downgrade_waits_for_an_open_retry_and_goes_after_a_retry_due_at_the_same_instant() {
    let mut cases = 0;
    for days in [&[0][..], &[0, 1], &[0, 1, 3], &[0, 1, 3, 7]] {
        for asked in ask_times() {
            for state in STATES {
                let mut pair = failing(days);
                let asked = failed_at() + asked.max(days.last().unwrap() * DAY + HOUR);
                pair.step(asked, &Step::Ask);
                pair.step(asked, &Step::Answer(state));
                for end in [7, 10, 12].map(|day| failed_at() + day * DAY) {
                    for now in [end - 1, end, end + 1] {
                        pair.probe(now);
                        let mut ended = pair.clone();
                        ended.step(now.max(asked), &Step::EndGrace);
                        cases += ended.cases - pair.cases;
                    }
                }
                cases += pair.cases;
            }
        }
    }
    assert_eq!(cases, 6_110);
}

#[test]
fn a_charge_made_before_the_ask_is_not_its_result_and_one_made_after_is() {
    let mut cases = 0;
    let asked = failed_at() + 3 * DAY;
    for state in [RetryState::Unknown, RetryState::Accepted] {
        for made in [-DAY, -1, 0, 1, HOUR, DAY - 1].map(|second| asked + second) {
            for step in [Step::Success(2, made), Step::Failure(made, "10100252"), Step::Pending(made)] {
                let mut pair = failing(&[0]);
                pair.step(asked, &Step::Ask);
                pair.step(asked, &Step::Answer(state));
                pair.step(asked + DAY - 1, &step);
                probe_all(&mut pair);
                cases += pair.cases;
            }
        }
    }
    assert_eq!(cases, 612);
}

#[test]
fn a_card_that_is_expired_lost_or_stolen_is_retried_by_hand_only() {
    let mut cases = 0;
    for hard in ["10100251", "10100255", "10100256", "10100248", "10100254", "10100058", "0", ""] {
        for by_hand in ask_times() {
            let mut pair = crate::dunning::running(99);
            pair.step(failed_at() + 60, &Step::Failure(failed_at(), hard));
            probe_all(&mut pair);
            ask(&mut pair, by_hand, RetryState::Accepted, true);
            cases += pair.cases;
        }
    }
    assert_eq!(cases, 5_512);
}
