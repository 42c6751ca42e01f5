//! Charges of an order as reported, without anything derived from them.

use serde::{Deserialize, Serialize};

use crate::domain::billing::payments::payment::{DeclineClass, PaymentOutcome, PaymentReport};
use crate::domain::values::time::{LocalDate, Timestamp};

/// Failures kept with an order. ECPay terminates an order at six; the rest is reserve.
const FAILURES_KEPT: usize = 24;

/// Charges that ECPay reported. Reports arrive late, repeatedly and in any order; the derived state does not depend on
/// that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeHistory {
    /// Date of the first successful charge (Asia/Taipei).
    pub anchor: Option<LocalDate>,
    /// Highest success number reported (`TotalSuccessTimes`).
    pub successes: u32,
    /// Number of reported successes; less than [`Self::successes`] if a report is missing.
    pub reported_successes: u32,
    /// Success number up to which a query has already searched for missing reports.
    pub reconciled_up_to: u32,
    /// ProcessDate of the latest successful charge.
    pub last_success_at: Option<Timestamp>,
    /// Failed charges after the first authorisation, oldest first.
    pub failures: Vec<FailedCharge>,
    /// Due date of the latest charge paid outside ECPay.
    #[serde(default)]
    pub paid_out_of_band: Option<LocalDate>,
    /// Last four digits of the card.
    pub card_last4: Option<String>,
}

/// Failed charge of an active order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCharge {
    /// ProcessDate of the charge.
    pub at: Timestamp,
    /// ECPay's `RtnCode`, verbatim.
    pub rtn_code: String,
    /// Class of the decline.
    pub class: DeclineClass,
}

impl ChargeHistory {
    /// True if a success is missing that reconciliation has not searched for.
    #[must_use]
    pub const fn has_unreported_success(&self) -> bool {
        self.reported_successes < self.successes && self.reconciled_up_to < self.successes
    }

    /// True if the history already contains everything in the report.
    #[must_use]
    pub fn contains_report(&self, report: &PaymentReport) -> bool {
        match report.outcome {
            PaymentOutcome::Succeeded { number } => {
                // With a success missing, any number up to the highest may be the missing one.
                number <= self.successes && self.reported_successes >= self.successes
            }
            PaymentOutcome::Failed => self.failures.iter().any(|known| known.at == report.processed_at),
            PaymentOutcome::Pending | PaymentOutcome::PaidOutOfBand => false,
        }
    }

    /// Inserts a failure in the order of time and drops the oldest beyond the limit.
    pub fn add_failure(&mut self, failure: FailedCharge) {
        let place = self.failures.partition_point(|known| known.at <= failure.at);
        self.failures.insert(place, failure);
        let excess = self.failures.len().saturating_sub(FAILURES_KEPT);
        self.failures.drain(..excess);
    }
}
