//! Parses a verified callback into a payment report. Syntax is strict where a value decides something, because
//! CheckMacValue does not protect the borders of fields. Money that was seen is not lost for an unreadable amount.

use crate::domain::billing::payments::payment::{PaymentOutcome, PaymentReport, ReportSource};
use crate::domain::values::ids::{EventId, GatewayAuthorization, MerchantId, TradeNo};
use crate::domain::values::money::Twd;
use crate::domain::values::time::Timestamp;

use crate::domain::billing::payments::callback_kind::CallbackKind;
use crate::domain::billing::payments::plausibility::MOST_CHARGES;
use crate::domain::billing::payments::quarantine_reason::QuarantineReason;
use crate::ecpay::callback_form::{Ambiguity, VerifiedForm};
use crate::ecpay::{date, decline};

/// RtnCode of a successful charge or authorisation (<https://developers.ecpay.com.tw/?p=2881>).
pub const PAID: &str = "1";
/// RtnCode of a charge whose result ECPay does not know yet; a later query brings it.
pub const RESULT_OPEN: &str = "10300066";

/// Reasons why a signed callback cannot be used. It is quarantined, not refused, since a repetition would be the same.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A required field is absent or empty.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field does not have the form that ECPay documents.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// The form has more than one meaning.
    #[error("{0}")]
    Ambiguous(Ambiguity),
}

impl Error {
    /// Reason for which the form is quarantined.
    #[must_use]
    pub fn quarantine_reason(&self) -> QuarantineReason {
        match self {
            Self::Missing(_) | Self::Malformed(_) => QuarantineReason::Unusable(self.to_string()),
            Self::Ambiguous(_) => QuarantineReason::Ambiguous(self.to_string()),
        }
    }
}

/// Parses a callback. `received_at` is used where a failure has no date.
///
/// # Errors
/// [`Error`] with the first field that cannot be used.
pub fn parse(form: &VerifiedForm, received_at: Timestamp) -> Result<PaymentReport, Error> {
    form.ambiguity().map_or_else(|| read(form, received_at), |ambiguity| Err(Error::Ambiguous(ambiguity)))
}

/// Reads a form whose only ambiguity is the letter case of its MerchantTradeNo, for the identity of its report. It is not to
/// be applied.
#[must_use]
pub fn parse_misspelt(form: &VerifiedForm, received_at: Timestamp) -> Option<PaymentReport> {
    let is_misspelt = form.ambiguity() == Some(Ambiguity::IdInAnotherCase);
    if is_misspelt { read(form, received_at).ok() } else { None }
}

fn read(form: &VerifiedForm, received_at: Timestamp) -> Result<PaymentReport, Error> {
    match form.kind() {
        CallbackKind::First => parse_first(form),
        CallbackKind::Period => parse_period(form, received_at),
    }
}

/// Parses a stored callback again; its fields were verified on receipt, at `received_at`.
///
/// # Errors
/// [`Error`] with the first field that cannot be used.
pub fn parse_kept<'a>(
    kind: CallbackKind,
    fields: impl Iterator<Item = (&'a str, &'a str)>,
    received_at: Timestamp,
) -> Result<PaymentReport, Error> {
    parse(&VerifiedForm::kept(kind, fields), received_at)
}

fn parse_first(form: &VerifiedForm) -> Result<PaymentReport, Error> {
    let rtn_code = code(form)?;
    let dates = [
        ("PaymentDate", form.get("PaymentDate")),
        ("process_date", form.get("process_date")),
        ("TradeDate", form.get("TradeDate")),
    ];
    let (name, text) = dates
        .into_iter()
        .find_map(|(name, text)| text.filter(|text| !text.is_empty()).map(|text| (name, text)))
        .ok_or(Error::Missing("PaymentDate"))?;
    let processed_at = date::parse(text).map_err(|_| Error::Malformed(name))?;
    let (outcome, event) = match rtn_code {
        PAID => (PaymentOutcome::Succeeded { number: 1 }, EventId::success(1)),
        RESULT_OPEN => (PaymentOutcome::Pending, EventId::first_pending(processed_at)),
        _ => (PaymentOutcome::Failed, EventId::first_failure(processed_at)),
    };
    let amount = match outcome {
        // Must be the order's price exactly, so a first charge without a readable amount is not applied.
        PaymentOutcome::Succeeded { .. } => {
            Some(Twd::new(integer(form, "TradeAmt")?.ok_or(Error::Missing("TradeAmt"))?))
        }
        PaymentOutcome::Failed | PaymentOutcome::Pending | PaymentOutcome::PaidOutOfBand => amount(form, "TradeAmt"),
    };
    report(form, Charge { outcome, event, amount, processed_at })
}

