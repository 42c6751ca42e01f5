//! Results of retries in the window of the next charge: they belong to the charge that was owed when the retry was requested.

use shared::domain::billing::decide::retry::{claim_retry, record_retry_outcome};
use shared::domain::billing::decision::Actor;
use shared::domain::billing::dunning::arrears::Arrears;
use shared::domain::billing::dunning::downgrade::DowngradeReason;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::payment::PaymentReport;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::RetryState;

use crate::money_seen::charge_days::permutations;
use crate::money_seen::driver::Driver;
use crate::operations::fixtures::t;

/// Order of the 8th whose charge of October failed.
fn owing() -> Driver {
    let mut driver = Driver::paid("2025/09/08 20:02:00");
    driver.failure("2025/10/08 20:02:00");
    driver
}

/// The same order with a grace period until 22 November.
fn with_time() -> Driver {
    let mut driver = owing();
    driver.staff(&Operation::ExtendGrace { days: 28 }, "2025/10/08 21:00:00");
    driver.staff(&Operation::ExtendGrace { days: 10 }, "2025/10/08 22:00:00");
    driver
}

/// Requests a retry and records ECPay's answer, after a time without any run.
fn ask(driver: &mut Driver, at: &str, answer: RetryState) {
    driver.now = t(at);
    let claim = claim_retry(&driver.order, Actor::Schedule, driver.now).unwrap();
    driver.take(&claim);
    let outcome = record_retry_outcome(&driver.order, answer, driver.now).unwrap();
    driver.take(&outcome);
}

/// Charge that is reported at that time, before the next run.
fn reported(driver: &mut Driver, report: &PaymentReport, at: &str) {
    driver.now = t(at);
    driver.callback(report);
}

/// Failed attempts of the charge that is owed longest, its due date, and the latest that failed.
fn owed(driver: &Driver) -> (usize, String, String) {
    let arrears = Arrears::of(driver.value()).unwrap();
    (arrears.attempts, arrears.charge_due.to_string(), arrears.latest_due.to_string())
}

#[test]
fn the_failure_of_a_retry_is_not_that_of_the_charge_due_the_next_day() {
    for is_lost in [false, true] {
        let mut driver = owing();
        ask(&mut driver, "2025/11/07 10:30:00", RetryState::Accepted);
        let failure = driver.failure_report("2025/11/07 11:30:00");
        if is_lost {
            driver.unreported(failure);
            driver.now = t("2025/11/07 12:00:00");
        } else {
            reported(&mut driver, &failure, "2025/11/07 11:30:00");
        }
        // ECPay charges at 20:02 on 8 November, unless the order has ended by then.
        driver.run_until("2025/11/08 20:02:00");
        assert_eq!((driver.shown().0, driver.count(Rule::CancelRequestedAtEcpay)), ("FREE", 1), "{is_lost}");
        assert_eq!(driver.value().downgrade.unwrap().reason, DowngradeReason::PaymentFailure);
        let mails = ["2025-10-08 first-payment-failure", "2025-11-07 second-payment-failure", "2025-11-07 downgraded"];
        assert_eq!(driver.mails, mails, "{is_lost}");
    }
}

/// The charge of 8 November is made at 20:02, unless the order has ended by then.
#[test]
fn a_cancellation_after_the_result_of_a_retry_comes_before_the_charge_that_is_due() {
    let times = [
        ("2025/11/07 10:30:00", "2025/11/07 11:30:00", "2025/11/07 12:00:00"),
        ("2025/11/07 23:30:00", "2025/11/08 00:30:00", "2025/11/08 08:00:00"),
    ];
    for ((asked_at, made_at, wished_at), is_paid) in times.into_iter().flat_map(|times| [(times, false), (times, true)])
    {
        let mut driver = with_time();
        ask(&mut driver, asked_at, RetryState::Accepted);
        let report = if is_paid { driver.success_report(made_at) } else { driver.failure_report(made_at) };
        reported(&mut driver, &report, made_at);
        driver.staff(&Operation::Cancel, wished_at);
        driver.run_until("2025/11/08 20:02:00");
        assert_eq!(driver.count(Rule::CancelRequestedAtEcpay), 1, "{made_at} {is_paid}");
    }
}

/// Of two charges since the request one is the retry's.
#[test]
fn a_cancellation_after_the_charge_that_is_due_waits_for_its_72_hours() {
    let mut driver = with_time();
    ask(&mut driver, "2025/11/07 23:30:00", RetryState::Accepted);
    for failed_at in ["2025/11/08 00:30:00", "2025/11/08 20:02:00"] {
        let failure = driver.failure_report(failed_at);
        reported(&mut driver, &failure, failed_at);
    }
    driver.staff(&Operation::Cancel, "2025/11/08 21:00:00");
    driver.run_until("2025/11/11 21:00:00");
    assert_eq!(driver.count(Rule::CancelRequestedAtEcpay), 0);
    driver.run_until("2025/11/12 04:00:00");
    assert_eq!(driver.count(Rule::CancelRequestedAtEcpay), 1);
}

#[test]
fn the_success_of_a_retry_pays_the_charge_that_had_failed() {
    let mut driver = with_time();
    ask(&mut driver, "2025/11/07 10:30:00", RetryState::Accepted);
    let success = driver.success_report("2025/11/07 11:30:00");
    reported(&mut driver, &success, "2025/11/07 11:30:00");
    assert_eq!(driver.shown(), ("PRO", "2025-11-08".to_owned()));
    // The charge of November does not come.
    driver.run_until("2025/11/16 00:00:00");
    let mails =
        ["2025-10-08 first-payment-failure", "2025-11-07 recovered", "2025-11-11 uncharged", "2025-11-15 not-charged"];
    assert_eq!(driver.mails, mails);
}

