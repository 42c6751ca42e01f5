//! Pause of dunning: no automatic retries, no mails about failures, no downgrade, until it ends.

use shared::domain::billing::decide::operation::OperationRefusal;
use shared::domain::billing::decide::order::{charge_missing, end_grace};
use shared::domain::billing::decide::retry::{claim_retry, retry_is_due};
use shared::domain::billing::decision::{Actor, DecisionContext, HistoryEvent};
use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::operations::{Operation, Pause};
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{OrderEnd, RetryState, Status};

use crate::operations::fixtures::{due, failing, fallen, given_up, mails, over, pending, policy, replaced, running, t};

const TEN: Operation = Operation::Pause { days: 10 };

#[test]
fn a_pause_ends_so_many_days_of_24_hours_later() {
    let mut life = failing(1);
    let before = life.value().clone();
    let decision = life.staff(&TEN, "2025/02/15 20:00:00");
    let until = t("2025/02/25 20:00:00");
    assert_eq!(life.value().paused, Some(Pause { since: t("2025/02/15 20:00:00"), until }));
    assert_eq!(life.next(), due("resume", "2025/02/25 20:00:00", ActionReason::PauseEnds));
    assert_eq!((life.value().status, &life.value().dunning_notice), (before.status, &before.dunning_notice));
    assert_eq!((mails(&decision), &decision.user), (vec![], &None));
    let line = decision.change.history;
    assert_eq!((line.event, line.rule), (HistoryEvent::Paused { days: 10 }, Rule::DunningPaused));
    assert_eq!((line.by, line.why.as_deref()), (Actor::Staff("support".to_owned()), Some("asked for")));
    // Longest pause that the API accepts.
    let mut long = failing(1);
    long.staff(&Operation::Pause { days: 60 }, "2025/02/15 20:00:00");
    assert_eq!(long.next(), due("resume", "2025/04/16 20:00:00", ActionReason::PauseEnds));
}

#[test]
fn a_pause_set_again_gets_a_new_end_and_keeps_its_start() {
    let mut life = failing(1);
    life.staff(&TEN, "2025/02/15 20:00:00");
    life.staff(&Operation::Pause { days: 3 }, "2025/02/16 08:00:00");
    let paused = Pause { since: t("2025/02/15 20:00:00"), until: t("2025/02/19 08:00:00") };
    assert_eq!(life.value().paused, Some(paused));
}

#[test]
fn only_a_live_order_with_its_plan_is_paused() {
    for life in [
        pending(),
        given_up(),
        fallen(),
        replaced(running()),
        replaced(failing(1)),
        over(OrderEnd::Cancelled),
        over(OrderEnd::Finished),
    ] {
        let refusal = life.refused(&TEN, "2025/02/26 09:00:00");
        assert_eq!(refusal, OperationRefusal::NothingToPause, "{:?}", life.value().status);
        assert_eq!(life.refused(&Operation::Resume, "2025/02/26 09:00:00"), OperationRefusal::NotPaused);
    }
}

#[test]
fn no_retry_is_scheduled_and_no_customer_is_downgraded_during_a_pause() {
    let mut life = failing(2);
    life.staff(&Operation::Pause { days: 20 }, "2025/02/16 04:00:00");
    for now in [
        "2025/02/18 03:05:06",
        "2025/02/22 03:05:06",
        "2025/02/25 03:05:06",
        "2025/03/08 03:59:59",
        "2025/03/08 04:00:00",
        "2025/03/20 04:00:00",
    ] {
        assert!(!retry_is_due(life.value(), DecisionContext::new(&policy(), t(now))), "{now}");
        assert_eq!(end_grace(&life.order, DecisionContext::new(&policy(), t(now))), None, "{now}");
    }
    assert_eq!(life.next(), due("resume", "2025/03/08 04:00:00", ActionReason::PauseEnds));
    // Staff may request a retry, and its result then comes first.
    let claim = claim_retry(&life.order, Actor::Staff("support".to_owned()), t("2025/02/17 12:00:00")).unwrap();
    life.take(&claim);
    assert_eq!(life.next(), due("reconcile", "2025/02/17 12:00:00", ActionReason::RetryResultPending));
}

#[test]
fn a_charge_that_fails_meanwhile_begins_grace_without_a_mail() {
    let mut life = running();
    life.staff(&Operation::Pause { days: 30 }, "2025/02/10 12:00:00");
    for (at, rule, end) in [
        ("2025/02/15 03:05:06", Rule::FailureRecorded, "2025/02/22 03:05:06"),
        ("2025/02/16 04:00:00", Rule::FailureRecorded, "2025/02/25 03:05:06"),
        ("2025/02/18 04:00:00", Rule::FailureRecorded, "2025/02/25 03:05:06"),
    ] {
        let decision = life.failure(at);
        assert_eq!((mails(&decision), decision.change.history.rule), (vec![], rule), "{at}");
        assert_eq!(life.grace_end().as_deref(), Some(end), "{at}");
        assert_eq!(life.value().dunning_notice, None, "{at}");
        assert_eq!(life.next(), due("resume", "2025/03/12 12:00:00", ActionReason::PauseEnds), "{at}");
    }
}