fn parse_period(form: &VerifiedForm, received_at: Timestamp) -> Result<PaymentReport, Error> {
    let rtn_code = code(form)?;
    let date = form.get("ProcessDate").filter(|text| !text.is_empty());
    let date = date.map(|text| date::parse(text).map_err(|_| Error::Malformed("ProcessDate"))).transpose()?;
    let dated = date.ok_or(Error::Missing("ProcessDate"));
    let amount = amount(form, "Amount");
    let (outcome, event) = match rtn_code {
        PAID => {
            let number = integer(form, "TotalSuccessTimes")?
                .filter(|number| *number > 0)
                .ok_or(Error::Missing("TotalSuccessTimes"))?;
            (PaymentOutcome::Succeeded { number }, EventId::success(number))
        }
        RESULT_OPEN => (PaymentOutcome::Pending, EventId::pending(dated.clone()?)),
        _ => {
            let event = match (date, gwsr(form)?) {
                (Some(date), _) => EventId::failure(date),
                (None, Some(gwsr)) => EventId::undated_failure(&gwsr),
                (None, None) => return Err(Error::Missing("ProcessDate")),
            };
            let processed_at = date.unwrap_or(received_at);
            return report(form, Charge { outcome: PaymentOutcome::Failed, event, amount, processed_at });
        }
    };
    report(form, Charge { outcome, event, amount, processed_at: dated? })
}

/// Parts of a report that the two callbacks name differently.
struct Charge {
    outcome: PaymentOutcome,
    event: EventId,
    amount: Option<Twd>,
    processed_at: Timestamp,
}

fn report(form: &VerifiedForm, charge: Charge) -> Result<PaymentReport, Error> {
    let Charge { outcome, event, amount, processed_at } = charge;
    let first = form.kind() == CallbackKind::First;
    required(form, "MerchantTradeNo")?;
    Ok(PaymentReport {
        subscription: form.order().ok_or(Error::Malformed("MerchantTradeNo"))?,
        merchant: MerchantId::parse(required(form, "MerchantID")?).map_err(|_| Error::Malformed("MerchantID"))?,
        source: if first { ReportSource::FirstCallback } else { ReportSource::PeriodCallback },
        event,
        first,
        outcome,
        rtn_code: code(form)?.to_owned(),
        decline: decline::class_of(outcome, code(form)?),
        rtn_msg: form.get("RtnMsg").unwrap_or_default().chars().take(200).collect(),
        amount,
        processed_at,
        gwsr: gwsr(form)?,
        trade_no: form.get("TradeNo").and_then(|number| TradeNo::parse(number).ok()),
        card_last4: form
            .get("card4no")
            .filter(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
            .map(str::to_owned),
        exec_times: exec_times(form),
        simulated: simulated(form)?,
    })
}

fn required<'a>(form: &'a VerifiedForm, name: &'static str) -> Result<&'a str, Error> {
    form.get(name).filter(|value| !value.is_empty()).ok_or(Error::Missing(name))
}

fn code(form: &VerifiedForm) -> Result<&str, Error> {
    let code = required(form, "RtnCode")?;
    if is_integer(code) { Ok(code) } else { Err(Error::Malformed("RtnCode")) }
}

/// An amount in whole dollars; `None` if it is absent or cannot be read, as `0` and `899.5`: no charge has such an amount.
fn amount(form: &VerifiedForm, name: &'static str) -> Option<Twd> {
    let text = form.get(name)?;
    let (dollars, cents) = text.split_once('.').unwrap_or((text, "0"));
    let is_whole = is_integer(dollars) && !cents.is_empty() && cents.bytes().all(|digit| digit == b'0');
    let dollars = if is_whole { dollars.parse().ok() } else { None };
    dollars.filter(|dollars| *dollars > 0).map(Twd::new)
}

/// Number of charges of the order; `None` if it is absent or more than ECPay makes.
fn exec_times(form: &VerifiedForm) -> Option<u32> {
    let number = form.get("ExecTimes").filter(|text| is_integer(text))?.parse().ok();
    number.filter(|number| (1..=MOST_CHARGES).contains(number))
}

fn integer(form: &VerifiedForm, name: &'static str) -> Result<Option<u32>, Error> {
    match form.get(name) {
        None | Some("") => Ok(None),
        Some(text) if is_integer(text) => text.parse().map(Some).map_err(|_| Error::Malformed(name)),
        Some(_) => Err(Error::Malformed(name)),
    }
}

/// True for at most 10 plain digits without leading zeros, so that a number has one spelling.
pub(crate) fn is_integer(text: &str) -> bool {
    let digits = !text.is_empty() && text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

fn gwsr(form: &VerifiedForm) -> Result<Option<GatewayAuthorization>, Error> {
    match form.get("gwsr") {
        None => Ok(None),
        // ECPay writes nothing, 0 or 000000 where there is none.
        Some(text) if text.bytes().all(|digit| digit == b'0') => Ok(None),
        Some(text) => GatewayAuthorization::parse(text).map(Some).map_err(|_| Error::Malformed("gwsr")),
    }
}

fn simulated(form: &VerifiedForm) -> Result<bool, Error> {
    match form.get("SimulatePaid") {
        None | Some("" | "0") => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(Error::Malformed("SimulatePaid")),
    }
}
