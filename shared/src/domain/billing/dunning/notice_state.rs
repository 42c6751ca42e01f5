//! Dunning mails of the open episode, as an order remembers them.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::{LocalDate, Timestamp};

/// Dunning mails sent about the failing charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DunningNoticeState {
    /// Due date of the failing charge, as the first mail named it.
    pub charge_due: LocalDate,
    /// ProcessDate of the first failure. Identifies the episode where ECPay's log showed another due date.
    #[serde(default)]
    pub began_at: Option<Timestamp>,
    /// Number of the latest mail, 1 to 3.
    pub attempt: u8,
    /// Number of the first mail: above 1 where several failures became known together.
    #[serde(default = "first_attempt")]
    pub first_attempt: u8,
    /// Time at which the first mail was queued.
    pub first_notice_at: Timestamp,
    /// Latest end of the grace period that a mail named: kept whatever happens later.
    #[serde(default)]
    pub promised_until: Option<Timestamp>,
}

const fn first_attempt() -> u8 {
    1
}
