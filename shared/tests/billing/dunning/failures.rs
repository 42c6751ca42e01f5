//! Failures of one charge: number, dates, time and order of the reports, codes.

use crate::dunning::calendar::{DAY, HOUR};
use crate::dunning::pair::{Pair, Step};
use crate::dunning::{failed_at, failing, running};

/// Days after the first failure on which the charge may fail again.
const DAYS: [i64; 5] = [1, 3, 5, 7, 9];
const SOFT: &str = "10100252";

/// Times at which the failures of a case are reported.
#[derive(Clone, Copy, Debug)]
enum Reporting {
    /// Each this long after its ProcessDate.
    After(i64),
    /// All an hour after the last failure, in order.
    Together,
    /// All an hour after the last failure, the last one first.
    Backwards,
    /// All on day 12, two days after the longest grace period, a minute apart.
    AfterGrace,
}

/// RtnCodes of the failures of a case.
#[derive(Clone, Copy, Debug)]
enum Codes {
    Soft,
    Unknown,
    HardFirst(&'static str),
    HardLast(&'static str),
    Hard(&'static str),
}

fn code(codes: Codes, index: usize, count: usize) -> &'static str {
    match codes {
        Codes::Unknown => "99999999",
        Codes::HardFirst(hard) if index == 0 => hard,
        Codes::HardLast(hard) if index + 1 == count => hard,
        Codes::Hard(hard) => hard,
        Codes::Soft | Codes::HardFirst(_) | Codes::HardLast(_) => SOFT,
    }
}

fn subsets() -> Vec<Vec<i64>> {
    (0..1_usize << DAYS.len())
        .map(|bits| {
            let later = DAYS.iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1).map(|(_, day)| *day);
            std::iter::once(0).chain(later).collect()
        })
        .collect()
}

/// Reports of a case, earliest first.
fn schedule(days: &[i64], began: i64, reporting: Reporting) -> Vec<(i64, i64, usize)> {
    let last = began + days.last().unwrap() * DAY;
    let mut reports: Vec<_> = days.iter().enumerate().map(|(index, day)| (began + day * DAY, index)).collect();
    if matches!(reporting, Reporting::Backwards) {
        reports.reverse();
    }
    let reported = |place: i64, failed: i64| match reporting {
        Reporting::After(delay) => failed + delay,
        Reporting::Together | Reporting::Backwards => last + HOUR,
        Reporting::AfterGrace => began + 12 * DAY + place * 60,
    };
    reports.into_iter().zip(0..).map(|((failed, index), place)| (reported(place, failed), failed, index)).collect()
}

/// Seconds at which an action may fall due for an episode with this start and first report.
fn boundaries(began: i64, reported: i64) -> Vec<i64> {
    let days = [1, 3, 7, 10].map(|day| began + day * DAY);
    let borders = days.into_iter().chain([reported + 3 * DAY, reported + 7 * DAY]);
    borders.flat_map(|border| [border - 1, border, border + 1]).collect()
}

fn play(mut pair: Pair, days: &[i64], began: i64, reporting: Reporting, codes: Codes) -> usize {
    let before = pair.cases;
    pair.story.push(format!("{reporting:?} {codes:?}"));
    let reports = schedule(days, began, reporting);
    let (first_report, _, _) = reports[0];
    for (reported, failed, index) in &reports {
        let first =
            reports.iter().filter(|(known, _, _)| known <= reported).map(|(_, failed, _)| *failed).min().unwrap();
        pair.step(*reported, &Step::Failure(*failed, code(codes, *index, days.len())));
        for now in boundaries(first, first_report) {
            pair.probe(now);
        }
    }
    pair.cases - before
}

/// Earlier failures of the customer, paid in the end: this many of charge 2, which was paid on day 8.
fn history(failures: usize) -> (Pair, i64) {
    let mut pair = failing(&[0, 1, 3, 7][..failures]);
    let paid = failed_at() + 8 * DAY;
    pair.step(paid + 60, &Step::Success(2, paid));
    (pair, failed_at() + 28 * DAY)
}

const REPORTINGS: [Reporting; 7] = [
    Reporting::After(60),
    Reporting::After(DAY),
    Reporting::After(5 * DAY),
    Reporting::After(12 * DAY),
    Reporting::Together,
    Reporting::Backwards,
    Reporting::AfterGrace,
];

#[test]
fn failures_of_a_charge_give_status_grace_mails_and_retries_by_the_table() {
    let codes = [
        Codes::Soft,
        Codes::Unknown,
        Codes::HardFirst("10100251"),
        Codes::HardLast("10100255"),
        Codes::Hard("10100256"),
    ];
    let mut cases = 0;
    for days in subsets() {
        for reporting in REPORTINGS {
            for codes in codes {
                cases += play(running(99), &days, failed_at(), reporting, codes);
            }
        }
    }
    assert_eq!(cases, 74_480);
}

#[test]
fn failures_are_counted_over_the_life_of_the_order() {
    let mut cases = 0;
    for failures in 0..=4 {
        let (pair, began) = history(failures);
        for days in subsets() {
            for reporting in REPORTINGS {
                cases += play(pair.clone(), &days, began, reporting, Codes::Soft);
            }
        }
    }
    assert_eq!(cases, 74_480);
}

#[test]
fn grace_ends_once_with_one_mail_and_the_order_keeps_its_terms() {
    let mut cases = 0;
    for days in subsets() {
        for late in [0, 1, HOUR, 5 * DAY] {
            let mut pair = failing(&days);
            // The order runs and no retry succeeds, so that only time decides.
            pair.step(failed_at() + 10 * DAY, &Step::Runs);
            assert!(pair.step(failed_at() + 10 * DAY, &Step::Ask), "{}", pair.case());
            pair.step(
                failed_at() + 10 * DAY,
                &Step::Answer(shared::domain::billing::subscription::RetryState::Refused),
            );
            let ends = if days.len() >= 2 { 10 } else { 7 };
            let now = (failed_at() + ends * DAY).max(failed_at() + 10 * DAY) + late;
            assert!(pair.step(now, &Step::EndGrace), "grace is over: {}", pair.case());
            assert!(!pair.step(now, &Step::EndGrace), "downgraded twice: {}", pair.case());
            cases += pair.cases;
        }
    }
    assert_eq!(cases, 1_216);
}

#[test]
fn a_further_due_charge_failing_in_an_open_episode_neither_restarts_grace_nor_repeats_a_mail() {
    let window = running(99).oracle.dues().window(3);
    let mut cases = 0;
    for before in [1, HOUR, DAY, 3 * DAY, 9 * DAY] {
        for again in [false, true] {
            for after in [0, 1, DAY, 2 * DAY] {
                let mut pair = running(99);
                let mut failures = vec![window - before];
                failures.extend(again.then_some(window - before + before / 2).filter(|at| *at > window - before));
                for failed in failures {
                    pair.step(failed, &Step::Failure(failed, SOFT));
                }
                let (grace, failed) = (pair.real.value.status, window + after);
                let decision = match pair.verdict(&pair.report(&Step::Failure(failed, SOFT)), failed + 60) {
                    shared::domain::billing::decision::PaymentDecision::Apply(decision) => decision,
                    verdict => panic!("{verdict:?}: {}", pair.case()),
                };
                pair.step(failed + 60, &Step::Failure(failed, SOFT));
                assert_eq!(decision.change.next.status, grace, "grace changed: {}", pair.case());
                assert_eq!(decision.notices, [], "a mail: {}", pair.case());
                cases += pair.cases;
            }
        }
    }
    assert_eq!(cases, 136);
}
