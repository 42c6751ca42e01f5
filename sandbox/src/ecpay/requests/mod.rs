//! Checks of every server-to-server request: CheckMacValue, merchant, timestamp.

mod period_action;
mod query_period;
mod query_trade;
pub(in crate::ecpay) mod traffic;

use chrono::{DateTime, Utc};

use crate::ecpay::form::{Fields, MAC_FIELD, parse_form, value};
use crate::ecpay::message::{BAD_MAC, BAD_MERCHANT, BAD_PARAMETER, BAD_TIME};
use crate::ecpay::simulator::Ecpay;

const OLDEST_SECONDS: i64 = 180;

/// ECPay's own samples date requests two minutes ahead.
const AHEAD_SECONDS: i64 = 120;

impl Ecpay {
    /// The fields of a request that is well-formed, ours, signed and fresh; else
    /// the code of what is wrong with it.
    pub(in crate::ecpay) fn read_request(&self, body: &[u8], now: DateTime<Utc>) -> Result<Fields, &'static str> {
        let fields = parse_form(body).ok_or(BAD_PARAMETER)?;
        if value(&fields, "MerchantID") != self.merchant.merchant_id {
            return Err(BAD_MERCHANT);
        }
        if value(&fields, MAC_FIELD) != self.merchant.mac(&fields) {
            return Err(BAD_MAC);
        }
        let stamp: i64 = value(&fields, "TimeStamp").parse().map_err(|_| BAD_TIME)?;
        let age = now.timestamp().saturating_sub(stamp);
        if !(-AHEAD_SECONDS..=OLDEST_SECONDS).contains(&age) {
            return Err(BAD_TIME);
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecpay::test_support::{at, ecpay, request_at};

    #[test]
    fn requests_live_three_minutes_and_may_be_two_early() {
        let now = at("2026-01-05T10:00:00+08:00");
        let read = |seconds: i64| {
            let body = request_at(&[], now.timestamp() + seconds);
            ecpay().read_request(&body, now).err()
        };
        assert_eq!(read(-180), None);
        assert_eq!(read(-181), Some(BAD_TIME));
        assert_eq!(read(120), None);
        assert_eq!(read(121), Some(BAD_TIME));
    }

    #[test]
    fn the_old_keys_stop_working_at_once() {
        let now = at("2026-01-05T10:00:00+08:00");
        let mut ecpay = ecpay();
        let mut merchant = ecpay.merchant().clone();
        merchant.hash_key = "anotherkey".into();
        ecpay.set_merchant(merchant);
        let body = request_at(&[], now.timestamp());
        assert_eq!(ecpay.read_request(&body, now), Err(BAD_MAC));
    }
}
