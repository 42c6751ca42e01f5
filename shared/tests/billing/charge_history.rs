//! Charge history: reports that it contains, and missing successes.

use shared::domain::billing::payments::charge_history::{ChargeHistory, FailedCharge};
use shared::domain::billing::payments::payment::{DeclineClass, PaymentOutcome, PaymentReport};
use shared::domain::values::ids::EventId;
use shared::domain::values::time::Timestamp;

use crate::user_plan::{report, running};

fn t(day: u32) -> Timestamp {
    Timestamp::parse(&format!("2025-03-{day:02}T03:00:00Z")).unwrap()
}

fn outcome(outcome: PaymentOutcome, at: Timestamp) -> PaymentReport {
    report(&running("ORDER1", None).value, EventId::failure(at), outcome, at)
}

#[test]
fn a_success_is_held_when_its_number_is_known_and_none_is_missing() {
    let mut cases = 0;
    for successes in 0..4_u32 {
        for reported in 0..5_u32 {
            for number in 1..5_u32 {
                let history = ChargeHistory { successes, reported_successes: reported, ..ChargeHistory::default() };
                let known = (1..=successes).any(|earlier| earlier == number);
                // While a success is missing, its number is unknown.
                let missing = (reported + 1..=successes).next().is_some();
                let held = history.contains_report(&outcome(PaymentOutcome::Succeeded { number }, t(1)));
                assert_eq!(held, known && !missing, "{number} of {successes}, {reported} reported");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 80);
}

#[test]
fn a_failure_is_held_by_its_instant_and_nothing_else_ever_is() {
    let failures = [3, 7]
        .map(|day| FailedCharge { at: t(day), rtn_code: "10100252".to_owned(), class: DeclineClass::SoftDecline })
        .to_vec();
    let history = ChargeHistory { successes: 9, reported_successes: 9, failures, ..ChargeHistory::default() };
    for (day, held) in [(2, false), (3, true), (4, false), (7, true), (8, false)] {
        assert_eq!(history.contains_report(&outcome(PaymentOutcome::Failed, t(day))), held, "{day}");
        assert!(!history.contains_report(&outcome(PaymentOutcome::Pending, t(day))), "{day}");
        assert!(!history.contains_report(&outcome(PaymentOutcome::PaidOutOfBand, t(day))), "{day}");
    }
}

#[test]
fn a_success_is_missing_while_fewer_were_reported_than_counted_and_no_query_searched() {
    let mut cases = 0;
    for successes in 0..4_u32 {
        for reported in 0..4_u32 {
            for searched in 0..4_u32 {
                let history = ChargeHistory {
                    successes,
                    reported_successes: reported,
                    reconciled_up_to: searched,
                    ..ChargeHistory::default()
                };
                let unreported = (reported + 1..=successes).next().is_some();
                let unsearched = (searched + 1..=successes).next().is_some();
                assert_eq!(
                    history.has_unreported_success(),
                    unreported && unsearched,
                    "{successes} {reported} {searched}"
                );
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 64);
}

#[test]
fn failures_are_kept_in_order_those_of_one_instant_as_they_came_and_the_latest_24_of_them() {
    let mut history = ChargeHistory::default();
    for (day, code) in [(5, "a"), (3, "b"), (7, "c"), (5, "d"), (1, "e")] {
        history.add_failure(FailedCharge { at: t(day), rtn_code: code.to_owned(), class: DeclineClass::SoftDecline });
    }
    let codes: Vec<_> = history.failures.iter().map(|failure| failure.rtn_code.as_str()).collect();
    assert_eq!(codes, ["e", "b", "a", "d", "c"]);
    for day in 8..=28 {
        history.add_failure(FailedCharge { at: t(day), rtn_code: day.to_string(), class: DeclineClass::SoftDecline });
    }
    let codes: Vec<_> = history.failures.iter().map(|failure| failure.rtn_code.as_str()).collect();
    assert_eq!((codes.len(), &codes[..3], codes[23]), (24, &["a", "d", "c"][..], "28"));
}

#[test]
fn requests_of_retries_are_kept_once_in_order_and_the_latest_24_of_them() {
    let mut history = ChargeHistory::default();
    for day in [5, 3, 7, 5, 1] {
        history.add_retry(t(day));
    }
    assert_eq!(history.retries, [t(1), t(3), t(5), t(7)]);
    history.remove_retry(t(3));
    for day in 8..=29 {
        history.add_retry(t(day));
    }
    assert_eq!((history.retries.len(), history.retries[0], history.retries[23]), (24, t(5), t(29)));
}
