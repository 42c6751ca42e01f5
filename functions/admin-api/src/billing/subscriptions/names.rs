//! Closed sets of names in requests and answers about subscriptions.

use serde::{Deserialize, Serialize};
use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::subscription::{Locale, Status, StatusKind};
use utoipa::ToSchema;

/// Interval between two charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "monthly")]
pub(crate) enum OrderCycle {
    Monthly,
    Annual,
}

/// Language of ECPay's payment page and of mails to the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(example = "zh-TW")]
pub(crate) enum OrderLocale {
    /// Traditional Chinese as in Taiwan.
    #[serde(rename = "zh-TW")]
    ZhTw,
    #[serde(rename = "en")]
    En,
}

/// State of a subscription. After a downgrade it is `active` on the plan FREE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "active")]
pub(crate) enum SubscriptionStatus {
    /// Ordered; no charge is reported.
    Pending,
    Active,
    /// The latest charge failed and the grace period runs.
    PastDue,
    /// ECPay confirmed the cancellation.
    Cancelled,
    /// All ordered charges were made.
    Completed,
    /// The first authorisation failed or was not made within a day.
    Failed,
}

impl SubscriptionStatus {
    /// Name in requests and answers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

impl From<OrderCycle> for BillingCycle {
    fn from(cycle: OrderCycle) -> Self {
        match cycle {
            OrderCycle::Monthly => Self::Monthly,
            OrderCycle::Annual => Self::Annual,
        }
    }
}

impl From<OrderLocale> for Locale {
    fn from(locale: OrderLocale) -> Self {
        match locale {
            OrderLocale::ZhTw => Self::ZhTw,
            OrderLocale::En => Self::En,
        }
    }
}

impl From<Status> for SubscriptionStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Active => Self::Active,
            Status::PastDue { .. } => Self::PastDue,
            Status::Cancelled => Self::Cancelled,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
        }
    }
}

impl From<SubscriptionStatus> for StatusKind {
    fn from(status: SubscriptionStatus) -> Self {
        match status {
            SubscriptionStatus::Pending => Self::Pending,
            SubscriptionStatus::Active => Self::Active,
            SubscriptionStatus::PastDue => Self::PastDue,
            SubscriptionStatus::Cancelled => Self::Cancelled,
            SubscriptionStatus::Completed => Self::Completed,
            SubscriptionStatus::Failed => Self::Failed,
        }
    }
}
