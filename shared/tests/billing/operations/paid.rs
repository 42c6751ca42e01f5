//! Payments outside ECPay, as recorded by staff.

use shared::domain::billing::decide::operation::{OperationDecision, OperationRefusal};
use shared::domain::billing::decide::order::charge_missing;
use shared::domain::billing::decision::{Actor, HistoryEvent};
use shared::domain::billing::dunning::arrears::{Arrears, Recovery};
use shared::domain::billing::live_orders::{LiveEntry, LiveOrder};
use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::notices::Recipient;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::payment::{DeclineClass, PaymentOutcome, ReportSource};
use shared::domain::billing::payments::refund_due::RefundDue;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{OrderEnd, PaidPeriod, RetryState, Status};
use shared::domain::values::ids::EventId;
use shared::domain::values::money::Twd;

use crate::operations::fixtures::{
    Life, day, due, failing, fallen, given_up, mails, over, pending, replaced, running, t,
};

fn transfer(dollars: u32) -> Operation {
    Operation::MarkPaid { amount: Some(Twd::new(dollars)), reference: Some("bank 0042".to_owned()) }
}

/// Charge 2 failed and was paid by transfer on 17 February.
fn paid_out_of_band() -> Life {
    let mut life = failing(1);
    life.staff(&transfer(899), "2025/02/17 12:00:00");
    life
}

#[test]
fn a_transfer_ends_the_arrears_and_pays_until_the_next_due_day() {
    let mut life = failing(1);
    let decision = life.staff(&transfer(500), "2025/02/17 12:00:00");
    assert_eq!((life.value().status, life.value().plan.as_str()), (Status::Active, "PRO"));
    assert_eq!(life.value().paid_period(), Some(PaidPeriod { from: day("2025-02-15"), to: day("2025-03-15") }));
    assert_eq!((life.value().dunning_notice, life.value().extra_grace_days), (None, 0));
    assert_eq!(life.next(), due("reconcile", "2025/03/16 00:00:00", ActionReason::ChargeOverdue));
    assert_eq!(mails(&decision), ["recovered"]);
    assert_eq!(decision.notices[0].fields["paid_until"], "2025-03-15");
    assert_eq!(decision.notices[0].to, Recipient::Customer(life.value().email.clone()));
    let payment = decision.payment.unwrap();
    assert_eq!(payment.id.as_str(), "ORDER1.O:2025-02-15");
    assert_eq!((payment.outcome, payment.amount), (PaymentOutcome::PaidOutOfBand, Some(Twd::new(500))));
    assert_eq!((payment.rtn_code.as_str(), payment.rtn_msg.as_str()), ("", "bank 0042"));
    assert_eq!((payment.processed_at, payment.recorded_at), (t("2025/02/17 12:00:00"), t("2025/02/17 12:00:00")));
    assert_eq!((payment.refund_due, payment.gwsr), (RefundDue::Nothing, None));
    let receipt = decision.receipt.unwrap();
    assert_eq!((receipt.event.as_str(), receipt.report.source), ("O:2025-02-15", ReportSource::Staff));
    let line = decision.change.history;
    assert_eq!((line.rule, line.event), (Rule::ArrearsPaid, HistoryEvent::Reported(receipt.report)));
    assert_eq!((line.by, line.why.as_deref()), (Actor::Staff("support".to_owned()), Some("asked for")));
}

#[test]
fn a_transfer_brings_a_customer_back_from_free() {
    let mut life = fallen();
    let decision = life.staff(&transfer(899), "2025/02/26 12:00:00");
    assert_eq!(decision.change.history.rule, Rule::PlanRestored);
    assert_eq!(decision.receipt.unwrap().event.as_str(), "O:2025-02-15");
    assert_eq!((life.value().status, life.value().downgrade), (Status::Active, None));
    assert_eq!(life.value().paid_period(), Some(PaidPeriod { from: day("2025-02-15"), to: day("2025-03-15") }));
    assert_eq!(decision.user.unwrap().entry, LiveEntry::Live(LiveOrder::of(life.value())));
    assert_eq!(life.value().plan.as_str(), "PRO");
    assert_eq!(notice_names(&decision.notices), ["recovered"]);
}

