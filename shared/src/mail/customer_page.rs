//! Address to which the button of a mail to a customer leads.

use crate::ecpay::order_form::OrderUrls;

/// Days for which the address in a mail leads to the customer page.
pub const PAGE_DAYS: i64 = 30;
/// Length of a token in characters: 200 bits.
pub const TOKEN_LENGTH: usize = 40;
/// Token in a mail that staff see: the true one is stored nowhere, for its holder can act as the customer.
pub const MASKED_TOKEN: &str = "***";

/// Page on which the customer sees and repairs the subscription: with a token the customer page, without one the page of the
/// business to which ECPay leads buyers back as well.
#[must_use]
pub fn customer_page(urls: &OrderUrls, token: Option<&str>) -> String {
    match token {
        Some(token) => format!("{}/portal/{token}", urls.api),
        None => format!("{}/billing", urls.frontend),
    }
}
