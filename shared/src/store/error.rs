//! Failures of the store.

use sha2::{Digest, Sha256};

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
    /// An item was written by a newer version, which still runs or did before a rollback. It stays as it is.
    #[error("item {} {}: written by a newer version", redact_key(.pk), redact_key(.sk))]
    Newer {
        /// Partition key of the item; redacted in the error's text.
        pk: String,
        /// Sort key of the item; redacted in the error's text.
        sk: String,
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

impl Error {
    pub(in crate::store) fn unavailable(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { doing, source: source.into() }
    }

    /// True if the fault lies with one item, so that a run can go on with the others.
    #[must_use]
    pub const fn is_about_one_item(&self) -> bool {
        match self {
            Self::Unreadable { .. } | Self::Newer { .. } | Self::Contended { .. } | Self::Rejected { .. } => true,
            Self::Unavailable { .. } => false,
        }
    }

    /// True if the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Contended { .. } => true,
            Self::Unreadable { .. } | Self::Newer { .. } | Self::Rejected { .. } => false,
        }
    }
}

/// Part of a key in the form for logs: what identifies a user, customer or vehicle is replaced by 12 hex digits of its
/// SHA-256.
fn redact_key(key: &str) -> String {
    match key.split_once('#') {
        Some((kind @ ("USER" | "CUSTOMER" | "VEHICLE" | "FIND"), name)) => {
            let digest = hex::encode(Sha256::digest(name));
            format!("{kind}#{}", digest.get(..12).unwrap_or_default())
        }
        _ => key.to_owned(),
    }
}
