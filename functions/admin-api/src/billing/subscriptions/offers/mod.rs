//! Offers to the customer of an order: to pay with another card, again after the end, or for another plan.

pub(crate) mod change;
mod offer;
pub(crate) mod open_offer;
pub(crate) mod payment_link;

use crate::http::routes::Routes;

/// Routes of this folder.
pub(crate) fn routes() -> Routes {
    payment_link::routes().merge(change::routes())
}
