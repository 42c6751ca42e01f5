//! Successes that cannot be recorded prove nevertheless that their period was paid.

use shared::domain::billing::decide::proof::proof_of_payment;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::charge_history::{ProofSource, UnrecordedSuccess};
use shared::domain::billing::payments::order_query::{EcpayState, QueryAnswer};
use shared::domain::billing::payments::payment::{PaymentOutcome, PaymentReport};
use shared::domain::billing::payments::quarantine_reason::QuarantineReason;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{OrderEnd, Status};
use shared::domain::billing::task::Task;
use shared::domain::values::ids::{EventId, GatewayAuthorization};
use shared::domain::values::money::Twd;

use crate::money_seen::driver::Driver;
use crate::operations::fixtures::{
    Life, answer, failing, fallen, given_up, mails, over, pending, policy, replaced, report, running, t,
};
use crate::support::new_order;

/// Another authorisation under a number that was used already.
fn reused(life_number: u32, driver: &Driver, at: &str) -> PaymentReport {
    let outcome = PaymentOutcome::Succeeded { number: life_number };
    let report = report(driver.value(), EventId::success(life_number), outcome, at);
    PaymentReport { first: false, gwsr: Some(GatewayAuthorization::parse("4711").unwrap()), ..report }
}

fn listed(now: &str, unrecorded: &[&str]) -> QueryAnswer {
    QueryAnswer { unrecorded: unrecorded.iter().map(|at| t(at)).collect(), ..answer(EcpayState::Running, now) }
}

#[test]
fn a_success_under_a_used_number_keeps_the_plan_and_mails_the_customer_nothing() {
    let mut driver = Driver::paid("2025/01/15 10:00:00");
    let report = reused(1, &driver, "2025/02/15 10:00:00");
    driver.run_until("2025/02/15 10:00:00");
    let decision = driver.apply(&report).unwrap();
    assert_eq!((decision.change.history.rule, mails(&decision)), (Rule::SuccessProven, vec![]));
    assert_eq!((decision.payment, decision.receipt), (None, None));
    // Repeated, it proves nothing new.
    assert_eq!(driver.apply(&report), None);
    driver.run_until("2025/03/15 00:00:00");
    assert_eq!((driver.shown(), driver.mails.len()), (("PRO", "2025-03-15".to_owned()), 0));
    // The next charge is late as ever.
    driver.run_until("2025/03/23 00:00:00");
    assert_eq!(driver.mails, ["2025-03-18 uncharged", "2025-03-22 not-charged"]);
}

#[test]
fn a_success_listed_without_a_number_keeps_the_plan_and_staff_are_notified_once() {
    let mut driver = Driver::paid("2025/01/15 10:00:00");
    driver.unrecorded = vec![t("2025/02/15 10:00:00")];
    driver.run_until("2025/03/15 00:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-03-15".to_owned()));
    assert_eq!((driver.count(Rule::SuccessProven), driver.count(Rule::NotCharged)), (1, 0));
    assert_eq!(driver.mails, ["2025-02-16 unrecorded-charge"]);
}

#[test]
fn a_plan_is_kept_for_14_days_while_ecpay_counts_a_success_that_it_does_not_list() {
    // Without a charge the plan ends on day 7, or 14 days after the first query, of 16 February.
    for (higher_count, free_on) in [(None, "2025-02-22"), (Some(1), "2025-02-22"), (Some(2), "2025-03-02")] {
        let mut driver = Driver::paid("2025/01/15 10:00:00");
        driver.higher_count = higher_count;
        driver.run_until("2025/03/12 00:00:00");
        assert_eq!(driver.mails, ["2025-02-18 uncharged".to_owned(), format!("{free_on} not-charged")]);
    }
    // Grace ends on day 7; the charge is asked about each day until ECPay counts what it lists.
    let mut driver = Driver::paid("2025/01/15 10:00:00");
    driver.higher_count = Some(2);
    driver.failure("2025/02/15 10:00:00");
    driver.run_until("2025/02/27 00:00:00");
    assert_eq!((driver.shown().0, driver.count(Rule::GraceEnded)), ("PRO", 0));
    assert_eq!(driver.count(Rule::RetryRequested), 0);
    driver.higher_count = None;
    driver.run_until("2025/03/01 00:00:00");
    assert_eq!((driver.shown().0, driver.count(Rule::GraceEnded)), ("FREE", 1));
}

