//! The state of Duekeeper in one DynamoDB table. Every write is conditional or idempotent, every list is bounded.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};

use self::billing::Billing;
use self::institutions::Institutions;
use self::runs::Runs;
use self::table::Table;
use self::table::dry_run::DryRunOverlay;
use self::workshop::Workshop;

pub mod billing;
pub mod erasure;
pub mod institutions;
pub mod retry;
pub mod runs;
pub mod table;
pub mod workshop;

/// The four parts of the table. Cheap to clone: clones share the connection pool.
#[derive(Clone, Debug)]
pub struct Store {
    /// Subscriptions, users, notices, quarantined reports and counters.
    pub billing: Billing,
    /// Customers, vehicles and reminders of a workshop.
    pub workshop: Workshop,
    /// Tracked institutions of MMS and the digests about them.
    pub institutions: Institutions,
    /// Run history, leases and ECPay's circuit breaker.
    pub runs: Runs,
}

/// Failure of a read or a write.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// DynamoDB did not answer or failed; a repetition may succeed.
    #[error("{doing}")]
    Unavailable {
        /// Operation that failed, for the log.
        doing: &'static str,
        /// DynamoDB's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An item has a shape that this version does not know; a repetition fails too.
    #[error("item {} {}: {reason}", redact_key(.pk), redact_key(.sk))]
    Unreadable {
        /// Partition key of the item; redacted in the error's text.
        pk: String,
        /// Sort key of the item; redacted in the error's text.
        sk: String,
        /// Fault of the item, without its content.
        reason: String,
    },
    /// DynamoDB rejects the request as invalid, for example an item above 400 KB; a repetition fails too.
    #[error("{doing}: DynamoDB rejects it")]
    Rejected {
        /// Operation that failed, for the log.
        doing: &'static str,
        /// DynamoDB's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Other writes came first at every attempt; a repetition may succeed.
    #[error("too many conflicts with other writes while {doing}")]
    Contended {
        /// Operation that failed, for the log.
        doing: &'static str,
    },
}

/// Part of a key in the form for logs: what identifies a user, customer or vehicle is replaced by 12 hex digits of its
/// SHA-256.
fn redact_key(key: &str) -> String {
    match key.split_once('#') {
        Some((kind @ ("USER" | "CUSTOMER" | "VEHICLE"), name)) => {
            let digest = hex::encode(Sha256::digest(name));
            format!("{kind}#{}", digest.get(..12).unwrap_or_default())
        }
        _ => key.to_owned(),
    }
}

type Item = HashMap<String, AttributeValue>;

impl Error {
    fn unavailable(doing: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable { doing, source: source.into() }
    }

    /// True if the fault lies with one item, so that a run can go on with the others.
    #[must_use]
    pub const fn is_about_one_item(&self) -> bool {
        match self {
            Self::Unreadable { .. } | Self::Contended { .. } | Self::Rejected { .. } => true,
            Self::Unavailable { .. } => false,
        }
    }

    /// True if the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Contended { .. } => true,
            Self::Unreadable { .. } | Self::Rejected { .. } => false,
        }
    }
}

impl Store {
    /// Opens the table of that name behind `client`; sends no request.
    #[must_use]
    pub fn new(client: Client, name: String) -> Self {
        Self::over(Table::new(client, name), None)
    }

    /// Returns a store that writes nothing: decisions are kept in memory and seen by later reads of the same
    /// subscriptions. Only [`Runs::block_ecpay`] writes, because a 403 counts for every function.
    #[must_use]
    pub fn dry_run(&self) -> Self {
        Self::over(self.runs.table.dry_run(), Some(DryRunOverlay::default()))
    }

    /// True for a store that writes nothing.
    #[must_use]
    pub const fn is_dry_run(&self) -> bool {
        self.runs.table.is_dry_run
    }

    fn over(table: Table, overlay: Option<DryRunOverlay>) -> Self {
        Self {
            billing: Billing { table: table.clone(), overlay },
            workshop: Workshop { table: table.clone() },
            institutions: Institutions { table: table.clone() },
            runs: Runs { table },
        }
    }
}
