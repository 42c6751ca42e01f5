//! Charge days that staff moved in ECPay's console, with and without a word to us.

use shared::domain::billing::dunning::downgrade::DowngradeReason;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::Status;

use crate::money_seen::driver::Driver;
use crate::operations::fixtures::{day, t};

fn announce(on: &str) -> Operation {
    Operation::Terms { amount: None, next_charge_on: Some(day(on)) }
}

/// Order of the 5th, charged in January and February.
fn of_the_5th() -> Driver {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    driver.success("2025/02/05 10:00:00");
    driver
}

#[test]
fn from_the_5th_to_the_3rd_the_period_follows_without_a_mail() {
    let mut driver = of_the_5th();
    driver.success("2025/03/03 10:00:00");
    // The query that looks for a failure which could explain the day.
    driver.run_until("2025/03/03 12:00:01");
    assert_eq!((driver.queries.len(), driver.shown()), (1, ("PRO", "2025-04-03".to_owned())));
    for at in ["2025/04/03 10:00:00", "2025/05/03 10:00:00", "2025/06/03 10:00:00"] {
        driver.success(at);
    }
    driver.run_until("2025/07/03 10:00:00");
    assert_eq!((driver.queries.len(), driver.shown()), (1, ("PRO", "2025-07-03".to_owned())));
    assert_eq!(driver.mails, [""; 0]);
}

#[test]
fn an_announced_charge_day_is_the_new_one_without_a_query_or_a_mail() {
    for (announced, later, until, queries) in [
        ("2025-02-15", ["2025/02/15", "2025/03/15", "2025/04/15"], "2025-05-15", 0),
        ("2025-02-25", ["2025/02/25", "2025/03/25", "2025/04/25"], "2025-05-25", 0),
        ("2025-02-03", ["2025/02/03", "2025/03/03", "2025/04/03"], "2025-05-03", 0),
        // A day off the announced one: asked for at 00:00, 02:00 and 06:00.
        ("2025-02-15", ["2025/02/16", "2025/03/15", "2025/04/14"], "2025-05-15", 3),
        ("2025-02-28", ["2025/02/28", "2025/03/28", "2025/04/28"], "2025-05-28", 0),
    ] {
        let mut driver = Driver::paid("2025/01/05 10:00:00");
        driver.staff(&announce(announced), "2025/01/20 12:00:00");
        assert_eq!(driver.shown(), ("PRO", announced.to_owned()));
        for day in later {
            driver.success(&format!("{day} 10:00:00"));
        }
        driver.run_until("2025/05/01 00:00:00");
        assert_eq!((driver.shown(), driver.queries.len()), (("PRO", until.to_owned()), queries), "{later:?}");
        assert_eq!(driver.mails, [""; 0], "{announced}");
    }
}

#[test]
fn an_announced_charge_that_fails_is_owed_and_its_late_payment_keeps_the_announced_day() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    driver.staff(&announce("2025-02-15"), "2025/01/20 12:00:00");
    let failed = driver.failure("2025/02/15 10:00:00");
    assert_eq!(failed.notices[0].fields["charge_due"], "2025-02-15");
    driver.success("2025/02/18 10:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-03-15".to_owned()));
    driver.success("2025/03/15 10:00:00");
    driver.run_until("2025/04/01 00:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-04-15".to_owned()));
    assert_eq!(driver.mails, ["2025-02-15 first-payment-failure", "2025-02-18 recovered"]);
}

#[test]
fn an_announced_charge_that_does_not_come_is_missing_from_its_own_day_on() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    driver.staff(&announce("2025-02-25"), "2025/01/20 12:00:00");
    driver.run_until("2025/03/20 00:00:00");
    assert_eq!(driver.mails, ["2025-02-28 uncharged", "2025-03-04 not-charged"]);
    assert_eq!(driver.value().downgrade.unwrap().reason, DowngradeReason::NotCharged);
}

/// FREE on day 7, restored on the 15th, never cancelled, and quiet from the next month on.
#[test]
fn to_the_15th_without_a_word_the_plan_is_free_for_three_days_once() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    driver.run_until("2025/02/12 01:00:00");
    assert_eq!((driver.value().status, driver.value().plan.is_free()), (Status::Active, true));
    for month in 2..=12 {
        driver.success(&format!("2025/{month:02}/15 10:00:00"));
        driver.run_until(&format!("2025/{month:02}/16 10:00:00"));
        let next = if month == 12 { "2026-01-15".to_owned() } else { format!("2025-{:02}-15", month + 1) };
        assert_eq!(driver.shown(), ("PRO", next));
    }
    let expected = ["2025-02-08 uncharged", "2025-02-12 not-charged", "2025-02-15 recovered"];
    assert_eq!((&driver.mails[..], driver.count(Rule::CancelRequestedAtEcpay)), (&expected.map(str::to_owned)[..], 0));
}

