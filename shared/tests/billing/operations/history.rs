//! History of an order: rule and time of each entry.

use shared::domain::billing::decide::order::{end_grace, success_missing};
use shared::domain::billing::decide::retry::{RetryRefusal, claim_retry};
use shared::domain::billing::decision::{Actor, DecisionContext, HistoryEvent};
use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{Ended, OrderEnd, RetryState, Status};

use crate::operations::fixtures::{FAILURES, due, failing, fallen, policy, running, t};

#[test]
fn each_failure_has_its_rule() {
    let mut life = running();
    let expected = [
        Rule::GraceBegan,
        Rule::GraceExtendedOnce,
        Rule::LastWarning,
        Rule::FailureRecorded,
        Rule::FailureRecorded,
        Rule::SixthFailure,
    ];
    for (at, rule) in FAILURES.iter().zip(expected) {
        assert_eq!(life.failure(at).change.history.rule, rule, "{at}");
    }
    // The sixth failure has its own rule, whatever its effect on the grace period, also as first failure of its charge.
    let mut late = failing(5);
    late.success(2, "2025/02/24 12:00:00");
    assert_eq!(late.failure("2025/03/15 03:00:00").change.history.rule, Rule::SixthFailure);
    assert_eq!(late.failure("2025/03/16 03:00:00").change.history.rule, Rule::GraceExtendedOnce);
}

#[test]
fn a_success_that_was_never_reported_is_looked_for_once() {
    let mut life = running();
    assert_eq!(success_missing(&life.order, t("2025/01/16 12:00:00")), None);
    // The second success is missing.
    life.success(3, "2025/03/15 03:00:00");
    assert_eq!(life.next(), due("reconcile", "2025/03/15 03:00:00", ActionReason::SuccessMissing));
    let decision = success_missing(&life.order, t("2025/03/15 04:00:00")).unwrap();
    let line = decision.change.history.clone();
    assert_eq!((line.event, line.rule, line.by), (HistoryEvent::Checked, Rule::SuccessMissing, Actor::Schedule));
    life.take(&decision);
    assert_eq!(life.value().charge_history.reconciled_up_to, 3);
    assert_eq!(life.next(), due("reconcile", "2025/04/16 00:00:00", ActionReason::ChargeOverdue));
    assert_eq!(success_missing(&life.order, t("2025/03/15 05:00:00")), None);
    // A further missing success leads to a further search.
    life.success(5, "2025/05/15 03:00:00");
    assert_eq!(life.next(), due("reconcile", "2025/05/15 03:00:00", ActionReason::SuccessMissing));
}

#[test]
fn after_six_failures_the_end_is_what_a_query_says() {
    let mut six = failing(6);
    assert_eq!(six.value().ended, None);
    assert_eq!(six.next(), due("reconcile", "2025/02/24 04:00:00", ActionReason::EndSuspected));
    // ECPay counts failures in a row, or over the order's life: its page does not say.
    let mut runs = six.clone();
    runs.queried(EcpayState::Running, "2025/02/24 06:00:00");
    assert_eq!((runs.value().ended, runs.value().last_query.unwrap().state), (None, EcpayState::Running));
    assert!(claim_retry(&runs.order, Actor::Schedule, t("2025/02/24 07:00:00")).is_ok());
    let confirmed = six.ended(OrderEnd::Cancelled, "2025/02/24 06:00:00");
    assert_eq!(confirmed.change.history.rule, Rule::OrderOver);
    assert_eq!(six.value().ended, Some(Ended { at: t("2025/02/24 06:00:00"), how: OrderEnd::Cancelled }));
    assert_eq!(claim_retry(&six.order, Actor::Schedule, t("2025/02/24 07:00:00")), Err(RetryRefusal::OrderOver));
}

#[test]
fn the_first_query_that_shows_the_end_decides_which_charges_count() {
    let ended = || {
        let mut life = failing(6);
        life.ended(OrderEnd::Cancelled, "2025/02/24 15:05:06");
        let fall = end_grace(&life.order, DecisionContext::new(&policy(), t("2025/02/25 12:00:00"))).unwrap();
        life.take(&fall);
        let confirmed = life.ended(OrderEnd::Cancelled, "2025/02/26 12:00:00");
        assert_eq!((confirmed.change.history.rule, life.value().status), (Rule::OrderOver, Status::Cancelled));
        assert_eq!(life.value().ended, Some(Ended { at: t("2025/02/24 15:05:06"), how: OrderEnd::Cancelled }));
        life
    };
    // A success made before the end was known counts; one made at the same time is refunded.
    let rule = |made| ended().success_seen(2, made, "2025/02/26 13:00:00").change.history.rule;
    assert_eq!(rule("2025/02/24 15:05:05"), Rule::PlanRestored);
    assert_eq!(rule("2025/02/24 15:05:06"), Rule::RefundDue);
    // A further query has nothing to add.
    let mut known = ended();
    assert_eq!(known.ended(OrderEnd::Cancelled, "2025/02/27 12:00:00").change.history.rule, Rule::NothingNew);
}

#[test]
fn on_free_a_late_success_helps_while_the_grace_of_the_next_charge_runs() {
    // Charge 3 failed on 15 March at 03:00:00: its seven days end on the 22nd.
    for (reported, rule, plan) in [
        ("2025/03/22 02:59:59", Rule::PlanRestored, "PRO"),
        ("2025/03/22 03:00:00", Rule::LateSuccess, "FREE"),
        ("2025/03/22 03:00:01", Rule::LateSuccess, "FREE"),
    ] {
        let mut life = fallen();
        life.asked("2025/02/26 12:00:00", RetryState::NoResult);
        life.failure("2025/03/15 03:00:00");
        let decision = life.success_seen(2, "2025/02/26 12:30:00", reported);
        assert_eq!((decision.change.history.rule, life.value().plan.as_str()), (rule, plan), "{reported}");
    }
}
