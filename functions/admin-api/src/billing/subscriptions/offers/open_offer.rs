//! Offer that a customer makes on the customer page: the same plan and cycle again, with another card.

use shared::domain::billing::subscription::{Status, Subscription};

use crate::api::ApiState;
use crate::billing::subscriptions::create::{store, terms};
use crate::billing::subscriptions::offers::offer::{VALID_HOURS, new_order, refuse_erased, refuse_replaced};
use crate::billing::subscriptions::show::find;
use crate::billing::{checkout, keys, purchase};
use crate::http::context::RequestContext;
use crate::http::idempotency::SentKey;
use crate::http::response::Failure;

/// Code of a refusal after [`MOST_OFFERS`].
pub(crate) const TOO_MANY_OFFERS: &str = "too_many_offers";
/// Most offers for one order and price within the 30 days for which receipts are kept.
const MOST_OFFERS: usize = 30;

/// Offers the customer of an order a new one with the same plan and cycle, and returns the token of its checkout page. An earlier
/// offer at the same price that can still be paid is offered again.
pub(crate) async fn open_offer(
    api: &ApiState,
    source: &Subscription,
    context: &RequestContext,
) -> Result<String, Failure> {
    refuse_erased(source)?;
    refuse_replaced(source)?;
    let now = context.time.logical;
    let terms = terms(api, source.terms.plan.as_str(), source.terms.cycle)?;
    let price = terms.price.dollars();
    let replaces = source.counts_for_user().then(|| source.id.clone());
    let draft = new_order(api, source, terms, replaces, now.plus_hours(i64::from(VALID_HOURS)))?;
    for number in 0..MOST_OFFERS {
        let name = format!("offer-{}-{price}-{number}", source.id);
        let keyed = RequestContext { sent_key: SentKey::own(name.clone()), ..context.clone() };
        let key = keyed.keyed(&name)?;
        let made = keys::earlier(api, key.as_ref()).await?.and_then(|receipt| receipt.subscription);
        let order = match made {
            Some(made) => find(api, made.as_str()).await?.value,
            None => store(api, draft.clone(), context.cause(None, key), context).await?,
        };
        let ends = order.offered_until.filter(|ends| order.status == Status::Pending && *ends > now);
        let fits = (&order.email, order.locale, &order.replaces) == (&draft.email, draft.locale, &draft.replaces);
        if let Some(ends) = ends.filter(|_| fits)
            && purchase::is_open(api, &order).await?
        {
            return checkout::open(api, &order.id, ends).await;
        }
    }
    Err(Failure::conflict(TOO_MANY_OFFERS, "The customer had too many offers; make a payment link."))
}
