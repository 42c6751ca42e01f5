//! Stored shapes. Every item is a [`Record`] around the data of its kind; a change of any shape that old readers
//! cannot follow raises [`SCHEMA`].

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::billing::callback_kind::CallbackKind;
use crate::domain::billing::decision::Versioned;
use crate::domain::billing::notices::{NoticeKind, NoticeState, Recipient};
use crate::domain::billing::payment::PaymentReport;
use crate::domain::billing::plan::PlanId;
use crate::domain::values::ids::{EventId, SubscriptionId, UserId};
use crate::domain::values::time::Timestamp;

use crate::store::table::keys::Key;
use crate::store::{Error, Item};

/// Number of the shapes written by this version.
pub const SCHEMA: u32 = 1;

/// One item of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record<T> {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// How often the item was written, where writers must not overtake each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Its queue in the due index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Its time in the due index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When DynamoDB may delete it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// What the item holds.
    pub data: T,
}

/// A callback that was processed, kept for 30 days.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebhookLog {
    /// Which callback.
    pub kind: CallbackKind,
    /// The event, or the reason it was set aside.
    pub event: String,
    /// Whether it was applied.
    pub applied: bool,
    /// When it came.
    pub received_at: Timestamp,
    /// How long it took until it was to be stored, in milliseconds.
    pub processing_time_ms: f64,
}

/// A notice and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredNotice {
    /// Its id.
    pub id: String,
    /// What is told.
    pub kind: NoticeKind,
    /// Whom.
    pub to: Recipient,
    /// Values of the template's variables.
    pub fields: BTreeMap<String, String>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// What became of it.
    pub state: NoticeState,
    /// How often sending was begun.
    pub attempts: u32,
    /// The provider's answer or the reason of the state, without personal data.
    pub detail: Option<String>,
}

/// A verified report that was set aside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Quarantined {
    /// Its identity: the same report is set aside once.
    pub id: String,
    /// By which callback it came; none: an answer to a query.
    pub callback: Option<CallbackKind>,
    /// The order it names, as far as it could be read.
    pub subscription: Option<SubscriptionId>,
    /// Its event, as far as it could be read.
    pub event: Option<EventId>,
    /// Short name of the reason.
    pub reason: String,
    /// The reason in words.
    pub detail: String,
    /// When it came.
    pub received_at: Timestamp,
    /// Its fields, without the digest and without card digits but the last four.
    pub fields: BTreeMap<String, String>,
    /// What it says, where that could be read when it came: this is what a replay decides about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<PaymentReport>,
    /// How it was resolved; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolution>,
}

/// How a report that was set aside came to be done with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// When.
    pub at: Timestamp,
    /// By whom: the name of a token.
    pub by: String,
    /// Why, in their words.
    pub why: String,
    /// What the replay found.
    pub outcome: ResolvedAs,
}

/// What the replay that resolved a report found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolvedAs {
    /// It could be applied now, and was.
    Applied,
    /// It had been applied before.
    Repeat,
}

/// Where a report that was set aside stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineState {
    /// Somebody has to look at it.
    Open,
    /// It was applied, by a replay or before one.
    Resolved,
}

/// Leads from an order to a report that was set aside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuarantinePointer {
    /// The report's id.
    pub id: String,
    /// When it came.
    pub received_at: Timestamp,
}

/// A user's plan and the order it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUser {
    /// The user.
    pub user: UserId,
    /// The plan.
    pub plan: PlanId,
    /// The order that is live, so that another needs `replaces`.
    pub live: Option<SubscriptionId>,
    /// The order made or changed last.
    pub latest: SubscriptionId,
}

/// The note that a person was erased.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Erasure {
    /// When.
    pub at: Timestamp,
    /// By the name of the token that was used.
    pub by: String,
    /// The reason given.
    pub why: Option<String>,
}

/// A page on which the buyer submits an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkout {
    /// The order.
    pub subscription: SubscriptionId,
    /// The first instant at which the page is gone.
    pub expires_at: Timestamp,
}

/// A run of scheduled tasks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredRun {
    /// Its id: the scheduled time and the tasks, or the name that staff's run was given.
    pub id: String,
    /// The tasks, by name.
    #[serde(default)]
    pub tasks: Vec<String>,
    /// The scheduled time.
    pub scheduled_at: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// Until when nobody else may take it over; none once it is done.
    pub lease_until: Option<Timestamp>,
    /// Who began it: told by this, a claim whose answer was lost is known again by whoever made it.
    #[serde(default)]
    pub owner: String,
    /// How often it was begun.
    #[serde(default)]
    pub attempts: u32,
    /// When it was done.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// What it did, as JSON; none while it runs.
    pub report: Option<String>,
    /// Why the latest attempt failed, without personal data.
    #[serde(default)]
    pub error: Option<String>,
}

impl Quarantined {
    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> QuarantineState {
        if self.resolved.is_some() { QuarantineState::Resolved } else { QuarantineState::Open }
    }
}

impl QuarantineState {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
        }
    }
}

impl ResolvedAs {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Repeat => "repeat",
        }
    }
}

impl<T> Record<T> {
    /// An item that is not in the due index and never expires.
    #[must_use]
    pub fn new(key: Key, data: T) -> Self {
        Self {
            pk: key.pk,
            sk: key.sk,
            schema: SCHEMA,
            version: None,
            queue: None,
            due_at: None,
            expires_at: None,
            data,
        }
    }

    /// The item at its place in the due index.
    #[must_use]
    pub fn due(mut self, queue: &str, at: Timestamp) -> Self {
        self.queue = Some(queue.to_owned());
        self.due_at = Some(at);
        self
    }

    /// The item with a time after which DynamoDB may delete it.
    #[must_use]
    pub const fn expiring(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(at.unix());
        self
    }

    /// What the item holds, with the number that its next writer must name.
    #[must_use]
    pub fn into_versioned(self) -> Versioned<T> {
        Versioned { version: self.version.unwrap_or(0), value: self.data }
    }

    /// The item as write number `version`.
    #[must_use]
    pub const fn at_version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }
}

impl<T: Serialize> Record<T> {
    pub(in crate::store) fn into_item(self) -> Result<Item, Error> {
        let (pk, sk) = (self.pk.clone(), self.sk.clone());
        serde_dynamo::aws_sdk_dynamodb_1::to_item(self).map_err(|error| Error::Unreadable {
            pk,
            sk,
            reason: error.to_string(),
        })
    }
}

impl<T: DeserializeOwned> Record<T> {
    pub(in crate::store) fn from_item(item: Item) -> Result<Self, Error> {
        let key = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        let (pk, sk) = (key(crate::store::table::keys::PK), key(crate::store::table::keys::SK));
        let schema = item.get("schema").and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok());
        if schema != Some(SCHEMA) {
            return Err(Error::Unreadable { pk, sk, reason: format!("schema {schema:?} is not {SCHEMA}") });
        }
        // The parser's text may hold a value, so only the place is told.
        serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(|_| Error::Unreadable {
            pk,
            sk,
            reason: "does not have the shape of its schema".to_owned(),
        })
    }
}