fn notice_names(notices: &[shared::domain::billing::notices::Notice]) -> Vec<&'static str> {
    notices.iter().map(|notice| notice.kind.name()).collect()
}

#[test]
fn a_charge_that_never_came_is_paid_after_the_downgrade() {
    let mut life = running();
    assert_eq!(life.refused(&transfer(899), "2025/02/21 12:00:00"), OperationRefusal::NothingOwed);
    let fall = charge_missing(&life.order, t("2025/02/22 00:00:00")).unwrap();
    life.take(&fall);
    let decision = life.staff(&transfer(899), "2025/02/22 12:00:00");
    assert_eq!(decision.change.history.rule, Rule::PlanRestored);
    assert_eq!(decision.receipt.unwrap().event.as_str(), "O:2025-02-15");
    assert_eq!((life.value().status, life.value().plan.as_str()), (Status::Active, "PRO"));
    assert_eq!(life.value().charge_history.paid_out_of_band, Some(day("2025-02-15")));
}

#[test]
fn what_cannot_be_owed_cannot_be_paid() {
    let now = "2025/02/26 12:00:00";
    for (life, refusal) in [
        (pending(), OperationRefusal::NotPaid),
        (given_up(), OperationRefusal::OrderOver),
        (replaced(failing(1)), OperationRefusal::OrderOver),
        (over(OrderEnd::Cancelled), OperationRefusal::OrderOver),
        (over(OrderEnd::Finished), OperationRefusal::OrderOver),
        (running(), OperationRefusal::NothingOwed),
        (paid_out_of_band(), OperationRefusal::NothingOwed),
    ] {
        assert_eq!(life.refused(&transfer(899), now), refusal, "{:?}", life.value().status);
    }
}

#[test]
fn while_a_retry_is_open_nothing_is_recorded() {
    for (answer, refused) in [
        (RetryState::Unknown, true),
        (RetryState::Accepted, true),
        (RetryState::Refused, false),
        (RetryState::NotSent, false),
        (RetryState::NoResult, false),
    ] {
        let mut life = failing(1);
        life.asked("2025/02/16 12:00:00", answer);
        if refused {
            assert_eq!(life.refused(&transfer(899), "2025/02/17 12:00:00"), OperationRefusal::RetryOpen, "{answer:?}");
            life.failure("2025/02/17 13:00:00");
        }
        life.staff(&transfer(899), "2025/02/17 14:00:00");
        assert_eq!(life.value().status, Status::Active, "{answer:?}");
    }
    // The pending retry is the reason named first, also for a replaced order.
    let mut life = failing(1);
    life.asked("2025/02/16 12:00:00", RetryState::Accepted);
    assert_eq!(replaced(life).refused(&transfer(899), "2025/02/21 12:00:00"), OperationRefusal::RetryOpen);
}

#[test]
fn every_known_failure_is_paid_also_one_that_ecpays_clock_puts_after_ours() {
    let mut life = failing(1);
    life.failure_seen("2025/02/17 12:00:05", "2025/02/17 12:00:00");
    let decision = life.staff(&transfer(899), "2025/02/17 12:00:02");
    assert_eq!(decision.payment.unwrap().processed_at, t("2025/02/17 12:00:05"));
    assert_eq!((life.value().status, Arrears::of(life.value())), (Status::Active, None));
    // Two charges failed before the payment: as at ECPay, payment of the later one covers the earlier.
    let mut both = failing(1);
    both.failure("2025/03/15 03:00:00");
    let decision = both.staff(&transfer(1798), "2025/03/16 12:00:00");
    assert_eq!(decision.receipt.unwrap().event.as_str(), "O:2025-03-15");
    assert_eq!((both.value().status, Arrears::of(both.value())), (Status::Active, None));
    assert_eq!(both.value().paid_period(), Some(PaidPeriod { from: day("2025-03-15"), to: day("2025-04-15") }));
}

