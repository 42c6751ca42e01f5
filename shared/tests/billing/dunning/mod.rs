//! Dunning table: every status, event and boundary enumerated, the code beside an oracle written from the design
//! (section 4, and section 3's paragraph on EventId). Cases are exhaustive; each test asserts their number.

mod calendar;
mod corners;
mod due_dates;
mod failures;
mod lifecycle;
mod next_task;
mod oracle;
mod paid_days;
mod pair;
mod permutations;
mod retries;
mod statuses;

use calendar::{DAY, HOUR, at};
use pair::{Pair, Step};
use shared::domain::billing::plan::BillingCycle;

/// Creation of the order in most tests; charge 1 is paid five minutes later.
pub(crate) fn ordered_at() -> i64 {
    at(2025, 1, 15, 10 * HOUR)
}

/// First failure of charge 2, which is due on 15 February.
pub(crate) fn failed_at() -> i64 {
    at(2025, 2, 15, 3 * HOUR + 306)
}

/// Monthly order whose first charge is paid.
pub(crate) fn running(exec_times: u32) -> Pair {
    let mut pair = Pair::ordered(ordered_at(), BillingCycle::Monthly, exec_times);
    pair.step(ordered_at() + 360, &Step::Success(1, ordered_at() + 300));
    pair
}

/// The same order with charge 2 failed on these days after its first failure, each reported a minute later.
pub(crate) fn failing(days: &[i64]) -> Pair {
    let mut pair = running(99);
    for day in days {
        let failed = failed_at() + day * DAY;
        pair.step(failed + 60, &Step::Failure(failed, "10100252"));
    }
    pair
}
