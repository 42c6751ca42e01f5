//! Answer of ECPay to the query of an order, as kept with the order.

use serde::{Deserialize, Serialize};

use crate::domain::billing::dunning::policy::UNLISTED_SUCCESS_DAYS;
use crate::domain::values::time::Timestamp;

/// Answer of ECPay to a query of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderQuery {
    /// Logical time of the query.
    pub at: Timestamp,
    /// State of the order at ECPay.
    pub state: EcpayState,
    /// Gap in ECPay's log, if the answer has one.
    #[serde(default)]
    pub gap: Option<LogGap>,
}

/// Gap in ECPay's charge log: it counts a success that it does not list and that is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGap {
    /// Time of the first of the answers with this gap.
    pub since: Timestamp,
    /// Highest success number that was recorded then.
    pub recorded: u32,
}

impl OrderQuery {
    /// The time until which a gap keeps the plan: such a log does not show that no charge was made.
    #[must_use]
    pub fn gap_until(&self) -> Option<Timestamp> {
        self.gap.map(|gap| gap.since.plus_days(UNLISTED_SUCCESS_DAYS))
    }

    /// True while a gap keeps the plan.
    #[must_use]
    pub fn has_gap_at(&self, now: Timestamp) -> bool {
        self.gap_until().is_some_and(|until| now < until)
    }
}

/// State of an order at ECPay (period query, `ExecStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EcpayState {
    /// ExecStatus 1.
    Running,
    /// Cancelled or terminated: ExecStatus 0.
    Stopped,
    /// All ordered charges made: ExecStatus 2.
    Finished,
    /// First authorisation not made (RtnCode 10200047, 10200095 and the like).
    Unpaid,
    /// First authorisation declined (RtnCode of a decline).
    Declined,
    /// Another ExecStatus, e.g. of a paused order: proves nothing.
    Other,
}

/// ECPay's answer to a query, without the charges that were recorded from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryAnswer {
    /// Logical time of the query.
    pub at: Timestamp,
    /// State of the order at ECPay.
    pub state: EcpayState,
    /// Number of charges ordered (`ExecTimes`), where ECPay tells it.
    pub exec_times: Option<u32>,
    /// ProcessDates of successes in the log that have no number or no authorisation number.
    pub unrecorded: Vec<Timestamp>,
    /// Number of successes by ECPay's count, where its log has fewer.
    #[serde(default)]
    pub higher_count: Option<u32>,
}
