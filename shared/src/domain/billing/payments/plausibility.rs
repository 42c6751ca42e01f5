//! Limits of dates and numbers that a report may have. What lies beyond is quarantined: applied, it would move the order by
//! years or end it.

use crate::domain::billing::payments::payment::{PaymentOutcome, PaymentReport, ReportSource};
use crate::domain::billing::payments::quarantine_reason::QuarantineReason;
use crate::domain::values::time::{Timestamp, Zone};

/// Most charges that ECPay makes for one order (order form, `ExecTimes`).
pub const MOST_CHARGES: u32 = 999;
/// Days by which ECPay's clock may be ahead.
const DAYS_AHEAD: i64 = 1;

/// The parts of an order that limit its reports.
#[derive(Clone, Copy, Debug)]
pub struct OrderLimits {
    /// Time of the order's creation.
    pub created_at: Timestamp,
    /// Number of charges that were ordered.
    pub exec_times: u32,
}

/// Reason to quarantine a report whose date or success number the order cannot have: a date more than a day ahead of `now`
/// or before the day before the order was made (Asia/Taipei), or a number above the ordered charges and those that the
/// report itself names. `None` for a plausible report, and for payments that staff recorded.
#[must_use]
pub fn implausible(report: &PaymentReport, order: OrderLimits, now: Timestamp) -> Option<QuarantineReason> {
    if report.source == ReportSource::Staff {
        return None;
    }
    let earliest = order.created_at.day(Zone::Taipei).plus_days(-1).start(Zone::Taipei);
    if report.processed_at < earliest || report.processed_at > now.plus_days(DAYS_AHEAD) {
        return Some(QuarantineReason::ImplausibleDate);
    }
    let most = order.exec_times.max(report.exec_times.unwrap_or(0)).min(MOST_CHARGES);
    match report.outcome {
        PaymentOutcome::Succeeded { number } if number > most => Some(QuarantineReason::ImplausibleNumber { most }),
        PaymentOutcome::Succeeded { .. }
        | PaymentOutcome::Failed
        | PaymentOutcome::Pending
        | PaymentOutcome::PaidOutOfBand => None,
    }
}
