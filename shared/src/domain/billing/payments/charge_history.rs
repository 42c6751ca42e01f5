//! Charges of an order as reported and the retries requested for it, without anything derived from them.

use serde::{Deserialize, Serialize};

use crate::domain::billing::payments::payment::{DeclineClass, PaymentOutcome, PaymentReport};
use crate::domain::values::time::{LocalDate, Timestamp};

/// Failures kept with an order. A year of monthly charges, each of which fails twice.
const FAILURES_KEPT: usize = 24;
/// Successes kept with an order, to derive its charge day.
const SUCCESSES_KEPT: usize = 12;
/// Requests of retries kept with an order. Each leads to one charge at most.
const RETRIES_KEPT: usize = FAILURES_KEPT;
/// Successes kept that could not be recorded.
const UNRECORDED_KEPT: usize = 12;

/// Charges that ECPay reported. Reports arrive late, repeatedly and in any order; the derived state does not depend on
/// that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeHistory {
    /// Date of the first successful charge (Asia/Taipei), or the later charge day from which due dates are computed once
    /// the first charges are no longer kept in [`Self::recent_successes`].
    pub anchor: Option<LocalDate>,
    /// Highest success number reported (`TotalSuccessTimes`).
    pub successes: u32,
    /// Number of reported successes; less than [`Self::successes`] if a report is missing.
    pub reported_successes: u32,
    /// Success number up to which a query has already searched for missing reports.
    pub reconciled_up_to: u32,
    /// ProcessDate of the latest successful charge.
    pub last_success_at: Option<Timestamp>,
    /// ProcessDates of the latest recorded successes, in ascending order.
    #[serde(default)]
    pub recent_successes: Vec<Timestamp>,
    /// Successes that ECPay signed or lists, but that could not be recorded: each proves that its period was paid.
    #[serde(default)]
    pub unrecorded_successes: Vec<UnrecordedSuccess>,
    /// Day of the next charge as announced by staff.
    #[serde(default)]
    pub next_charge: Option<AnnouncedCharge>,
    /// ProcessDate of the latest success that pays no period and must be refunded.
    #[serde(default)]
    pub last_refund_due_at: Option<Timestamp>,
    /// Failed charges after the first authorisation, oldest first.
    pub failures: Vec<FailedCharge>,
    /// Times of the retries requested from ECPay, in ascending order, without those that ECPay refused or did not process.
    #[serde(default)]
    pub retries: Vec<Timestamp>,
    /// Due date of the latest charge paid outside ECPay.
    #[serde(default)]
    pub paid_out_of_band: Option<LocalDate>,
    /// Last four digits of the card.
    pub card_last4: Option<String>,
}

/// Success that ECPay signed or lists, but that could not be recorded because of its number or authorisation number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnrecordedSuccess {
    /// ProcessDate of the charge.
    pub at: Timestamp,
    /// Source of the proof.
    pub source: ProofSource,
}

/// Source of the proof that a charge succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofSource {
    /// Quarantined report, which stays until it is replayed.
    Quarantine,
    /// Entry of the charge log in the latest query; replaced by the next one.
    Query,
}

/// Day of the next charge as announced by staff, who moved it in ECPay's console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedCharge {
    /// Day of the charge (Asia/Taipei).
    pub on: LocalDate,
    /// Time of the announcement; it is about the first charge after it.
    pub since: Timestamp,
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

    /// ProcessDate of the latest success, recorded or not.
    #[must_use]
    pub fn last_paid_at(&self) -> Option<Timestamp> {
        self.last_success_at.max(self.unrecorded_successes.iter().map(|success| success.at).max())
    }

    /// ProcessDates of the latest successes, recorded or not, in ascending order.
    #[must_use]
    pub fn paid_at(&self) -> Vec<Timestamp> {
        let unrecorded = self.unrecorded_successes.iter().map(|success| success.at);
        let recent = self
            .recent_successes
            .iter()
            .copied()
            .chain(self.last_success_at.filter(|_| self.recent_successes.is_empty()));
        let mut paid: Vec<Timestamp> = recent.chain(unrecorded).collect();
        paid.sort();
        paid.dedup();
        paid
    }

    /// True if a success of that time is known, recorded or not.
    #[must_use]
    pub fn has_success_at(&self, at: Timestamp) -> bool {
        self.paid_at().contains(&at)
    }

    /// Inserts a recorded success in the order of time.
    pub fn add_success(&mut self, at: Timestamp) {
        // Its proof is no longer needed.
        self.unrecorded_successes.retain(|unrecorded| unrecorded.at != at);
        let place = self.recent_successes.partition_point(|known| *known < at);
        if self.recent_successes.get(place) != Some(&at) {
            self.recent_successes.insert(place, at);
        }
    }

    /// Adds a success of a quarantined report.
    pub fn add_unrecorded(&mut self, at: Timestamp) {
        let known = self.unrecorded_successes.iter().filter(|known| known.source == ProofSource::Quarantine);
        let times: Vec<Timestamp> = known.map(|known| known.at).chain([at]).collect();
        self.set_unrecorded(ProofSource::Quarantine, times);
    }

    /// Replaces the proofs of a source and keeps the newest of all.
    pub fn set_unrecorded(&mut self, source: ProofSource, times: impl IntoIterator<Item = Timestamp>) {
        self.unrecorded_successes.retain(|known| known.source != source);
        let recorded = &self.recent_successes;
        let new = times.into_iter().filter(|at| !recorded.contains(at)).map(|at| UnrecordedSuccess { at, source });
        self.unrecorded_successes.extend(new);
        self.unrecorded_successes.sort();
        self.unrecorded_successes.dedup();
        let excess = self.unrecorded_successes.len().saturating_sub(UNRECORDED_KEPT);
        self.unrecorded_successes.drain(..excess);
    }

    /// Drops the oldest successes beyond the limit. `anchor` is the day from which the remaining due dates are computed.
    pub fn forget_old_successes(&mut self, anchor: LocalDate) {
        let excess = self.recent_successes.len().saturating_sub(SUCCESSES_KEPT);
        if excess > SUCCESSES_KEPT {
            self.recent_successes.drain(..excess);
            self.anchor = Some(anchor);
            let oldest = self.recent_successes.first().copied();
            self.next_charge = self.next_charge.filter(|announced| Some(announced.since) >= oldest);
        }
    }

    /// Inserts the request of a retry in the order of time and drops the oldest beyond the limit.
    pub fn add_retry(&mut self, requested_at: Timestamp) {
        let place = self.retries.partition_point(|known| *known < requested_at);
        if self.retries.get(place) != Some(&requested_at) {
            self.retries.insert(place, requested_at);
        }
        let excess = self.retries.len().saturating_sub(RETRIES_KEPT);
        self.retries.drain(..excess);
    }

    /// Removes the request of a retry that makes no charge.
    pub fn remove_retry(&mut self, requested_at: Timestamp) {
        self.retries.retain(|known| *known != requested_at);
    }

    /// Inserts a failure in the order of time and drops the oldest beyond the limit.
    pub fn add_failure(&mut self, failure: FailedCharge) {
        let place = self.failures.partition_point(|known| known.at <= failure.at);
        self.failures.insert(place, failure);
        let excess = self.failures.len().saturating_sub(FAILURES_KEPT);
        self.failures.drain(..excess);
    }
}
