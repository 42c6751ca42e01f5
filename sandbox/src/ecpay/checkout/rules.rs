//! Rules of an order form: required fields, lengths, formats and ranges.

use std::fmt;
use std::ops::RangeInclusive;

use chrono::NaiveDateTime;

use crate::ecpay::calendar::PeriodType;
use crate::ecpay::form::{Fields, MAC_FIELD, value};
use crate::ecpay::message::BAD_PARAMETER;
use crate::ecpay::order::Terms;

/// Error page that ECPay shows instead of accepting the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Error code as ECPay documents it.
    pub code: String,
    /// The text beside it.
    pub text: String,
}

impl Refusal {
    /// A refusal with its code and text.
    pub(in crate::ecpay) fn new(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into() }
    }

    fn parameter(name: &str) -> Self {
        Self::new(BAD_PARAMETER, format!("Parameter Error: {name}"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.code, self.text)
    }
}

impl std::error::Error for Refusal {}

/// Every parameter a periodic card order may carry: name, most characters, needed.
///
/// Instalments, bonus points and UnionPay are not among them.
const PARAMETERS: [(&str, usize, bool); 30] = [
    ("MerchantID", 10, true),
    ("MerchantTradeNo", 20, true),
    ("MerchantTradeDate", 20, true),
    ("PaymentType", 20, true),
    ("TotalAmount", 10, true),
    ("TradeDesc", 200, true),
    ("ItemName", 400, true),
    ("ReturnURL", 200, true),
    ("ChoosePayment", 20, true),
    ("EncryptType", 1, true),
    (MAC_FIELD, 64, true),
    ("PeriodAmount", 10, true),
    ("PeriodType", 1, true),
    ("Frequency", 3, true),
    ("ExecTimes", 4, true),
    ("PeriodReturnURL", 200, false),
    ("StoreID", 20, false),
    ("ClientBackURL", 200, false),
    ("OrderResultURL", 200, false),
    ("ItemURL", 200, false),
    ("Remark", 100, false),
    ("NeedExtraPaidInfo", 1, false),
    ("CustomField1", 50, false),
    ("CustomField2", 50, false),
    ("CustomField3", 50, false),
    ("CustomField4", 50, false),
    ("Language", 3, false),
    ("BindingCard", 1, false),
    ("MerchantMemberID", 30, false),
    ("ChooseSubPayment", 20, false),
];

const URLS: [&str; 5] = ["ReturnURL", "PeriodReturnURL", "ClientBackURL", "OrderResultURL", "ItemURL"];

/// Values that leave a choice of few; all but the first three may be left out.
const CHOICES: [(&str, &[&str]); 6] = [
    ("PaymentType", &["aio"]),
    ("ChoosePayment", &["Credit"]),
    ("EncryptType", &["1"]),
    ("NeedExtraPaidInfo", &["", "Y", "N"]),
    ("Language", &["", "ENG", "KOR", "JPN", "CHI"]),
    ("BindingCard", &["", "0", "1"]),
];

/// The terms of a correctly signed form, or the rule it breaks.
pub(in crate::ecpay) fn read_terms(fields: &Fields) -> Result<Terms, Refusal> {
    check_trade_no(value(fields, "MerchantTradeNo"))?;
    check_parameters(fields)?;
    check_values(fields)?;
    let amount = positive(value(fields, "TotalAmount")).ok_or_else(|| Refusal::new("10200005", "TotalAmount Error"))?;
    if positive(value(fields, "PeriodAmount")) != Some(amount) {
        return Err(Refusal::parameter("PeriodAmount"));
    }
    let (period_type, frequency, exec_times) = read_rhythm(fields)?;
    let text = |name| value(fields, name).to_owned();
    Ok(Terms {
        merchant_trade_no: text("MerchantTradeNo"),
        store_id: text("StoreID"),
        item_name: text("ItemName"),
        amount,
        period_type,
        frequency,
        exec_times,
        return_url: text("ReturnURL"),
        period_return_url: text("PeriodReturnURL"),
        client_back_url: text("ClientBackURL"),
        order_result_url: text("OrderResultURL"),
        custom_fields: ["CustomField1", "CustomField2", "CustomField3", "CustomField4"].map(text),
        extra_info: value(fields, "NeedExtraPaidInfo") == "Y",
    })
}

fn check_trade_no(number: &str) -> Result<(), Refusal> {
    let plain = number.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain && (1..=20).contains(&number.len()) {
        return Ok(());
    }
    Err(Refusal::new("10200052", "MerchantTradeNo Error"))
}

fn check_parameters(fields: &Fields) -> Result<(), Refusal> {
    for (name, text) in fields {
        let known = PARAMETERS.iter().find(|(known, ..)| known == name);
        if known.is_none_or(|(_, longest, _)| text.chars().count() > *longest) {
            return Err(Refusal::parameter(name));
        }
    }
    let needed = PARAMETERS.iter().filter(|(.., needed)| *needed);
    for (name, ..) in needed {
        if value(fields, name).is_empty() {
            return Err(Refusal::parameter(name));
        }
    }
    Ok(())
}

fn check_values(fields: &Fields) -> Result<(), Refusal> {
    for (name, allowed) in CHOICES {
        if !allowed.contains(&value(fields, name)) {
            return Err(Refusal::parameter(name));
        }
    }
    for name in URLS {
        let url = value(fields, name);
        if !url.is_empty() && !is_callable(url) {
            return Err(Refusal::parameter(name));
        }
    }
    if !is_date(value(fields, "MerchantTradeDate")) {
        return Err(Refusal::parameter("MerchantTradeDate"));
    }
    let special = |c: char| c.is_control() || matches!(c, '<' | '>');
    for name in ["TradeDesc", "ItemName"] {
        if value(fields, name).contains(special) {
            return Err(Refusal::parameter(name));
        }
    }
    Ok(())
}

fn read_rhythm(fields: &Fields) -> Result<(PeriodType, u32, u32), Refusal> {
    type Limits = (PeriodType, RangeInclusive<u32>, RangeInclusive<u32>, &'static str);
    let (period_type, frequencies, counts, code): Limits = match value(fields, "PeriodType") {
        "D" => (PeriodType::D, 1..=365, 2..=999, BAD_PARAMETER),
        "M" => (PeriodType::M, 1..=12, 2..=999, "10100227"),
        "Y" => (PeriodType::Y, 1..=1, 2..=99, "10100228"),
        _ => return Err(Refusal::parameter("PeriodType")),
    };
    let frequency = positive(value(fields, "Frequency"))
        .filter(|frequency| frequencies.contains(frequency))
        .ok_or_else(|| Refusal::parameter("Frequency"))?;
    let exec_times = positive(value(fields, "ExecTimes"))
        .filter(|count| counts.contains(count))
        .ok_or_else(|| Refusal::new(code, "ExecTimes Error"))?;
    Ok((period_type, frequency, exec_times))
}

fn positive(text: &str) -> Option<u32> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number > 0)
}

fn is_date(text: &str) -> bool {
    const FORMAT: &str = "%Y/%m/%d %H:%M:%S";
    NaiveDateTime::parse_from_str(text, FORMAT).is_ok_and(|date| date.format(FORMAT).to_string() == text)
}

/// Any port is let through, for the sandbox itself listens on an unusual one.
fn is_callable(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty()) && url.is_ascii() && !url.contains([';', '|', '`', ' '])
}
