//! The end of an order is what ECPay says: further charges, the last charge, and the sixth failure.

use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::payments::order_query::{EcpayState, QueryAnswer};
use shared::domain::billing::payments::payment::PaymentReport;
use shared::domain::billing::payments::refund_due::RefundDue;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::Status;
use shared::domain::billing::task::Task;

use crate::money_seen::driver::Driver;
use crate::operations::fixtures::{Life, answer, due, running, t};
use crate::support::{new_order, pro};

/// Order of that many charges, the first of which is paid on 15 January.
fn ordered(exec_times: u32) -> Driver {
    let mut order = new_order("ORDER1");
    order.terms = pro(order.terms.cycle, exec_times);
    let mut driver = Driver::ordered(order, t("2025/01/15 10:00:00"));
    driver.success("2025/01/15 10:05:00");
    driver
}

#[test]
fn after_the_last_charge_ecpay_is_asked_and_the_plan_ends_with_its_period() {
    let mut driver = ordered(2);
    driver.success("2025/02/15 10:00:00");
    driver.state = EcpayState::Finished;
    driver.run_until("2025/02/15 12:00:01");
    assert_eq!((driver.queries.len(), driver.count(Rule::OrderOver)), (1, 1));
    driver.run_until("2025/03/14 23:59:59");
    assert_eq!(driver.shown().0, "PRO");
    driver.run_until("2025/03/15 00:00:01");
    assert_eq!((driver.value().status, driver.value().plan.is_free()), (Status::Completed, true));
    assert_eq!(driver.mails, ["2025-03-15 plan-ended"]);
}

#[test]
fn an_order_that_runs_on_after_its_last_charge_is_asked_once_and_charged_further() {
    let mut driver = ordered(2);
    driver.success("2025/02/15 10:00:00");
    driver.run_until("2025/03/01 00:00:00");
    assert_eq!((driver.queries.len(), driver.value().ended), (1, None));
    let report = driver.success_report("2025/03/15 10:00:00");
    driver.run_until("2025/03/15 10:00:00");
    let decision = driver.callback(&PaymentReport { exec_times: Some(3), ..report });
    assert_eq!(
        (decision.change.history.rule, decision.payment.unwrap().refund_due),
        (Rule::Renewed, RefundDue::Nothing)
    );
    driver.run_until("2025/04/01 00:00:00");
    assert_eq!((driver.shown(), driver.mails.len()), (("PRO", "2025-04-15".to_owned()), 0));
}

#[test]
fn the_number_of_charges_is_the_newest_that_ecpay_tells() {
    let times = |life: &Life| life.value().terms.exec_times;
    let mut life = running();
    assert_eq!(times(&life), 99);
    let event = shared::domain::values::ids::EventId::success(3);
    let outcome = shared::domain::billing::payments::payment::PaymentOutcome::Succeeded { number: 3 };
    let third = crate::operations::fixtures::report(life.value(), event, outcome, "2025/03/15 03:00:00");
    life.reported(&PaymentReport { exec_times: Some(150), ..third }, "2025/03/15 03:00:00");
    assert_eq!(times(&life), 150);
    // The report of an earlier charge arrives later.
    let event = shared::domain::values::ids::EventId::success(2);
    let outcome = shared::domain::billing::payments::payment::PaymentOutcome::Succeeded { number: 2 };
    let second = crate::operations::fixtures::report(life.value(), event, outcome, "2025/02/15 03:00:00");
    life.reported(&PaymentReport { exec_times: Some(99), ..second }, "2025/03/15 04:00:00");
    assert_eq!(times(&life), 150);
    let lengthened = QueryAnswer { exec_times: Some(3), ..answer(EcpayState::Running, "2025/03/16 00:00:00") };
    life.answered(Task::Reconcile, &lengthened);
    assert_eq!(times(&life), 3);
    life.answered(Task::Reconcile, &answer(EcpayState::Running, "2025/03/17 00:00:00"));
    assert_eq!(times(&life), 3);
}

#[test]
fn a_charge_within_the_number_that_ecpay_reports_reopens_a_finished_order() {
    for (is_completed, exec_times) in [(false, Some(3)), (false, Some(5)), (true, Some(3)), (true, Some(5))] {
        let mut driver = ordered(2);
        driver.success("2025/02/15 10:00:00");
        driver.state = EcpayState::Finished;
        let report = driver.success_report("2025/03/15 10:00:00");
        driver.run_until(if is_completed { "2025/03/15 10:00:00" } else { "2025/03/14 23:00:00" });
        assert_eq!(driver.value().status == Status::Completed, is_completed);
        let decision = driver.callback(&PaymentReport { exec_times, ..report });
        let case = format!("{is_completed} {exec_times:?}");
        assert!(!decision.payment.unwrap().refund_due.is_any(), "{case}");
        assert_eq!(driver.value().ended, None, "{case}");
        let shown = (driver.value().status, driver.shown());
        assert_eq!(shown, (Status::Active, ("PRO", "2025-04-15".to_owned())), "{case}");
    }
}

