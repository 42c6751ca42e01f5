//! Texts of mails as the simulated business has them.

use sandbox::world::BUSINESS;
use shared::ecpay::order_form::OrderUrls;
use shared::mail::overrides::Overrides;
use shared::mail::templates::{Brand, Templates};

/// Address of the business's own pages.
pub const SHOP: &str = "https://shop.duekeeper.example";

/// A text without the addresses of customer pages, whose tokens differ in each mail.
pub fn without_link(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("/portal/") {
        let begin = before.rfind("http").unwrap_or(before.len());
        shown.push_str(&before[..begin]);
        shown.push_str("PAGE");
        rest = after.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '*');
    }
    shown + rest
}

/// The default templates of the simulated business.
pub fn templates() -> Templates {
    let urls = OrderUrls { api: "https://api.duekeeper.example".to_owned(), frontend: SHOP.to_owned() };
    Templates::new(Brand { business: BUSINESS.to_owned(), urls }, &Overrides::default()).expect("usable templates")
}
