//! Quarantined reports as they are stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::billing::payments::callback_kind::CallbackKind;
use crate::domain::billing::payments::payment::PaymentReport;
use crate::domain::values::ids::{EventId, SubscriptionId};
use crate::domain::values::time::Timestamp;

/// A verified report of ECPay that was not applied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Quarantined {
    /// Identity of the report: the same report is quarantined once.
    pub id: String,
    /// Callback by which the report came; none: it came in the answer to a query.
    pub callback: Option<CallbackKind>,
    /// MerchantTradeNo of the report; none where it cannot be read.
    pub subscription: Option<SubscriptionId>,
    /// Event id of the report; none where it cannot be read.
    pub event: Option<EventId>,
    /// Name of the reason, for example `wrong_amount`.
    pub reason: String,
    /// Sentence about the reason.
    pub detail: String,
    /// Time of receipt (UTC).
    pub received_at: Timestamp,
    /// Fields of the form, without CheckMacValue and without card digits except the last four.
    pub fields: BTreeMap<String, String>,
    /// Parsed report, on which a replay decides; none where the form could not be parsed at receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<PaymentReport>,
    /// Resolution of the report; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolution>,
}

/// Resolution of a quarantined report by a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// Time of the replay (UTC).
    pub at: Timestamp,
    /// Name of the admin token that was used.
    pub by: String,
    /// Reason in staff's words.
    pub why: String,
    /// Result of the replay.
    pub outcome: ResolvedAs,
}

/// Result of the replay that resolved a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolvedAs {
    /// The replay applied the report.
    Applied,
    /// The report was applied before the replay.
    Repeat,
}

/// State of a quarantined report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineState {
    /// Not applied; staff have to look at it.
    Open,
    /// Applied, by a replay or before one.
    Resolved,
}

/// Pointer from an order to a quarantined report about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuarantinePointer {
    /// Id of the report.
    pub id: String,
    /// Time at which the report was received (UTC).
    pub received_at: Timestamp,
}

impl Quarantined {
    /// Returns `Open` until a resolution is stored.
    #[must_use]
    pub const fn state(&self) -> QuarantineState {
        if self.resolved.is_some() { QuarantineState::Resolved } else { QuarantineState::Open }
    }
}

impl QuarantineState {
    /// Name in the API: `open` or `resolved`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
        }
    }
}

impl ResolvedAs {
    /// Name in the API and in the table: `applied` or `repeat`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Repeat => "repeat",
        }
    }
}