#[test]
fn a_charge_of_which_nothing_is_known_yet_is_not_paid_with_the_one_before() {
    let recorded = || {
        let mut life = failing(1);
        // The charge of 15 March was made; its report has not arrived yet.
        let decision = life.staff(&transfer(899), "2025/03/16 12:00:00");
        assert_eq!(decision.receipt.unwrap().event.as_str(), "O:2025-02-15");
        assert_eq!(life.value().paid_period(), Some(PaidPeriod { from: day("2025-02-15"), to: day("2025-03-15") }));
        life
    };
    let mut life = recorded();
    life.failure_seen("2025/03/15 03:00:00", "2025/03/16 13:00:00");
    assert!(matches!(life.value().status, Status::PastDue { .. }));
    assert_eq!(Arrears::of(life.value()).unwrap().charge_due, day("2025-03-15"));
    let mut life = recorded();
    let decision = life.success_seen(2, "2025/03/15 03:00:00", "2025/03/16 13:00:00");
    assert_eq!(
        (decision.change.history.rule, decision.payment.unwrap().refund_due),
        (Rule::Renewed, RefundDue::Nothing)
    );
    assert_eq!(life.value().paid_period(), Some(PaidPeriod { from: day("2025-03-15"), to: day("2025-04-15") }));
}

#[test]
fn what_a_customer_on_free_pays_is_the_latest_charge_that_was_due() {
    for (now, period) in [
        ("2025/03/14 23:59:59", ("2025-02-15", "2025-03-15")),
        ("2025/03/15 00:00:00", ("2025-03-15", "2025-04-15")),
        ("2025/04/20 12:00:00", ("2025-04-15", "2025-05-15")),
    ] {
        let mut life = fallen();
        let decision = life.staff(&transfer(899), now);
        assert_eq!(decision.change.history.rule, Rule::PlanRestored, "{now}");
        assert_eq!(decision.receipt.unwrap().event.as_str(), format!("O:{}", period.0), "{now}");
        assert_eq!(life.value().paid_period(), Some(PaidPeriod { from: day(period.0), to: day(period.1) }), "{now}");
    }
}

#[test]
fn each_charge_is_paid_under_its_own_day() {
    let mut life = paid_out_of_band();
    life.failure("2025/03/15 03:00:00");
    let decision = life.staff(&transfer(899), "2025/03/16 12:00:00");
    assert_eq!(decision.receipt.unwrap().event, EventId::paid_out_of_band(day("2025-03-15")));
    assert_eq!(life.value().charge_history.paid_out_of_band, Some(day("2025-03-15")));
    assert_eq!(life.value().paid_period(), Some(PaidPeriod { from: day("2025-03-15"), to: day("2025-04-15") }));
}

#[test]
fn a_success_of_the_charge_that_was_paid_outside_is_a_refund_and_of_any_other_is_none() {
    // Charge 2 comprises the charges made from 14 February to 13 March.
    for (made, rule) in [
        ("2025/02/14 00:00:00", Rule::RefundDue),
        ("2025/02/15 08:00:00", Rule::RefundDue),
        ("2025/02/17 11:59:59", Rule::RefundDue),
        ("2025/02/18 03:00:00", Rule::RefundDue),
        ("2025/03/13 23:59:59", Rule::RefundDue),
        ("2025/02/13 23:59:59", Rule::LateSuccess),
        ("2025/03/14 00:00:00", Rule::Renewed),
    ] {
        let mut life = paid_out_of_band();
        let before = life.value().clone();
        let decision = life.success_seen(2, made, "2025/03/14 01:00:00");
        assert_eq!(decision.change.history.rule, rule, "{made}");
        let refund = rule == Rule::RefundDue;
        assert_eq!(decision.payment.as_ref().unwrap().refund_due.is_any(), refund, "{made}");
        if refund {
            let notice = &decision.notices[0];
            assert_eq!((mails(&decision), &notice.to), (vec!["refund-due"], &Recipient::Staff), "{made}");
            assert_eq!(notice.id.as_str(), "ORDER1/refund-due/S:2", "{made}");
            assert_eq!(notice.fields["gwsr"], t(made).unix().to_string(), "{made}");
            assert_eq!(life.value().paid_period(), before.paid_period(), "{made}");
            assert_eq!((life.value().status, &life.value().plan), (before.status, &before.plan), "{made}");
        } else {
            assert_eq!(mails(&decision), [""; 0], "{made}");
        }
        assert_eq!(life.value().charge_history.successes, 2, "{made}");
    }
}

