//! Controls for people and tests; the real ECPay has none of them.

pub(in crate::ecpay) mod console;
pub(in crate::ecpay) mod existing;
mod view;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::ecpay::charging::Attempt;
use crate::ecpay::order::{Kind, State};
use crate::ecpay::simulator::Ecpay;

/// A charge out of schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeNow {
    /// RtnCode of the charge: `1` paid, any other a decline.
    pub rtn_code: String,
    /// True if its callback is sent; false loses it.
    pub callback: bool,
    /// A console simulation: a notice with SimulatePaid=1 and no money.
    pub simulate: bool,
    /// Instead of the order's own amount.
    pub amount: Option<u32>,
}

impl Ecpay {
    /// Sets how the coming charges and retries of an order end; it need not exist yet.
    pub fn set_next_outcomes(&mut self, merchant_trade_no: &str, outcomes: Vec<String>) {
        self.outcomes.insert(merchant_trade_no.to_owned(), outcomes.into());
    }

    /// Stops the charges and retries that an order makes by itself, or lets them go on: what fell due meanwhile is
    /// then made at once. The order need not exist yet.
    pub fn set_paused(&mut self, merchant_trade_no: &str, paused: bool, now: DateTime<Utc>) {
        self.order_behavior.entry(merchant_trade_no.to_owned()).or_default().paused = paused;
        if !paused && let Some(order) = self.orders.get_mut(merchant_trade_no) {
            order.next_charge_at = order.next_charge_at.map(|at| at.max(now));
            order.retry_at = order.retry_at.map(|at| at.max(now));
        }
    }

    /// Loses the coming callbacks of an order, or posts them again. The order need not exist yet.
    pub fn set_callbacks(&mut self, merchant_trade_no: &str, posted: bool) {
        self.order_behavior.entry(merchant_trade_no.to_owned()).or_default().silent = !posted;
    }

    /// Answers the coming queries about an order with a page that is no answer, or properly again.
    pub fn set_answers(&mut self, merchant_trade_no: &str, proper: bool) {
        self.order_behavior.entry(merchant_trade_no.to_owned()).or_default().garbled = !proper;
    }

    /// Lays fields over the answers to the coming queries about an order, with their values as they are; an empty map for
    /// ECPay's own answers. The order need not exist yet.
    pub fn set_query_answer(&mut self, merchant_trade_no: &str, fields: Map<String, Value>) {
        self.order_behavior.entry(merchant_trade_no.to_owned()).or_default().query = fields;
    }

    /// Lays fields over the next callback of an order before it is signed; null removes a field. The order need not exist
    /// yet.
    pub fn set_next_callback(&mut self, merchant_trade_no: &str, fields: Map<String, Value>) {
        self.order_behavior.entry(merchant_trade_no.to_owned()).or_default().callback = fields;
    }

    /// The buyer submits an order's form and pays, with a given result or with that of `next_outcomes`.
    pub fn submit(
        &mut self,
        merchant_trade_no: &str,
        form: &[u8],
        rtn_code: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        self.set_next_outcome(merchant_trade_no, rtn_code);
        self.checkout(form, now).map(|_| ()).map_err(|refusal| refusal.to_string())
    }

