//! Verification of a callback's body, from bytes to fields with a valid CheckMacValue.
//!
//! CheckMacValue covers neither letter case nor the borders of fields: `A=1&B=2` and one field `A` with the value `1&B=2`
//! have the same. So a form that ECPay signed may have been cut differently since, see [`VerifiedForm::ambiguity`].

use crate::domain::billing::payments::callback_kind::CallbackKind;
use crate::domain::values::ids::SubscriptionId;
use crate::ecpay::callback_fields::{sent_by_ecpay, used_in_decisions};
use crate::ecpay::check_mac_value::{FIELD, HashKeys, VerificationKeys};

/// Largest body that is verified, in bytes. A real one has about 1 KB.
pub const LARGEST_BODY: usize = 20 * 1024;
/// Most fields of a form. With NeedExtraPaidInfo ECPay sends about 50.
const MOST_FIELDS: usize = 256;

/// Fields with a valid CheckMacValue, in the order received. [`VerifiedForm::verify`] is the only way from a request to
/// one; a stored report is read again through one inside this crate.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedForm {
    kind: CallbackKind,
    fields: Vec<(String, String)>,
}

/// Reasons why a body is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Larger than [`LARGEST_BODY`].
    #[error("body too large")]
    TooLarge,
    /// Not a form in UTF-8, percent-encoded, or one with more fields than ECPay sends.
    #[error("not a form")]
    NotAForm,
    /// Without a CheckMacValue.
    #[error("CheckMacValue missing")]
    Unsigned,
    /// CheckMacValue does not match under any accepted key.
    #[error("CheckMacValue Error")]
    WrongDigest,
    /// Signed by ECPay, and the form of a first charge at the address of recurring charges. Buyers hold such forms, because
    /// ECPay also sends them through the browser (OrderResultURL).
    #[error("form of a first charge at the address of recurring charges")]
    OtherCallback,
}

/// Reasons why a signed form has more than one meaning. Its values may have been put together after ECPay signed them.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Ambiguity {
    /// A field in two spellings with different values.
    #[error("{0} came with two values")]
    TwoValues(&'static str),
    /// A value or a name contains what may have been a field of its own.
    #[error("{0} stands inside another field")]
    HiddenField(&'static str),
    /// A value that decisions depend on contains `&`.
    #[error("{0} contains an ampersand")]
    Ampersand(&'static str),
    /// MerchantTradeNo in another letter case than the stored order's.
    #[error("MerchantTradeNo is spelled in another case")]
    IdInAnotherCase,
}

impl VerifiedForm {
    /// Verifies a raw body under the current or the previous keys. `address` is the callback address that received it.
    ///
    /// # Errors
    /// [`Error`]; its text repeats nothing from the body.
    pub fn verify(address: CallbackKind, body: &[u8], keys: &VerificationKeys) -> Result<Self, Error> {
        if body.len() > LARGEST_BODY {
            return Err(Error::TooLarge);
        }
        let fields = decode(body)?;
        let is_digest = |name: &str| name.eq_ignore_ascii_case(FIELD);
        let digests: Vec<&str> =
            fields.iter().filter(|(name, _)| is_digest(name)).map(|(_, value)| value.as_str()).collect();
        if digests.is_empty() {
            return Err(Error::Unsigned);
        }
        let pairs = || fields.iter().filter(|(name, _)| !is_digest(name)).map(|(n, v)| (n.as_str(), v.as_str()));
        let signed_by = |keys: &HashKeys| {
            let expected = keys.sign(pairs());
            digests.iter().all(|received| expected.matches(received))
        };
        if !signed_by(&keys.current) && !keys.previous.as_ref().is_some_and(signed_by) {
            return Err(Error::WrongDigest);
        }
        let kind = kind_of(address, &fields).ok_or(Error::OtherCallback)?;
        Ok(Self { kind, fields })
    }

    /// A form of stored fields. They were verified on receipt and are stored without CheckMacValue, so it is not checked.
    pub(crate) fn kept<'a>(kind: CallbackKind, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self { kind, fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    /// The callback whose form this is: a form with a ProcessDate is a recurring charge's at either address.
    #[must_use]
    pub const fn kind(&self) -> CallbackKind {
        self.kind
    }

    /// Value of a field, whatever the letter case of its name; `None` if it was not sent, `Some("")` if it was sent empty
    /// in every spelling.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let sent = || self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, value) = sent().find(|(_, value)| !value.is_empty()).or_else(|| sent().next())?;
        Some(value)
    }

    /// The order that the form names, in the spelling under which it was issued; `None` if it cannot be read.
    #[must_use]
    pub fn order(&self) -> Option<SubscriptionId> {
        let id = self.get("MerchantTradeNo")?;
        let id = if SubscriptionId::is_misspelt(id) { id.to_ascii_uppercase() } else { id.to_owned() };
        SubscriptionId::parse(&id).ok()
    }

    /// Fields that may be stored: all but CheckMacValue and the card's first six digits.
    pub fn storable(&self) -> impl Iterator<Item = (&str, &str)> {
        // DynamoDB takes no attribute without a name.
        let kept = |name: &str| !["", FIELD, "card6no"].iter().any(|left_out| name.eq_ignore_ascii_case(left_out));
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(move |(name, _)| kept(name))
    }

    /// The same text for every form that differs only in what decides nothing: letter case, order, texts. Repetitions by
    /// ECPay differ in RtnMsg.
    #[must_use]
    pub fn identity(&self) -> String {
        let line = |name| {
            let named = self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
            let mut values: Vec<String> = named.map(|(_, value)| value.to_ascii_lowercase()).collect();
            values.sort();
            values.dedup();
            format!("{name}={}", values.join(","))
        };
        used_in_decisions().map(line).collect::<Vec<_>>().join("&")
    }

    /// Reason for which the form must not be applied although ECPay signed it; `None` if it has one meaning.
    #[must_use]
    pub fn ambiguity(&self) -> Option<Ambiguity> {
        // The order in which the fields are signed shows which texts cannot have been fields.
        let mut signed: Vec<(String, &str, &str)> = self
            .fields
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case(FIELD))
            .map(|(name, value)| (name.to_ascii_lowercase(), name.as_str(), value.as_str()))
            .collect();
        signed.sort_by(|one, other| one.0.cmp(&other.0));
        let following = signed.iter().skip(1).map(|(folded, ..)| Some(folded.as_str())).chain([None]);
        let hidden = signed.iter().zip(following).find_map(|((_, name, value), next)| {
            hidden_in_name(name, value).or_else(|| hidden_in_value(name, value, next))
        });
        let order = self.get("MerchantTradeNo").unwrap_or_default();
        let misspelt = SubscriptionId::is_misspelt(order).then_some(Ambiguity::IdInAnotherCase);
        self.two_values().or(hidden).or(misspelt)
    }

    /// A field with several values. The letter case of CheckMacValue has no meaning; it is compared at verification.
    fn two_values(&self) -> Option<Ambiguity> {
        self.fields.iter().find_map(|(name, value)| {
            let name = sent_by_ecpay(name)?.name;
            let differs =
                name != FIELD && !value.is_empty() && self.get(name).is_some_and(|first| first != value.as_str());
            differs.then_some(Ambiguity::TwoValues(name))
        })
    }
}

