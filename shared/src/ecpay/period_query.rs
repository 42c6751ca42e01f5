//! QueryCreditCardPeriodInfo (<https://developers.ecpay.com.tw/?p=2892>): an order's charges as the same reports that
//! callbacks bring.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::billing::payments::payment::{PaymentOutcome, PaymentReport, ReportSource};
use crate::domain::billing::subscription::OrderEnd;
use crate::domain::values::ids::{EventId, GatewayAuthorization, MerchantId, SubscriptionId};
use crate::domain::values::money::Twd;
use crate::domain::values::time::Timestamp;

use crate::ecpay::callback::{PAID, RESULT_OPEN, is_integer};
use crate::ecpay::check_mac_value::HashKeys;
use crate::ecpay::order_form::{request, sign};
use crate::ecpay::{date, decline};

/// ECPay's response about an order, before its log is turned into reports.
#[derive(Clone, Debug)]
pub struct PeriodLog {
    order: Order,
    ended: Option<OrderEnd>,
    total: u32,
    charges: Vec<Charge>,
}

/// Identity of an order at ECPay.
#[derive(Clone, Debug)]
struct Order {
    merchant: MerchantId,
    id: SubscriptionId,
}

/// An order as ECPay knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodInfo {
    /// End of the order at ECPay (ExecStatus); `None` while it runs, and for an order that was never paid.
    pub ended: Option<OrderEnd>,
    /// Reports of every charge that can be identified, oldest first.
    pub reports: Vec<PaymentReport>,
    /// Number of successful entries without a success number.
    pub unnumbered: usize,
}

/// Reasons why a response cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Other than the documented JSON.
    #[error("ECPay's response to the query is malformed")]
    Malformed,
    /// Response for another order or merchant.
    #[error("ECPay's response is about another order")]
    AnotherOrder,
    /// A code that is neither success nor "no such order".
    #[error("ECPay refused the query with {0}")]
    Refused(String),
}

/// RtnCode for an order that ECPay does not have, or that was never paid.
const NO_SUCH_TRADE: &str = "10200047";

/// Returns the signed request.
#[must_use]
pub fn period_info_form(
    merchant: &MerchantId,
    order: &SubscriptionId,
    wall: Timestamp,
    keys: &HashKeys,
) -> Vec<(String, String)> {
    sign(request(merchant, order, wall), keys)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    #[serde(rename = "MerchantID", default)]
    merchant_id: LenientString,
    #[serde(default)]
    merchant_trade_no: LenientString,
    #[serde(default)]
    rtn_code: LenientString,
    #[serde(default)]
    total_success_times: LenientString,
    #[serde(default)]
    exec_status: LenientString,
    #[serde(default)]
    exec_log: Option<Vec<LogEntry>>,
}

#[derive(Deserialize)]
struct LogEntry {
    #[serde(rename = "RtnCode", default)]
    rtn_code: LenientString,
    #[serde(rename = "RtnMsg", default)]
    rtn_msg: LenientString,
    #[serde(default)]
    amount: LenientString,
    #[serde(default)]
    gwsr: LenientString,
    #[serde(default)]
    process_date: LenientString,
}

/// A number, a text or null: ECPay's responses mix them.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum LenientString {
    Number(u64),
    Text(String),
    #[default]
    Nothing,
}

impl LenientString {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::Nothing => String::new(),
        }
    }
}

/// An entry of the log that can be identified.
#[derive(Clone, Debug)]
struct Charge {
    at: Timestamp,
    gwsr: Option<GatewayAuthorization>,
    rtn_code: String,
    rtn_msg: String,
    amount: Option<Twd>,
}

