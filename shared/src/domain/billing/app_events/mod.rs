//! Events for the business's app: each change of a subscription, a payment or a plan that the app may want to act on. They are
//! stored in the transaction of the change, and posted to the endpoints of the events secret.

pub mod data;
pub mod delivery;
pub mod of_decision;
pub(in crate::domain::billing) mod transitions;

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::domain::billing::app_events::data::AppEventData;
use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::Timestamp;

/// Type of an event, as the app filters by it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    VariantArray,
    IntoStaticStr,
    EnumString,
    Serialize,
    Deserialize,
)]
#[serde(into = "&'static str", try_from = "String")]
pub enum AppEventType {
    /// First charge succeeded, or an order was adopted: the order grants its plan.
    #[strum(serialize = "subscription.activated")]
    Activated,
    /// Further period paid while the order granted its plan.
    #[strum(serialize = "subscription.renewed")]
    Renewed,
    /// Charge failed: the grace period runs; also where it turns out to end earlier than was known.
    #[strum(serialize = "subscription.past_due")]
    PastDue,
    /// Grace period ends later than was known.
    #[strum(serialize = "subscription.grace_extended")]
    GraceExtended,
    /// Order grants its plan no longer.
    #[strum(serialize = "subscription.downgraded")]
    Downgraded,
    /// Order that was past due or downgraded is paid, and grants its plan again.
    #[strum(serialize = "subscription.recovered")]
    Recovered,
    /// Customer requested the cancellation.
    #[strum(serialize = "subscription.cancel_requested")]
    CancelRequested,
    /// Customer undid the cancellation: the order continues.
    #[strum(serialize = "subscription.cancel_undone")]
    CancelUndone,
    /// ECPay confirmed that the order is terminated.
    #[strum(serialize = "subscription.cancelled")]
    Cancelled,
    /// All ordered charges were made.
    #[strum(serialize = "subscription.completed")]
    Completed,
    /// Price, number of charges or day of the next charge changed.
    #[strum(serialize = "subscription.terms_changed")]
    TermsChanged,
    /// Money of a payment must go back to the customer.
    #[strum(serialize = "subscription.refund_due")]
    RefundDue,
    /// Best plan of the user's live orders changed.
    #[strum(serialize = "user.plan_changed")]
    PlanChanged,
    /// Charge succeeded, or staff recorded a payment outside ECPay.
    #[strum(serialize = "payment.succeeded")]
    PaymentSucceeded,
    /// Charge failed.
    #[strum(serialize = "payment.failed")]
    PaymentFailed,
    /// Test of the endpoints, requested by staff.
    #[strum(serialize = "test")]
    Test,
}

/// Id of an event, the same at every attempt and in every answer (`webhook-id`). Derived from the cause, so that one cause has one
/// event: `evt_<order>_<version>_<number>`, or `evt_<random>` for a test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AppEventId(IdParts);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum IdParts {
    Order { subscription: SubscriptionId, version: u64, number: usize },
    Test(String),
}

/// Rejection of a text as the id of an event, or as the type of one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("is not {0} of an event")]
pub struct NotOfAnEvent(&'static str);

/// Event as it is stored and posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AppEvent {
    /// The same at every attempt.
    pub id: AppEventId,
    /// Type by which endpoints choose.
    #[serde(rename = "type")]
    pub kind: AppEventType,
    /// Logical time of the decision that caused the event (UTC).
    pub timestamp: Timestamp,
    /// Content, by type.
    pub data: AppEventData,
}

impl AppEventType {
    /// All types, in the order of their declaration.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The type's name in events, secrets and the API: `subscription.past_due`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl TryFrom<String> for AppEventType {
    type Error = NotOfAnEvent;

    fn try_from(text: String) -> Result<Self, NotOfAnEvent> {
        text.parse().map_err(|_| NotOfAnEvent("the type"))
    }
}

impl AppEventId {
    /// Id of the event with that number, from 1 on, of the write that gave the order this version.
    #[must_use]
    pub const fn of_order(subscription: SubscriptionId, version: u64, number: usize) -> Self {
        Self(IdParts::Order { subscription, version, number })
    }

    /// Id of a test.
    ///
    /// # Errors
    /// [`NotOfAnEvent`] unless `random` is 8 to 64 letters and digits.
    pub fn of_test(random: &str) -> Result<Self, NotOfAnEvent> {
        let is_valid = (8..=64).contains(&random.len()) && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_valid { Ok(Self(IdParts::Test(random.to_owned()))) } else { Err(NotOfAnEvent("the id")) }
    }

    /// Reads an id.
    ///
    /// # Errors
    /// [`NotOfAnEvent`] for a text that no event has as its id.
    pub fn parse(text: &str) -> Result<Self, NotOfAnEvent> {
        let invalid = NotOfAnEvent("the id");
        let parts: Vec<&str> = text.strip_prefix("evt_").unwrap_or_default().split('_').collect();
        let id = match parts.as_slice() {
            [random] => Self::of_test(random)?,
            [order, version, number] => {
                let order = SubscriptionId::parse(order).ok();
                let numbers = version.parse().ok().zip(number.parse().ok());
                let (Some(order), Some((version, number))) = (order, numbers) else { return Err(invalid) };
                Self::of_order(order, version, number)
            }
            _ => return Err(invalid),
        };
        // One event has one id: no sign and no leading zero.
        if id.to_string() == text { Ok(id) } else { Err(invalid) }
    }

    /// The order, its version and the number of the event in it; `None` for a test.
    #[must_use]
    pub const fn place(&self) -> Option<(&SubscriptionId, u64, usize)> {
        match &self.0 {
            IdParts::Order { subscription, version, number } => Some((subscription, *version, *number)),
            IdParts::Test(_) => None,
        }
    }
}

impl fmt::Display for AppEventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            IdParts::Order { subscription, version, number } => {
                write!(formatter, "evt_{subscription}_{version}_{number}")
            }
            IdParts::Test(random) => write!(formatter, "evt_{random}"),
        }
    }
}

impl From<AppEventId> for String {
    fn from(id: AppEventId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for AppEventId {
    type Error = NotOfAnEvent;

    fn try_from(text: String) -> Result<Self, NotOfAnEvent> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_stored_under_its_name() {
        for kind in AppEventType::ALL {
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, kind.as_str());
            assert_eq!(serde_json::from_value::<AppEventType>(json).unwrap(), *kind);
        }
        assert!(serde_json::from_value::<AppEventType>("subscription.unknown".into()).is_err());
    }

    #[test]
    fn an_id_is_read_in_one_form_only() {
        let id = AppEventId::of_order(SubscriptionId::parse("DK20250131SAMPLE0001").unwrap(), 7, 2);
        assert_eq!(id.to_string(), "evt_DK20250131SAMPLE0001_7_2");
        assert_eq!(AppEventId::parse("evt_DK20250131SAMPLE0001_7_2"), Ok(id));
        assert!(AppEventId::parse("evt_4f8Qz1Lm9TxR").is_ok_and(|id| id.place().is_none()));
        for text in [
            "",
            "evt_",
            "evt_short",
            "DK1_7_2",
            "evt_DK1_07_2",
            "evt_DK1_+7_2",
            "evt_DK1_7",
            "evt_DK-1_7_2",
            "evt_DK1_7_2_1",
        ] {
            assert!(AppEventId::parse(text).is_err(), "{text}");
        }
    }
}