#[test]
fn from_the_31st_to_the_30th_nothing_is_noticed() {
    let mut driver = Driver::paid("2025/01/31 10:00:00");
    for (charged, until) in [
        ("2025/02/28", "2025-03-31"),
        ("2025/03/30", "2025-04-30"),
        ("2025/04/30", "2025-05-31"),
        ("2025/05/30", "2025-06-30"),
        ("2025/06/30", "2025-07-31"),
        ("2025/07/30", "2025-08-31"),
    ] {
        driver.success(&format!("{charged} 10:00:00"));
        driver.run_until(&format!("{charged} 23:00:00"));
        assert_eq!(driver.shown(), ("PRO", until.to_owned()), "{charged}");
    }
    assert_eq!((driver.mails.len(), driver.queries.len()), (0, 0));
}

#[test]
fn an_order_that_was_paused_at_ecpay_for_two_months_is_never_cancelled() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    driver.state = EcpayState::Other;
    driver.run_until("2025/04/01 00:00:00");
    assert_eq!(driver.value().downgrade.unwrap().reason, DowngradeReason::NotCharged);
    driver.state = EcpayState::Running;
    for (charged, until) in [("2025/04/05", "2025-05-05"), ("2025/05/05", "2025-06-05"), ("2025/06/05", "2025-07-05")] {
        driver.success(&format!("{charged} 10:00:00"));
        assert_eq!(driver.shown(), ("PRO", until.to_owned()));
    }
    driver.run_until("2025/07/01 00:00:00");
    assert_eq!(driver.mails, ["2025-02-08 uncharged", "2025-02-12 not-charged", "2025-04-05 recovered"]);
    assert_eq!(driver.count(Rule::CancelRequestedAtEcpay), 0);
}

#[test]
fn a_late_payment_moves_nothing() {
    let mut driver = of_the_5th();
    driver.failure("2025/03/05 10:00:00");
    driver.success("2025/03/09 12:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-04-05".to_owned()));
    driver.success("2025/04/05 10:00:00");
    driver.run_until("2025/05/01 00:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-05-05".to_owned()));
    assert_eq!(driver.mails, ["2025-03-05 first-payment-failure", "2025-03-09 recovered"]);
}

#[test]
fn a_late_payment_whose_failure_was_missed_moves_nothing_once_the_log_was_read() {
    let mut driver = of_the_5th();
    // The callback of the failure is lost, and ECPay answers nothing until the charge succeeds.
    driver.is_down = true;
    let failure = driver.failure_report("2025/03/05 10:00:00");
    driver.unreported(failure);
    driver.success("2025/03/09 12:00:00");
    driver.is_down = false;
    driver.run_until("2025/03/10 00:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-04-05".to_owned()));
    assert_eq!(driver.value().charge_history.failures.len(), 1);
    // Tried at 00:00, 01:00, 03:00 and 07:00.
    assert_eq!(driver.mails, ["2025-03-06 needs-attention"]);
}

/// "A failure belongs to the earlier of the old and the new due day's window."
#[test]
fn a_failure_before_the_old_due_day_is_of_the_charge_that_came_early() {
    let mut driver = of_the_5th();
    let failed = driver.failure("2025/03/03 10:00:00");
    assert_eq!(failed.notices[0].fields["charge_due"], "2025-03-05");
    driver.success("2025/03/04 10:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-04-05".to_owned()));
    driver.success("2025/04/03 10:00:00");
    driver.run_until("2025/04/20 00:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-05-03".to_owned()));
    assert_eq!(driver.mails, ["2025-03-03 first-payment-failure", "2025-03-04 recovered"]);
}

#[test]
fn a_failure_after_the_old_due_day_is_of_the_charge_that_was_due_then() {
    let mut driver = of_the_5th();
    driver.run_until("2025/03/09 00:00:00");
    let failed = driver.failure("2025/03/10 10:00:00");
    assert_eq!(failed.notices[0].fields["charge_due"], "2025-03-05");
    driver.success("2025/03/11 10:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-04-05".to_owned()));
}

#[test]
fn a_plan_that_was_taken_for_lack_of_a_charge_returns_where_the_charge_is_announced() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    driver.staff(&announce("2025-02-20"), "2025/02/13 12:00:00");
    assert_eq!((driver.shown(), driver.value().downgrade), (("PRO", "2025-02-20".to_owned()), None));
    driver.success("2025/02/20 10:00:00");
    driver.run_until("2025/03/19 00:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-03-20".to_owned()));
    assert_eq!(driver.mails, ["2025-02-08 uncharged", "2025-02-12 not-charged"]);
}

