//! Reasons that staff give for what they do.

use serde::Deserialize;
use shared::domain::values::text::one_line;

/// Longest reason in characters.
const LONGEST: usize = 500;

/// Reason for an operation: one line of 1 to 500 characters, kept with what it changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Reason(pub(crate) String);

/// Refusal of a text as a [`Reason`].
#[derive(Debug, thiserror::Error)]
#[error("a reason is one line of 1 to 500 characters")]
pub(crate) struct NotAReason;

impl TryFrom<String> for Reason {
    type Error = NotAReason;

    fn try_from(text: String) -> Result<Self, NotAReason> {
        one_line(&text, LONGEST).map(Self).ok_or(NotAReason)
    }
}