/// Parses the response.
///
/// # Errors
/// [`Error`]; it proves nothing, least of all that no charge was made.
pub fn parse_period_info(body: &str, merchant: &MerchantId, order: &SubscriptionId) -> Result<PeriodLog, Error> {
    let queried = Order { merchant: merchant.clone(), id: order.clone() };
    let reply: Reply = serde_json::from_str(body.trim_start_matches('\u{feff}')).map_err(|_| Error::Malformed)?;
    match reply.rtn_code.text().as_str() {
        PAID => {}
        NO_SUCH_TRADE => return Ok(PeriodLog { order: queried, ended: None, total: 0, charges: Vec::new() }),
        other => return Err(Error::Refused(other.chars().take(10).collect())),
    }
    if reply.merchant_id.text() != merchant.as_str() || reply.merchant_trade_no.text() != order.as_str() {
        return Err(Error::AnotherOrder);
    }
    let total: u32 = reply.total_success_times.text().parse().map_err(|_| Error::Malformed)?;
    let ended = match reply.exec_status.text().as_str() {
        "0" => Some(OrderEnd::Cancelled),
        "1" => None,
        "2" => Some(OrderEnd::Finished),
        _ => return Err(Error::Malformed),
    };
    let mut charges: Vec<Charge> = reply.exec_log.unwrap_or_default().iter().filter_map(charge).collect();
    charges.sort_by_key(|charge| charge.at);
    Ok(PeriodLog { order: queried, ended, total, charges })
}

impl PeriodLog {
    /// Returns the log as reports. `numbered` has the success numbers of authorisations that are stored already; it is
    /// used where the log and the header disagree.
    #[must_use]
    pub fn reports(&self, numbered: &BTreeMap<GatewayAuthorization, u32>) -> PeriodInfo {
        let (reports, unnumbered) = number(self.charges.clone(), &self.order, self.total, numbered);
        PeriodInfo { ended: self.ended, reports, unnumbered }
    }
}

/// Reads an entry. It is left out without a date, which identifies it, without a code, which is its result, and as a success
/// without its authorisation number.
fn charge(entry: &LogEntry) -> Option<Charge> {
    let gwsr = GatewayAuthorization::parse(&entry.gwsr.text()).ok();
    let rtn_code = entry.rtn_code.text();
    if !is_integer(&rtn_code) || (rtn_code == PAID && gwsr.is_none()) {
        return None;
    }
    Some(Charge {
        at: date::parse(&entry.process_date.text()).ok()?,
        gwsr,
        rtn_code,
        rtn_msg: entry.rtn_msg.text().chars().take(200).collect(),
        amount: Twd::parse(&entry.amount.text()).ok(),
    })
}

/// Numbers the successes, which the log does not do: by date where it has as many as the header counts, else only those
/// whose authorisation is stored already.
fn number(
    charges: Vec<Charge>,
    order: &Order,
    total: u32,
    numbered: &BTreeMap<GatewayAuthorization, u32>,
) -> (Vec<PaymentReport>, usize) {
    let successes = charges.iter().filter(|charge| charge.rtn_code == PAID).count();
    let complete = u32::try_from(successes).is_ok_and(|count| count == total);
    let (mut by_date, mut unnumbered) = (0, 0);
    let mut reports = Vec::with_capacity(charges.len());
    for charge in charges {
        let first = total == 0;
        let (outcome, event) = match charge.rtn_code.as_str() {
            PAID => {
                by_date += 1;
                let known = charge.gwsr.as_ref().and_then(|gwsr| numbered.get(gwsr)).copied();
                let Some(number) = (if complete { Some(by_date) } else { known }) else {
                    unnumbered += 1;
                    continue;
                };
                (PaymentOutcome::Succeeded { number }, EventId::success(number))
            }
            RESULT_OPEN if first => (PaymentOutcome::Pending, EventId::first_pending(charge.at)),
            RESULT_OPEN => (PaymentOutcome::Pending, EventId::pending(charge.at)),
            _ if first => (PaymentOutcome::Failed, EventId::first_failure(charge.at)),
            _ => (PaymentOutcome::Failed, EventId::failure(charge.at)),
        };
        reports.push(PaymentReport {
            subscription: order.id.clone(),
            merchant: order.merchant.clone(),
            source: ReportSource::Query,
            event,
            first: first || by_date <= 1 && matches!(outcome, PaymentOutcome::Succeeded { number: 1 }),
            outcome,
            decline: decline::class_of(outcome, &charge.rtn_code),
            rtn_code: charge.rtn_code,
            rtn_msg: charge.rtn_msg,
            amount: charge.amount,
            processed_at: charge.at,
            gwsr: charge.gwsr,
            card_last4: None,
            exec_times: None,
            simulated: false,
        });
    }
    (reports, unnumbered)
}
