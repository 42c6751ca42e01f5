//! Stages of a WhatsApp message after its provider accepted it.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::Timestamp;

/// Stage of a message, in the order in which one replaces another. A message that was delivered had not failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStage {
    /// Left the provider.
    Sent,
    /// Could not be delivered.
    Failed,
    /// Arrived on the person's phone.
    Delivered,
    /// Displayed to the person.
    Read,
}

/// Latest stage of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Stage.
    pub stage: DeliveryStage,
    /// Time of the stage (UTC).
    pub at: Timestamp,
    /// Provider's error code, of a message that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
}

impl DeliveryStage {
    /// All stages, in their order.
    pub const ALL: [Self; 4] = [Self::Sent, Self::Failed, Self::Delivered, Self::Read];

    /// The stage's name in Meta's webhooks, in the API and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }

    /// The stage of that name; none for an unknown name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// Place in the order.
    #[must_use]
    pub const fn rank(self) -> u8 {
        self as u8
    }
}