#[test]
fn an_unpaid_order_is_asked_about_daily_while_ecpay_counts_a_success_that_it_does_not_list() {
    let mut driver = Driver::ordered(new_order("ORDER1"), t("2025/01/15 10:00:00"));
    driver.higher_count = Some(1);
    driver.run_until("2025/01/18 12:00:00");
    // After 10 and 40 minutes, then daily.
    let asked = [
        "2025/01/15 10:10:00",
        "2025/01/15 10:40:00",
        "2025/01/16 10:40:00",
        "2025/01/17 10:40:00",
        "2025/01/18 10:40:00",
    ];
    assert_eq!((driver.value().status, driver.queries.as_slice()), (Status::Pending, asked.map(t).as_slice()));
    let mut fallen = driver.clone();
    fallen.higher_count = None;
    fallen.run_until("2025/01/20 00:00:00");
    assert_eq!((fallen.value().status, fallen.queries.len()), (Status::Failed, 6));
    // The count alone keeps it for 14 days.
    driver.run_until("2025/01/29 10:00:00");
    assert_eq!(driver.value().status, Status::Pending);
    driver.run_until("2025/01/30 00:00:00");
    assert_eq!(driver.value().status, Status::Failed);
}

#[test]
fn a_payment_outside_ecpay_is_no_proof_for_the_queries_after_it() {
    let mut driver = Driver::paid("2025/01/15 10:00:00");
    driver.failure("2025/02/15 10:00:00");
    driver.staff(&Operation::MarkPaid { amount: Some(Twd::new(899)), reference: None }, "2025/02/17 10:00:00");
    driver.run_until("2025/03/17 00:00:00");
    // The charge of March is late, and ECPay is asked for it.
    assert_eq!(driver.value().last_query.map(|query| query.at > t("2025/03/16 00:00:00")), Some(true));
    assert_eq!(driver.count(Rule::SuccessProven), 0);
    assert!(!driver.mails.iter().any(|mail| mail.contains("unrecorded-charge")), "{:?}", driver.mails);
}

#[test]
fn a_proof_ends_the_arrears_and_restores_a_plan_that_was_taken() {
    let mut owing = failing(2);
    let decision = owing.answered(Task::Reconcile, &listed("2025/02/17 12:00:00", &["2025/02/17 10:00:00"]));
    assert_eq!((decision.change.history.rule, owing.value().status), (Rule::SuccessProven, Status::Active));
    assert_eq!((owing.value().dunning_notice, mails(&decision)), (None, vec!["unrecorded-charge"]));
    let mut free = fallen();
    free.answered(Task::Reconcile, &listed("2025/02/26 12:00:00", &["2025/02/26 10:00:00"]));
    assert_eq!((free.value().plan.as_str(), free.value().downgrade), ("PRO", None));
    let mut not_charged = Driver::paid("2025/01/15 10:00:00");
    not_charged.run_until("2025/02/22 00:00:01");
    not_charged.unrecorded = vec![t("2025/02/22 10:00:00")];
    not_charged.run_until("2025/02/24 00:00:00");
    assert_eq!(not_charged.value().plan.as_str(), "PRO");
}

#[test]
fn a_proof_of_before_the_failures_clears_only_what_is_not_later() {
    let mut life = failing(2);
    // The failures are of 15 and 16 February.
    life.answered(Task::Reconcile, &listed("2025/02/17 12:00:00", &["2025/02/15 12:00:00"]));
    assert!(matches!(life.value().status, Status::PastDue { .. }));
    assert_eq!(life.grace_end().as_deref(), Some("2025/02/25 03:05:06"));
}

