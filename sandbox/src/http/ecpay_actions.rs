//! Actions on ECPay's orders, for the controls and for the sandbox's page.

use std::sync::Arc;

use shared::ecpay::check_mac_value::HashKeys;
use shared::ecpay::order_form::{OrderUrls, order_form};

use crate::ecpay::{ChargeNow, ConsoleEdit, Ecpay, form_body};
use crate::world::{World, clock, table_inspect};

/// Reason for which an order cannot be paid.
pub(crate) enum NotPaid {
    /// Neither ECPay nor Duekeeper has the order.
    NoOrder,
    /// ECPay refuses the payment.
    Refused(String),
}

impl NotPaid {
    /// Sentence for a person.
    pub(crate) fn reason(self) -> String {
        match self {
            Self::NoOrder => "no such order".to_owned(),
            Self::Refused(reason) => reason,
        }
    }
}

/// Edits an order as ECPay's console does, then sets the rest.
///
/// # Errors
/// The reason for which the console refuses the edit; nothing is changed then.
pub(crate) fn edit(
    world: &World,
    order: &str,
    edit: ConsoleEdit,
    rest: impl FnOnce(&mut Ecpay, chrono::DateTime<chrono::Utc>),
) -> Result<(), String> {
    world.change(|state| {
        let now = state.now;
        state.ecpay.edit(order, edit, now)?;
        rest(&mut state.ecpay, now);
        Ok(())
    })
}

/// Charges an order now, and posts the callbacks: a line for each.
///
/// # Errors
/// The reason for which ECPay does not charge the order.
pub(crate) async fn charge(world: &Arc<World>, order: &str, charge: ChargeNow) -> Result<Vec<String>, String> {
    world.change(|state| {
        let now = state.now;
        state.ecpay.charge_now(order, charge, now)
    })?;
    Ok(clock::deliver(world).await)
}

/// The buyer pays, and the callbacks are posted: a line for each. An order that ECPay has not seen yet is submitted with the
/// form of the checkout page.
pub(crate) async fn pay(world: &Arc<World>, order: &str, rtn_code: Option<String>) -> Result<Vec<String>, NotPaid> {
    let is_known = world.state().ecpay.view(order).is_some();
    let form = if is_known { None } else { form_of(world, order) };
    if !is_known && form.is_none() {
        return Err(NotPaid::NoOrder);
    }
    let paid = world.change(|state| {
        let now = state.now;
        match form {
            Some(form) => state.ecpay.submit(order, &form, rtn_code, now),
            None => state.ecpay.decide_pending(order, rtn_code, now),
        }
    });
    paid.map_err(NotPaid::Refused)?;
    Ok(clock::deliver(world).await)
}

/// The signed form of a stored order, as the checkout page posts it.
fn form_of(world: &World, order: &str) -> Option<Vec<u8>> {
    let order = table_inspect::subscription(world, order)?;
    let urls = OrderUrls { api: world.base_url.clone(), frontend: world.variable("AdminApi", "FRONTEND_URL")? };
    let merchant = world.state().ecpay.merchant().clone();
    let keys = HashKeys::new(merchant.hash_key, merchant.hash_iv);
    Some(form_body(&order_form(&order, &urls, &keys)))
}
