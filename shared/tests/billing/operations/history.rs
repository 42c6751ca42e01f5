//! History of an order: rule and time of each entry.

use shared::domain::billing::decide::order::{end_grace, order_ended, success_missing};
use shared::domain::billing::decision::{Actor, DecisionContext, HistoryEvent};
use shared::domain::billing::next_action::ActionReason;
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
fn the_end_that_ecpay_confirms_counts_from_then_and_one_that_was_known_from_when_it_was() {
    // The end after six failures is inferred on the 24th; ECPay confirms it on the 26th.
    let mut six = failing(6);
    assert_eq!(six.value().ended, Some(Ended { at: t("2025/02/24 04:00:00"), how: OrderEnd::SixFailures }));
    let fall = end_grace(&six.order, DecisionContext::new(&policy(), t("2025/02/25 12:00:00"))).unwrap();
    six.take(&fall);
    let decision = six.ended(OrderEnd::Cancelled, "2025/02/26 12:00:00");
    assert_eq!((decision.change.history.rule, six.value().status), (Rule::OrderOver, Status::Cancelled));
    assert_eq!(six.value().ended, Some(Ended { at: t("2025/02/26 12:00:00"), how: OrderEnd::SixFailures }));
    // A success made before the confirmation counts; one made at the same time is refunded.
    assert_eq!(
        six.clone().success_seen(2, "2025/02/26 11:59:59", "2025/02/26 13:00:00").change.history.rule,
        Rule::PlanRestored
    );
    assert_eq!(six.success_seen(2, "2025/02/26 12:00:00", "2025/02/26 13:00:00").change.history.rule, Rule::RefundDue);
    // The end that ECPay confirmed on the 16th is not confirmed again on FREE.
    let mut cancelled = failing(1);
    cancelled.ended(OrderEnd::Cancelled, "2025/02/16 12:00:00");
    let fall = end_grace(&cancelled.order, DecisionContext::new(&policy(), t("2025/02/20 12:00:00"))).unwrap();
    cancelled.take(&fall);
    cancelled.ended(OrderEnd::Cancelled, "2025/02/21 12:00:00");
    assert_eq!(cancelled.value().ended, Some(Ended { at: t("2025/02/16 12:00:00"), how: OrderEnd::Cancelled }));
    assert_eq!(cancelled.value().status, Status::Cancelled);
    assert_eq!(order_ended(&cancelled.order, OrderEnd::Cancelled, t("2025/02/22 12:00:00")), None);
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