#[test]
fn an_order_that_was_stopped_is_not_reopened_by_a_charge() {
    let mut driver = ordered(9);
    driver.state = EcpayState::Stopped;
    driver.run_until("2025/02/17 00:00:00");
    assert_eq!((driver.value().status, driver.count(Rule::OrderOver)), (Status::Cancelled, 1));
    let report = driver.success_report("2025/02/18 10:00:00");
    driver.run_until("2025/02/18 10:00:00");
    let decision = driver.callback(&PaymentReport { exec_times: Some(9), ..report });
    assert_eq!(decision.change.history.rule, Rule::RefundDue);
}

/// Charges of February to June failed once each and succeeded three hours later; that of July has failed for the first
/// time, which is the sixth failure of the order's life.
fn sixth_failure() -> Driver {
    let mut driver = ordered(99);
    for month in 2..=6 {
        driver.failure(&format!("2025/{month:02}/15 10:00:00"));
        driver.success(&format!("2025/{month:02}/15 13:00:00"));
    }
    let decision = driver.failure("2025/07/15 10:00:00");
    assert_eq!(decision.change.history.rule, Rule::SixthFailure);
    // No retry is announced that a query may refuse.
    let fields = ["grace_ends_at", "retries"].map(|name| decision.notices[0].fields[name].as_str());
    assert_eq!(fields, ["2025-07-22 10:00", "false"]);
    driver
}

#[test]
fn failures_of_earlier_episodes_use_up_no_retry_while_ecpay_says_that_the_order_runs() {
    let mut driver = sixth_failure();
    let queries = driver.queries.len();
    driver.run_until("2025/07/15 12:00:01");
    assert_eq!((driver.queries.len() - queries, driver.value().ended), (1, None));
    let requested = driver.count(Rule::RetryRequested);
    driver.run_until("2025/07/22 09:00:00");
    // Days 1 and 3; that of day 7 is at the end of grace.
    assert_eq!(driver.count(Rule::RetryRequested) - requested, 2);
    driver.run_until("2025/07/23 00:00:00");
    assert_eq!(driver.count(Rule::RetryRequested) - requested, 3);
    assert_eq!(driver.mails.last().unwrap(), "2025-07-22 downgraded");
    // A payment in the window restores the plan of the running order.
    driver.success("2025/07/25 10:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-08-15".to_owned()));
}

#[test]
fn an_order_that_ecpay_ended_at_the_sixth_failure_is_not_retried_and_keeps_the_grace_that_was_mailed() {
    let mut driver = sixth_failure();
    driver.state = EcpayState::Stopped;
    let requested = driver.count(Rule::RetryRequested);
    driver.run_until("2025/07/22 10:00:00");
    assert_eq!((driver.count(Rule::RetryRequested), driver.shown().0), (requested, "PRO"));
    driver.run_until("2025/07/22 10:00:01");
    assert!(driver.value().plan.is_free());
    driver.run_until("2025/09/01 00:00:00");
    assert_eq!((driver.value().status, driver.count(Rule::CancelRequestedAtEcpay)), (Status::Cancelled, 0));
    let last: Vec<_> = driver.mails.iter().rev().take(2).map(String::as_str).collect();
    assert_eq!(last, ["2025-07-22 downgraded", "2025-07-15 first-payment-failure"]);
}

#[test]
fn an_order_whose_state_is_not_told_is_not_retried_after_the_fifth_failure() {
    let mut driver = sixth_failure();
    driver.state = EcpayState::Other;
    let requested = driver.count(Rule::RetryRequested);
    driver.run_until("2025/07/22 10:00:01");
    assert_eq!(driver.count(Rule::RetryRequested), requested);
    assert!(driver.value().plan.is_free());
}

#[test]
fn a_success_that_ecpay_lists_is_applied_before_its_end_is_believed() {
    let mut driver = ordered(2);
    let last = driver.success_report("2025/02/15 10:00:00");
    driver.unreported(last);
    driver.state = EcpayState::Finished;
    driver.run_until("2025/02/16 00:00:01");
    assert_eq!((driver.shown(), driver.value().status), (("PRO", "2025-03-15".to_owned()), Status::Active));
    let mut life = running();
    life.queried(EcpayState::Finished, "2025/02/01 12:00:00");
    assert_eq!(life.next(), due("end-grace", "2025/02/15 00:00:00", ActionReason::PaidPeriodEnds));
}
