//! CreditCardPeriodAction: charge a failed period again, or stop the order.

use chrono::{DateTime, TimeDelta, Utc};

use crate::ecpay::form::{field, reply_text, value};
use crate::ecpay::message::{BAD_ACTION, NOT_FOUND, PAID, STOPPED, WRONG_STATE};
use crate::ecpay::order::{Ask, Charge, Order, State};
use crate::ecpay::simulator::Ecpay;

/// ECPay only accepts a retry; its schedule makes it later.
const RETRY_AFTER: TimeDelta = TimeDelta::hours(1);

struct Reply {
    code: &'static str,
    text: &'static str,
}

const REFUSED: Reply = Reply { code: WRONG_STATE, text: "訂單狀態不符" };

impl Ecpay {
    /// CreditCardPeriodAction; returns the signed reply as it is on the wire.
    pub fn period_action(&mut self, body: &[u8], now: DateTime<Utc>) -> String {
        let Ok(fields) = self.read_request(body, now) else {
            return self.action_reply(&bad_request(), "", "");
        };
        let number = value(&fields, "MerchantTradeNo");
        let order = self.orders.get_mut(number);
        let reply = match (value(&fields, "Action"), order) {
            ("ReAuth", Some(order)) => retry(order, now),
            ("Cancel", Some(order)) => cancel(order, now),
            ("ReAuth" | "Cancel", None) => Reply { code: NOT_FOUND, text: "查無此訂單" },
            _ => return self.action_reply(&bad_request(), "", ""),
        };
        self.action_reply(&reply, &self.merchant.merchant_id, number)
    }

    fn action_reply(&self, reply: &Reply, merchant_id: &str, number: &str) -> String {
        let fields = vec![
            field("RtnCode", reply.code),
            field("RtnMsg", reply.text),
            field("MerchantID", merchant_id),
            field("MerchantTradeNo", number),
        ];
        reply_text(&self.merchant.signed(fields))
    }
}

fn bad_request() -> Reply {
    Reply { code: BAD_ACTION, text: "資料驗證錯誤" }
}

fn retry(order: &mut Order, now: DateTime<Utc>) -> Reply {
    let failed = order.latest().is_some_and(Charge::failed);
    let reply = match order.state {
        State::Cancelled | State::Finished => stopped(),
        State::Running if failed && order.retry_at.is_none() => {
            order.retry_at = Some(now + RETRY_AFTER);
            Reply { code: PAID, text: "已受理重新授權" }
        }
        _ => REFUSED,
    };
    let accepted = reply.code == PAID;
    order.retries_asked.push(Ask { at: now, accepted });
    reply
}

fn cancel(order: &mut Order, now: DateTime<Utc>) -> Reply {
    let reply = match order.state {
        State::Cancelled | State::Finished => stopped(),
        State::Running | State::Paused => {
            order.cancel();
            Reply { code: PAID, text: "停用成功" }
        }
        State::Pending | State::NotEstablished => REFUSED,
    };
    let accepted = reply.code == PAID;
    order.cancels_asked.push(Ask { at: now, accepted });
    reply
}

fn stopped() -> Reply {
    Reply { code: STOPPED, text: "訂單已停用" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecpay::test_support::{NUMBER, at, ecpay, ordered, request_at};

    const NOW: &str = "2026-01-06T10:00:00+08:00";

    fn act(ecpay: &mut Ecpay, action: &str) -> String {
        let body = request_at(&[("Action", action)], at(NOW).timestamp());
        ecpay.period_action(&body, at(NOW))
    }

    #[test]
    fn cancelling_is_final() {
        let mut ecpay = ordered("2026-01-05T10:00:00+08:00");
        let reply = act(&mut ecpay, "Cancel");
        let start = format!("RtnCode=1&RtnMsg=停用成功&MerchantID=3002607&MerchantTradeNo={NUMBER}&CheckMacValue=");
        assert!(reply.starts_with(&start), "{reply}");
        assert!(act(&mut ecpay, "Cancel").starts_with("RtnCode=90100149&"));
        assert!(act(&mut ecpay, "ReAuth").starts_with("RtnCode=90100149&"));
        assert_eq!(ecpay.advance(at("2030-01-01T00:00:00Z")), vec![]);
        let view = ecpay.view(NUMBER).unwrap();
        assert_eq!(view["cancels_asked"][1]["accepted"], false);
    }

    #[test]
    fn a_bad_request_is_answered_without_ids_but_signed() {
        let mut ecpay = ecpay();
        let reply = ecpay.period_action(b"MerchantID=3002607", at(NOW));
        assert!(reply.starts_with("RtnCode=10200083&"), "{reply}");
        assert!(reply.contains("&MerchantID=&MerchantTradeNo=&CheckMacValue="));
    }

    #[test]
    fn nothing_to_retry_after_a_success_and_nothing_known_of_others() {
        let mut known = ordered("2026-01-05T10:00:00+08:00");
        assert!(act(&mut known, "ReAuth").starts_with("RtnCode=10200003&"));
        assert!(act(&mut ecpay(), "Cancel").starts_with("RtnCode=10200047&"));
    }
}