#[test]
fn a_failure_of_the_charge_that_was_paid_outside_begins_no_grace() {
    let mut life = paid_out_of_band();
    // Retried in ECPay's console after the transfer.
    let decision = life.failure("2025/02/18 04:00:00");
    assert_eq!((mails(&decision), decision.change.history.rule), (vec![], Rule::FailureRecorded));
    assert_eq!((life.value().status, Arrears::of(life.value())), (Status::Active, None));
    assert_eq!(life.refused(&transfer(899), "2025/02/19 12:00:00"), OperationRefusal::NothingOwed);
    // The next charge is owed as usual, from its own window on.
    let mut next = life.clone();
    assert_eq!(mails(&next.failure("2025/03/13 23:59:59")), [""; 0]);
    assert_eq!(mails(&next.failure("2025/03/14 00:00:00")), ["first-payment-failure"]);
    assert_eq!(next.grace_end().as_deref(), Some("2025/03/21 00:00:00"));
}

#[test]
fn an_order_that_is_over_keeps_what_was_paid_until_its_period_ends() {
    for (how, failures) in [(OrderEnd::Cancelled, 1), (OrderEnd::Finished, 1), (OrderEnd::Cancelled, 6)] {
        let mut life = failing(failures);
        life.ended(how, "2025/02/24 11:00:00");
        life.staff(&transfer(899), "2025/02/24 12:00:00");
        assert_eq!((life.value().status, life.value().ended.unwrap().how), (Status::Active, how));
        assert_eq!(life.next(), due("end-grace", "2025/03/15 00:00:00", ActionReason::PaidPeriodEnds), "{how:?}");
    }
}

#[test]
fn a_recorded_payment_said_again_changes_nothing_where_the_charge_looks_unpaid_and_another_one_is_refused() {
    let mut life = paid_out_of_band();
    // The payment stands, whichever report made the charge look unpaid.
    life.order.value.charge_history.paid_out_of_band = None;
    life.failure("2025/02/18 04:00:00");
    assert_eq!(life.verdict(&transfer(899), None, "2025/02/19 12:00:00"), OperationDecision::Unchanged);
    assert_eq!(life.refused(&transfer(900), "2025/02/19 12:00:00"), OperationRefusal::NothingOwed);
}

#[test]
fn what_a_payment_recovers_is_how_often_it_had_failed_and_how() {
    for (times, failures) in [(1, 1), (3, 3)] {
        let before = failing(times);
        let mut after = before.clone();
        after.staff(&transfer(899), "2025/02/20 12:00:00");
        // From the 15th at 03:05:06: five days, 8 hours, 54 minutes and 54 seconds.
        let class = DeclineClass::SoftDecline;
        let recovery = Recovery { failures, class, seconds: 464_094, after_downgrade: false };
        assert_eq!(Recovery::between(before.value(), after.value()), Some(recovery));
        assert_eq!(Recovery::between(after.value(), after.value()), None);
        assert_eq!(Recovery::between(before.value(), before.value()), None);
        assert_eq!(Recovery::between(after.value(), before.value()), None);
    }
}
