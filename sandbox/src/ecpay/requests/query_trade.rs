//! QueryTradeInfo/V5: whether an order was paid.

use chrono::{DateTime, Utc};

use crate::ecpay::calendar::taipei_text;
use crate::ecpay::callbacks::fields::{custom_fields, extra_fields, fee};
use crate::ecpay::form::{Fields, field, reply_text, value};
use crate::ecpay::message::{NOT_ESTABLISHED, NOT_FOUND, PAID};
use crate::ecpay::order::{Order, State};
use crate::ecpay::simulator::Ecpay;

impl Ecpay {
    /// QueryTradeInfo/V5; returns the signed reply as it is on the wire.
    pub fn query_trade(&mut self, body: &[u8], now: DateTime<Utc>) -> String {
        let merchant_id = &self.merchant.merchant_id;
        let fields = match self.read_request(body, now) {
            Err(code) => nothing(merchant_id, "", code),
            Ok(fields) => {
                let number = value(&fields, "MerchantTradeNo");
                match self.orders.get_mut(number) {
                    None => nothing(merchant_id, number, NOT_FOUND),
                    Some(order) => {
                        order.queries = order.queries.saturating_add(1);
                        info(merchant_id, order)
                    }
                }
            }
        };
        reply_text(&self.merchant.signed(fields))
    }
}

fn info(merchant_id: &str, order: &Order) -> Fields {
    let terms = &order.terms;
    let (status, paid_at) = match (order.state, order.charges.first()) {
        (State::NotEstablished, _) => (NOT_ESTABLISHED, String::new()),
        (State::Pending, _) | (_, None) => ("0", String::new()),
        (_, Some(first)) => (PAID, taipei_text(first.at)),
    };
    let mut fields = custom_fields(order);
    fields.extend([
        field("HandlingCharge", fee(terms.amount)),
        field("ItemName", &terms.item_name),
        field("MerchantID", merchant_id),
        field("MerchantTradeNo", &terms.merchant_trade_no),
        field("PaymentDate", paid_at),
        field("PaymentType", "Credit_CreditCard"),
        field("PaymentTypeChargeFee", fee(terms.amount)),
        field("StoreID", &terms.store_id),
        field("TradeAmt", terms.amount.to_string()),
        field("TradeDate", taipei_text(order.created_at)),
        field("TradeNo", &order.trade_no),
        field("TradeStatus", status),
    ]);
    if let Some(first) = order.charges.first() {
        fields.extend(extra_fields(order, first));
    }
    fields
}

fn nothing(merchant_id: &str, number: &str, status: &str) -> Fields {
    vec![
        field("CustomField1", ""),
        field("CustomField2", ""),
        field("CustomField3", ""),
        field("CustomField4", ""),
        field("HandlingCharge", "0"),
        field("ItemName", ""),
        field("MerchantID", merchant_id),
        field("MerchantTradeNo", number),
        field("PaymentDate", ""),
        field("PaymentType", ""),
        field("PaymentTypeChargeFee", "0"),
        field("StoreID", ""),
        field("TradeAmt", "0"),
        field("TradeDate", ""),
        field("TradeNo", ""),
        field("TradeStatus", status),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecpay::test_support::{NUMBER, at, ecpay, order_body, request_at};

    const NOW: &str = "2026-01-05T10:00:00+08:00";

    fn status(ecpay: &mut Ecpay, now: &str) -> String {
        let body = request_at(&[], at(now).timestamp());
        let reply = ecpay.query_trade(&body, at(now));
        let fields: Fields =
            reply.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| field(name, value)).collect();
        assert_eq!(value(&fields, "CheckMacValue"), ecpay.merchant.mac(&fields));
        value(&fields, "TradeStatus").to_owned()
    }

    fn ordered_with(outcome: &str) -> Ecpay {
        let mut ecpay = ecpay();
        ecpay.set_next_outcomes(NUMBER, vec![outcome.into()]);
        ecpay.checkout(&order_body(), at(NOW)).unwrap();
        ecpay
    }

    #[test]
    fn the_status_follows_the_first_charge() {
        assert_eq!(status(&mut ecpay(), NOW), "10200047");
        assert_eq!(status(&mut ordered_with("1"), NOW), "1");
        assert_eq!(status(&mut ordered_with("10100248"), NOW), "10200095");
        let mut pending = ordered_with("10300066");
        assert_eq!(status(&mut pending, NOW), "0");
        pending.advance(at("2026-01-05T10:30:00+08:00"));
        assert_eq!(status(&mut pending, "2026-01-05T10:30:00+08:00"), "1");
    }
}
