//! Fields of a quarantined report beside those that its order would have, differences marked.

use shared::domain::billing::payments::plausibility::MOST_CHARGES;
use shared::domain::billing::subscription::{AppliedEvent, Subscription};
use shared::domain::values::time::{Timestamp, Zone};
use shared::ecpay::callback::PAID;
use shared::ecpay::date;

use crate::billing::quarantine::QuarantinedReport;
use crate::console::words::quarantine::QuarantineWords;

/// Days by which ECPay's clock may be ahead, as in the rule of the decision.
const DAYS_AHEAD: i64 = 1;
/// Longest value that is shown, in characters.
const LONGEST: usize = 200;

/// Fields without which no callback can be used.
const NEEDED: [&str; 3] = ["MerchantID", "MerchantTradeNo", "RtnCode"];
/// Dates of a callback of the first charge, of which one is enough.
const FIRST_DATES: [&str; 3] = ["PaymentDate", "process_date", "TradeDate"];

/// Row of the comparison.
pub(crate) struct Row {
    pub(crate) field: String,
    pub(crate) received: String,
    /// Empty where the order says nothing about the field.
    pub(crate) expected: String,
    pub(crate) differs: bool,
}

/// Value that the order would have, and the rule by which a received one is compared.
struct Expected {
    text: String,
    fits: bool,
}

impl Expected {
    fn exactly(text: impl ToString, received: &str) -> Self {
        let text = text.to_string();
        Self { fits: text == received, text }
    }
}

/// Compares a report with its order; `None` where there is no such order.
pub(crate) fn rows(report: &QuarantinedReport, order: Option<&Subscription>, words: &QuarantineWords) -> Vec<Row> {
    let comparison = Comparison { report, order, words };
    let mut rows = comparison.missing();
    // A field that is there and empty has a row already.
    let sent = report.fields.iter().filter(|(name, _)| comparison.value(name).is_some());
    rows.extend(sent.map(|(name, value)| comparison.row(name, value)));
    // Differences first, each group in the order of the names.
    rows.sort_by_key(|row| !row.differs);
    rows
}

struct Comparison<'a> {
    report: &'a QuarantinedReport,
    order: Option<&'a Subscription>,
    words: &'a QuarantineWords,
}

impl Comparison<'_> {
    /// Fields that the report should have and has not.
    fn missing(&self) -> Vec<Row> {
        let is_paid = self.value("RtnCode") == Some(PAID);
        let (numbers, dates): (&[&str], &[&str]) = match self.report.source {
            "auth_callback" => (&["TradeAmt"], &FIRST_DATES),
            "billing_callback" => (&["TotalSuccessTimes"], &["ProcessDate"]),
            _ => return Vec::new(),
        };
        let has_date = dates.iter().any(|name| self.value(name).is_some());
        let needed =
            NEEDED.iter().chain(numbers.iter().filter(|_| is_paid)).chain(dates.iter().take(1).filter(|_| !has_date));
        let missing = needed.filter(|name| self.value(name).is_none());
        let row = |name: &&str| Row {
            field: (*name).to_owned(),
            received: self.words.missing.to_owned(),
            expected: self.expected(name, "").map_or_else(String::new, |expected| expected.text),
            differs: true,
        };
        missing.map(row).collect()
    }

    /// Value of a field, letter case of its name aside; `None` where it is absent or empty.
    fn value(&self, name: &str) -> Option<&str> {
        let mut fields = self.report.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        fields.find(|(_, value)| !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn row(&self, name: &str, value: &str) -> Row {
        let expected = self.expected(name, value);
        let differs = expected.as_ref().is_some_and(|expected| !expected.fits);
        Row {
            field: name.to_owned(),
            received: value.chars().take(LONGEST).collect(),
            expected: expected.map_or_else(String::new, |expected| expected.text),
            differs,
        }
    }

    fn expected(&self, name: &str, value: &str) -> Option<Expected> {
        let name = name.to_ascii_lowercase();
        if name == "simulatepaid" {
            return Some(Expected { text: "0".to_owned(), fits: value.is_empty() || value == "0" });
        }
        let Some(order) = self.order else {
            return (name == "merchanttradeno").then(|| Expected { text: self.words.no_order.to_owned(), fits: false });
        };
        Some(match name.as_str() {
            "merchanttradeno" => Expected::exactly(&order.id, value),
            "merchantid" => Expected::exactly(&order.merchant, value),
            "tradeamt" | "amount" | "periodamount" => self.amount(order, value),
            "periodtype" => Expected::exactly(order.terms.cycle.period_type(), value),
            "frequency" => Expected::exactly(1, value),
            "exectimes" => Expected::exactly(order.terms.exec_times, value),
            "totalsuccesstimes" => self.number(order, value),
            "processdate" | "process_date" | "paymentdate" | "tradedate" => self.date(order, value),
            "gwsr" => self.applied_gwsr(order, value)?,
            _ => return None,
        })
    }

    fn amount(&self, order: &Subscription, value: &str) -> Expected {
        let whole = value.split_once('.').filter(|(_, cents)| cents.bytes().all(|digit| digit == b'0'));
        let received = whole.map_or(value, |(dollars, _)| dollars);
        let price = order.terms.price.dollars();
        let applied = self.applied(order).and_then(|seen| seen.amount).filter(|amount| amount.dollars() != price);
        let fits = received.parse() == Ok(applied.map_or(price, |amount| amount.dollars()));
        let text = match applied {
            Some(amount) => format!("{price} ({} {})", self.words.applied_with, amount.dollars()),
            None => price.to_string(),
        };
        Expected { text, fits }
    }

    /// Success number: at most the number of charges, those that the report itself names included.
    fn number(&self, order: &Subscription, value: &str) -> Expected {
        let named =
            self.value("ExecTimes").and_then(|value| value.parse().ok()).filter(|number| *number <= MOST_CHARGES);
        let most = order.terms.exec_times.max(named.unwrap_or(0)).min(MOST_CHARGES);
        let QuarantineWords { at_most, so_far, .. } = self.words;
        let text = format!("{at_most} {most} ({so_far} {})", order.charge_history.successes);
        Expected { text, fits: value.parse().is_ok_and(|number: u32| (0..=most).contains(&number)) }
    }

    fn date(&self, order: &Subscription, value: &str) -> Expected {
        let first = order.created_at.day(Zone::Taipei).plus_days(-1);
        let last: Timestamp = self.report.received_at.plus_days(DAYS_AHEAD);
        let fits = date::parse(value).is_ok_and(|at| first.start(Zone::Taipei) <= at && at <= last);
        Expected { text: format!("{first} – {}", last.day(Zone::Taipei)), fits }
    }

    /// Authorisation with which the report's event was applied; `None` where the order says nothing about it.
    fn applied_gwsr(&self, order: &Subscription, value: &str) -> Option<Expected> {
        let gwsr = self.applied(order)?.gwsr.as_ref()?;
        let fits = gwsr.as_str() == value;
        Some(Expected { text: format!("{} {}", self.words.applied_with, gwsr.as_str()), fits })
    }

    /// Event of the report as it was applied before.
    fn applied<'a>(&self, order: &'a Subscription) -> Option<&'a AppliedEvent> {
        let event = self.report.event.as_ref()?;
        order.recent_events.iter().find(|seen| seen.event == *event)
    }
}
