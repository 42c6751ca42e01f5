//! Billing calendar: due dates, windows and periods of anchors at the end of a month, to the second in Taipei.

use shared::domain::billing::calendar::BillingCalendar;
use shared::domain::billing::plan::BillingCycle;
use shared::domain::values::time::{LocalDate, Zone};

use crate::dunning::calendar::{DAY, Dues, HOUR, day_number, day_of, iso, midnight};
use crate::dunning::pair::{Pair, Step, ts};

/// Anchors from the 27th to the last of the first two months, and of months before a short one, in common years, a leap
/// year and the century year that is none.
fn anchors() -> Vec<i64> {
    let mut anchors = Vec::new();
    for year in [2024, 2025, 2027, 2099, 2100] {
        for month in [1, 2, 3, 8, 12] {
            for day in 27..=crate::dunning::calendar::month_length(year, month) {
                anchors.push(day_number(year, month, day));
            }
        }
        anchors.push(day_number(year, 1, 1));
    }
    anchors
}

fn cycles() -> [(BillingCycle, i64); 2] {
    [(BillingCycle::Monthly, 1), (BillingCycle::Annual, 12)]
}

fn real(dues: Dues, cycle: BillingCycle) -> BillingCalendar {
    BillingCalendar::new(LocalDate::parse(&iso(dues.anchor)).unwrap(), cycle)
}

/// Order whose first charge is paid at noon of the anchor date.
fn paid_on(anchor: i64, cycle: BillingCycle) -> Pair {
    let noon = midnight(anchor) + 12 * HOUR;
    let mut pair = Pair::ordered(noon - 60, cycle, 99);
    pair.step(noon + 60, &Step::Success(1, noon));
    pair
}

#[test]
fn a_charge_is_due_on_the_anchor_day_or_the_last_day_of_a_shorter_month() {
    let mut cases = 0;
    for anchor in anchors() {
        for (cycle, months) in cycles() {
            let dues = Dues { anchor, months };
            let calendar = real(dues, cycle);
            let mut due = LocalDate::parse(&iso(anchor)).unwrap();
            for k in 1..=50 {
                assert_eq!(due.to_string(), iso(dues.due(k)), "charge {k} of {} {cycle:?}", iso(anchor));
                due = calendar.due_after(due);
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 11_600);
}

#[test]
fn an_end_of_month_anchor_comes_back_after_a_short_month() {
    let table = [
        ("2025-01-28", ["2025-02-28", "2025-03-28", "2025-04-28"]),
        ("2025-01-29", ["2025-02-28", "2025-03-29", "2025-04-29"]),
        ("2025-01-30", ["2025-02-28", "2025-03-30", "2025-04-30"]),
        ("2025-01-31", ["2025-02-28", "2025-03-31", "2025-04-30"]),
        ("2024-01-29", ["2024-02-29", "2024-03-29", "2024-04-29"]),
        ("2024-01-31", ["2024-02-29", "2024-03-31", "2024-04-30"]),
        ("2025-02-28", ["2025-03-28", "2025-04-28", "2025-05-28"]),
        ("2024-02-29", ["2024-03-29", "2024-04-29", "2024-05-29"]),
        ("2024-12-31", ["2025-01-31", "2025-02-28", "2025-03-31"]),
    ];
    for (anchor, dues) in table {
        let mut due = LocalDate::parse(anchor).unwrap();
        let calendar = BillingCalendar::new(due, BillingCycle::Monthly);
        for expected in dues {
            due = calendar.due_after(due);
            assert_eq!(due.to_string(), expected, "{anchor}");
        }
    }
}

#[test]
fn every_day_belongs_to_the_charge_in_whose_window_it_lies() {
    let mut cases = 0;
    for anchor in anchors() {
        for (cycle, months) in cycles() {
            let dues = Dues { anchor, months };
            let calendar = real(dues, cycle);
            for offset in -40..=400 {
                let day = anchor + offset;
                let local = LocalDate::parse(&iso(day)).unwrap();
                let case = format!("{} in the calendar of {} {cycle:?}", iso(day), iso(anchor));
                assert_eq!(calendar.due_on(local).to_string(), iso(dues.due(dues.charge_of(midnight(day)))), "{case}");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 102_312);
}

#[test]
fn a_day_begins_and_ends_in_taipei() {
    let mut cases = 0;
    for day in anchors().into_iter().flat_map(|anchor| anchor - 3..anchor + 3) {
        for second in [0, 1, 8 * HOUR - 1, 8 * HOUR, 16 * HOUR - 1, 16 * HOUR, DAY - 1] {
            let instant = midnight(day) + second;
            assert_eq!(ts(instant).day(Zone::Taipei).to_string(), iso(day), "{second} s into {}", iso(day));
            assert_eq!(day_of(instant), day);
            cases += 1;
        }
        assert_eq!(LocalDate::parse(&iso(day)).unwrap().start(Zone::Taipei).unix(), midnight(day), "{}", iso(day));
    }
    assert_eq!(cases, 4_872);
}

/// Seconds around the borders of the windows and the midnights of the first due dates.
fn borders(dues: Dues) -> Vec<i64> {
    let starts = (2..=4).flat_map(|k| [dues.window(k), midnight(dues.due(k)), midnight(dues.due(k) + 1)]);
    starts.flat_map(|start| [start - 1, start, start + 1]).collect()
}

#[test]
fn a_success_pays_until_the_due_day_after_its_window() {
    let mut cases = 0;
    for anchor in anchors() {
        for (cycle, months) in cycles() {
            let start = paid_on(anchor, cycle);
            cases += start.cases;
            for made in borders(Dues { anchor, months }) {
                let mut pair = start.clone();
                pair.cases = 0;
                pair.step(made + 60, &Step::Success(2, made));
                // Once ECPay's log shows no failure before it, a charge off its due day is the new charge day.
                pair.step(made + 120, &Step::Runs);
                cases += pair.cases;
            }
        }
    }
    assert_eq!(cases, 12_760);
}

#[test]
fn two_failures_are_of_one_charge_exactly_when_no_window_border_lies_between_them() {
    let mut cases = 0;
    for anchor in anchors() {
        for (cycle, months) in cycles() {
            let start = paid_on(anchor, cycle);
            let borders = borders(Dues { anchor, months });
            for (place, first) in borders.iter().enumerate() {
                for second in &borders[place + 1..] {
                    let mut pair = start.clone();
                    pair.cases = 0;
                    pair.step(first + 60, &Step::Failure(*first, "10100252"));
                    pair.step(second + 60, &Step::Failure(*second, "10100252"));
                    cases += pair.cases;
                }
            }
        }
    }
    assert_eq!(cases, 162_864);
}
