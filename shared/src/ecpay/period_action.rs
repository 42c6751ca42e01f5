//! CreditCardPeriodAction (<https://developers.ecpay.com.tw/?p=2900>): retries a failed charge, or cancels an order.
//!
//! Not to be confused with `CreditDetail/DoAction`, whose `R` is a refund.

use crate::domain::values::ids::{MerchantId, SubscriptionId};
use crate::domain::values::time::Timestamp;

use crate::ecpay::check_mac_value::{FIELD, HashKeys};
use crate::ecpay::order_form::{request, sign};

/// Requested action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodAction {
    /// Retry of the latest failed charge.
    ReAuth,
    /// Cancellation, which cannot be undone.
    Cancel,
}

/// ECPay's verified response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeriodActionReply {
    /// RtnCode 1: accepted. The result of a retry comes later.
    Accepted,
    /// Any other code: not carried out.
    Refused {
        /// ECPay's RtnCode, at most 10 characters.
        rtn_code: String,
    },
}

/// The response cannot be verified, so the outcome of the request is unknown.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the response is not signed by ECPay for this order")]
pub struct NotAReply;

impl PeriodAction {
    const fn name(self) -> &'static str {
        match self {
            Self::ReAuth => "ReAuth",
            Self::Cancel => "Cancel",
        }
    }
}

/// Returns the signed request.
#[must_use]
pub fn period_action_form(
    action: PeriodAction,
    merchant: &MerchantId,
    order: &SubscriptionId,
    wall: Timestamp,
    keys: &HashKeys,
) -> Vec<(String, String)> {
    let mut fields = request(merchant, order, wall);
    fields.push(("Action".to_owned(), action.name().to_owned()));
    sign(fields, keys)
}

/// Parses the response: `k=v` text with unescaped values, so `+` is a plus. A refusal of the request itself has no ids but
/// is signed too.
///
/// # Errors
/// [`NotAReply`] where CheckMacValue or the order does not match.
pub fn parse_period_action(
    body: &str,
    order: &SubscriptionId,
    keys: &HashKeys,
) -> Result<PeriodActionReply, NotAReply> {
    let fields: Vec<(&str, &str)> = body.trim().split('&').filter_map(|pair| pair.split_once('=')).collect();
    let get = |wanted: &str| fields.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    let check_mac_value = get(FIELD).ok_or(NotAReply)?;
    if !keys.sign(fields.iter().copied()).matches(check_mac_value) {
        return Err(NotAReply);
    }
    let rtn_code = get("RtnCode").ok_or(NotAReply)?.to_owned();
    match get("MerchantTradeNo") {
        Some(named) if named == order.as_str() && rtn_code == "1" => Ok(PeriodActionReply::Accepted),
        Some(named) if (named == order.as_str() || named.is_empty()) && rtn_code != "1" => {
            // It is stored and shown to staff, so it is cut to the length of ECPay's codes.
            Ok(PeriodActionReply::Refused { rtn_code: rtn_code.chars().take(10).collect() })
        }
        _ => Err(NotAReply),
    }
}
