//! Terms of an order, and its customer.

use serde::{Deserialize, Serialize};

use crate::domain::billing::plan::{BillingCycle, PlanId};
use crate::domain::values::ids::{EmailAddress, MerchantId, SubscriptionId, UserId};
use crate::domain::values::money::Twd;
use crate::domain::values::time::Timestamp;

/// Language of the customer: of ECPay's page, and of mails, whose subjects have both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Locale {
    /// Traditional Chinese (Taiwan).
    #[default]
    #[serde(rename = "zh-TW")]
    ZhTw,
    /// English; ECPay's `Language=ENG`.
    #[serde(rename = "en")]
    En,
}

/// Terms of an order. Staff change price and number of charges in ECPay's console; the price follows when they accept
/// it here, the number of charges when ECPay reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Ordered plan, as named in the price table.
    pub plan: PlanId,
    /// Monthly or annual charges.
    pub cycle: BillingCycle,
    /// Amount of each charge in TWD.
    pub price: Twd,
    /// Number of charges ordered (`ExecTimes`).
    pub exec_times: u32,
    /// TWD per month of the plan in the price table when it was ordered: its rank among the user's plans. `None` for a
    /// plan that was not in the table.
    #[serde(default)]
    pub monthly_price: Option<Twd>,
}

/// Data of a new order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// The order's MerchantTradeNo.
    pub id: SubscriptionId,
    /// Customer of the order, named by the business's app.
    pub user: UserId,
    /// Recipient of the order's mails.
    pub email: EmailAddress,
    /// Language of ECPay's payment page.
    pub locale: Locale,
    /// MerchantID under which the order is created.
    pub merchant: MerchantId,
    /// Plan, cycle, price and number of charges.
    pub terms: Terms,
    /// Order that this one replaces once its first charge succeeds.
    pub replaces: Option<SubscriptionId>,
    /// First order of the same purchase, where this one is a further attempt to pay it.
    #[serde(default)]
    pub purchase: Option<SubscriptionId>,
    /// End of the payment link that offers this order; `None` for any other order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered_until: Option<Timestamp>,
}
