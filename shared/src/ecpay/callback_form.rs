//! Verification of a callback's body, from bytes to fields with a valid CheckMacValue.
//!
//! CheckMacValue covers neither letter case nor the borders of fields: `A=1&B=2` and one field `A` with the value `1&B=2`
//! have the same. Therefore the form itself has to keep rules too.

use crate::domain::billing::payments::callback_kind::CallbackKind;
use crate::domain::values::ids::SubscriptionId;

use crate::ecpay::check_mac_value::{FIELD, VerificationKeys};

/// Largest body that is verified, in bytes. A real one has about 1 KB.
pub const LARGEST_BODY: usize = 20 * 1024;

/// Fields with a valid CheckMacValue, in the order received. [`VerifiedForm::verify`] is the only way from a request to
/// one; a stored report is read again through one inside this crate.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedForm {
    kind: CallbackKind,
    fields: Vec<(String, String)>,
}

/// Reasons why a body is not a form that ECPay signed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Larger than [`LARGEST_BODY`].
    #[error("body too large")]
    TooLarge,
    /// Not `name=value` pairs in UTF-8, percent-encoded.
    #[error("not a form")]
    NotAForm,
    /// A field's name has other characters than letters, digits and `_`.
    #[error("a field's name is malformed")]
    MalformedName,
    /// A field of ECPay in another letter case.
    #[error("field {0} is spelled in another case")]
    NameInAnotherCase(&'static str),
    /// The same name twice, letter case aside.
    #[error("a field came twice")]
    RepeatedName,
    /// A value contains the name of a further field.
    #[error("a value holds a further field")]
    FieldInValue,
    /// MerchantTradeNo in another letter case than the stored order's.
    #[error("MerchantTradeNo is spelled in another case")]
    IdInAnotherCase,
    /// Without a CheckMacValue.
    #[error("CheckMacValue missing")]
    Unsigned,
    /// CheckMacValue does not match under any accepted key.
    #[error("CheckMacValue Error")]
    WrongDigest,
}

/// Role of a field's name in a form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Has a meaning in a callback: spelled exactly so.
    Known,
    /// Sent because of NeedExtraPaidInfo, mostly blank, and not read.
    Extra,
    /// Added to a stored report by this product; ECPay does not send it.
    Own,
}

/// One field and its flags.
struct Field {
    name: &'static str,
    role: Role,
    /// Decisions are made from it, and no true value of it has a `&`, behind which a field that is not listed here could
    /// hide.
    is_used_in_decisions: bool,
    /// Kept when the customer's data are erased: amount, time, numbers and result of a charge, no personal data.
    is_accounting: bool,
    /// The only callback that spells the field so; `None` for both.
    only_in: Option<CallbackKind>,
}

impl Field {
    const fn new(name: &'static str, role: Role) -> Self {
        Self { name, role, is_used_in_decisions: false, is_accounting: false, only_in: None }
    }

    const fn known(name: &'static str) -> Self {
        Self::new(name, Role::Known)
    }

    const fn extra(name: &'static str) -> Self {
        Self::new(name, Role::Extra)
    }

    const fn own(name: &'static str) -> Self {
        Self::new(name, Role::Own)
    }

    const fn used_in_decisions(self) -> Self {
        Self { is_used_in_decisions: true, ..self }
    }

    const fn accounting(self) -> Self {
        Self { is_accounting: true, ..self }
    }

    const fn only_in(self, kind: CallbackKind) -> Self {
        Self { only_in: Some(kind), ..self }
    }
}

/// Fields of both callbacks, with those of NeedExtraPaidInfo (<https://developers.ecpay.com.tw/?p=5675>).
const FIELDS: [Field; 55] = [
    Field::known("MerchantID").used_in_decisions().accounting(),
    Field::known("MerchantTradeNo").used_in_decisions().accounting(),
    Field::known("StoreID"),
    Field::known("RtnCode").used_in_decisions().accounting(),
    Field::known("RtnMsg").accounting(),
    Field::known("TradeNo").accounting(),
    Field::known("TradeAmt").used_in_decisions().accounting(),
    Field::known("PaymentDate").used_in_decisions().accounting(),
    Field::known("PaymentType").accounting(),
    Field::known("PaymentTypeChargeFee").accounting(),
    Field::known("TradeDate").used_in_decisions().accounting(),
    Field::known("PlatformID"),
    Field::known("SimulatePaid").used_in_decisions().accounting(),
    Field::known("CustomField1"),
    Field::known("CustomField2"),
    Field::known("CustomField3"),
    Field::known("CustomField4"),
    Field::known(FIELD),
    Field::known("process_date").used_in_decisions().accounting(),
    Field::known("auth_code"),
    Field::known("eci"),
    Field::known("card4no").used_in_decisions(),
    Field::known("card6no"),
    Field::known("stage"),
    Field::known("stast"),
    Field::known("staed"),
    Field::known("red_dan"),
    Field::known("red_de_amt"),
    Field::known("red_ok_amt"),
    Field::known("red_yet"),
    Field::known("PeriodType").accounting(),
    Field::known("Frequency").accounting(),
    Field::known("ExecTimes").accounting(),
    Field::known("PeriodAmount").accounting(),
    Field::known("TotalSuccessTimes").used_in_decisions().accounting(),
    Field::known("TotalSuccessAmount").accounting(),
    Field::known("ProcessDate").used_in_decisions().accounting(),
    Field::known("AuthCode"),
    Field::known("FirstAuthAmount").accounting(),
    Field::known("gwsr").used_in_decisions().accounting(),
    Field::known("Gwsr").used_in_decisions().accounting(),
    Field::known("amount").accounting().only_in(CallbackKind::First),
    Field::known("Amount").used_in_decisions().accounting().only_in(CallbackKind::Period),
    Field::known("MerchantMemberID"),
    Field::extra("WebATMAccBank"),
    Field::extra("WebATMAccNo"),
    Field::extra("WebATMBankName"),
    Field::extra("ATMAccBank"),
    Field::extra("ATMAccNo"),
    Field::extra("PaymentNo"),
    Field::extra("PayFrom"),
    Field::extra("TenpayTradeNo"),
    Field::extra("AlipayID"),
    Field::extra("AlipayTradeNo"),
    Field::own("Reason").accounting(),
];