    /// The bank decides now about a first charge whose result is open.
    pub fn decide_pending(
        &mut self,
        merchant_trade_no: &str,
        rtn_code: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<(), String> {
        let order = self.orders.get(merchant_trade_no);
        let order = order.ok_or_else(|| format!("no order {merchant_trade_no}"))?;
        let open = order.unresolved.first().filter(|_| order.state == State::Pending);
        let open = open.ok_or_else(|| format!("order {merchant_trade_no} is {}", order.state.word()))?.charge;
        self.set_next_outcome(merchant_trade_no, rtn_code);
        self.resolve(merchant_trade_no, open, now);
        Ok(())
    }

    fn set_next_outcome(&mut self, merchant_trade_no: &str, rtn_code: Option<String>) {
        if let Some(rtn_code) = rtn_code {
            self.outcomes.entry(merchant_trade_no.to_owned()).or_default().push_front(rtn_code);
        }
    }

    /// Charges now. Also possible on an order that was stopped, as a late charge.
    pub fn charge_now(&mut self, merchant_trade_no: &str, charge: ChargeNow, now: DateTime<Utc>) -> Result<(), String> {
        let order = self.orders.get(merchant_trade_no);
        let order = order.ok_or_else(|| format!("no order {merchant_trade_no}"))?;
        if matches!(order.state, State::Pending | State::NotEstablished) {
            return Err(format!("order {merchant_trade_no} is not established"));
        }
        let attempt = Attempt {
            at: now,
            kind: Kind::Manual,
            rtn_code: charge.rtn_code,
            amount: charge.amount.unwrap_or(order.terms.amount),
            simulated: charge.simulate,
        };
        self.perform(merchant_trade_no, attempt, charge.callback);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ecpay::form::value;
    use crate::ecpay::test_support::{NUMBER, at, ecpay, ordered, sent};

    const NOW: &str = "2026-01-05T10:00:00+08:00";

    fn charge(rtn_code: &str) -> ChargeNow {
        ChargeNow { rtn_code: rtn_code.into(), callback: true, simulate: false, amount: None }
    }

    #[test]
    fn charges_in_one_second_get_a_second_each() {
        let mut ecpay = ordered(NOW);
        ecpay.charge_now(NUMBER, charge("1"), at(NOW)).unwrap();
        let half = at(NOW) + chrono::TimeDelta::milliseconds(1500);
        ecpay.charge_now(NUMBER, charge("1"), half).unwrap();
        let view = ecpay.view(NUMBER).unwrap();
        assert_eq!(view["charges"][1]["process_date"], "2026/01/05 10:00:01");
        assert_eq!(view["charges"][2]["process_date"], "2026/01/05 10:00:02");
        assert_eq!(view["total_success_times"], 3);
    }

    #[test]
    fn a_simulated_payment_is_reported_but_not_counted() {
        let mut ecpay = ordered(NOW);
        let mut simulated = charge("1");
        simulated.simulate = true;
        ecpay.charge_now(NUMBER, simulated, at(NOW)).unwrap();
        let notice = sent(&mut ecpay, NOW);
        assert_eq!(value(&notice, "SimulatePaid"), "1");
        let view = ecpay.view(NUMBER).unwrap();
        assert_eq!(view["total_success_times"], 1);
        assert_eq!(view["charges"][1]["simulated"], true);
    }

    #[test]
    fn a_lost_notice_and_another_amount_are_possible() {
        let mut ecpay = ordered(NOW);
        let mut lost = charge("1");
        lost.callback = false;
        lost.amount = Some(5);
        ecpay.charge_now(NUMBER, lost, at(NOW)).unwrap();
        assert!(ecpay.take_due_callbacks(at(NOW)).is_empty());
        assert_eq!(ecpay.view(NUMBER).unwrap()["total_success_amount"], 904);
    }

    #[test]
    fn one_callback_has_other_fields_and_a_signature_of_its_own() {
        let mut ecpay = ordered(NOW);
        let odd = json!({ "Amount": "899.5", "TotalSuccessTimes": 7, "gwsr": null, "Extra": "x" });
        ecpay.set_next_callback(NUMBER, odd.as_object().unwrap().clone());
        ecpay.charge_now(NUMBER, charge("1"), at(NOW)).unwrap();
        let callback = sent(&mut ecpay, NOW);
        assert_eq!((value(&callback, "Amount"), value(&callback, "TotalSuccessTimes")), ("899.5", "7"));
        assert_eq!(value(&callback, "Extra"), "x");
        assert!(!callback.iter().any(|(name, _)| name == "gwsr"));
        assert_eq!(value(&callback, "CheckMacValue"), ecpay.merchant.mac(&callback));
        ecpay.charge_now(NUMBER, charge("1"), at(NOW)).unwrap();
        assert_eq!(value(&sent(&mut ecpay, NOW), "Amount"), "899");
    }

    #[test]
    fn a_paused_order_is_charged_once_it_goes_on() {
        let mut ecpay = ordered(NOW);
        ecpay.set_paused(NUMBER, true, at(NOW));
        assert_eq!(ecpay.next_due(), None);
        assert_eq!(ecpay.advance(at("2026-02-07T10:00:00+08:00")), vec![]);
        ecpay.set_paused(NUMBER, false, at("2026-02-07T10:00:00+08:00"));
        ecpay.advance(at("2026-02-07T10:00:00+08:00"));
        let view = ecpay.view(NUMBER).unwrap();
        assert_eq!(view["charges"][1]["process_date"], "2026/02/07 10:00:00");
        assert_eq!(view["next_charge_at"], "2026-03-05T02:00:00Z");
    }

    #[test]
    fn callbacks_can_be_lost_and_come_again() {
        let mut ecpay = ordered(NOW);
        ecpay.set_callbacks(NUMBER, false);
        ecpay.charge_now(NUMBER, charge("1"), at(NOW)).unwrap();
        assert!(ecpay.take_due_callbacks(at(NOW)).is_empty());
        ecpay.set_callbacks(NUMBER, true);
        ecpay.charge_now(NUMBER, charge("1"), at(NOW)).unwrap();
        assert_eq!(value(&sent(&mut ecpay, NOW), "TotalSuccessTimes"), "3");
    }

    #[test]
    fn an_unknown_order_cannot_be_charged() {
        assert!(ecpay().charge_now(NUMBER, charge("1"), at(NOW)).is_err());
    }
}
