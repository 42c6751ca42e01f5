//! The share of the unused days, by hand and against days that are counted one by one.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use shared::domain::billing::payments::refund_due::RefundDue;
use shared::domain::billing::payments::unused_part::unused_part;
use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::subscription::PaidPeriod;
use shared::domain::values::money::Twd;

use super::{credits, replace};
use crate::operations::fixtures::{Life, day, new_order, t};

#[test]
fn by_hand() {
    // Paid, first day and day after the period, day of the new order; unused days and their money.
    for (paid, from, to, since, days, amount) in [
        (899, "2025-01-05", "2025-02-05", "2025-01-20", 16, 464),
        // The day of the first charge, and the day before it: nothing was used.
        (899, "2025-01-05", "2025-02-05", "2025-01-05", 31, 899),
        (899, "2025-01-05", "2025-02-05", "2025-01-04", 31, 899),
        (899, "2025-01-05", "2025-02-05", "2025-02-04", 1, 29),
        (899, "2025-01-05", "2025-02-05", "2025-02-05", 0, 0),
        (899, "2025-01-05", "2025-02-05", "2025-03-01", 0, 0),
        // Half of 28 days: 449.5.
        (899, "2025-01-31", "2025-02-28", "2025-02-14", 14, 450),
        (899, "2024-01-31", "2024-02-29", "2024-02-15", 14, 434),
        (899, "2025-02-28", "2025-03-31", "2025-03-15", 16, 464),
        // 3 + 30 + 31 + 30 + 31 + 31 + 27 of 365 days: 4511.8.
        (8999, "2024-02-29", "2025-02-28", "2024-08-29", 183, 4512),
        // A leap year has 366: 24.6.
        (8999, "2024-01-01", "2025-01-01", "2024-12-31", 1, 25),
        (1, "2025-01-05", "2025-02-05", "2025-01-21", 15, 0),
        (1, "2025-01-05", "2025-02-05", "2025-01-20", 16, 1),
        (200_000, "2025-01-01", "2026-01-01", "2025-01-02", 364, 199_452),
        (u32::MAX, "2025-01-01", "2026-01-01", "2025-01-01", 365, u32::MAX),
        (0, "2025-01-05", "2025-02-05", "2025-01-20", 16, 0),
    ] {
        let part = unused_part(Twd::new(paid), PaidPeriod { from: day(from), to: day(to) }, day(since));
        assert_eq!((part.days, part.amount), (days, Twd::new(amount)), "{paid} {from} {to} {since}");
    }
}

/// Year, month and day.
type Date = (u32, u32, u32);

const fn month_length(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const fn tomorrow((year, month, day): Date) -> Date {
    if day < month_length(year, month) {
        (year, month, day + 1)
    } else if month < 12 {
        (year, month + 1, 1)
    } else {
        (year + 1, 1, 1)
    }
}

/// That many months after the first charge: on its day, or on the last one of a shorter month.
fn due((year, month, day): Date, months: u32) -> Date {
    let place = year * 12 + month - 1 + months;
    let (year, month) = (place / 12, place % 12 + 1);
    (year, month, day.min(month_length(year, month)))
}

fn at((year, month, day): Date, time: &str) -> String {
    format!("{year:04}/{month:02}/{day:02} {time}")
}

fn cases() -> Config {
    Config { cases: 1_000, rng_seed: RngSeed::Fixed(17), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(cases())]

    /// Counted day by day, the credit is the exact fraction rounded half up, and the old order keeps no more than half a dollar
    /// for a day that the new one has.
    #[test]
    fn as_counted_day_by_day(
        (year, month, end) in (2023..2029_u32, 1..13_u32, prop_oneof![1..32_u32, 28..32_u32]),
        annual in any::<bool>(),
        amount in prop_oneof![1..40_u32, 1..200_001_u32],
        (charges, later) in (1..15_u32, 0..400_u32),
        refunded in prop_oneof![3 => Just(0), 1 => 0..200_001_u32],
        time in prop::sample::select(vec!["00:00:00", "12:00:00", "23:59:59"]),
    ) {
        let first = (year, month, end.min(month_length(year, month)));
        let (months, cycle) = if annual { (12, BillingCycle::Annual) } else { (1, BillingCycle::Monthly) };
        let charges = if annual { 1 + charges % 3 } else { charges };
        let mut order = new_order("ORDER1", None);
        (order.terms.cycle, order.terms.price) = (cycle, Twd::new(amount));
        let mut old = Life::of(order, &at(first, "00:00:00"));
        let mut payment = None;
        for number in 1..=charges {
            payment = old.success(number, &at(due(first, months * (number - 1)), "00:00:01")).payment;
        }
        let mut payment = payment.unwrap();
        payment.refunded = Twd::new(refunded.min(amount));
        let (from, to) = (due(first, months * (charges - 1)), due(first, months * charges));
        // Within the period, and a while after it.
        let span = if annual { 400 } else { 34 };
        let since = (0..later % span).fold(from, |date, _| tomorrow(date));
        let (mut all, mut unused, mut date) = (0_i128, 0_i128, from);
        while date != to {
            all += 1;
            unused += i128::from(date >= since);
            date = tomorrow(date);
        }
        // At the same second of the first day the order of the two charges does not matter.
        let time = if since == from { "12:00:00" } else { time };
        let decision = replace(&old.order, &[&payment], &at(since, time));
        let credit = credits(&decision).next().cloned();
        let money = i128::from(amount - refunded.min(amount));
        let given = credit.as_ref().map_or(0, |credit| i128::from(credit.amount.dollars()));
        prop_assert!(2 * all * given - all <= 2 * money * unused && 2 * money * unused < 2 * all * given + all);
        let kept = money - given;
        prop_assert!(2 * (kept * all - money * (all - unused)).abs() <= all, "{kept} of {money}");
        prop_assert_eq!(credit.is_some(), given > 0);
        let Some(credit) = credit else { return Ok(()) };
        prop_assert_eq!((i128::from(credit.days), i128::from(credit.of_days)), (unused, all));
        prop_assert_eq!(decision.credited[0].refund_due, RefundDue::Part(credit.amount));
    }
}

#[test]
fn the_day_of_the_new_charge_is_that_of_taipei() {
    let mut old = Life::of(new_order("ORDER1", None), "2025/01/05 10:00:00");
    let payment = old.success(1, "2025/01/05 10:05:00").payment.unwrap();
    for (at, days) in [("2025/01/19 23:59:59", 17), ("2025/01/20 00:00:00", 16), ("2025/01/20 07:59:59", 16)] {
        let decision = replace(&old.order, &[&payment], at);
        assert_eq!(credits(&decision).next().unwrap().days, days, "{at}: {}", t(at));
    }
}
