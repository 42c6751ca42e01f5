//! Results of retries that were requested from ECPay. A report does not say that its charge repeats a failed one, so this is
//! derived from the charge history on each use and does not depend on the order in which reports arrive.

use crate::domain::billing::dunning::policy::RETRY_RESULT_HOURS;
use crate::domain::billing::payments::charge_history::ChargeHistory;
use crate::domain::values::time::Timestamp;

/// Results of an order's retries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryResults(Vec<RetryResult>);

/// Time in which the result of one retry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RetryResult {
    /// Time of the request.
    from: Timestamp,
    /// Time of the first known charge after the request; without one the last instant at which the result may come.
    to: Timestamp,
    /// ProcessDate of the failed charge that is repeated.
    repeats: Timestamp,
}

impl RetryResults {
    /// The results of the retries in a charge history: for each the first charge within [`RETRY_RESULT_HOURS`] after its
    /// request. ECPay repeats the latest charge, and only if it failed (CreditCardPeriodAction,
    /// <https://developers.ecpay.com.tw/?p=2900>).
    #[must_use]
    pub fn of(history: &ChargeHistory) -> Self {
        let paid = history.paid_at();
        let mut results = Self::default();
        for from in history.retries.iter().copied() {
            let charges = || history.failures.iter().map(|failure| failure.at).chain(paid.iter().copied());
            let latest = charges().filter(|at| *at < from).max();
            let Some(repeats) = latest.filter(|at| !paid.contains(at)) else { continue };
            let end = from.plus_hours(RETRY_RESULT_HOURS);
            let to = charges().filter(|at| *at >= from).fold(end, Timestamp::min);
            results.0.push(RetryResult { from, to, repeats });
        }
        results
    }

    /// ProcessDate of the failed charge that a charge at that time repeats if it is the result of a retry, as far as the times
    /// show. It need not be part of the history yet.
    #[must_use]
    pub fn repeats(&self, at: Timestamp) -> Option<Timestamp> {
        let result = self.0.iter().rev().find(|result| result.from <= at && at <= result.to)?;
        Some(result.repeats)
    }
}
