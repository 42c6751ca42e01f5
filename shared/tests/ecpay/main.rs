//! ECPay's wire format, against values derived by hand from ECPay's documentation and against CheckMacValues of other
//! implementations: the one in `mac`, and the Python one in `tests/oracle`. The code under test signs nothing here.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may stop at the first surprise"
)]

mod check_mac_value;
mod encoding;
mod first_callback;
mod form_rules;
mod hidden_fields;
mod mac;
mod numbering;
mod order_form;
mod period_action;
mod period_callback;
mod period_query;
#[path = "../support/mod.rs"]
mod support;

use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::values::ids::{GatewayAuthorization, MerchantId, SubscriptionId};
use shared::domain::values::time::Timestamp;
use shared::ecpay::callback_form::{Ambiguity, Error, VerifiedForm};
use shared::ecpay::check_mac_value::{HashKeys, VerificationKeys};

/// HashKey and HashIV of a merchant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys<'a> {
    pub(crate) key: &'a str,
    pub(crate) iv: &'a str,
}

/// Keys of ECPay's public test merchant 3002607.
pub(crate) const STAGE: Keys<'static> = Keys { key: "pwFHCqoQZGmho4w6", iv: "EkRm7iFT261dpevs" };
/// Keys of the older public test merchant 2000132.
pub(crate) const OLDER: Keys<'static> = Keys { key: "5294y06JbISpM5x9", iv: "v77hoKGq4kWxNNIS" };

pub(crate) type Field<'a> = (&'a str, &'a str);

pub(crate) fn hash_keys(keys: Keys<'_>) -> HashKeys {
    HashKeys::new(keys.key.to_owned(), keys.iv.to_owned())
}

pub(crate) fn stage_only() -> VerificationKeys {
    VerificationKeys { current: hash_keys(STAGE), previous: None }
}

pub(crate) fn merchant(id: &str) -> MerchantId {
    MerchantId::parse(id).unwrap()
}

pub(crate) fn order_id(id: &str) -> SubscriptionId {
    SubscriptionId::parse(id).unwrap()
}

pub(crate) fn authorization(gwsr: &str) -> GatewayAuthorization {
    GatewayAuthorization::parse(gwsr).unwrap()
}

/// Instant in RFC 3339, UTC.
pub(crate) fn utc(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Verification of a body with exactly these fields.
pub(crate) fn verify(kind: CallbackKind, fields: &[Field<'_>]) -> Result<VerifiedForm, Error> {
    VerifiedForm::verify(kind, &mac::body(fields), &stage_only())
}

/// Verification of the fields after ECPay signed them.
pub(crate) fn verify_signed(kind: CallbackKind, fields: &[Field<'_>]) -> Result<VerifiedForm, Error> {
    VerifiedForm::verify(kind, &mac::signed_body(fields, STAGE), &stage_only())
}

/// Error of a rejected form; `None` for an accepted one.
pub(crate) fn refusal(result: Result<VerifiedForm, Error>) -> Option<Error> {
    result.err()
}

/// Ambiguity of a form that ECPay signed.
pub(crate) fn ambiguity(kind: CallbackKind, fields: &[Field<'_>]) -> Option<Ambiguity> {
    verify_signed(kind, fields).ok().unwrap().ambiguity()
}

/// Fields with one of them changed, or added at the end.
pub(crate) fn with<'a>(fields: &[Field<'a>], name: &'a str, value: &'a str) -> Vec<Field<'a>> {
    let mut changed = without(fields, name);
    changed.push((name, value));
    changed
}

pub(crate) fn without<'a>(fields: &[Field<'a>], name: &str) -> Vec<Field<'a>> {
    fields.iter().copied().filter(|(known, _)| *known != name).collect()
}
