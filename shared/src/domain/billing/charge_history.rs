//! What is known of an order's charges, apart from what follows from it.

use serde::{Deserialize, Serialize};

use crate::domain::billing::payment::{PaymentOutcome, PaymentReport};
use crate::domain::values::time::{LocalDate, Timestamp};

/// How many failures an item keeps. ECPay ends an order at six; the rest is room for surprises.
const FAILURES_KEPT: usize = 24;

/// What ECPay reported. Reports may come late, twice and in any order; what follows from them does not
/// depend on that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeHistory {
    /// The day of the first successful charge (Taipei).
    pub anchor: Option<LocalDate>,
    /// The highest success number known.
    pub successes: u32,
    /// How many successes were reported; fewer than [`Self::successes`] when one of them was not.
    pub reported_successes: u32,
    /// The success number up to which a query has already looked for one that was not reported.
    pub reconciled_up_to: u32,
    /// The latest successful charge known.
    pub last_success_at: Option<Timestamp>,
    /// Failed charges after the first, oldest first.
    pub failures: Vec<FailedCharge>,
    /// The due day of the latest charge that was paid outside ECPay.
    #[serde(default)]
    pub paid_out_of_band: Option<LocalDate>,
    /// Last four digits of the card.
    pub card_last4: Option<String>,
}

/// A charge that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCharge {
    /// Its ProcessDate.
    pub at: Timestamp,
    /// ECPay's code.
    pub rtn_code: String,
}

impl ChargeHistory {
    /// Whether a success was never reported and nobody has looked for it yet.
    #[must_use]
    pub const fn has_unreported_success(&self) -> bool {
        self.reported_successes < self.successes && self.reconciled_up_to < self.successes
    }

    /// Whether a report says nothing that these facts do not hold already.
    #[must_use]
    pub fn contains_report(&self, report: &PaymentReport) -> bool {
        match report.outcome {
            PaymentOutcome::Succeeded { number } => {
                number <= self.successes && self.reported_successes >= self.successes
            }
            PaymentOutcome::Failed => self.failures.iter().any(|known| known.at == report.processed_at),
            PaymentOutcome::Pending | PaymentOutcome::PaidOutOfBand => false,
        }
    }

    /// Keeps a failure in its place by time.
    pub fn add_failure(&mut self, failure: FailedCharge) {
        let place = self.failures.partition_point(|known| known.at <= failure.at);
        self.failures.insert(place, failure);
        let excess = self.failures.len().saturating_sub(FAILURES_KEPT);
        self.failures.drain(..excess);
    }
}
