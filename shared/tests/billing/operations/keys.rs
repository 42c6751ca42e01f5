//! Idempotency keys: a request under a key is applied once, whatever happens between its repetitions.

use shared::domain::billing::decide::operation::{OperationDecision, OperationRefusal};
use shared::domain::billing::decide::retry::record_retry_outcome;
use shared::domain::billing::operations::{Operation, RECENT_OPERATIONS_KEPT};
use shared::domain::billing::subscription::RetryState;
use shared::domain::values::money::Twd;

use crate::operations::fixtures::{failing, running, t};

/// Every operation, and variants that differ in one value, with their fingerprints.
fn operations() -> Vec<(Operation, &'static str)> {
    let paid = |dollars, reference: &str| Operation::MarkPaid {
        amount: Some(Twd::new(dollars)),
        reference: Some(reference.to_owned()),
    };
    vec![
        (Operation::ExtendGrace { days: 5 }, "extend-grace 5"),
        (Operation::ExtendGrace { days: 6 }, "extend-grace 6"),
        (Operation::Pause { days: 5 }, "pause 5"),
        (Operation::Pause { days: 6 }, "pause 6"),
        (Operation::Resume, "resume"),
        (Operation::Cancel, "cancel"),
        (paid(899, "bank 0042"), "mark-paid 899 bank 0042"),
        (paid(899, "bank 0043"), "mark-paid 899 bank 0043"),
        (paid(900, "bank 0042"), "mark-paid 900 bank 0042"),
        (Operation::Retry, "retry"),
    ]
}

#[test]
fn the_fingerprint_of_a_request_covers_all_its_values() {
    for (operation, fingerprint) in operations() {
        assert_eq!(operation.fingerprint(), fingerprint);
    }
}

#[test]
fn under_one_key_the_same_is_a_repeat_and_anything_else_is_refused() {
    let mut cases = 0;
    for (first, _) in operations() {
        let mut life = failing(1);
        if first == Operation::Resume {
            life.staff(&Operation::Pause { days: 5 }, "2025/02/16 08:00:00");
        }
        let decision = life.keyed(&first, Some("1"), "2025/02/16 09:00:00");
        let kept = life.value().operations.last().unwrap();
        assert_eq!(decision.change.history.operation.as_ref(), Some(kept));
        assert_eq!((kept.key.as_str(), &kept.request), (&*format!("{:0>32}", "1"), &first.fingerprint()));
        for (second, _) in operations() {
            let verdict = life.verdict(&second, Some("1"), "2025/02/16 09:00:01");
            let expected = if first == second {
                OperationDecision::Repeat
            } else {
                OperationDecision::Refused(OperationRefusal::KeyReused)
            };
            assert_eq!(verdict, expected, "{first:?}, then {second:?}");
            cases += 1;
        }
    }
    assert_eq!(cases, 100);
}

#[test]
fn two_keys_and_no_key_are_two_requests() {
    let five = Operation::ExtendGrace { days: 5 };
    let mut life = failing(1);
    life.keyed(&five, Some("1"), "2025/02/16 09:00:00");
    life.keyed(&five, Some("2"), "2025/02/16 09:00:00");
    let unkeyed = life.keyed(&five, None, "2025/02/16 09:00:00");
    life.keyed(&five, None, "2025/02/16 09:00:00");
    assert_eq!(life.value().extra_grace_days, 20);
    assert_eq!(life.grace_end().as_deref(), Some("2025/03/14 03:05:06"));
    assert_eq!((unkeyed.change.history.operation, life.value().operations.len()), (None, 2));
}

#[test]
fn a_repetition_stays_one_after_what_came_in_between() {
    let mut life = failing(1);
    life.keyed(&Operation::Retry, Some("1"), "2025/02/16 09:00:00");
    life.failure("2025/02/16 10:00:00");
    assert_eq!(life.value().retry.unwrap().state, RetryState::Resolved);
    assert_eq!(life.verdict(&Operation::Retry, Some("1"), "2025/02/16 11:00:00"), OperationDecision::Repeat);
    let paid = Operation::MarkPaid { amount: Some(Twd::new(899)), reference: Some("cash".to_owned()) };
    life.keyed(&paid, Some("2"), "2025/02/16 12:00:00");
    // Without the key no unpaid charge is left; with it the request is a repeat.
    assert_eq!(life.refused(&paid, "2025/02/16 12:00:01"), OperationRefusal::NothingOwed);
    assert_eq!(life.verdict(&paid, Some("2"), "2025/02/16 12:00:01"), OperationDecision::Repeat);
}

#[test]
fn what_is_refused_uses_up_no_key() {
    let mut life = running();
    let five = Operation::ExtendGrace { days: 5 };
    assert_eq!(
        life.verdict(&five, Some("1"), "2025/02/14 09:00:00"),
        OperationDecision::Refused(OperationRefusal::NoGrace)
    );
    life.failure("2025/02/15 03:05:06");
    life.keyed(&five, Some("1"), "2025/02/16 09:00:00");
    assert_eq!(life.grace_end().as_deref(), Some("2025/02/27 03:05:06"));
}

#[test]
fn the_latest_twelve_keys_are_remembered() {
    let mut life = failing(1);
    let one = Operation::ExtendGrace { days: 1 };
    for key in 1..=12 {
        life.keyed(&one, Some(&key.to_string()), "2025/02/16 09:00:00");
    }
    for key in 1..=12 {
        let verdict = life.verdict(&one, Some(&key.to_string()), "2025/02/16 09:00:00");
        assert_eq!(verdict, OperationDecision::Repeat, "{key}");
    }
    life.keyed(&one, Some("13"), "2025/02/16 09:00:00");
    assert_eq!((life.value().operations.len(), RECENT_OPERATIONS_KEPT), (12, 12));
    assert_eq!(life.verdict(&one, Some("2"), "2025/02/16 09:00:00"), OperationDecision::Repeat);
    life.keyed(&one, Some("1"), "2025/02/16 09:00:00");
    assert_eq!(life.value().extra_grace_days, 14);
}

#[test]
fn a_retry_that_never_reached_ecpay_may_be_asked_for_under_its_key_again() {
    let mut life = failing(1);
    life.keyed(&Operation::Retry, Some("1"), "2025/02/15 09:00:00");
    assert_eq!(life.verdict(&Operation::Retry, Some("1"), "2025/02/15 09:00:01"), OperationDecision::Repeat);
    let before = life.order.clone();
    let postponed = record_retry_outcome(&before, RetryState::NotSent, t("2025/02/15 09:00:02")).unwrap();
    life.take(&postponed);
    assert!(matches!(life.verdict(&Operation::Retry, Some("1"), "2025/02/15 10:00:00"), OperationDecision::Apply(_)));
    // A retry that ECPay refused was requested all the same.
    let mut life = failing(1);
    life.keyed(&Operation::Retry, Some("1"), "2025/02/15 09:00:00");
    let before = life.order.clone();
    let refused = record_retry_outcome(&before, RetryState::Refused, t("2025/02/15 09:00:02")).unwrap();
    life.take(&refused);
    assert_eq!(life.verdict(&Operation::Retry, Some("1"), "2025/02/15 10:00:00"), OperationDecision::Repeat);
}
