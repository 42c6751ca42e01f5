//! Purchases: the orders that a buyer made for one checkout, of which one is paid.

use crate::domain::billing::decision::{PurchaseChange, PurchaseStep};
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::ids::SubscriptionId;

use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::table::expression::{Condition, Update};
use crate::store::table::keys::Key;
use crate::store::table::record::SCHEMA;
use crate::store::table::{Item, keys, number, text, text_in};

/// Attribute with the ids of the orders as JSON text, so that a condition compares the whole list.
const ATTEMPTS: &str = "attempts";
/// Attribute with the id of the order that was paid.
const PAID: &str = "paid";

/// A purchase as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purchase {
    /// Orders whose form the buyer was given on the checkout page, oldest first.
    pub attempts: Vec<SubscriptionId>,
    /// The order that was paid.
    pub paid: Option<SubscriptionId>,
}

/// The purchase's part of a decision's transaction, for the order `id`. It is refused where the purchase was paid or has
/// other attempts.
pub(in crate::store) fn update(change: &PurchaseChange, id: &SubscriptionId) -> Update {
    let update = Update::of(keys::purchase(&change.purchase)).set("schema", number(SCHEMA));
    match &change.step {
        PurchaseStep::Paid => update.set(PAID, text(id.as_str())).when(Condition::absent(PAID)),
        PurchaseStep::Attempted(before) => {
            let mut attempts = before.clone();
            attempts.push(id.clone());
            attempted(update, before, &attempts)
        }
    }
}

fn attempted(update: Update, before: &[SubscriptionId], attempts: &[SubscriptionId]) -> Update {
    let unchanged =
        if before.is_empty() { Condition::absent(ATTEMPTS) } else { Condition::text_is(ATTEMPTS, encoded(before)) };
    update.set(ATTEMPTS, text(encoded(attempts))).when(unchanged.and(Condition::absent(PAID)))
}

fn encoded(orders: &[SubscriptionId]) -> String {
    serde_json::json!(orders).to_string()
}

/// Key of the purchase to which an order belongs.
pub(super) fn key_of(order: &Subscription) -> Key {
    keys::purchase(order.purchase.as_ref().unwrap_or(&order.id))
}

/// The purchase of an item.
pub(super) fn read(item: &Item) -> Purchase {
    let attempts = text_in(item, ATTEMPTS).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    Purchase { attempts, paid: text_in(item, PAID).and_then(|id| SubscriptionId::parse(id).ok()) }
}

impl Billing {
    /// Returns the purchase to which an order belongs; an empty one until its form was given out or it was paid.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn purchase(&self, order: &Subscription) -> Result<Purchase, Error> {
        let item = self.table.get_item(&key_of(order), "reading a purchase").await?;
        Ok(item.as_ref().map(read).unwrap_or_default())
    }

    /// Notes that the buyer was given the form of a purchase's first order. `false` if the purchase was paid or attempted.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it is unknown whether that was stored.
    pub async fn note_first_attempt(&self, order: &SubscriptionId) -> Result<bool, Error> {
        let update = Update::of(keys::purchase(order)).set("schema", number(SCHEMA));
        self.table.update(attempted(update, &[], std::slice::from_ref(order)), "noting an attempt to pay").await
    }
}
