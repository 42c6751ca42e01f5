//! Parses a verified callback into a payment report. Syntax is strict, because CheckMacValue does not protect the borders of
//! fields; fields that ECPay leaves empty on failures may be empty.

use crate::domain::billing::payments::payment::{PaymentOutcome, PaymentReport, ReportSource};
use crate::domain::values::ids::{EventId, GatewayAuthorization, MerchantId, SubscriptionId};
use crate::domain::values::money::Twd;
use crate::domain::values::time::Timestamp;

use crate::domain::billing::payments::callback_kind::CallbackKind;
use crate::ecpay::callback_form::VerifiedForm;
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
}

/// Parses a callback. `received_at` is used where a failure has no date.
///
/// # Errors
/// [`Error`] with the first field that cannot be used.
pub fn parse(form: &VerifiedForm, received_at: Timestamp) -> Result<PaymentReport, Error> {
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
    let amount = amount(form, "TradeAmt")?;
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
            return report(form, Charge { outcome: PaymentOutcome::Failed, event, amount: amount?, processed_at });
        }
    };
    report(form, Charge { outcome, event, amount: amount?, processed_at: dated? })
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
    if amount.is_none() && matches!(outcome, PaymentOutcome::Succeeded { .. }) {
        return Err(Error::Missing(if first { "TradeAmt" } else { "Amount" }));
    }
    Ok(PaymentReport {
        subscription: SubscriptionId::parse(required(form, "MerchantTradeNo")?)
            .map_err(|_| Error::Malformed("MerchantTradeNo"))?,
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
        card_last4: form
            .get("card4no")
            .filter(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
            .map(str::to_owned),
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

fn amount(form: &VerifiedForm, name: &'static str) -> Result<Option<Twd>, Error> {
    Ok(integer(form, name)?.map(Twd::new))
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
    match form.get("gwsr").or_else(|| form.get("Gwsr")) {
        None | Some("" | "0") => Ok(None),
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
