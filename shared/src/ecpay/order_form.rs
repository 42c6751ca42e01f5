//! The order form that the buyer's browser posts to ECPay (AioCheckOut/V5).

use crate::domain::billing::plan::BillingCycle;
use crate::domain::billing::subscription::{Locale, Subscription};
use crate::domain::values::ids::{MerchantId, SubscriptionId};
use crate::domain::values::time::Timestamp;

use crate::ecpay::check_mac_value::{FIELD, HashKeys};
use crate::ecpay::date;

/// ECPay's two environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Test environment; ECPay publishes merchants for it.
    Stage,
    /// Real charges.
    Production,
}

/// Paths on ECPay's payment host.
pub mod path {
    /// Order form that the buyer's browser posts.
    pub const CHECKOUT: &str = "/Cashier/AioCheckOut/V5";
    /// Retry and cancel of a recurring order.
    pub const PERIOD_ACTION: &str = "/Cashier/CreditCardPeriodAction";
    /// Query of an order's charges.
    pub const PERIOD_INFO: &str = "/Cashier/QueryCreditCardPeriodInfo";
}

/// Addresses in an order form.
#[derive(Clone, Debug)]
pub struct OrderUrls {
    /// Base URL of the API, without a slash at the end.
    pub api: String,
    /// Base URL of the business's own pages, without a slash at the end.
    pub frontend: String,
}

impl Environment {
    /// Payment host, without a slash at the end.
    #[must_use]
    pub const fn host(self) -> &'static str {
        match self {
            Self::Stage => "https://payment-stage.ecpay.com.tw",
            Self::Production => "https://payment.ecpay.com.tw",
        }
    }
}

/// Returns the signed fields of an order. They are a pure function of the stored subscription, so the same order always
/// gives the same form.
#[must_use]
pub fn order_form(order: &Subscription, urls: &OrderUrls, keys: &HashKeys) -> Vec<(String, String)> {
    let price = order.terms.price.dollars().to_string();
    let cycle = match order.terms.cycle {
        BillingCycle::Monthly => "月繳",
        BillingCycle::Annual => "年繳",
    };
    let fields = [
        ("MerchantID", order.merchant.to_string()),
        ("MerchantTradeNo", order.id.to_string()),
        ("MerchantTradeDate", date::format(order.created_at)),
        ("PaymentType", "aio".to_owned()),
        ("TotalAmount", price.clone()),
        ("TradeDesc", "訂閱方案".to_owned()),
        ("ItemName", format!("{} 訂閱方案 {cycle}", order.terms.plan)),
        ("ReturnURL", format!("{}/api/webhooks/ecpay-auth", urls.api)),
        ("ChoosePayment", "Credit".to_owned()),
        ("EncryptType", "1".to_owned()),
        ("NeedExtraPaidInfo", "Y".to_owned()),
        ("ClientBackURL", format!("{}/billing", urls.frontend)),
        ("OrderResultURL", format!("{}/api/subscription/result", urls.frontend)),
        ("PeriodAmount", price),
        ("PeriodType", order.terms.cycle.period_type().to_owned()),
        ("Frequency", "1".to_owned()),
        ("ExecTimes", order.terms.exec_times.to_string()),
        ("PeriodReturnURL", format!("{}/api/webhooks/ecpay-billing", urls.api)),
    ];
    let mut fields = fields.map(|(name, value)| (name.to_owned(), value)).to_vec();
    if order.locale == Locale::En {
        fields.push(("Language".to_owned(), "ENG".to_owned()));
    }
    sign(fields, keys)
}

/// Returns the first fields of every server API request. `wall` is the real time, since ECPay accepts a TimeStamp for three
/// minutes.
pub(crate) fn request(merchant: &MerchantId, order: &SubscriptionId, wall: Timestamp) -> Vec<(String, String)> {
    vec![
        ("MerchantID".to_owned(), merchant.to_string()),
        ("MerchantTradeNo".to_owned(), order.to_string()),
        ("TimeStamp".to_owned(), wall.unix().to_string()),
    ]
}

/// Appends CheckMacValue to the fields.
pub(crate) fn sign(mut fields: Vec<(String, String)>, keys: &HashKeys) -> Vec<(String, String)> {
    let check_mac_value = keys.sign(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    fields.push((FIELD.to_owned(), check_mac_value.as_str().to_owned()));
    fields
}
