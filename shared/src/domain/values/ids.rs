//! One type for each kind of identity, so that none is passed in another's place.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::values::time::{LocalDate, Timestamp};

/// Why a text is not the id it was taken for.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} is {rule}")]
pub struct InvalidId {
    what: &'static str,
    rule: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is or refuses it; nothing is trimmed or changed.
            ///
            /// # Errors
            /// [`InvalidId`] with the rule that was broken.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
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

fn alphanumeric(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn printable(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && text.bytes().all(|byte| byte.is_ascii_graphic())
}

id!(
    /// The number of one ECPay order, and so of one subscription: letters and digits, at most 20
    /// (order form, `MerchantTradeNo`). Compared exactly: the MAC does not cover letter case.
    SubscriptionId, "a subscription id (MerchantTradeNo)", "1 to 20 letters and digits", |text| alphanumeric(text, 20)
);
id!(
    /// The merchant at ECPay: up to 10 letters and digits.
    MerchantId, "a MerchantID", "1 to 10 letters and digits", |text| alphanumeric(text, 10)
);
id!(
    /// The customer, as the business's own app names them.
    UserId, "a user_id", "1 to 128 visible ASCII characters", |text| printable(text, 128)
);
id!(
    /// A customer of the workshop, as the workshop names them.
    CustomerId, "a customer_id", "1 to 64 letters, digits, dots, hyphens and underscores", |text| {
        (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    }
);
id!(
    /// An institution, as MMS names it.
    InstitutionUid, "an institution's uid", "1 to 64 visible ASCII characters", |text| printable(text, 64)
);
id!(
    /// ECPay's number of one authorisation (`gwsr`). Empty and zero mean "none" there and are refused here.
    GatewayAuthorization, "a gwsr", "1 to 20 digits, not all zero", |text| {
        text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte != b'0')
    }
);
id!(
    /// What a notice is about: a function of the fact, never random, so one fact has one notice.
    NotificationId, "a notification id", "1 to 200 visible ASCII characters", |text| printable(text, 200)
);
id!(
    /// The identity of a report within its order, the same by whichever way it came. See the constructors.
    EventId, "an event id", "1 to 64 visible ASCII characters", |text| printable(text, 64)
);
id!(
    /// An idempotency key as it is kept: a digest, for callers put anything into their keys.
    OperationKey, "an operation key", "32 hex digits", |text| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
);
id!(
    /// One payment: the subscription and the authorisation (or event) it stands for, joined by a dot.
    PaymentId, "a payment id", "a subscription id, a dot and the payment's key", |text| {
        text.len() <= 100 && text.split_once('.').is_some_and(|(order, key)| alphanumeric(order, 20) && printable(key, 79))
    }
);

impl SubscriptionId {
    /// What every id of ours begins with.
    const ISSUED: &str = "DK";
    /// How long every id of ours is.
    const ISSUED_LENGTH: usize = 20;

    /// The id that is issued with a random name of 18 capital letters and digits.
    ///
    /// # Errors
    /// [`InvalidId`] when the name has anything else.
    pub fn issue(name: &str) -> Result<Self, InvalidId> {
        Self::parse(&format!("{}{name}", Self::ISSUED))
    }

    /// Whether a text differs from the shape of our ids by letter case, and by nothing else.
    #[must_use]
    pub fn is_misspelt(text: &str) -> bool {
        let upper = text.to_ascii_uppercase();
        upper != text && upper.starts_with(Self::ISSUED) && upper.len() == Self::ISSUED_LENGTH
    }
}

impl UserId {
    /// What stands for an erased user in one of their orders: the same whenever it is worked out, another one in each.
    #[must_use]
    pub fn erased(user: &Self, order: &SubscriptionId) -> Self {
        let digest = hex::encode(Sha256::digest(format!("{user}{order}")));
        Self(format!("erased-{}", digest.get(..16).unwrap_or(&digest)))
    }
}

impl EventId {
    /// Success number `number` of the order; the first charge is 1 (`TotalSuccessTimes`).
    #[must_use]
    pub fn success(number: u32) -> Self {
        Self(format!("S:{number}"))
    }

    /// The number of the success, if it is one.
    #[must_use]
    pub fn success_number(&self) -> Option<u32> {
        self.0.strip_prefix("S:")?.parse().ok()
    }

    /// A later charge that failed, known by its ProcessDate.
    #[must_use]
    pub fn failure(processed_at: Timestamp) -> Self {
        Self(format!("F:{}", processed_at.to_compact()))
    }

    /// A later charge that failed and came without a date.
    #[must_use]
    pub fn undated_failure(gwsr: &GatewayAuthorization) -> Self {
        Self(format!("F:G{gwsr}"))
    }

    /// A later charge whose result is still open.
    #[must_use]
    pub fn pending(processed_at: Timestamp) -> Self {
        Self(format!("P:{}", processed_at.to_compact()))
    }

    /// The ProcessDate, if it is a later charge whose result was open.
    #[must_use]
    pub fn pending_since(&self) -> Option<Timestamp> {
        Timestamp::of_compact(self.0.strip_prefix("P:")?)
    }

    /// A first authorisation that failed.
    #[must_use]
    pub fn first_failure(paid_at: Timestamp) -> Self {
        Self(format!("F1:{}", paid_at.to_compact()))
    }

    /// A first authorisation whose result is still open.
    #[must_use]
    pub fn first_pending(paid_at: Timestamp) -> Self {
        Self(format!("P1:{}", paid_at.to_compact()))
    }

    /// The charge due on that day was paid outside ECPay.
    #[must_use]
    pub fn paid_out_of_band(charge_due: LocalDate) -> Self {
        Self(format!("O:{charge_due}"))
    }
}

impl NotificationId {
    /// The notice of a kind about a subject, told once for each occasion.
    #[must_use]
    pub fn of(subject: &str, kind: &str, occasion: &str) -> Self {
        Self(format!("{subject}/{kind}/{occasion}"))
    }
}

impl PaymentId {
    /// A success: one authorisation is one payment, whatever number it is reported under.
    #[must_use]
    pub fn success(subscription: &SubscriptionId, gwsr: &GatewayAuthorization) -> Self {
        Self(format!("{subscription}.G{gwsr}"))
    }

    /// A failure with an authorisation number. It must not stand in the way of a success under the same number.
    #[must_use]
    pub fn failure(subscription: &SubscriptionId, gwsr: &GatewayAuthorization) -> Self {
        Self(format!("{subscription}.FG{gwsr}"))
    }

    /// A payment known by its event only.
    #[must_use]
    pub fn of_event(subscription: &SubscriptionId, event: &EventId) -> Self {
        Self(format!("{subscription}.{event}"))
    }

    /// The subscription that the payment belongs to.
    ///
    /// # Errors
    /// [`InvalidId`] when the first part is not a subscription id.
    pub fn subscription(&self) -> Result<SubscriptionId, InvalidId> {
        SubscriptionId::parse(self.0.split_once('.').map_or("", |(order, _)| order))
    }

    /// The part after the subscription: the payment's key within it.
    #[must_use]
    pub fn key(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, key)| key)
    }
}

/// What stands for the address of an erased person. The top level `invalid` is nobody's (RFC 2606).
const ERASED_ADDRESS: &str = "erased@erased.invalid";

/// Where mail to a customer goes. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Takes what a mail server would: one `@`, something on both sides, no blanks or control characters,
    /// at most 254 bytes. Whether the box exists only a mail can tell.
    ///
    /// # Errors
    /// [`InvalidId`].
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let parts = text.split_once('@');
        let shaped = parts.is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
        let clean = text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>,;\"".contains(c));
        if shaped && clean && text.len() <= 254 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId { what: "an email", rule: "an address like name@example.com" })
        }
    }

    /// What stands for the address of an erased person.
    #[must_use]
    pub fn erased() -> Self {
        Self(ERASED_ADDRESS.to_owned())
    }

    /// Whether it is an erased person's.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.0 == ERASED_ADDRESS
    }

    /// The address, for the envelope of a mail.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EmailAddress(***)")
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}
