//! A callback until it is acknowledged.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ecpay::form::{Fields, form_body, value};
use crate::ecpay::merchant::Merchant;
use crate::ecpay::message::PAID;

/// A callback to be posted now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// Its number, for saying how it was answered.
    pub id: u64,
    /// Address that it is posted to.
    pub url: String,
    /// Form with its CheckMacValue, percent-encoded.
    pub body: Vec<u8>,
    /// The order it is about.
    pub merchant_trade_no: String,
    /// Summary of its content in one line, for the timeline.
    pub what: String,
}

/// A callback that was not acknowledged yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::ecpay) struct Notice {
    pub(in crate::ecpay) id: u64,
    pub(in crate::ecpay) url: String,
    pub(in crate::ecpay) fields: Fields,
    pub(in crate::ecpay) merchant_trade_no: String,
    pub(in crate::ecpay) what: String,
    pub(in crate::ecpay) send_at: DateTime<Utc>,
    pub(in crate::ecpay) resends: u32,
    /// Not kept: a send whose answer was lost with the process is made again.
    #[serde(skip)]
    pub(in crate::ecpay) in_flight: bool,
}

impl Notice {
    /// The callback to post now, signed; a re-send says so in RtnMsg, as ECPay does.
    pub(in crate::ecpay) fn callback(&self, merchant: &Merchant) -> Callback {
        let mut fields = self.fields.clone();
        let mut what = self.what.clone();
        if self.resends > 0 {
            let paid = value(&fields, "RtnCode") == PAID;
            for (_, text) in fields.iter_mut().filter(|(name, _)| name == "RtnMsg") {
                *text = if paid { "paid".to_owned() } else { format!("{text}(re-send)") };
            }
            what = format!("{what} (re-send {})", self.resends);
        }
        Callback {
            id: self.id,
            url: self.url.clone(),
            body: form_body(&merchant.signed(fields)),
            merchant_trade_no: self.merchant_trade_no.clone(),
            what,
        }
    }
}
