//! Orders that are at ECPay already, made by another system than Duekeeper.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::ecpay::calendar::{PeriodType, whole_second};
use crate::ecpay::charging::FAILURES_ALLOWED;
use crate::ecpay::message::PAID;
use crate::ecpay::order::{Charge, Kind, Order, State, Terms};
use crate::ecpay::simulator::Ecpay;

/// Order as another system left it at ECPay.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExistingOrder {
    merchant_trade_no: String,
    /// Amount of each charge to come, in TWD.
    amount: u32,
    period_type: PeriodType,
    #[serde(default = "every")]
    frequency: u32,
    exec_times: u32,
    /// Where it is absent: running, or what its charges made of it.
    state: Option<ExistingState>,
    /// Charges so far, in any order.
    charges: Vec<PastCharge>,
}

const fn every() -> u32 {
    1
}

/// Addresses to which ECPay posts the callbacks of an order.
pub struct CallbackUrls {
    /// Of the first charge.
    pub first: String,
    /// Of the later ones.
    pub later: String,
}

/// State of such an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExistingState {
    /// Charged again on its next day after the present.
    Running,
    /// Paused in ECPay's console.
    Paused,
    /// Cancelled, or ended after six failures; in ECPay's console `stopped`.
    #[serde(alias = "stopped")]
    Cancelled,
    /// All charges made.
    Finished,
}

/// Charge that ECPay made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PastCharge {
    at: DateTime<Utc>,
    /// `1` for a success.
    rtn_code: String,
    /// Where it differs from the amount of the charges to come.
    amount: Option<u32>,
    gwsr: Option<u64>,
}

impl Ecpay {
    /// Adds an order.
    pub fn bring_in(&mut self, existing: ExistingOrder, urls: CallbackUrls, now: DateTime<Utc>) -> Result<(), String> {
        let number = existing.merchant_trade_no.clone();
        if number.is_empty() || number.len() > 20 || !number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err("merchant_trade_no is 1 to 20 letters and digits".to_owned());
        }
        if self.orders.contains_key(&number) {
            return Err(format!("order {number} exists"));
        }
        let longest = match existing.period_type {
            PeriodType::D => 365,
            PeriodType::M => 12,
            PeriodType::Y => 1,
        };
        if !(1..=longest).contains(&existing.frequency) || existing.exec_times == 0 || existing.amount == 0 {
            return Err(format!("frequency is 1 to {longest}; exec_times and amount are 1 or more"));
        }
        let mut charges = existing.charges.clone();
        charges.sort_by_key(|charge| charge.at);
        let first = charges.first().ok_or("an order that ECPay has was charged once at least")?;
        let (first, is_established) = (whole_second(first.at), first.rtn_code == PAID);
        if !is_established && charges.len() > 1 {
            return Err("an order whose first charge failed is not charged again".to_owned());
        }
        if charges.last().is_some_and(|last| last.at > now) {
            return Err("a charge is still to come".to_owned());
        }
        let trade_no = self.numbers.order(first);
        let mut order = Order::new(terms(&existing, urls), trade_no, first);
        for charge in charges {
            self.add_past(&mut order, charge);
        }
        order.state = State::Running;
        order.executions = executions_until(&order, now);
        order.schedule_next();
        let state = match existing.state {
            _ if !is_established => State::NotEstablished,
            None if order.failures() >= FAILURES_ALLOWED => State::Cancelled,
            None => order.state,
            Some(ExistingState::Running) => State::Running,
            Some(ExistingState::Paused) => State::Paused,
            Some(ExistingState::Cancelled) => State::Cancelled,
            Some(ExistingState::Finished) => State::Finished,
        };
        order.state = state;
        if state != State::Running {
            order.next_charge_at = None;
        }
        self.orders.insert(number, order);
        Ok(())
    }

    fn add_past(&mut self, order: &mut Order, charge: PastCharge) {
        let at = order.free_second(charge.at);
        let paid = charge.rtn_code == PAID;
        let is_first = order.charges.is_empty();
        let trade_no = if is_first { order.trade_no.clone() } else { self.numbers.charge(at) };
        let gwsr = paid.then(|| charge.gwsr.unwrap_or_else(|| self.numbers.gwsr()));
        let success_number = paid.then(|| order.successes().saturating_add(1));
        order.charges.push(Charge {
            at,
            kind: if is_first { Kind::First } else { Kind::Scheduled },
            rtn_code: charge.rtn_code,
            amount: charge.amount.unwrap_or(order.terms.amount),
            gwsr,
            trade_no,
            success_number,
            simulated: false,
            execution: 0,
        });
    }
}

