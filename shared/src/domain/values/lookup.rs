//! Values by which staff find a subscription or a customer.

use std::fmt;

use sha2::{Digest, Sha256};
use strum::IntoStaticStr;

use crate::domain::values::ids::{EmailAddress, GatewayAuthorization, TradeNo};
use crate::domain::workshop::phone::Phone;

/// Kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum LookupKind {
    /// Mail address of a subscription, in any letter case.
    SubscriptionEmail,
    /// Last four digits of the card of a subscription.
    CardLast4,
    /// ECPay's number of an authorisation.
    Gwsr,
    /// ECPay's number of a trade.
    TradeNo,
    /// Mail address of a customer of the workshop, in any letter case.
    CustomerEmail,
    /// Phone number of a customer of the workshop.
    Phone,
}

/// A value that leads to subscriptions or customers. It is kept as a hash, since keys of the table appear in logs of AWS; a short
/// value, such as four digits, can be guessed from its hash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lookup {
    kind: LookupKind,
    hash: String,
}

impl Lookup {
    fn new(kind: LookupKind, value: &str) -> Self {
        Self { kind, hash: hex::encode(Sha256::digest(value)) }
    }

    /// The mail address of a subscription.
    #[must_use]
    pub fn subscription_email(address: &EmailAddress) -> Self {
        Self::new(LookupKind::SubscriptionEmail, &address.as_str().to_lowercase())
    }

    /// The mail address of a subscription that has this hash.
    #[must_use]
    pub fn of_subscription_email_hash(hash: &str) -> Self {
        Self { kind: LookupKind::SubscriptionEmail, hash: hash.to_owned() }
    }

    /// The last four digits of a card.
    #[must_use]
    pub fn card_last4(digits: &str) -> Self {
        Self::new(LookupKind::CardLast4, digits)
    }

    /// The number of an authorisation.
    #[must_use]
    pub fn gwsr(gwsr: &GatewayAuthorization) -> Self {
        Self::new(LookupKind::Gwsr, gwsr.as_str())
    }

    /// The number of a trade.
    #[must_use]
    pub fn trade_no(number: &TradeNo) -> Self {
        Self::new(LookupKind::TradeNo, number.as_str())
    }

    /// The mail address of a customer.
    #[must_use]
    pub fn customer_email(address: &EmailAddress) -> Self {
        Self::new(LookupKind::CustomerEmail, &address.as_str().to_lowercase())
    }

    /// The phone number of a customer.
    #[must_use]
    pub fn phone(phone: &Phone) -> Self {
        Self::new(LookupKind::Phone, phone.as_str())
    }

    /// Name of the kind: `card-last4`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind.into()
    }

    /// SHA-256 of the value in hex.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Lookup({})", self.kind())
    }
}
