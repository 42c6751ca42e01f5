//! Fixtures of the domain. One file, compiled into the unit tests of `shared`, into its test targets and into `testing`.

#![allow(dead_code, unreachable_pub, reason = "several crates include this file, and each uses a part of it")]

use shared::domain::billing::decision::{Replaced, Versioned};
use shared::domain::billing::plan::{BillingCycle, PriceTable};
use shared::domain::billing::subscription::{Locale, NewOrder, Subscription, Terms};
use shared::domain::values::ids::{EmailAddress, MerchantId, SubscriptionId, UserId};
use shared::domain::values::time::{LocalDate, Timestamp};

/// Merchant that ECPay publishes for tests of period orders.
pub const MERCHANT: &str = "3002607";

/// Parses an instant (RFC 3339).
pub fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Parses an instant as ECPay writes it: `yyyy/MM/dd HH:mm:ss`, Asia/Taipei.
pub fn taipei(text: &str) -> Timestamp {
    instant(&format!("{}+08:00", text.replace('/', "-").replace(' ', "T")))
}

/// Parses a date (`YYYY-MM-DD`).
pub fn day(text: &str) -> LocalDate {
    LocalDate::parse(text).unwrap()
}

/// Plans of the template that are sold: STUDENT, PRO and ENTERPRISE.
pub fn prices() -> PriceTable {
    let table = r#"{"STUDENT":{"monthly":299,"annual":3000},"PRO":{"monthly":899,"annual":8999},"ENTERPRISE":{"monthly":2999,"annual":29999}}"#;
    PriceTable::parse(table).unwrap()
}

/// Terms of the PRO plan.
pub fn pro(cycle: BillingCycle, exec_times: u32) -> Terms {
    let (plan, price) = prices().find("PRO", cycle).unwrap();
    Terms { plan, cycle, price, exec_times, monthly_price: Some(price) }
}

/// A monthly order of PRO with 99 charges, by `user-1` in Chinese. Tests change what they need.
pub fn new_order(id: &str) -> NewOrder {
    NewOrder {
        id: SubscriptionId::parse(id).unwrap(),
        user: UserId::parse("user-1").unwrap(),
        email: EmailAddress::parse("buyer@example.com").unwrap(),
        locale: Locale::ZhTw,
        merchant: MerchantId::parse(MERCHANT).unwrap(),
        terms: pro(BillingCycle::Monthly, 99),
        replaces: None,
        purchase: None,
        offered_until: None,
    }
}

/// An order that is to be replaced and of which no payment is read.
pub fn to_replace(old: &Versioned<Subscription>) -> Option<Replaced> {
    Some(Replaced { order: old.clone(), payments: Vec::new() })
}
