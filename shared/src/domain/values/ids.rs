//! Types of ids, one for each kind, so that the compiler rejects one in another's place.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use crate::domain::values::email::{EmailAddress, InvalidEmail};
use crate::domain::values::text::visible;
use crate::domain::values::time::{LocalDate, Timestamp};

/// Rejection of a text as an id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} is {rule}")]
pub struct InvalidId {
    what: &'static str,
    rule: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        id!($(#[$doc])* $name, $what, $rule, $valid, unchanged);
    };
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr, $clean:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Accepts or rejects the text; nothing is trimmed.
            ///
            /// # Errors
            /// [`InvalidId`] with the broken rule.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let (valid, clean): (fn(&str) -> bool, fn(&str) -> Cow<'_, str>) = ($valid, $clean);
                let id = clean(text);
                if valid(&id) {
                    Ok(Self(id.into_owned()))
                } else {
                    Err(InvalidId { what: $what, rule: $rule })
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }
    };
}

fn unchanged(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

fn alphanumeric(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn printable(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && text.bytes().all(|byte| byte.is_ascii_graphic())
}

id!(
    /// Number of one ECPay order, and so of one subscription: letters and digits, at most 20 (order form,
    /// `MerchantTradeNo`). Compared exactly: CheckMacValue does not cover letter case.
    SubscriptionId, "a subscription id (MerchantTradeNo)", "1 to 20 letters and digits", |text| alphanumeric(text, 20)
);
id!(
    /// MerchantID at ECPay: up to 10 letters and digits.
    MerchantId, "a MerchantID", "1 to 10 letters and digits", |text| alphanumeric(text, 10)
);
id!(
    /// Customer of the subscriptions, named by the business's app.
    UserId, "a user_id", "1 to 128 visible ASCII characters", |text| printable(text, 128)
);
id!(
    /// Customer of the workshop, named by the workshop. Read from lists without invisible characters.
    CustomerId, "a customer_id", "1 to 64 letters, digits, dots, hyphens and underscores", |text| {
        (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    }, visible
);
id!(
    /// Institution, named by MMS.
    InstitutionUid, "an institution's uid", "1 to 64 visible ASCII characters", |text| printable(text, 64)
);
id!(
    /// ECPay's authorisation number (`gwsr`). Empty and zero mean "none" at ECPay and are rejected here.
    GatewayAuthorization, "a gwsr", "1 to 20 digits, not all zero", |text| {
        text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte != b'0')
    }
);
id!(
    /// ECPay's number of a trade (`TradeNo`): 20 characters.
    TradeNo, "a TradeNo", "1 to 20 letters and digits", |text| alphanumeric(text, 20)
);
id!(
    /// Identity of a notice: derived from its occasion, never random, so that one occasion leads to one mail.
    NotificationId, "a notification id", "1 to 200 visible ASCII characters", |text| printable(text, 200)
);
id!(
    /// Identity of a report within its order, equal for callback and query. See the constructors.
    EventId, "an event id", "1 to 64 visible ASCII characters", |text| printable(text, 64)
);
id!(
    /// Idempotency key as stored: a hash, because callers may put personal data into their keys.
    OperationKey, "an operation key", "32 hex digits", |text| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
);
id!(
    /// Fingerprint of a request as stored: a SHA-256 over its idempotency key and all its values, so that it discloses none.
    RequestHash, "a request hash", "64 hex digits", |text| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
);
id!(
    /// Identity of a payment: the subscription and the authorisation (or event), joined by a dot.
    PaymentId, "a payment id", "a subscription id, a dot and the payment's key", |text| {
        text.len() <= 100 && text.split_once('.').is_some_and(|(order, key)| alphanumeric(order, 20) && printable(key, 79))
    }
);

impl SubscriptionId {
    /// Prefix of every id issued by Duekeeper.
    const ISSUED: &str = "DK";
    /// Length of every id issued by Duekeeper.
    const ISSUED_LENGTH: usize = 20;

    /// The id with a random name of 18 capital letters and digits.
    ///
    /// # Errors
    /// [`InvalidId`] for any other name.
    pub fn issue(name: &str) -> Result<Self, InvalidId> {
        Self::parse(&format!("{}{name}", Self::ISSUED))
    }

    /// True for an issued id whose letter case was changed.
    #[must_use]
    pub fn is_misspelt(text: &str) -> bool {
        let upper = text.to_ascii_uppercase();
        upper != text && upper.starts_with(Self::ISSUED) && upper.len() == Self::ISSUED_LENGTH
    }
}

impl UserId {
    /// Pseudonym of an erased user in one order: derived, so that it is stable, and different in each order.
    #[must_use]
    pub fn erased(user: &Self, order: &SubscriptionId) -> Self {
        // The order is part of the hash, so that the orders of one user cannot be linked afterwards.
        let digest = hex::encode(Sha256::digest(format!("{user}{order}")));
        Self(format!("erased-{}", digest.get(..16).unwrap_or(&digest)))
    }
}

impl EventId {
    /// Success `number` of the order; the first charge is 1 (`TotalSuccessTimes`).
    #[must_use]
    pub fn success(number: u32) -> Self {
        Self(format!("S:{number}"))
    }

    /// The number of the success; `None` for another kind of event.
    #[must_use]
    pub fn success_number(&self) -> Option<u32> {
        self.0.strip_prefix("S:")?.parse().ok()
    }

    /// Failed later charge, identified by its ProcessDate.
    #[must_use]
    pub fn failure(processed_at: Timestamp) -> Self {
        Self(format!("F:{}", processed_at.to_compact()))
    }

    /// Failed later charge reported without a date.
    #[must_use]
    pub fn undated_failure(gwsr: &GatewayAuthorization) -> Self {
        Self(format!("F:G{gwsr}"))
    }

    /// Later charge with a pending result.
    #[must_use]
    pub fn pending(processed_at: Timestamp) -> Self {
        Self(format!("P:{}", processed_at.to_compact()))
    }

    /// The ProcessDate of a later charge with a pending result; `None` for another kind of event.
    #[must_use]
    pub fn pending_since(&self) -> Option<Timestamp> {
        Timestamp::of_compact(self.0.strip_prefix("P:")?)
    }

    /// Failed first authorisation.
    #[must_use]
    pub fn first_failure(paid_at: Timestamp) -> Self {
        Self(format!("F1:{}", paid_at.to_compact()))
    }

    /// First authorisation with a pending result.
    #[must_use]
    pub fn first_pending(paid_at: Timestamp) -> Self {
        Self(format!("P1:{}", paid_at.to_compact()))
    }

    /// Payment outside ECPay for the charge due on that date.
    #[must_use]
    pub fn paid_out_of_band(charge_due: LocalDate) -> Self {
        Self(format!("O:{charge_due}"))
    }
}

impl NotificationId {
    /// The notice of a kind about a subject, sent once for each occasion.
    #[must_use]
    pub fn of(subject: &str, kind: &str, occasion: &str) -> Self {
        Self(format!("{subject}/{kind}/{occasion}"))
    }

    /// The order that the notice is about, given that it is about one.
    ///
    /// # Errors
    /// [`InvalidId`] if the subject is not a subscription id.
    pub fn subscription(&self) -> Result<SubscriptionId, InvalidId> {
        SubscriptionId::parse(self.0.split('/').next().unwrap_or_default())
    }
}

impl PaymentId {
    /// Success: one authorisation is one payment, under whichever number it is reported.
    #[must_use]
    pub fn success(subscription: &SubscriptionId, gwsr: &GatewayAuthorization) -> Self {
        Self(format!("{subscription}.G{gwsr}"))
    }

    /// Failure with an authorisation number. Distinct from a success with the same number.
    #[must_use]
    pub fn failure(subscription: &SubscriptionId, gwsr: &GatewayAuthorization) -> Self {
        Self(format!("{subscription}.FG{gwsr}"))
    }

    /// Payment identified by its event only.
    #[must_use]
    pub fn of_event(subscription: &SubscriptionId, event: &EventId) -> Self {
        Self(format!("{subscription}.{event}"))
    }

    /// The subscription of the payment.
    ///
    /// # Errors
    /// [`InvalidId`] if the first part is not a subscription id.
    pub fn subscription(&self) -> Result<SubscriptionId, InvalidId> {
        SubscriptionId::parse(self.0.split_once('.').map_or("", |(order, _)| order))
    }

    /// The part after the subscription: the payment's key within it.
    #[must_use]
    pub fn key(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, key)| key)
    }
}
