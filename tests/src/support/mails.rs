//! Texts of mails as the simulated business has them.

use sandbox::world::BUSINESS;
use shared::ecpay::order_form::OrderUrls;
use shared::mail::overrides::Overrides;
use shared::mail::templates::{Brand, Templates};

/// Address of the business's own pages.
pub const SHOP: &str = "https://shop.duekeeper.example";

/// The text of a mail without the address of the customer page, whose token differs in each mail.
pub fn without_link(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace);
    words.map(|word| if word.contains("/portal/") { "PAGE " } else { word }).collect()
}

/// The default templates of the simulated business.
pub fn templates() -> Templates {
    let urls = OrderUrls { api: "https://api.duekeeper.example".to_owned(), frontend: SHOP.to_owned() };
    Templates::new(Brand { business: BUSINESS.to_owned(), urls }, &Overrides::default()).expect("usable templates")
}
