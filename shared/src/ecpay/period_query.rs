//! QueryCreditCardPeriodInfo (<https://developers.ecpay.com.tw/?p=2892>): an order's charges as the same reports that
//! callbacks bring.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::billing::decide::adopt::{EcpayOrder, PeriodUnit};
use crate::domain::billing::payments::order_query::{EcpayState, QueryAnswer};
use crate::domain::billing::payments::payment::{PaymentOutcome, PaymentReport, ReportSource};
use crate::domain::values::ids::{EventId, GatewayAuthorization, MerchantId, SubscriptionId, TradeNo};
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
    state: EcpayState,
    exec_times: Option<u32>,
    total: Option<u32>,
    charges: Vec<Charge>,
    header: Header,
}

/// Parts of the answer's header that only an adoption reads.
#[derive(Clone, Debug, Default)]
struct Header {
    period: Option<(PeriodUnit, u32)>,
    price: Option<Twd>,
    card_last4: Option<String>,
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
    /// State of the order at ECPay.
    pub state: EcpayState,
    /// Number of charges ordered (`ExecTimes`).
    pub exec_times: Option<u32>,
    /// Reports of every charge that can be identified, oldest first.
    pub reports: Vec<PaymentReport>,
    /// ProcessDates of the successes without a success number: their authorisation is unknown and the log and the count of
    /// successes disagree.
    pub unnumbered: Vec<Timestamp>,
    /// Number of successes by the header (`TotalSuccessTimes`), where the log has fewer.
    pub higher_count: Option<u32>,
}

/// Reasons why a response cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Other than JSON with a result code.
    #[error("ECPay's response to the query is malformed")]
    Malformed,
    /// Response for another order or merchant.
    #[error("ECPay's response is about another order")]
    AnotherOrder,
    /// A code about the request or about ECPay itself, not about the order.
    #[error("ECPay refused the query with {0}")]
    Refused(String),
}

/// RtnCodes for an order that ECPay does not have or whose buyer never chose a payment
/// (<https://developers.ecpay.com.tw/?p=2890>); 0 and an empty code are taken for the same.
const UNPAID: [&str; 5] = ["10200047", "10200095", "10100059", "0", ""];
/// Leading digits of RtnCodes about a card authorisation (<https://developers.ecpay.com.tw/?p=5740>).
const AUTHORISATION_CODES: &str = "1010";
/// RtnCodes with these digits that are about the request: 10100001 IP access denied, 10100050 parameter error.
const REQUEST_CODES: [&str; 2] = ["10100001", "10100050"];

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
    exec_times: LenientString,
    #[serde(default)]
    period_type: LenientString,
    #[serde(default)]
    frequency: LenientString,
    #[serde(default)]
    period_amount: LenientString,
    #[serde(rename = "card4no", default)]
    card_last4: LenientString,
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
    #[serde(rename = "TradeNo", default)]
    trade_no: LenientString,
    #[serde(default)]
    process_date: LenientString,
}

/// A number, a text or null: ECPay's responses mix them. Any other value is unreadable, like an empty one.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum LenientString {
    Number(serde_json::Number),
    Text(String),
    #[default]
    Nothing,
    Other(serde::de::IgnoredAny),
}

impl LenientString {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.trim().to_owned(),
            Self::Nothing | Self::Other(_) => String::new(),
        }
    }
}

/// An entry of the log that can be identified.
#[derive(Clone, Debug)]
struct Charge {
    at: Timestamp,
    gwsr: Option<GatewayAuthorization>,
    trade_no: Option<TradeNo>,
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
    let header = reply.header();
    let mut charges: Vec<Charge> = reply.exec_log.unwrap_or_default().iter().filter_map(charge).collect();
    charges.sort_by_key(|charge| charge.at);
    let log =
        |state, total, exec_times, charges| PeriodLog { order: queried, state, exec_times, total, charges, header };
    match reply.rtn_code.text().as_str() {
        PAID => {}
        // A log with a success is more than a header that denies it.
        unpaid if UNPAID.contains(&unpaid) && !charges.iter().any(Charge::succeeded) => {
            return Ok(log(EcpayState::Unpaid, Some(0), None, Vec::new()));
        }
        declined if is_decline(declined) => {
            let total = reply.total_success_times.text().parse().ok();
            return Ok(log(EcpayState::Declined, total, None, charges));
        }
        other => return Err(Error::Refused(other.chars().take(10).collect())),
    }
    if reply.merchant_id.text() != merchant.as_str() || reply.merchant_trade_no.text() != order.as_str() {
        return Err(Error::AnotherOrder);
    }
    let state = match reply.exec_status.text().as_str() {
        "0" => EcpayState::Stopped,
        "1" => EcpayState::Running,
        "2" => EcpayState::Finished,
        // ECPay's console can pause an order; what the query then says is not documented.
        _ => EcpayState::Other,
    };
    let exec_times = reply.exec_times.text().parse().ok().filter(|times| *times > 0);
    Ok(log(state, reply.total_success_times.text().parse().ok(), exec_times, charges))
}

/// True for a code of a declined authorisation: the header then reports the first charge.
fn is_decline(code: &str) -> bool {
    is_integer(code) && code.starts_with(AUTHORISATION_CODES) && !REQUEST_CODES.contains(&code)
}

