//! A callback's body, from bytes to fields whose digest was checked.
//!
//! The digest does not cover letter case and not where one field ends and the next begins: `A=1&B=2` and one
//! field `A` with the value `1&B=2` have the same. So beside the digest the form itself is held to rules.

use crate::domain::values::ids::SubscriptionId;

use crate::ecpay::check_mac_value::{FIELD, VerificationKeys};

/// The largest body that is looked at, in bytes. A real one has about 1 KB.
pub const LARGEST_BODY: usize = 20 * 1024;

/// Which of the two callbacks a form came by. They differ in the spelling of the amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallbackKind {
    /// ReturnURL: the first authorisation.
    First,
    /// PeriodReturnURL: every later one.
    Period,
}

/// Fields whose digest was checked, in the order received. From a request there is no other way to build one; within
/// this module one is also made of fields that were verified before they were stored, and does not leave it.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedForm {
    kind: CallbackKind,
    fields: Vec<(String, String)>,
}

/// Why a body is not a form that ECPay signed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Over [`LARGEST_BODY`].
    #[error("body too large")]
    TooLarge,
    /// Not `name=value` pairs in UTF-8, percent-encoded.
    #[error("not a form")]
    NotAForm,
    /// A field's name has other characters than letters, digits and `_`.
    #[error("a field's name is malformed")]
    MalformedName,
    /// A field that is known was spelt in another case.
    #[error("field {0} is spelt in another case")]
    NameInAnotherCase(&'static str),
    /// A name came twice, letter case aside.
    #[error("a field came twice")]
    RepeatedName,
    /// A value holds what looks like a further field.
    #[error("a value holds a further field")]
    FieldInValue,
    /// An id of ours was spelt in another case.
    #[error("MerchantTradeNo is spelt in another case")]
    IdInAnotherCase,
    /// No digest.
    #[error("CheckMacValue missing")]
    Unsigned,
    /// The digest is not ECPay's.
    #[error("CheckMacValue Error")]
    WrongDigest,
}

/// Names of the fields that have a meaning in either callback.
const KNOWN: [&str; 44] = [
    "MerchantID",
    "MerchantTradeNo",
    "StoreID",
    "RtnCode",
    "RtnMsg",
    "TradeNo",
    "TradeAmt",
    "PaymentDate",
    "PaymentType",
    "PaymentTypeChargeFee",
    "TradeDate",
    "PlatformID",
    "SimulatePaid",
    "CustomField1",
    "CustomField2",
    "CustomField3",
    "CustomField4",
    FIELD,
    "process_date",
    "auth_code",
    "eci",
    "card4no",
    "card6no",
    "stage",
    "stast",
    "staed",
    "red_dan",
    "red_de_amt",
    "red_ok_amt",
    "red_yet",
    "PeriodType",
    "Frequency",
    "ExecTimes",
    "PeriodAmount",
    "TotalSuccessTimes",
    "TotalSuccessAmount",
    "ProcessDate",
    "AuthCode",
    "FirstAuthAmount",
    "gwsr",
    "Gwsr",
    "amount",
    "Amount",
    "MerchantMemberID",
];

/// Fields that decisions are made from. None of them is a text that may hold `&`, behind which a field could hide that
/// nobody knows yet.
const FIELDS_USED_IN_DECISIONS: [&str; 14] = [
    "MerchantID",
    "MerchantTradeNo",
    "RtnCode",
    "TradeAmt",
    "PaymentDate",
    "TradeDate",
    "SimulatePaid",
    "process_date",
    "card4no",
    "TotalSuccessTimes",
    "ProcessDate",
    "gwsr",
    "Gwsr",
    "Amount",
];

/// Further fields that NeedExtraPaidInfo brings, mostly blank. They are not read, and may not hide in a value either.
const EXTRA: [&str; 10] = [
    "WebATMAccBank",
    "WebATMAccNo",
    "WebATMBankName",
    "ATMAccBank",
    "ATMAccNo",
    "PaymentNo",
    "PayFrom",
    "TenpayTradeNo",
    "AlipayID",
    "AlipayTradeNo",
];

/// Fields that say nothing of the person who pays: what was charged, when, under which numbers, and how it ended.
const ACCOUNTING_FIELDS: [&str; 25] = [
    "MerchantID",
    "MerchantTradeNo",
    "RtnCode",
    "RtnMsg",
    "TradeNo",
    "TradeAmt",
    "PaymentDate",
    "PaymentType",
    "PaymentTypeChargeFee",
    "TradeDate",
    "SimulatePaid",
    "process_date",
    "PeriodType",
    "Frequency",
    "ExecTimes",
    "PeriodAmount",
    "TotalSuccessTimes",
    "TotalSuccessAmount",
    "ProcessDate",
    "FirstAuthAmount",
    "gwsr",
    "Gwsr",
    "amount",
    "Amount",
    "Reason",
];

/// Whether a field is kept when the person who paid is erased.
#[must_use]
pub fn is_accounting_field(name: &str) -> bool {
    ACCOUNTING_FIELDS.contains(&name)
}

impl CallbackKind {
    /// Whether this callback spells `name` so. `gwsr` is found in both spellings.
    fn spells(self, name: &str) -> bool {
        match name {
            "amount" => self == Self::First,
            "Amount" => self == Self::Period,
            _ => KNOWN.contains(&name),
        }
    }
}

impl VerifiedForm {
    /// Checks a raw body: its shape, then its digest under the current or the previous keys.
    ///
    /// # Errors
    /// [`Error`]; its text holds nothing that was received.
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

    /// Fields that were verified when they came, as they were kept: without their digest, so it is not checked again.
    pub(crate) fn kept<'a>(kind: CallbackKind, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self { kind, fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    /// By which callback it came.
    #[must_use]
    pub const fn kind(&self) -> CallbackKind {
        self.kind
    }

    /// The value of a field; `None` when it was not sent, `Some("")` when it was sent empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All fields that may be kept: neither the digest nor digits of the card but its last four.
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
        if !kind.spells(name)
            && let Some(known) = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name))
        {
            return Err(Error::NameInAnotherCase(known));
        }
        let folded = name.to_ascii_lowercase();
        if seen.contains(&folded) {
            return Err(Error::RepeatedName);
        }
        seen.push(folded);
    }
    Ok(())
}

/// Whether `&`, a known field's name and `=` follow each other somewhere in the value, or in a value that decides
/// something any `&`.
fn holds_a_field(name: &str, value: &str) -> bool {
    if FIELDS_USED_IN_DECISIONS.contains(&name) && value.contains('&') {
        return true;
    }
    value.split('&').skip(1).any(|part| {
        part.split_once('=')
            .is_some_and(|(name, _)| KNOWN.iter().chain(&EXTRA).any(|known| known.eq_ignore_ascii_case(name)))
    })
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
