//! Address to which the button of a mail to a customer leads.

use crate::ecpay::order_form::OrderUrls;

/// Page on which the customer sees and repairs the subscription: with a token the customer's own page, without one the page
/// of the business to which ECPay leads buyers back as well.
#[must_use]
pub fn customer_page(urls: &OrderUrls, token: Option<&str>) -> String {
    match token {
        Some(token) => format!("{}/portal/{token}", urls.api),
        None => format!("{}/billing", urls.frontend),
    }
}
