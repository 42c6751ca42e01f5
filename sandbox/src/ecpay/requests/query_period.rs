//! QueryCreditCardPeriodInfo: what became of an order, as unsigned JSON.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::ecpay::calendar::taipei_text;
use crate::ecpay::form::value;
use crate::ecpay::message::{NOT_FOUND, rtn_msg};
use crate::ecpay::order::{Charge, Order, State};
use crate::ecpay::simulator::Ecpay;

impl Ecpay {
    /// QueryCreditCardPeriodInfo; returns the JSON text.
    pub fn query_period(&mut self, body: &[u8], now: DateTime<Utc>) -> String {
        let fields = match self.read_request(body, now) {
            Ok(fields) => fields,
            Err(code) => return nothing(code).to_string(),
        };
        let number = value(&fields, "MerchantTradeNo");
        let behavior = self.order_behavior(number);
        if let Some(order) = self.orders.get_mut(number) {
            order.queries = order.queries.saturating_add(1);
        }
        if behavior.garbled {
            return "<html><body>System Error</body></html>".to_owned();
        }
        let known = self.orders.get(number).and_then(|order| Some((order, exec_status(order.state)?)));
        let mut answer = match known {
            Some((order, exec_status)) => info(&self.merchant.merchant_id, order, exec_status),
            None => nothing(NOT_FOUND),
        };
        if let Some(fields) = answer.as_object_mut() {
            fields.extend(behavior.query);
        }
        answer.to_string()
    }
}

/// An order whose first charge failed was never a periodic one.
fn exec_status(state: State) -> Option<&'static str> {
    match state {
        State::NotEstablished => None,
        State::Cancelled => Some("0"),
        // What the query says of a paused order is not documented.
        State::Pending | State::Running | State::Paused => Some("1"),
        State::Finished => Some("2"),
    }
}

fn info(merchant_id: &str, order: &Order, exec_status: &str) -> Value {
    let terms = &order.terms;
    let first = order.charges.first();
    let real = order.charges.iter().filter(|charge| !charge.simulated);
    json!({
        "MerchantID": merchant_id,
        "MerchantTradeNo": terms.merchant_trade_no,
        "TradeNo": order.trade_no,
        "RtnCode": 1,
        "PeriodType": terms.period_type.letter(),
        "Frequency": terms.frequency,
        "ExecTimes": terms.exec_times,
        "PeriodAmount": terms.amount,
        "amount": order.first_amount(),
        "gwsr": first.and_then(|charge| charge.gwsr).unwrap_or(0),
        "process_date": first.map(|charge| taipei_text(charge.at)),
        "auth_code": first.map(Charge::auth_code),
        "card4no": "2222",
        "card6no": "431195",
        "TotalSuccessTimes": order.successes(),
        "TotalSuccessAmount": order.success_amount(),
        "ExecStatus": exec_status,
        "ExecLog": real.map(log_entry).collect::<Vec<_>>(),
    })
}

fn log_entry(charge: &Charge) -> Value {
    let code = charge.rtn_code.parse::<i64>().map(Value::from);
    let code = code.unwrap_or_else(|_| Value::from(charge.rtn_code.as_str()));
    let paid = charge.succeeded();
    json!({
        "RtnCode": code,
        // The log words a success differently from the notices.
        "RtnMsg": if paid { "成功." } else { rtn_msg(&charge.rtn_code) },
        "amount": if paid { Value::from(charge.amount) } else { Value::from("") },
        "gwsr": charge.gwsr.map_or_else(|| Value::from(""), Value::from),
        "process_date": taipei_text(charge.at),
        "auth_code": charge.auth_code(),
        "TradeNo": charge.trade_no,
    })
}

fn nothing(code: &str) -> Value {
    json!({
        "MerchantID": "0",
        "MerchantTradeNo": null,
        "TradeNo": null,
        "RtnCode": code.parse::<i64>().unwrap_or(0),
        "PeriodType": null,
        "Frequency": 0,
        "ExecTimes": 0,
        "PeriodAmount": 0,
        "amount": 0,
        "gwsr": 0,
        "process_date": null,
        "auth_code": null,
        "card4no": null,
        "card6no": null,
        "TotalSuccessTimes": 0,
        "TotalSuccessAmount": 0,
        "ExecStatus": null,
        "ExecLog": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecpay::test_support::{NUMBER, at, ecpay, ordered, request_at};

    fn query(ecpay: &mut Ecpay, now: &str) -> Value {
        let body = request_at(&[], at(now).timestamp());
        serde_json::from_str(&ecpay.query_period(&body, at(now))).unwrap()
    }

    #[test]
    fn the_log_has_successes_with_numbers_and_failures_without() {
        let mut ecpay = ordered("2026-01-05T10:00:00+08:00");
        ecpay.set_next_outcomes(NUMBER, vec!["10100252".into()]);
        ecpay.advance(at("2026-02-05T10:00:00+08:00"));
        let info = query(&mut ecpay, "2026-02-05T11:00:00+08:00");
        assert_eq!(info["ExecStatus"], "1");
        assert_eq!(info["TotalSuccessTimes"], 1);
        assert_eq!(info["ExecLog"][0]["gwsr"], 13_400_001);
        assert_eq!(info["ExecLog"][0]["RtnMsg"], "成功.");
        let failed = &info["ExecLog"][1];
        assert_eq!(failed["RtnCode"], 10_100_252);
        assert_eq!((&failed["gwsr"], &failed["amount"]), (&json!(""), &json!("")));
        assert_eq!(failed["process_date"], "2026/02/05 10:00:00");
        assert_eq!(ecpay.view(NUMBER).unwrap()["queries"], 1);
    }

    #[test]
    fn an_answer_can_be_overlaid_and_is_its_own_again() {
        let mut ecpay = ordered("2026-01-05T10:00:00+08:00");
        let entry = json!({ "RtnCode": 1, "gwsr": null, "process_date": "soon" });
        let Value::Object(odd) = json!({ "TotalSuccessTimes": 3, "RtnCode": "10100058", "ExecLog": [entry] }) else {
            panic!("an object")
        };
        ecpay.set_query_answer(NUMBER, odd);
        let info = query(&mut ecpay, "2026-01-06T10:00:00+08:00");
        assert_eq!((&info["TotalSuccessTimes"], &info["RtnCode"]), (&json!(3), &json!("10100058")));
        assert_eq!((&info["ExecLog"], &info["PeriodAmount"]), (&json!([entry]), &json!(899)));
        ecpay.set_query_answer(NUMBER, serde_json::Map::new());
        assert_eq!(query(&mut ecpay, "2026-01-06T10:00:00+08:00")["TotalSuccessTimes"], 1);
    }

    #[test]
    fn an_unknown_order_is_not_found() {
        let info = query(&mut ecpay(), "2026-02-05T11:00:00+08:00");
        assert_eq!(info["RtnCode"], 10_200_047);
        assert_eq!(info["MerchantID"], "0");
        assert_eq!(info["ExecLog"], Value::Null);
    }
}