#[test]
fn a_success_meanwhile_ends_the_arrears_and_leaves_the_pause() {
    let mut life = failing(1);
    life.staff(&TEN, "2025/02/15 20:00:00");
    let decision = life.success(2, "2025/02/17 04:00:00");
    assert_eq!((mails(&decision), life.value().status), (vec!["recovered"], Status::Active));
    assert_eq!(life.next(), due("resume", "2025/02/25 20:00:00", ActionReason::PauseEnds));
    // Paid in time and without a notice of the failure: no mail.
    let mut quiet = running();
    quiet.staff(&Operation::Pause { days: 30 }, "2025/02/10 12:00:00");
    quiet.failure("2025/02/15 03:05:06");
    assert_eq!(mails(&quiet.success(2, "2025/02/17 04:00:00")), [""; 0]);
}

#[test]
fn an_order_that_runs_is_asked_about_when_its_charge_is_late_or_resumed_whichever_is_sooner() {
    let mut short = running();
    short.staff(&TEN, "2025/02/05 23:59:59");
    assert_eq!(short.next(), due("resume", "2025/02/15 23:59:59", ActionReason::PauseEnds));
    let mut long = running();
    long.staff(&TEN, "2025/02/06 00:00:01");
    assert_eq!(long.next(), due("reconcile", "2025/02/16 00:00:00", ActionReason::ChargeOverdue));
}

#[test]
fn staff_are_notified_of_a_missing_charge_during_a_pause_but_no_plan_is_taken() {
    let mut life = running();
    life.staff(&Operation::Pause { days: 30 }, "2025/02/10 12:00:00");
    assert_eq!(charge_missing(&life.order, t("2025/02/17 23:59:59")), None);
    // Later than a week and not notified yet: notified, and no downgrade.
    for now in ["2025/02/18 00:00:00", "2025/02/22 00:00:00", "2025/03/01 00:00:00"] {
        let decision = charge_missing(&life.order, t(now)).unwrap();
        assert_eq!((mails(&decision), decision.change.history.rule), (vec!["uncharged"], Rule::ChargeLate), "{now}");
        assert!(!decision.change.next.plan.is_free(), "{now}");
    }
    let decision = charge_missing(&life.order, t("2025/02/18 00:00:00")).unwrap();
    life.take(&decision);
    assert_eq!(charge_missing(&life.order, t("2025/03/01 00:00:00")), None);
    life.staff(&Operation::Resume, "2025/03/01 00:00:00");
    let decision = charge_missing(&life.order, t("2025/03/01 00:00:00")).unwrap();
    assert_eq!((mails(&decision), decision.change.history.rule), (vec!["not-charged"], Rule::NotCharged));
}

#[test]
fn an_order_that_is_over_ends_with_its_paid_period_also_while_paused() {
    let mut life = running();
    life.staff(&Operation::Pause { days: 30 }, "2025/02/10 12:00:00");
    life.ended(OrderEnd::Cancelled, "2025/02/11 12:00:00");
    assert_eq!(life.next(), due("end-grace", "2025/02/15 00:00:00", ActionReason::PaidPeriodEnds));
    assert_eq!(end_grace(&life.order, DecisionContext::new(&policy(), t("2025/02/14 23:59:59"))), None);
    let decision = end_grace(&life.order, DecisionContext::new(&policy(), t("2025/02/15 00:00:00"))).unwrap();
    assert_eq!(decision.change.next.status, Status::Cancelled);
}

#[test]
fn an_order_that_another_replaces_is_no_longer_paused() {
    let mut old = failing(1);
    old.staff(&TEN, "2025/02/15 20:00:00");
    let old = replaced(old);
    assert_eq!((old.value().paused, old.value().status), (None, Status::Active));
    assert_eq!(old.next(), due("cancel", "2025/01/15 10:00:00", ActionReason::Replaced));
}

#[test]
fn a_pause_while_a_retry_is_open_does_not_hide_its_result() {
    let mut life = failing(1);
    life.asked("2025/02/16 12:00:00", RetryState::Accepted);
    life.staff(&TEN, "2025/02/16 13:00:00");
    assert_eq!(life.next(), due("reconcile", "2025/02/16 12:00:00", ActionReason::RetryResultPending));
    assert_eq!(mails(&life.failure("2025/02/16 14:00:00")), [""; 0]);
    assert_eq!(life.value().retry.unwrap().state, RetryState::Resolved);
    assert_eq!(life.grace_end().as_deref(), Some("2025/02/25 03:05:06"));
    assert_eq!(life.next(), due("resume", "2025/02/26 13:00:00", ActionReason::PauseEnds));
}
