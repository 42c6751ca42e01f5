//! Offer: a new order for the customer of another one, paid through a checkout page that lives as long as staff chose.

use shared::domain::billing::subscription::{NewOrder, Subscription, Terms};
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::time::Timestamp;

use crate::api::ApiState;
use crate::billing::checkout;
use crate::billing::keys;
use crate::billing::purchase::new_id;
use crate::billing::subscriptions::create::store;
use crate::billing::subscriptions::show::find;
use crate::http::context::RequestContext;
use crate::http::response::Failure;

/// Hours for which a link lets the customer pay, where the request names none.
pub(super) const VALID_HOURS: u32 = 72;

/// Request for an offer.
pub(super) struct OfferRequest {
    /// The whole request as text.
    pub(super) fingerprint: String,
    /// Reason of staff.
    pub(super) why: Option<String>,
    /// True if the offer is shown and nothing is stored.
    pub(super) dry_run: bool,
}

/// Offered order.
pub(super) struct Offered {
    pub(super) order: Subscription,
    /// Address of its checkout page; none of a dry run.
    pub(super) checkout_url: Option<String>,
}

/// Makes the offer of a draft, which is only drawn up where the request is new, and a page for it.
pub(super) async fn offer(
    api: &ApiState,
    request: OfferRequest,
    draft: impl Future<Output = Result<NewOrder, Failure>>,
    context: &RequestContext,
) -> Result<Offered, Failure> {
    let key = context.keyed(&request.fingerprint)?;
    let now = context.time.logical;
    // The key comes first: the order may have been replaced through the offer since.
    let order = match keys::earlier(api, key.as_ref()).await? {
        Some(receipt) => {
            let offered = receipt.subscription.ok_or_else(|| Failure::defect("a key's receipt names no order"))?;
            let offered = find(api, offered.as_str()).await?.value;
            refuse_erased(&offered)?;
            offered
        }
        None => {
            let draft = draft.await?;
            if request.dry_run {
                return Ok(Offered { order: Subscription::ordered(draft, now), checkout_url: None });
            }
            store(api, draft, context.cause(request.why, key), context).await?
        }
    };
    if request.dry_run {
        return Ok(Offered { order, checkout_url: None });
    }
    let token = checkout::open(api, &order.id, order.offered_until.unwrap_or(now)).await?;
    let checkout_url = Some(format!("{}/checkout/{token}", api.config.urls.api));
    Ok(Offered { order, checkout_url })
}

/// The order that is offered to the customer of `source`.
pub(super) fn new_order(
    api: &ApiState,
    source: &Subscription,
    terms: Terms,
    replaces: Option<SubscriptionId>,
    until: Timestamp,
) -> Result<NewOrder, Failure> {
    Ok(NewOrder {
        id: new_id()?,
        user: source.user.clone(),
        email: source.email.clone(),
        locale: source.locale,
        merchant: api.config.ecpay.merchant.clone(),
        terms,
        replaces,
        purchase: None,
        offered_until: Some(until),
    })
}

/// Refuses an order whose customer was erased, also since the request was made first.
pub(super) fn refuse_erased(order: &Subscription) -> Result<(), Failure> {
    match order.erased {
        Some(_) => Err(Failure::conflict("erased", "The customer was erased.")),
        None => Ok(()),
    }
}

/// Refuses an order for which another one is in force.
pub(super) fn refuse_replaced(order: &Subscription) -> Result<(), Failure> {
    match &order.superseded_by {
        Some(newer) => {
            let message = format!("The order was replaced by {newer}; make the request for that one.");
            Err(Failure::conflict("already_replaced", message))
        }
        None => Ok(()),
    }
}