fn known_fields() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(|field| field.role == Role::Known)
}

/// True if a field is kept when the customer's data are erased.
#[must_use]
pub fn is_accounting_field(name: &str) -> bool {
    FIELDS.iter().any(|field| field.is_accounting && field.name == name)
}

/// True if this callback spells a field so: the two differ in the amount. `gwsr` occurs in both spellings.
fn is_spelled_by(kind: CallbackKind, name: &str) -> bool {
    known_fields().any(|field| field.name == name && field.only_in.is_none_or(|only| only == kind))
}

impl VerifiedForm {
    /// Verifies a raw body: its shape, then its CheckMacValue under the current or the previous keys.
    ///
    /// # Errors
    /// [`Error`]; its text repeats nothing from the body.
    pub fn verify(kind: CallbackKind, body: &[u8], keys: &VerificationKeys) -> Result<Self, Error> {
        if body.len() > LARGEST_BODY {
            return Err(Error::TooLarge);
        }
        let fields = decode(body)?;
        check_names(kind, &fields)?;
        if fields.iter().any(|(name, value)| holds_a_field(name, value)) {
            return Err(Error::FieldInValue);
        }
        if fields.iter().any(|(name, value)| name == "MerchantTradeNo" && SubscriptionId::is_misspelt(value)) {
            return Err(Error::IdInAnotherCase);
        }
        let received =
            fields.iter().find(|(name, _)| name == FIELD).map(|(_, value)| value.clone()).ok_or(Error::Unsigned)?;
        let pairs = || fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signed_by = |keys: &crate::ecpay::check_mac_value::HashKeys| keys.sign(pairs()).matches(&received);
        if signed_by(&keys.current) || keys.previous.as_ref().is_some_and(signed_by) {
            Ok(Self { kind, fields })
        } else {
            Err(Error::WrongDigest)
        }
    }

    /// A form of stored fields. They were verified on receipt and are stored without CheckMacValue, so it is not checked.
    pub(crate) fn kept<'a>(kind: CallbackKind, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self { kind, fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    /// Callback address that received the form.
    #[must_use]
    pub const fn kind(&self) -> CallbackKind {
        self.kind
    }

    /// Value of a field; `None` if it was not sent, `Some("")` if it was sent empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Fields that may be stored: all but CheckMacValue and the card's first six digits.
    pub fn storable(&self) -> impl Iterator<Item = (&str, &str)> {
        let kept = |name: &str| name != FIELD && name != "card6no";
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(move |(name, _)| kept(name))
    }
}

fn check_names(kind: CallbackKind, fields: &[(String, String)]) -> Result<(), Error> {
    let mut seen: Vec<String> = Vec::with_capacity(fields.len());
    for (name, _) in fields {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(Error::MalformedName);
        }
        if !is_spelled_by(kind, name)
            && let Some(known) = known_fields().find(|known| known.name.eq_ignore_ascii_case(name))
        {
            return Err(Error::NameInAnotherCase(known.name));
        }
        let folded = name.to_ascii_lowercase();
        if seen.contains(&folded) {
            return Err(Error::RepeatedName);
        }
        seen.push(folded);
    }
    Ok(())
}

/// True if a value contains `&`, the name of one of ECPay's fields and `=` in this order; for a field that is used in
/// decisions, any `&`.
fn holds_a_field(name: &str, value: &str) -> bool {
    let is_used_in_decisions = FIELDS.iter().any(|field| field.is_used_in_decisions && field.name == name);
    if is_used_in_decisions && value.contains('&') {
        return true;
    }
    let is_sent_by_ecpay =
        |name: &str| FIELDS.iter().any(|field| field.role != Role::Own && field.name.eq_ignore_ascii_case(name));
    value.split('&').skip(1).any(|part| part.split_once('=').is_some_and(|(name, _)| is_sent_by_ecpay(name)))
}

fn decode(body: &[u8]) -> Result<Vec<(String, String)>, Error> {
    body.split(|byte| *byte == b'&')
        .map(|pair| {
            let middle = pair.iter().position(|byte| *byte == b'=').ok_or(Error::NotAForm)?;
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
