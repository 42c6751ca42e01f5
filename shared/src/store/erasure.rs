//! The record that remains of an erased user or customer.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::Timestamp;

/// Record of an erasure, without personal data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Erasure {
    /// Time of the erasure (UTC).
    pub at: Timestamp,
    /// Name of the admin token that was used.
    pub by: String,
    /// Reason in staff's words.
    pub why: Option<String>,
}
