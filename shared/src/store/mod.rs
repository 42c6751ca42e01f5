//! DynamoDB: one table, every write conditional, every list bounded.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};

use self::billing::Billing;
use self::institutions::Institutions;
use self::runs::Runs;
use self::table::dry_run::DryRunOverlay;
use self::table::table::Table;
use self::workshop::Workshop;

pub mod billing;
pub mod institutions;
pub mod runs;
pub mod table;
pub mod workshop;

/// The table. Cheap to clone: clones share the connection pool.
#[derive(Clone, Debug)]
pub struct Store {
    /// Subscriptions and what belongs to them.
    pub billing: Billing,
    /// A workshop's customers and vehicles.
    pub workshop: Workshop,
    /// Institutions that MMS lists.
    pub institutions: Institutions,
    /// Run history, leases and the circuit breaker.
    pub runs: Runs,
}

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// DynamoDB did not answer, or refused; repeating may help.
    #[error("{doing}")]
    Unavailable {
        /// What was attempted.
        doing: &'static str,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An item does not have a shape that this version knows; repeating does not help.
    #[error("item {} {}: {reason}", redact_key(.pk), redact_key(.sk))]
    Unreadable {
        /// Its partition key.
        pk: String,
        /// Its sort key.
        sk: String,
        /// What is wrong with it.
        reason: String,
    },
    /// DynamoDB does not take what was to be written: too large, say; repeating does not help.
    #[error("{doing}: DynamoDB rejects it")]
    Rejected {
        /// What was attempted.
        doing: &'static str,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Others kept changing the same items; repeating helps.
    #[error("others kept changing the same items while {doing}")]
    Contended {
        /// What was attempted.
        doing: &'static str,
    },
}

/// A key as it may stand in a log: what follows the kind of something that belongs to a person is a digest.
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

    /// Whether only the item at hand is the matter, and others may go on.
    #[must_use]
    pub const fn is_about_one_item(&self) -> bool {
        match self {
            Self::Unreadable { .. } | Self::Contended { .. } | Self::Rejected { .. } => true,
            Self::Unavailable { .. } => false,
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Contended { .. } => true,
            Self::Unreadable { .. } | Self::Rejected { .. } => false,
        }
    }
}

impl Store {
    /// Opens the table of that name behind `client`; sends nothing.
    #[must_use]
    pub fn new(client: Client, name: String) -> Self {
        Self::over(Table { client, name, is_dry_run: false }, None)
    }

    /// Returns a store that writes nothing: decisions are kept in memory and seen by later reads of the same
    /// subscriptions. Only [`Runs::block_ecpay`] writes, because a 403 counts for every function.
    #[must_use]
    pub fn dry_run(&self) -> Self {
        Self::over(Table { is_dry_run: true, ..self.runs.table.clone() }, Some(DryRunOverlay::default()))
    }

    /// Returns true for a store that writes nothing.
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

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn key_of(key: &table::keys::Key) -> Item {
    HashMap::from([(table::keys::PK.to_owned(), text(&key.pk)), (table::keys::SK.to_owned(), text(&key.sk))])
}