/// Executions whose days have come by now, made or not: ECPay makes up for none of them.
fn executions_until(order: &Order, now: DateTime<Utc>) -> u32 {
    let Some(anchor) = order.anchor() else { return 0 };
    let mut counted = order.clone();
    counted.executions = 1;
    // A charge may have come a little before its time of day.
    while counted.executions < order.terms.exec_times
        && counted.due_after(anchor).is_some_and(|due| due <= now + TimeDelta::hours(1))
    {
        counted.executions += 1;
    }
    counted.executions
}

fn terms(existing: &ExistingOrder, urls: CallbackUrls) -> Terms {
    Terms {
        merchant_trade_no: existing.merchant_trade_no.clone(),
        store_id: String::new(),
        item_name: "Subscription".to_owned(),
        amount: existing.amount,
        period_type: existing.period_type,
        frequency: existing.frequency,
        exec_times: existing.exec_times,
        return_url: urls.first,
        period_return_url: urls.later,
        client_back_url: String::new(),
        order_result_url: String::new(),
        custom_fields: Default::default(),
        extra_info: true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::ecpay::test_support::{at, ecpay};

    const NOW: &str = "2026-03-20T10:00:00+08:00";

    fn brought_in(order: Value) -> Result<Ecpay, String> {
        let mut ecpay = ecpay();
        let [first, later] = ["first", "later"].map(|name| format!("http://a.example/{name}"));
        ecpay.bring_in(serde_json::from_value(order).unwrap(), CallbackUrls { first, later }, at(NOW))?;
        Ok(ecpay)
    }

    fn order(change: Value) -> Value {
        let mut order = json!({
            "merchant_trade_no": "shopOrder1", "amount": 300, "period_type": "M", "exec_times": 12,
            "charges": [
                { "at": "2026-02-15T03:00:00Z", "rtn_code": "10100252" },
                { "at": "2026-01-15T03:00:00Z", "rtn_code": "1", "amount": 250, "gwsr": 11 },
                { "at": "2026-03-15T03:00:00Z", "rtn_code": "1" },
            ],
        });
        order.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        order
    }

    #[test]
    fn its_charges_are_listed_and_the_next_one_comes_on_its_day() {
        let mut ecpay = brought_in(order(json!({}))).unwrap();
        let view = ecpay.view("shopOrder1").unwrap();
        assert_eq!((&view["state"], &view["total_success_times"]), (&json!("running"), &json!(2)));
        assert_eq!((&view["charges"][0]["gwsr"], &view["charges"][0]["amount"]), (&json!(11), &json!(250)));
        assert_eq!(ecpay.next_due(), Some(at("2026-04-15T11:00:00+08:00")));
        ecpay.advance(at("2026-04-15T11:00:00+08:00"));
        assert_eq!(ecpay.view("shopOrder1").unwrap()["total_success_times"], 3);
    }

    #[test]
    fn only_a_running_one_is_charged_again() {
        for (given, state) in
            [("paused", "paused"), ("cancelled", "cancelled"), ("stopped", "cancelled"), ("finished", "finished")]
        {
            let ecpay = brought_in(order(json!({ "state": given }))).unwrap();
            assert_eq!((&ecpay.view("shopOrder1").unwrap()["state"], ecpay.next_due()), (&json!(state), None));
        }
        let failed = |day: u32| json!({ "at": format!("2026-02-{day:02}T03:00:00Z"), "rtn_code": "10100252" });
        let paid = json!({ "at": "2026-01-15T03:00:00Z", "rtn_code": "1" });
        let six: Vec<Value> = std::iter::once(paid).chain((1..=6).map(failed)).collect();
        for (charges, exec_times, state) in [
            (json!(six), 99, "cancelled"),
            (json!([failed(1)]), 99, "not_established"),
            (json!([six[0]]), 1, "finished"),
        ] {
            let ecpay = brought_in(order(json!({ "charges": charges, "exec_times": exec_times }))).unwrap();
            assert_eq!((&ecpay.view("shopOrder1").unwrap()["state"], ecpay.next_due()), (&json!(state), None));
        }
    }

    #[test]
    fn an_order_that_ecpay_cannot_have_is_refused() {
        for change in [
            json!({ "merchant_trade_no": "shop-1" }),
            json!({ "merchant_trade_no": "a".repeat(21) }),
            json!({ "frequency": 13 }),
            json!({ "exec_times": 0 }),
            json!({ "charges": [] }),
            json!({ "charges": [
                { "at": "2026-01-15T03:00:00Z", "rtn_code": "10100252" }, { "at": "2026-02-15T03:00:00Z", "rtn_code": "1" },
            ] }),
            json!({ "charges": [{ "at": "2026-03-21T03:00:00Z", "rtn_code": "1" }] }),
        ] {
            assert!(brought_in(order(change.clone())).is_err(), "{change}");
        }
    }
}
