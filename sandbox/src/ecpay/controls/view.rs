//! ECPay's own view of an order, for people and tests.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::ecpay::calendar::taipei_text;
use crate::ecpay::message::rtn_msg;
use crate::ecpay::order::{Ask, Charge};
use crate::ecpay::simulator::Ecpay;

impl Ecpay {
    /// Numbers of all orders, each with the time at which ECPay made it.
    pub fn orders_made(&self) -> impl Iterator<Item = (&String, DateTime<Utc>)> {
        self.orders.iter().map(|(number, order)| (number, order.created_at))
    }

    /// State of an order at ECPay as JSON: terms, charges, requests, next charge.
    pub fn view(&self, merchant_trade_no: &str) -> Option<Value> {
        let order = self.orders.get(merchant_trade_no)?;
        let terms = &order.terms;
        let outcomes = self.outcomes.get(merchant_trade_no);
        let order_behavior = self.order_behavior(merchant_trade_no);
        Some(json!({
            "merchant_trade_no": merchant_trade_no,
            "trade_no": order.trade_no,
            "state": order.state.word(),
            "amount": terms.amount,
            "period_type": terms.period_type.letter(),
            "frequency": terms.frequency,
            "exec_times": terms.exec_times,
            "executions": order.executions,
            "total_success_times": order.successes(),
            "total_success_amount": order.success_amount(),
            "failures": order.failures(),
            "next_charge_at": order.next_charge_at.map(rfc3339),
            "retry_at": order.retry_at.map(rfc3339),
            "charges": order.charges.iter().map(charge).collect::<Vec<_>>(),
            "retries_asked": order.retries_asked.iter().map(ask).collect::<Vec<_>>(),
            "cancels_asked": order.cancels_asked.iter().map(ask).collect::<Vec<_>>(),
            "queries": order.queries,
            "next_outcomes": outcomes.cloned().unwrap_or_default(),
            "paused": order_behavior.paused,
            "callbacks": !order_behavior.silent,
            "answers": !order_behavior.garbled,
            "query": order_behavior.query,
            "callback": order_behavior.callback,
        }))
    }
}

fn charge(charge: &Charge) -> Value {
    json!({
        "kind": charge.kind.word(),
        "rtn_code": charge.rtn_code,
        "rtn_msg": rtn_msg(&charge.rtn_code),
        "amount": charge.amount,
        "gwsr": charge.gwsr,
        "auth_code": charge.auth_code(),
        "trade_no": charge.trade_no,
        "process_date": taipei_text(charge.at),
        "at": rfc3339(charge.at),
        "success_number": charge.success_number,
        "simulated": charge.simulated,
    })
}

fn ask(ask: &Ask) -> Value {
    json!({ "at": rfc3339(ask.at), "accepted": ask.accepted })
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
