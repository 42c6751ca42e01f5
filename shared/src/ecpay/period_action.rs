//! CreditCardPeriodAction: charge a failed period again, or end an order.
//!
//! Not to be confused with `CreditDetail/DoAction`, whose `R` is a refund.

use crate::domain::values::ids::{MerchantId, SubscriptionId};
use crate::domain::values::time::Timestamp;

use crate::ecpay::check_mac_value::{FIELD, HashKeys};
use crate::ecpay::order_form::{request, sign};

/// What is asked of ECPay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodAction {
    /// Charge the latest failed period again.
    ReAuth,
    /// End the order for good.
    Cancel,
}

/// What ECPay answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeriodActionReply {
    /// RtnCode 1: accepted; for a retry the result comes later.
    Accepted,
    /// Any other code: not done.
    Refused {
        /// ECPay's code.
        rtn_code: String,
    },
}

/// The answer cannot be trusted, so nobody knows whether the ask was taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("ECPay's answer is not one that it signed about this order")]
pub struct NotAReply;

impl PeriodAction {
    const fn name(self) -> &'static str {
        match self {
            Self::ReAuth => "ReAuth",
            Self::Cancel => "Cancel",
        }
    }
}

/// The signed request.
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

/// Reads the answer: `k=v` text whose values are not escaped, so that `+` is a plus.
///
/// # Errors
/// [`NotAReply`] when the digest or the order is not the expected one. A refusal of the request itself
/// comes without ids and is signed too.
pub fn parse_period_action(
    body: &str,
    order: &SubscriptionId,
    keys: &HashKeys,
) -> Result<PeriodActionReply, NotAReply> {
    let fields: Vec<(&str, &str)> = body.trim().split('&').filter_map(|pair| pair.split_once('=')).collect();
    let get = |wanted: &str| fields.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    let digest = get(FIELD).ok_or(NotAReply)?;
    if !keys.sign(fields.iter().copied()).matches(digest) {
        return Err(NotAReply);
    }
    let rtn_code = get("RtnCode").ok_or(NotAReply)?.to_owned();
    match get("MerchantTradeNo") {
        Some(named) if named == order.as_str() && rtn_code == "1" => Ok(PeriodActionReply::Accepted),
        Some(named) if (named == order.as_str() || named.is_empty()) && rtn_code != "1" => {
            // It is stored and told, so it is no longer than ECPay's codes are.
            Ok(PeriodActionReply::Refused { rtn_code: rtn_code.chars().take(10).collect() })
        }
        _ => Err(NotAReply),
    }
}