#[test]
fn a_proof_of_a_query_holds_as_long_as_the_log_has_it() {
    let mut driver = Driver::paid("2025/01/15 10:00:00");
    driver.unrecorded = vec![t("2025/02/15 10:00:00")];
    driver.run_until("2025/02/17 00:00:00");
    let proof = UnrecordedSuccess { at: t("2025/02/15 10:00:00"), source: ProofSource::Query };
    assert_eq!(driver.value().charge_history.unrecorded_successes, [proof]);
    // The next query is that of 16 March; it lists the charge no longer, and February counts as unpaid again.
    driver.unrecorded.clear();
    driver.run_until("2025/03/16 12:00:00");
    assert_eq!(driver.value().charge_history.unrecorded_successes, []);
    assert_eq!(driver.value().downgrade.map(|downgrade| downgrade.reason.name()), Some("not_charged"));
}

#[test]
fn a_report_that_is_applied_later_takes_the_place_of_its_proof() {
    let mut life = running();
    life.answered(Task::Reconcile, &listed("2025/02/16 00:00:00", &["2025/02/15 10:00:00"]));
    let decision = life.success_seen(2, "2025/02/15 10:00:00", "2025/02/17 12:00:00");
    assert_eq!(decision.change.history.rule, Rule::Renewed);
    let history = &life.value().charge_history;
    assert_eq!((history.unrecorded_successes.len(), history.recent_successes.len()), (0, 2));
    // The log keeps listing it, which is nothing new.
    let again = life.answered(Task::Reconcile, &listed("2025/03/16 00:00:00", &["2025/02/15 10:00:00"]));
    assert_eq!(
        (again.change.history.rule, life.value().charge_history.unrecorded_successes.len()),
        (Rule::NothingNew, 0)
    );
}

#[test]
fn simulated_ambiguous_and_foreign_reports_prove_nothing_nor_does_a_failure() {
    let life = running();
    let second = PaymentOutcome::Succeeded { number: 2 };
    let success = report(life.value(), EventId::success(2), second, "2025/02/15 10:00:00");
    let failure =
        report(life.value(), EventId::failure(t("2025/02/15 10:00:00")), PaymentOutcome::Failed, "2025/02/15 10:00:00");
    let proves = |report: &PaymentReport, reason: &QuarantineReason| {
        let policy = policy();
        let context = shared::domain::billing::decision::DecisionContext::new(&policy, t("2025/02/15 12:00:00"));
        proof_of_payment(&life.order, report, reason, context).is_some()
    };
    let wrong = QuarantineReason::WrongAmount { expected: Twd::new(899) };
    assert!(proves(&success, &QuarantineReason::Conflict) && proves(&success, &wrong));
    assert!(!proves(&failure, &QuarantineReason::Conflict));
    assert!(!proves(&PaymentReport { first: true, ..success.clone() }, &wrong));
    for reason in [
        QuarantineReason::Simulated,
        QuarantineReason::WrongMerchant,
        QuarantineReason::UnknownOrder,
        QuarantineReason::Unusable("two amounts".to_owned()),
    ] {
        assert!(!proves(&success, &reason), "{reason}");
    }
}

#[test]
fn an_order_that_is_not_live_needs_no_proof() {
    let lives: [Life; 5] =
        [pending(), given_up(), over(OrderEnd::Cancelled), over(OrderEnd::Finished), replaced(running())];
    for mut life in lives {
        let before = life.value().clone();
        let decision = life.answered(Task::Reconcile, &listed("2025/02/26 12:00:00", &["2025/02/25 10:00:00"]));
        assert_eq!(mails(&decision), [""; 0], "{:?}", before.status);
        assert_eq!((life.value().status, &life.value().plan), (before.status, &before.plan));
    }
}

#[test]
fn an_order_that_ecpay_stopped_keeps_the_period_that_a_listed_success_paid() {
    let mut driver = Driver::paid("2025/01/15 10:00:00");
    driver.unrecorded = vec![t("2025/02/15 10:00:00")];
    driver.state = EcpayState::Stopped;
    driver.run_until("2025/03/14 23:59:59");
    assert_eq!(driver.shown(), ("PRO", "2025-03-15".to_owned()));
    driver.run_until("2025/03/15 00:00:01");
    assert_eq!(driver.value().status, Status::Cancelled);
}
