//! A dunning policy that changes while orders are past due: every order ends by the policy in force, and not before the
//! end of grace that a mail named.

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::rule::Rule;
use shared::domain::values::time::Timestamp;

use crate::money_seen::driver::Driver;
use crate::operations::fixtures::t;

/// Retries on days 1, 3 and 7, grace of 7 days and 3 more after the second failure.
fn shorter() -> DunningPolicy {
    DunningPolicy::new(&[1, 3, 7], 7, 3).unwrap()
}

/// Retries on days 1, 3, 7 and 12, grace of 14 days and 3 more.
fn longer() -> DunningPolicy {
    DunningPolicy::new(&[1, 3, 7, 12], 14, 3).unwrap()
}

/// Grace days of each policy by the number of failures, as the two lines above say.
const fn grace_days(is_longer: bool, failures: usize) -> i64 {
    match (is_longer, failures >= 2) {
        (false, false) => 7,
        (false, true) => 10,
        (true, false) => 14,
        (true, true) => 17,
    }
}

/// Order whose charge of 15 February fails, on that many later days again.
fn failing(days: &[i64], is_longer: bool) -> Driver {
    let mut driver = Driver::paid("2025/01/15 10:00:00");
    set(&mut driver, is_longer);
    driver.failure("2025/02/15 10:00:00");
    for day in days {
        // An hour after the retry of that day.
        let at = t("2025/02/15 11:00:00").plus_days(*day);
        driver.failure(&shared::ecpay::date::format(at));
    }
    driver
}

fn set(driver: &mut Driver, is_longer: bool) {
    driver.policy = if is_longer { longer() } else { shorter() };
}

fn downgraded_at(driver: &Driver) -> Option<Timestamp> {
    driver.rules.iter().find(|(_, rule)| *rule == Rule::GraceEnded).map(|(at, _)| *at)
}

#[test]
fn each_policy_alone_ends_grace_on_its_own_day_after_its_own_retries() {
    for (is_longer, days, retries, end) in [
        (false, &[][..], 3, "2025/02/22 10:00:00"),
        (false, &[1], 3, "2025/02/25 10:00:00"),
        (true, &[], 4, "2025/03/01 10:00:00"),
        (true, &[1], 4, "2025/03/04 10:00:00"),
    ] {
        let mut driver = failing(days, is_longer);
        driver.run_until("2025/03/10 00:00:00");
        let requested = driver.count(Rule::RetryRequested);
        let late = downgraded_at(&driver).unwrap().unix() - t(end).unix();
        assert_eq!((requested, late.div_euclid(3 * 3600)), (retries, 0), "{is_longer} {days:?}: {late} s late");
    }
}

#[test]
fn a_shorter_policy_keeps_the_grace_that_a_mail_named() {
    let mut driver = failing(&[], true);
    // The mail named 1 March; since the 18th seven days are the policy.
    driver.run_until("2025/02/18 12:00:00");
    set(&mut driver, false);
    driver.run_until("2025/03/01 09:59:59");
    assert_eq!(driver.value().plan.as_str(), "PRO");
    // Day 7 of the policy in force; day 12 is no day of it any more.
    assert_eq!(driver.count(Rule::RetryRequested), 3);
    driver.run_until("2025/03/01 10:00:01");
    assert_eq!(downgraded_at(&driver), Some(t("2025/03/01 10:00:00")));
}

#[test]
fn a_longer_policy_gives_its_days_and_retries_to_an_order_that_is_past_due() {
    let mut driver = failing(&[], false);
    driver.run_until("2025/02/21 12:00:00");
    set(&mut driver, true);
    driver.run_until("2025/03/01 09:59:59");
    assert_eq!((driver.value().plan.as_str(), driver.count(Rule::RetryRequested)), ("PRO", 4));
    driver.run_until("2025/03/01 10:00:01");
    assert_eq!(downgraded_at(&driver), Some(t("2025/03/01 10:00:00")));
}

