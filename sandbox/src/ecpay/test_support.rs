//! Fixtures of the tests of the ECPay simulator.

use chrono::{DateTime, Utc};

use super::form::{Fields, field, form_body, parse_form};
use super::merchant::Merchant;
use super::simulator::Ecpay;

pub(super) const NUMBER: &str = "DK20260105A0001";

pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(super) fn ecpay() -> Ecpay {
    Ecpay::new(Merchant {
        merchant_id: "3002607".into(),
        hash_key: "pwFHCqoQZGmho4w6".into(),
        hash_iv: "EkRm7iFT261dpevs".into(),
    })
}

pub(super) fn order_form() -> Fields {
    vec![
        field("MerchantID", "3002607"),
        field("MerchantTradeNo", NUMBER),
        field("MerchantTradeDate", "2026/01/05 10:00:00"),
        field("PaymentType", "aio"),
        field("TotalAmount", "899"),
        field("TradeDesc", "subscription"),
        field("ItemName", "PRO 月繳"),
        field("ReturnURL", "https://pay.example/return"),
        field("ChoosePayment", "Credit"),
        field("EncryptType", "1"),
        field("PeriodAmount", "899"),
        field("PeriodType", "M"),
        field("Frequency", "1"),
        field("ExecTimes", "99"),
        field("PeriodReturnURL", "https://pay.example/period"),
        field("NeedExtraPaidInfo", "Y"),
    ]
}

pub(super) fn signed(form: Fields) -> Vec<u8> {
    form_body(&ecpay().merchant().signed(form))
}

pub(super) fn order_body() -> Vec<u8> {
    signed(order_form())
}

/// A simulator with one paid order whose notice was acknowledged.
pub(super) fn ordered(now: &str) -> Ecpay {
    let mut ecpay = ecpay();
    ecpay.checkout(&order_body(), at(now)).unwrap();
    sent(&mut ecpay, now);
    ecpay
}

pub(super) fn request_at(extra: &[(&str, &str)], stamp: i64) -> Vec<u8> {
    let mut form =
        vec![field("MerchantID", "3002607"), field("MerchantTradeNo", NUMBER), field("TimeStamp", stamp.to_string())];
    form.extend(extra.iter().map(|(name, value)| field(name, *value)));
    signed(form)
}

/// Takes the one callback due and acknowledges it.
pub(super) fn sent(ecpay: &mut Ecpay, now: &str) -> Fields {
    let callbacks = ecpay.take_due_callbacks(at(now));
    assert_eq!(callbacks.len(), 1);
    let callback = callbacks.first().unwrap();
    ecpay.callback_answered(callback.id, true, at(now));
    parse_form(&callback.body).unwrap()
}