#[test]
fn a_charge_on_the_day_that_an_early_failure_showed_is_that_of_the_next_period() {
    let mut driver = of_the_5th();
    driver.failure("2025/03/03 10:00:00");
    driver.staff(&Operation::ExtendGrace { days: 25 }, "2025/03/03 12:00:00");
    driver.success("2025/04/03 10:00:00");
    driver.run_until("2025/05/02 00:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-05-03".to_owned()));
    assert_eq!(driver.mails, ["2025-03-03 first-payment-failure", "2025-04-03 recovered"]);
}

#[test]
fn after_an_early_failure_the_order_is_cancelled_before_ecpay_charges_again() {
    let mut driver = of_the_5th();
    driver.failure("2025/03/03 10:00:00");
    driver.staff(&Operation::ExtendGrace { days: 15 }, "2025/03/03 12:00:00");
    // Downgraded on the 25th. ECPay charges on 3 April, as it did in March.
    driver.run_until("2025/03/31 23:59:59");
    assert_eq!((driver.shown().0, driver.count(Rule::CancelRequestedAtEcpay)), ("FREE", 0));
    driver.run_until("2025/04/01 06:00:00");
    assert_eq!(driver.count(Rule::CancelRequestedAtEcpay), 1);
}

#[test]
fn a_late_payment_at_the_end_of_a_short_month_s_period_moves_nothing() {
    let mut driver = Driver::paid("2025/01/31 10:00:00");
    driver.failure("2025/02/28 10:00:00");
    driver.staff(&Operation::ExtendGrace { days: 25 }, "2025/03/01 12:00:00");
    driver.success("2025/03/27 10:00:00");
    driver.run_until("2025/03/30 00:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-03-31".to_owned()));
}

#[test]
fn a_failure_shows_a_sooner_charge_and_never_a_later_one() {
    // A retry by hand failed on 21 March, which is over.
    let mut paid = of_the_5th();
    paid.failure("2025/03/05 10:00:00");
    paid.staff(&Operation::ExtendGrace { days: 20 }, "2025/03/06 12:00:00");
    paid.failure("2025/03/21 10:00:00");
    paid.success("2025/03/22 10:00:00");
    paid.success("2025/04/05 10:00:00");
    // One that failed on 1 April does not put the charge of 5 April off to May.
    let mut owing = of_the_5th();
    owing.failure("2025/03/05 10:00:00");
    owing.staff(&Operation::ExtendGrace { days: 28 }, "2025/03/06 12:00:00");
    owing.failure("2025/04/01 10:00:00");
    for (mut driver, wish, due) in
        [(paid, "2025/04/19 12:00:00", "2025/04/22 12:00:00"), (owing, "2025/04/02 12:00:00", "2025/04/02 12:00:00")]
    {
        driver.staff(&Operation::Cancel, wish);
        driver.run_to(t(due).plus_seconds(-1));
        assert_eq!(driver.count(Rule::CancelRequestedAtEcpay), 0, "{due}");
        driver.run_to(t(due).plus_hours(7));
        assert_eq!(driver.count(Rule::CancelRequestedAtEcpay), 1, "{due}");
    }
}

/// Every order of the places.
pub(crate) fn permutations(count: usize) -> Vec<Vec<usize>> {
    (0..count).fold(vec![Vec::new()], |shorter, _| {
        let longer = |known: &Vec<usize>| {
            let missing = (0..count).filter(|place| !known.contains(place)).collect::<Vec<_>>();
            missing.into_iter().map(|place| [known.clone(), vec![place]].concat()).collect::<Vec<_>>()
        };
        shorter.iter().flat_map(longer).collect()
    })
}

#[test]
fn charges_around_a_moved_day_lead_to_the_same_period_in_any_order() {
    // The day moves from the 5th to the 3rd in March, and to the 14th in June; the charge of May failed first.
    let days = ["2025/02/05", "2025/03/03", "2025/04/03", "2025/05/04", "2025/06/14"];
    let mut cases = 0;
    for order in permutations(days.len() + 1) {
        let mut driver = Driver::paid("2025/01/05 10:00:00");
        let mut reports: Vec<_> = days.iter().map(|day| driver.success_report(&format!("{day} 10:00:00"))).collect();
        reports.push(driver.failure_report("2025/05/03 10:00:00"));
        driver.now = t("2025/06/14 12:00:00");
        for place in &order {
            driver.callback(&reports[*place]);
        }
        driver.run_until("2025/06/15 00:00:00");
        assert_eq!(driver.shown(), ("PRO", "2025-07-14".to_owned()), "{order:?}");
        assert_eq!(driver.value().status, Status::Active, "{order:?}");
        let history = &driver.value().charge_history;
        assert_eq!((history.recent_successes.len(), history.failures.len()), (6, 1), "{order:?}");
        cases += 1;
    }
    assert_eq!(cases, 720);
}

