//! The buyer posts an order form.

pub(super) mod cashier;
mod rules;

use chrono::{DateTime, Utc};

pub use self::rules::Refusal;
use self::rules::read_terms;
use crate::ecpay::charging::Attempt;
use crate::ecpay::form::{MAC_FIELD, parse_form, value};
use crate::ecpay::message::{BAD_MAC, BAD_MERCHANT, BAD_PARAMETER, rtn_msg};
use crate::ecpay::order::{Kind, Order};
use crate::ecpay::simulator::Ecpay;

/// Result page of the first charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutResult {
    /// The merchant's order number.
    pub merchant_trade_no: String,
    /// ECPay's number of the order (TradeNo).
    pub trade_no: String,
    /// Result of the first charge: `1` paid, `10300066` pending, any other failed.
    pub rtn_code: String,
    /// The text beside the code.
    pub rtn_msg: String,
    /// Amount of the charge, in TWD.
    pub amount: u32,
    /// Address of the link back to the shop; empty if the order has none.
    pub client_back_url: String,
    /// Address to which the buyer's browser posts the result; empty if the order has none.
    pub order_result_url: String,
}

impl Ecpay {
    /// The buyer posts the order form (AioCheckOut/V5) and pays; the first period
    /// is charged at once.
    pub fn checkout(&mut self, body: &[u8], now: DateTime<Utc>) -> Result<CheckoutResult, Refusal> {
        let fields = parse_form(body).ok_or_else(|| Refusal::new(BAD_PARAMETER, "Parameter Error: malformed form"))?;
        if value(&fields, "MerchantID") != self.merchant.merchant_id {
            return Err(Refusal::new(BAD_MERCHANT, "MerchantID Error"));
        }
        if value(&fields, MAC_FIELD) != self.merchant.mac(&fields) {
            return Err(Refusal::new(BAD_MAC, "CheckMacValue Error"));
        }
        let terms = read_terms(&fields)?;
        let number = terms.merchant_trade_no.clone();
        if self.orders.contains_key(&number) {
            return Err(Refusal::new("10300028", "MerchantTradeNo already used"));
        }
        let amount = terms.amount;
        let rtn_code = self.next_outcome(&number);
        let result = CheckoutResult {
            merchant_trade_no: number.clone(),
            trade_no: self.numbers.order(now),
            rtn_msg: rtn_msg(&rtn_code).to_owned(),
            rtn_code: rtn_code.clone(),
            amount,
            client_back_url: terms.client_back_url.clone(),
            order_result_url: terms.order_result_url.clone(),
        };
        let order = Order::new(terms, result.trade_no.clone(), now);
        self.orders.insert(number.clone(), order);
        let attempt = Attempt { at: now, kind: Kind::First, rtn_code, amount, simulated: false };
        self.perform(&number, attempt, true);
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecpay::test_support::{NUMBER, at, ecpay, order_body, order_form, sent, signed};

    const NOW: &str = "2026-01-05T10:00:00+08:00";

    fn refused(field: &str, bad: &str) -> String {
        let mut form = order_form();
        form.retain(|(name, _)| name != field);
        form.push((field.into(), bad.into()));
        ecpay().checkout(&signed(form), at(NOW)).unwrap_err().code
    }

    #[test]
    fn a_paid_order_tells_the_return_url_everything() {
        let mut ecpay = ecpay();
        let result = ecpay.checkout(&order_body(), at(NOW)).unwrap();
        assert_eq!((result.rtn_code.as_str(), result.trade_no.len()), ("1", 16));
        let notice = sent(&mut ecpay, NOW);
        for (name, expected) in [
            ("RtnMsg", "交易成功"),
            ("TradeAmt", "899"),
            ("PaymentDate", "2026/01/05 10:00:00"),
            ("card4no", "2222"),
            ("gwsr", "13400001"),
            ("TotalSuccessTimes", "1"),
            ("SimulatePaid", "0"),
        ] {
            assert_eq!(value(&notice, name), expected, "{name}");
        }
        assert_eq!(notice.len(), 17 + 30);
        assert_eq!(value(&notice, MAC_FIELD), ecpay.merchant.mac(&notice));
    }

    #[test]
    fn a_number_is_never_used_twice_even_after_a_failure() {
        let mut ecpay = ecpay();
        ecpay.set_next_outcomes(NUMBER, vec!["10100251".into()]);
        assert_eq!(ecpay.checkout(&order_body(), at(NOW)).unwrap().rtn_code, "10100251");
        assert_eq!(ecpay.checkout(&order_body(), at(NOW)).unwrap_err().code, "10300028");
        assert_eq!(ecpay.view(NUMBER).unwrap()["state"], "not_established");
    }

    #[test]
    fn a_wrong_signature_is_refused() {
        let mut form = order_form();
        form.push((MAC_FIELD.into(), "00".into()));
        let body = crate::ecpay::form::form_body(&form);
        let refusal = ecpay().checkout(&body, at(NOW)).unwrap_err();
        assert_eq!(refusal.to_string(), "10200073 CheckMacValue Error");
    }

    #[test]
    fn every_limit_is_checked() {
        for (name, bad, code) in [
            ("MerchantID", "3002608", "10200051"),
            ("MerchantTradeNo", "DK-1", "10200052"),
            ("MerchantTradeNo", "A12345678901234567890", "10200052"),
            ("MerchantTradeDate", "2026-01-05 10:00:00", "10100050"),
            ("MerchantTradeDate", "2026/1/5 10:00:00", "10100050"),
            ("TotalAmount", "8.99", "10200005"),
            ("PeriodAmount", "900", "10100050"),
            ("PeriodType", "W", "10100050"),
            ("Frequency", "13", "10100050"),
            ("ExecTimes", "1", "10100227"),
            ("ExecTimes", "1000", "10100227"),
            ("EncryptType", "0", "10100050"),
            ("ChoosePayment", "ALL", "10100050"),
            ("ReturnURL", "", "10100050"),
            ("PeriodReturnURL", "ftp://a.example", "10100050"),
            ("CreditInstallment", "3", "10100050"),
            ("CustomField1", &"x".repeat(51), "10100050"),
        ] {
            assert_eq!(refused(name, bad), code, "{name}={bad}");
        }
    }
}
