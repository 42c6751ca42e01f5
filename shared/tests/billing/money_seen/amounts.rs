//! Charges with another amount than the price, and the terms that staff record.

use shared::domain::billing::decide::operation::OperationRefusal;
use shared::domain::billing::decide::payment::decide_payment;
use shared::domain::billing::decision::{DecisionContext, HistoryEvent, PaymentDecision, Snapshot};
use shared::domain::billing::notices::Recipient;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::payment::PaymentReport;
use shared::domain::billing::payments::quarantine_reason::QuarantineReason;
use shared::domain::billing::payments::refund_due::RefundDue;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{OrderEnd, Status};
use shared::domain::values::money::Twd;

use crate::money_seen::driver::Driver;
use crate::operations::fixtures::{
    Life, day, failing, fallen, given_up, mails, over, pending, policy, replaced, running, t,
};

fn charged(dollars: u32, report: PaymentReport) -> PaymentReport {
    PaymentReport { amount: Some(Twd::new(dollars)), ..report }
}

fn price(dollars: u32) -> Operation {
    Operation::Terms { amount: Some(Twd::new(dollars)), next_charge_on: None }
}

fn next_charge(on: &str) -> Operation {
    Operation::Terms { amount: None, next_charge_on: Some(day(on)) }
}

#[test]
fn a_charge_of_another_amount_is_applied_and_staff_are_notified_once() {
    let mut driver = Driver::paid("2025/01/31 10:00:00");
    for (number, at) in ["2025/02/28", "2025/03/31", "2025/04/30", "2025/05/31"].iter().enumerate() {
        let report = driver.success_report(&format!("{at} 10:00:00"));
        driver.run_until(&format!("{at} 10:00:00"));
        let decision = driver.callback(&charged(999, report));
        assert_eq!(decision.change.history.rule, Rule::Renewed);
        let payment = decision.payment.unwrap();
        assert_eq!((payment.amount, payment.refund_due), (Some(Twd::new(999)), RefundDue::Nothing));
        assert_eq!(decision.notices.len(), usize::from(number == 0));
        for notice in decision.notices {
            assert_eq!((notice.id.as_str(), &notice.to), ("ORDER1/amount-differs/999", &Recipient::Staff));
            let fields = ["amount", "charged", "charged_at"].map(|name| notice.fields[name].as_str());
            assert_eq!(fields, ["NT$899", "NT$999", "2025-02-28 10:00"]);
        }
    }
    assert_eq!((driver.value().terms.price, driver.value().amount()), (Twd::new(899), Twd::new(899)));
    assert_eq!((driver.value().status, driver.shown()), (Status::Active, ("PRO", "2025-06-30".to_owned())));
    // Accepted, it is the price, and ordinary.
    let decision = driver.staff(&price(999), "2025/06/01 12:00:00");
    assert_eq!((mails(&decision), driver.value().terms.price), (vec![], Twd::new(999)));
    let report = driver.success_report("2025/06/30 10:00:00");
    driver.run_until("2025/06/30 10:00:00");
    assert_eq!(mails(&driver.callback(&charged(999, report))), [""; 0]);
    driver.run_until("2025/07/30 00:00:00");
    assert_eq!(driver.mails, ["2025-02-28 amount-differs"]);
    assert_eq!(driver.count(Rule::CancelRequestedAtEcpay), 0);
}

#[test]
fn each_amount_is_notified_once_and_the_price_never() {
    let mut life = running();
    for (number, dollars, expected) in
        [(2, 999, vec!["amount-differs"]), (3, 999, vec![]), (4, 1099, vec!["amount-differs"]), (5, 899, vec![])]
    {
        let at = format!("2025/{number:02}/15 03:00:00");
        let report = crate::operations::fixtures::report(
            life.value(),
            shared::domain::values::ids::EventId::success(number),
            shared::domain::billing::payments::payment::PaymentOutcome::Succeeded { number },
            &at,
        );
        let decision = life.reported(&charged(dollars, report), &at);
        assert_eq!(mails(&decision), expected, "{number} {dollars}");
    }
}

#[test]
fn a_charge_whose_amount_cannot_be_read_is_applied_without_an_amount() {
    let mut driver = Driver::paid("2025/01/15 10:00:00");
    for at in ["2025/02/15", "2025/03/15"] {
        let report = driver.success_report(&format!("{at} 10:00:00"));
        driver.run_until(&format!("{at} 10:00:00"));
        let decision = driver.callback(&PaymentReport { amount: None, ..report });
        let payment = decision.payment.unwrap();
        assert_eq!((decision.change.history.rule, payment.amount), (Rule::Renewed, None));
        // Each one must be looked up.
        let notice = &decision.notices[0];
        assert_eq!((notice.kind.name(), &*notice.fields["charged"]), ("amount-differs", "unknown"));
    }
    driver.run_until("2025/04/15 00:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-04-15".to_owned()));
    assert_eq!(driver.mails, ["2025-02-15 amount-differs", "2025-03-15 amount-differs"]);
}