/// The oldest successes are forgotten beyond 24; the days that follow from the others stay.
#[test]
fn a_charge_day_that_was_moved_years_ago_stays() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    driver.staff(&announce("2025-02-15"), "2025/01/20 12:00:00");
    for number in 1..=40 {
        let (year, month) = (2025 + number / 12, number % 12 + 1);
        driver.success(&format!("{year}/{month:02}/15 10:00:00"));
        let (year, month) = (2025 + (number + 1) / 12, (number + 1) % 12 + 1);
        assert_eq!(driver.shown(), ("PRO", format!("{year}-{month:02}-15")));
    }
    assert!(driver.value().charge_history.recent_successes.len() <= 24);
    assert_eq!((driver.mails.len(), driver.queries.len()), (0, 0));
}

#[test]
fn a_single_charge_out_of_turn_does_not_move_the_charge_day_of_an_order_that_then_fails() {
    // Charged by staff on 8 January; ECPay goes on charging on the 5th.
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    driver.success("2025/01/08 10:00:00");
    driver.run_until("2025/01/20 00:00:00");
    let failed = driver.failure("2025/02/05 10:00:00");
    assert_eq!(failed.notices[0].fields["charge_due"], "2025-02-05");
    driver.success("2025/02/05 18:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-03-05".to_owned()));
    driver.success("2025/03/05 10:00:00");
    driver.run_until("2025/04/01 00:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-04-05".to_owned()));
    assert_eq!(driver.mails, ["2025-02-05 first-payment-failure", "2025-02-05 recovered"]);
}

#[test]
fn a_charge_day_that_moved_stays_when_its_next_charge_fails_on_it() {
    let mut driver = of_the_5th();
    driver.success("2025/03/15 10:00:00");
    driver.run_until("2025/04/01 00:00:00");
    let failed = driver.failure("2025/04/15 10:00:00");
    assert_eq!(failed.notices[0].fields["charge_due"], "2025-04-15");
    driver.success("2025/04/16 10:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-05-15".to_owned()));
}

#[test]
fn a_day_announced_while_a_charge_was_owed_stays_when_that_one_is_paid() {
    for paid in ["2025/02/06 10:00:00", "2025/02/12 10:00:00", "2025/02/25 10:00:00"] {
        let mut driver = Driver::paid("2025/01/05 10:00:00");
        driver.failure("2025/02/05 10:00:00");
        driver.staff(&announce("2025-03-15"), "2025/02/05 12:00:00");
        driver.success(paid);
        assert_eq!(driver.shown(), ("PRO", "2025-03-15".to_owned()), "{paid}");
        driver.success("2025/03/15 10:00:00");
        driver.run_until("2025/04/01 00:00:00");
        assert_eq!(driver.shown(), ("PRO", "2025-04-15".to_owned()), "{paid}");
        assert!(driver.mails.iter().all(|mail| !mail.contains("charged")), "{paid}: {:?}", driver.mails);
    }
}

#[test]
fn a_regular_charge_settles_an_announcement_that_did_not_come_true() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    driver.failure("2025/02/05 10:00:00");
    driver.staff(&announce("2025-03-25"), "2025/02/05 12:00:00");
    driver.success("2025/02/06 10:00:00");
    driver.success("2025/03/05 10:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-04-05".to_owned()));
}

#[test]
fn a_charge_made_before_a_later_day_was_announced_is_found_the_day_after() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    driver.run_until("2025/02/05 10:00:00");
    let lost = driver.success_report("2025/02/05 10:00:00");
    driver.unreported(lost);
    driver.staff(&announce("2025-03-05"), "2025/02/05 12:00:00");
    assert_eq!(driver.shown(), ("PRO", "2025-03-05".to_owned()));
    driver.run_until("2025/02/07 00:00:00");
    assert_eq!(driver.queries, [t("2025/02/06 00:00:00")]);
    assert_eq!(driver.value().charge_history.last_success_at, Some(t("2025/02/05 10:00:00")));
    driver.success("2025/03/05 10:00:00");
    driver.run_until("2025/04/01 00:00:00");
    assert_eq!((driver.shown(), driver.queries.len()), (("PRO", "2025-04-05".to_owned()), 1));
}