/// The callback whose form this is; `None` for a first charge's form at the other address.
fn kind_of(address: CallbackKind, fields: &[(String, String)]) -> Option<CallbackKind> {
    let has = |wanted: &str| fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    match address {
        _ if has("ProcessDate") => Some(CallbackKind::Period),
        CallbackKind::Period if has("PaymentDate") => None,
        CallbackKind::First | CallbackKind::Period => Some(address),
    }
}

/// A field that may have been put into a name: ECPay's own names have neither `&` nor `=`.
fn hidden_in_name(name: &str, value: &str) -> Option<Ambiguity> {
    if !name.contains(['&', '=']) {
        return None;
    }
    let text = format!("{name}={value}");
    text.split('&').find_map(hidden_field)
}

/// A field that may have been put into a value. `next` is the name of the field that is signed after this one, in lower
/// case.
fn hidden_in_value(name: &str, value: &str, next: Option<&str>) -> Option<Ambiguity> {
    let field = sent_by_ecpay(name);
    if let Some(field) = field.filter(|field| field.is_used_in_decisions && value.contains('&')) {
        return Some(Ambiguity::Ampersand(field.name));
    }
    let parts = value.split('&').skip(1);
    // ECPay signs the fields in the order of their names. So a text in a field can only have been the next field if its name
    // comes between the two. The merchant's own text may hold any other name, for example that of an address's parameter.
    let is_free_text = field.is_some_and(|field| field.is_free_text);
    let may_be_field = |hidden: &str| {
        let (hidden, name) = (hidden.to_ascii_lowercase(), name.to_ascii_lowercase());
        !is_free_text || (hidden >= name && next.is_none_or(|next| hidden.as_str() <= next))
    };
    parts.filter(|part| part.split_once('=').is_some_and(|(hidden, _)| may_be_field(hidden))).find_map(hidden_field)
}

fn hidden_field(part: &str) -> Option<Ambiguity> {
    let (name, _) = part.split_once('=')?;
    sent_by_ecpay(name).map(|field| Ambiguity::HiddenField(field.name))
}

/// Splits a body into its fields. A pair without `=` is a name with an empty value, and empty pairs are left out, as forms
/// are read on the web (<https://url.spec.whatwg.org/#urlencoded-parsing>).
fn decode(body: &[u8]) -> Result<Vec<(String, String)>, Error> {
    let pairs = || body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    // Refused before anything is kept of it.
    if pairs().nth(MOST_FIELDS).is_some() {
        return Err(Error::NotAForm);
    }
    pairs()
        .map(|pair| {
            let middle = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(middle);
            Ok((decode_text(name)?, decode_text(value.get(1..).unwrap_or_default())?))
        })
        .collect()
}

fn decode_text(encoded: &[u8]) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = rest.next().and_then(|digit| hex_digit(*digit)).ok_or(Error::NotAForm)?;
                let low = rest.next().and_then(|digit| hex_digit(*digit)).ok_or(Error::NotAForm)?;
                high * 16 + low
            }
            plain => *plain,
        });
    }
    String::from_utf8(bytes).map_err(|_| Error::NotAForm)
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