impl Reply {
    fn header(&self) -> Header {
        let unit = match self.period_type.text().as_str() {
            "D" => Some(PeriodUnit::Day),
            "M" => Some(PeriodUnit::Month),
            "Y" => Some(PeriodUnit::Year),
            _ => None,
        };
        let card = self.card_last4.text();
        Header {
            period: unit.zip(self.frequency.text().parse().ok().filter(|frequency| *frequency > 0)),
            price: Twd::parse(&self.period_amount.text()).ok().filter(|amount| *amount != Twd::ZERO),
            card_last4: (card.len() == 4 && is_integer(&card)).then_some(card),
        }
    }
}

impl PeriodLog {
    /// The order as an adoption reads it at `at`. Where ECPay counts more successes than it lists, the latest ones are listed:
    /// its count numbers the next charge.
    #[must_use]
    pub fn adoptable(&self, at: Timestamp) -> EcpayOrder {
        let successes = self.charges.iter().filter(|charge| charge.succeeded());
        let listed = u32::try_from(successes.clone().count()).unwrap_or(u32::MAX);
        let missing = self.total.map_or(0, |total| total.saturating_sub(listed));
        let numbered = successes.zip(missing.saturating_add(1)..);
        let numbers = numbered.filter_map(|(charge, number)| Some((charge.gwsr.clone()?, number))).collect();
        // Without a count the log is all there is.
        let log = Self { total: self.total.or(Some(listed)), ..self.clone() };
        let info = log.reports(&numbers);
        EcpayOrder {
            period: self.header.period,
            price: self.header.price,
            card_last4: self.header.card_last4.clone(),
            reports: info.reports,
            answer: QueryAnswer {
                at,
                state: info.state,
                exec_times: info.exec_times,
                unrecorded: info.unnumbered,
                higher_count: info.higher_count,
            },
            successes: (listed, self.total),
        }
    }

    /// Returns the log as reports. `numbered` has the success numbers of authorisations that are stored already; it is
    /// used where the log and the header disagree.
    #[must_use]
    pub fn reports(&self, numbered: &BTreeMap<GatewayAuthorization, u32>) -> PeriodInfo {
        let (state, exec_times) = (self.state, self.exec_times);
        let successes = self.charges.iter().filter(|charge| charge.succeeded()).count();
        let listed = u32::try_from(successes).unwrap_or(u32::MAX);
        let higher_count = self.total.filter(|total| *total > listed);
        let mut info = PeriodInfo { state, exec_times, reports: Vec::new(), unnumbered: Vec::new(), higher_count };
        // By date, which the log does not do itself; where the counts differ, only those whose authorisation is stored.
        let is_complete = self.total == Some(listed);
        let is_unpaid = successes == 0 && self.total.is_none_or(|total| total == 0);
        let mut by_date = 0;
        for charge in &self.charges {
            let (outcome, event) = match charge.rtn_code.as_str() {
                PAID => {
                    by_date += 1;
                    let known = charge.gwsr.as_ref().and_then(|gwsr| numbered.get(gwsr)).copied();
                    let Some(number) = (if is_complete { Some(by_date) } else { known }) else {
                        info.unnumbered.push(charge.at);
                        continue;
                    };
                    (PaymentOutcome::Succeeded { number }, EventId::success(number))
                }
                RESULT_OPEN if is_unpaid => (PaymentOutcome::Pending, EventId::first_pending(charge.at)),
                RESULT_OPEN => (PaymentOutcome::Pending, EventId::pending(charge.at)),
                _ if is_unpaid => (PaymentOutcome::Failed, EventId::first_failure(charge.at)),
                _ => (PaymentOutcome::Failed, EventId::failure(charge.at)),
            };
            let is_first_success = matches!(outcome, PaymentOutcome::Succeeded { number: 1 });
            info.reports.push(charge.report(&self.order, is_unpaid || is_first_success, outcome, event));
        }
        info
    }
}

impl Charge {
    fn succeeded(&self) -> bool {
        self.rtn_code == PAID
    }

    fn report(&self, order: &Order, first: bool, outcome: PaymentOutcome, event: EventId) -> PaymentReport {
        PaymentReport {
            subscription: order.id.clone(),
            merchant: order.merchant.clone(),
            source: ReportSource::Query,
            event,
            first,
            outcome,
            decline: decline::class_of(outcome, &self.rtn_code),
            rtn_code: self.rtn_code.clone(),
            rtn_msg: self.rtn_msg.clone(),
            amount: self.amount,
            exec_times: None,
            processed_at: self.at,
            gwsr: self.gwsr.clone(),
            trade_no: self.trade_no.clone(),
            card_last4: None,
            simulated: false,
        }
    }
}

/// Reads an entry. Without a date, which identifies it, it is left out; without a code it is a failure.
fn charge(entry: &LogEntry) -> Option<Charge> {
    let rtn_code = entry.rtn_code.text();
    Some(Charge {
        at: date::parse(&entry.process_date.text()).ok()?,
        gwsr: GatewayAuthorization::parse(&entry.gwsr.text()).ok(),
        trade_no: TradeNo::parse(&entry.trade_no.text()).ok(),
        rtn_code: if is_integer(&rtn_code) { rtn_code } else { String::new() },
        rtn_msg: entry.rtn_msg.text().chars().take(200).collect(),
        amount: Twd::parse(&entry.amount.text()).ok().filter(|amount| *amount != Twd::ZERO),
    })
}