/// An order that waits in the queue of a task which the policy no longer wants has another task at once.
#[test]
fn the_next_task_is_that_of_the_policy_in_force() {
    use shared::domain::billing::next_action::NextAction;
    let mut driver = failing(&[], false);
    driver.run_until("2025/02/22 09:59:59");
    let next = |policy: DunningPolicy| NextAction::of(driver.value(), &policy).map(|action| (action.at, action.why));
    assert_eq!(next(shorter()), Some((t("2025/02/22 10:00:00"), ActionReason::RetryScheduled)));
    assert_eq!(next(longer()), Some((t("2025/02/22 10:00:00"), ActionReason::RetryScheduled)));
    driver.run_until("2025/02/22 10:00:01");
    let next = |policy: DunningPolicy| NextAction::of(driver.value(), &policy).map(|action| (action.at, action.why));
    assert_eq!(next(shorter()), Some((t("2025/02/22 10:00:00"), ActionReason::GraceEnds)));
    assert_eq!(next(longer()), Some((t("2025/02/27 10:00:00"), ActionReason::RetryScheduled)));
}

fn failure_days() -> impl Strategy<Value = Vec<i64>> {
    prop_oneof![Just(vec![]), Just(vec![1]), Just(vec![1, 3]), Just(vec![3]), Just(vec![7]), Just(vec![1, 3, 7])]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The policy changes every few hours or days; the last mail and the policy in force at the end decide.
    #[test]
    fn every_order_ends_as_the_policy_in_force_or_a_mail_says(
        starts_longer in any::<bool>(),
        failures in failure_days(),
        changes in proptest::collection::vec(5..200_i64, 0..6),
        is_running in any::<bool>(),
    ) {
        let mut driver = Driver::paid("2025/01/15 10:00:00");
        driver.state = if is_running { EcpayState::Running } else { EcpayState::Other };
        set(&mut driver, starts_longer);
        driver.failure("2025/02/15 10:00:00");
        let began = driver.now;
        let mut reports: Vec<_> = failures.iter().map(|day| began.plus_days(*day).plus_hours(1)).collect();
        let mut policies = vec![(began, starts_longer)];
        for hours in changes {
            let (since, is_longer) = policies[policies.len() - 1];
            policies.push((since.plus_hours(hours), !is_longer));
        }
        let end = began.plus_days(120);
        let mut known = 1;
        let mut counts = vec![(began, known)];
        let mut changes = policies[1..].to_vec();
        while driver.now < end && downgraded_at(&driver).is_none() {
            let change = changes.first().map_or(end, |(at, _)| *at);
            let report = reports.first().copied().unwrap_or(end);
            driver.run_to(change.min(report));
            if downgraded_at(&driver).is_some() {
                break;
            }
            if report <= change && report < end {
                reports.remove(0);
                driver.failure(&shared::ecpay::date::format(report));
                known += 1;
                counts.push((report, known));
            } else if change < end {
                set(&mut driver, changes.remove(0).1);
            }
        }
        let fell = downgraded_at(&driver);
        prop_assert!(fell.is_some(), "no end: {:?}", driver.rules);
        let fell = fell.unwrap();
        // The policy and the failures known when it fell.
        let (_, is_longer) = *policies.iter().rev().find(|(since, _)| *since <= fell).unwrap();
        let (_, failures) = *counts.iter().rev().find(|(since, _)| *since <= fell).unwrap();
        let due = began.plus_days(grace_days(is_longer, failures)).max(driver.promised.unwrap());
        prop_assert!(fell >= due, "fell at {}, before {}: {:?}", fell, due, driver.rules);
        // Not later than the runs after the instant from which both allow it: the end itself or the change of policy.
        let (changed, _) = *policies.iter().rev().find(|(since, _)| *since <= fell).unwrap();
        let latest = due.max(changed).plus_hours(7);
        prop_assert!(fell <= latest, "fell at {}, after {}: {:?}", fell, latest, driver.rules);
        prop_assert_eq!(driver.mails.iter().filter(|mail| mail.ends_with("downgraded")).count(), 1);
    }
}