#[test]
fn a_failure_is_never_compared_by_amount() {
    for amount in [None, Some(Twd::ZERO), Some(Twd::new(5)), Some(Twd::new(899))] {
        let mut driver = Driver::paid("2025/01/15 10:00:00");
        let report = driver.failure_report("2025/02/15 03:00:00");
        driver.run_until("2025/02/15 03:00:00");
        let decision = driver.callback(&PaymentReport { amount, ..report });
        assert_eq!(decision.change.history.rule, Rule::GraceBegan, "{amount:?}");
        assert_eq!(mails(&decision), ["first-payment-failure"], "{amount:?}");
        assert_eq!(decision.payment.unwrap().amount, amount.or(Some(Twd::new(899))), "{amount:?}");
    }
}

#[test]
fn a_first_authorisation_matches_the_signed_order_or_is_quarantined() {
    let life = pending();
    let first = crate::operations::fixtures::report(
        life.value(),
        shared::domain::values::ids::EventId::success(1),
        shared::domain::billing::payments::payment::PaymentOutcome::Succeeded { number: 1 },
        "2025/01/15 10:05:00",
    );
    let snapshot = Snapshot { subscription: life.order.clone(), replaced: None, paid_order: None };
    for amount in [None, Some(Twd::ZERO), Some(Twd::new(898)), Some(Twd::new(900))] {
        let policy = policy();
        let context = DecisionContext::new(&policy, first.processed_at);
        let verdict = decide_payment(&snapshot, &PaymentReport { amount, ..first.clone() }, context);
        let expected = QuarantineReason::WrongAmount { expected: Twd::new(899) };
        assert_eq!(verdict, PaymentDecision::Quarantine(expected), "{amount:?}");
    }
}

#[test]
fn terms_are_recorded_with_author_and_reason_and_change_nothing_else() {
    let mut life = running();
    let before = life.value().clone();
    let decision = life.staff(&price(999), "2025/01/20 12:00:00");
    let line = decision.change.history.clone();
    let event = HistoryEvent::TermsChanged { amount: Some(Twd::new(999)), next_charge_on: None };
    assert_eq!((line.event, line.rule, line.why.as_deref()), (event, Rule::TermsChanged, Some("asked for")));
    assert_eq!((mails(&decision), decision.user, decision.payment), (vec![], None, None));
    let mut expected = before;
    expected.terms.price = Twd::new(999);
    assert_eq!(life.value(), &expected);
}

#[test]
fn terms_belong_to_an_order_that_is_live_and_not_over() {
    let ended = || {
        let mut life = running();
        life.ended(OrderEnd::Finished, "2025/01/20 12:00:00");
        life
    };
    let lives: [Life; 6] =
        [pending(), given_up(), over(OrderEnd::Cancelled), over(OrderEnd::Finished), replaced(running()), ended()];
    for life in lives {
        for operation in [price(999), next_charge("2025-03-01")] {
            let refusal = life.refused(&operation, "2025/02/26 12:00:00");
            assert_eq!(refusal, OperationRefusal::NoTerms, "{:?}", life.value().status);
        }
    }
    for mut life in [running(), failing(1), fallen()] {
        life.staff(&price(999), "2025/02/26 12:00:00");
        assert_eq!(life.value().terms.price, Twd::new(999));
    }
}

#[test]
fn the_next_charge_is_a_day_after_today_in_taipei_and_at_most_396_days_ahead() {
    // 16:00 UTC is midnight in Taipei.
    for (now, on, accepted) in [
        ("2025/01/20 12:00:00", "2025-01-20", false),
        ("2025/01/20 12:00:00", "2025-01-21", true),
        ("2025/01/20 23:59:59", "2025-01-21", true),
        ("2025/01/21 00:00:00", "2025-01-21", false),
        ("2025/01/20 12:00:00", "2026-02-20", true),
        ("2025/01/20 12:00:00", "2026-02-21", false),
    ] {
        let mut life = running();
        if accepted {
            life.staff(&next_charge(on), now);
            assert_eq!(life.value().paid_period().unwrap().to, day(on), "{now} {on}");
            assert_eq!(life.value().charge_history.next_charge.unwrap().since, t(now));
        } else {
            assert_eq!(life.refused(&next_charge(on), now), OperationRefusal::NextChargeOutOfRange, "{now} {on}");
        }
    }
}

#[test]
fn a_plan_lost_for_a_failed_charge_does_not_return_with_an_announcement() {
    let mut life = fallen();
    life.staff(&next_charge("2025-03-20"), "2025/02/26 12:00:00");
    assert!(life.value().plan.is_free());
}
