//! Reports in any order: the resulting state does not depend on it.

use shared::domain::billing::plan::BillingCycle;

use crate::dunning::calendar::{DAY, HOUR, MINUTE, at};
use crate::dunning::pair::{Pair, Step};
use crate::dunning::{ordered_at, running};

/// Longest permutation, in reports.
const LONGEST: usize = 5;

/// ProcessDate of a step of this table.
fn made(step: &Step) -> i64 {
    match *step {
        Step::Success(_, at) | Step::Failure(at, _) | Step::FirstFailure(at) => at,
        _ => panic!("{step:?} is not in the table"),
    }
}

/// Two charges: each may fail up to three times and be paid in the end. The second is due on 15 March.
fn reports() -> Vec<Step> {
    let (second, third) = (at(2025, 2, 15, HOUR), at(2025, 3, 14, HOUR));
    vec![
        Step::Failure(second, "10100252"),
        Step::Failure(second + DAY, "10100252"),
        Step::Failure(second + 3 * DAY, "10100252"),
        Step::Success(2, second + 4 * DAY),
        Step::Failure(third, "10100252"),
        Step::Failure(third + DAY, "10100252"),
        Step::Failure(third + 3 * DAY, "10100252"),
        Step::Success(3, third + 4 * DAY),
    ]
}

/// Time of all reports, while the grace period of the third charge still runs.
fn now() -> i64 {
    at(2025, 3, 14, HOUR) + 5 * DAY
}

/// Oracle after the reports in the order of the charges.
fn in_order(start: &Pair, reports: &[Step], chosen: &[usize]) -> Pair {
    let mut sorted: Vec<_> = chosen.iter().map(|place| &reports[*place]).collect();
    sorted.sort_by_key(|step| made(step));
    let mut pair = start.clone();
    for step in sorted {
        pair.step(now(), step);
    }
    pair
}

/// Extends a permutation by each remaining report and compares at every length.
fn extend(start: &Pair, here: &Pair, reports: &[Step], chosen: &mut Vec<usize>) -> usize {
    if chosen.len() == LONGEST {
        return 0;
    }
    let mut permutations = 0;
    for place in 0..reports.len() {
        if chosen.contains(&place) {
            continue;
        }
        chosen.push(place);
        let mut next = here.clone();
        next.apply(now(), &reports[place]);
        let sorted = in_order(start, reports, chosen);
        let (seen, expected) = (next.seen(now()), sorted.expected(now()));
        let case = format!("left is this order, right the order of the charges: {}", next.case());
        assert_eq!(seen.without_promises(), expected.without_promises(), "{case}");
        // A mail about the failures known so far may have promised more, which is kept.
        assert!(seen.grace_end >= expected.grace_end, "{seen:?} {expected:?} {case}");
        if next.promised() <= sorted.promised() {
            assert_eq!(seen, expected, "{case}");
        }
        permutations += 1 + extend(start, &next, reports, chosen);
        chosen.pop();
    }
    permutations
}

#[test]
fn up_to_five_reports_of_two_charges_lead_to_the_same_state_in_any_order() {
    let start = running(99);
    let permutations = extend(&start, &start, &reports(), &mut Vec::new());
    assert_eq!(permutations, 8 + 8 * 7 + 8 * 7 * 6 + 8 * 7 * 6 * 5 + 8 * 7 * 6 * 5 * 4);
}

#[test]
fn the_first_charge_may_be_reported_last() {
    let first = ordered_at() + 5 * MINUTE;
    let mut reports = reports();
    // Three failures of one charge stay, so that a mail exists for every prefix.
    reports.truncate(5);
    reports.extend([Step::Success(1, first), Step::FirstFailure(first - MINUTE)]);
    let start = Pair::ordered(ordered_at(), BillingCycle::Monthly, 99);
    let permutations = extend(&start, &start, &reports, &mut Vec::new());
    assert_eq!(permutations, 7 + 7 * 6 + 7 * 6 * 5 + 7 * 6 * 5 * 4 + 7 * 6 * 5 * 4 * 3);
}

#[test]
fn the_last_charges_of_an_order_may_be_reported_in_any_order() {
    let start = running(3);
    let permutations = extend(&start, &start, &reports(), &mut Vec::new());
    assert_eq!(permutations, 8 + 8 * 7 + 8 * 7 * 6 + 8 * 7 * 6 * 5 + 8 * 7 * 6 * 5 * 4);
}
