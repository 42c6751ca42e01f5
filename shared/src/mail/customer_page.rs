//! Addresses to which mails, and links for the business's app, lead a customer.

use crate::ecpay::order_form::OrderUrls;

/// Days for which the address in a mail leads to the customer page.
pub const PAGE_DAYS: i64 = 30;
/// Length of a token in characters: 200 bits.
pub const TOKEN_LENGTH: usize = 40;
/// Token in a mail that staff see: the true one is stored nowhere, for its holder can act as the customer.
pub const MASKED_TOKEN: &str = "***";

/// Address of the customer page with that token.
#[must_use]
pub fn customer_page(urls: &OrderUrls, token: &str) -> String {
    format!("{}/portal/{token}", urls.api)
}

/// Page of the business on which its customers find their subscription, and to which ECPay leads buyers back.
#[must_use]
pub fn business_page(urls: &OrderUrls) -> String {
    format!("{}/billing", urls.frontend)
}