/// ECPay may have made the charge of that day instead of the retry, and a success proves that the period of its date is paid.
#[test]
fn a_success_on_the_due_day_pays_the_charge_of_that_day() {
    let mut driver = with_time();
    ask(&mut driver, "2025/11/08 10:30:00", RetryState::Accepted);
    let success = driver.success_report("2025/11/08 20:02:00");
    reported(&mut driver, &success, "2025/11/08 20:02:00");
    driver.run_until("2025/11/20 00:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-12-08".to_owned()));
    assert_eq!(driver.mails, ["2025-10-08 first-payment-failure", "2025-11-08 recovered"]);
}

#[test]
fn charges_around_a_retry_lead_to_the_same_state_in_any_order() {
    let mut cases = 0;
    for order in permutations(3) {
        let mut driver = with_time();
        ask(&mut driver, "2025/11/07 10:30:00", RetryState::Accepted);
        let times = ["2025/11/07 11:30:00", "2025/11/08 20:02:00", "2025/11/09 20:02:00"];
        let reports = times.map(|at| driver.failure_report(at));
        for place in &order {
            reported(&mut driver, &reports[*place], "2025/11/09 21:00:00");
        }
        assert_eq!(owed(&driver), (2, "2025-10-08".to_owned(), "2025-11-08".to_owned()), "{order:?}");
        cases += 1;
    }
    for order in permutations(2) {
        let mut driver = with_time();
        ask(&mut driver, "2025/11/07 10:30:00", RetryState::Accepted);
        let reports = [driver.success_report("2025/11/07 11:30:00"), driver.failure_report("2025/11/08 20:02:00")];
        for place in &order {
            reported(&mut driver, &reports[*place], "2025/11/08 21:00:00");
        }
        assert_eq!(owed(&driver), (1, "2025-11-08".to_owned(), "2025-11-08".to_owned()), "{order:?}");
        assert_eq!(driver.shown(), ("PRO", "2025-11-08".to_owned()), "{order:?}");
        cases += 1;
    }
    assert_eq!(cases, 8);
}

#[test]
fn a_retry_of_a_retry_belongs_to_the_first_failure() {
    let mut driver = with_time();
    for (asked_at, failed_at) in
        [("2025/11/06 23:30:00", "2025/11/07 00:30:00"), ("2025/11/07 10:30:00", "2025/11/07 11:30:00")]
    {
        ask(&mut driver, asked_at, RetryState::Accepted);
        let failure = driver.failure_report(failed_at);
        reported(&mut driver, &failure, failed_at);
    }
    assert_eq!(owed(&driver), (3, "2025-10-08".to_owned(), "2025-10-08".to_owned()));
}

#[test]
fn a_charge_belongs_to_its_own_day_where_no_retry_explains_it() {
    let retried = (2, "2025-10-08".to_owned(), "2025-10-08".to_owned());
    let scheduled = (1, "2025-10-08".to_owned(), "2025-11-08".to_owned());
    for (asked_at, answer, failed_at, expected) in [
        ("2025/11/07 10:30:00", RetryState::Accepted, "2025/11/07 20:02:00", &retried),
        ("2025/11/07 10:30:00", RetryState::Unknown, "2025/11/07 20:02:00", &retried),
        ("2025/11/07 10:30:00", RetryState::Refused, "2025/11/07 20:02:00", &scheduled),
        ("2025/11/07 10:30:00", RetryState::NotSent, "2025/11/07 20:02:00", &scheduled),
        // The result comes within a day.
        ("2025/11/06 20:02:00", RetryState::Accepted, "2025/11/07 20:02:00", &retried),
        ("2025/11/06 20:01:59", RetryState::Accepted, "2025/11/07 20:02:00", &scheduled),
        // From the due day on ECPay may have made the charge of that day.
        ("2025/11/07 23:30:00", RetryState::Accepted, "2025/11/08 00:00:00", &scheduled),
        ("2025/11/07 23:30:00", RetryState::Accepted, "2025/11/07 23:59:59", &retried),
    ] {
        let mut driver = with_time();
        ask(&mut driver, asked_at, answer);
        let failure = driver.failure_report(failed_at);
        reported(&mut driver, &failure, failed_at);
        assert_eq!(owed(&driver), *expected, "{asked_at} {answer:?} {failed_at}");
    }
}

#[test]
fn the_late_result_of_a_retry_whose_charge_was_paid_outside_ecpay_owes_nothing() {
    let mut driver = with_time();
    ask(&mut driver, "2025/11/06 23:30:00", RetryState::Accepted);
    driver.run_until("2025/11/08 00:00:00");
    driver.staff(&Operation::MarkPaid { amount: None, reference: None }, "2025/11/08 08:00:00");
    let mut paid = driver.clone();
    let failure = driver.failure_report("2025/11/07 00:30:00");
    reported(&mut driver, &failure, "2025/11/08 09:00:00");
    assert_eq!(Arrears::of(driver.value()), None);
    assert_eq!(driver.mails, ["2025-10-08 first-payment-failure", "2025-11-08 recovered"]);
    // Paid twice.
    let success = paid.success_report("2025/11/07 00:30:00");
    reported(&mut paid, &success, "2025/11/08 09:00:00");
    assert_eq!((paid.count(Rule::RefundDue), paid.shown()), (1, ("PRO", "2025-11-08".to_owned())));
}
