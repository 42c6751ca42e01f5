//! Attempts to pay a purchase. ECPay refuses an order number that was submitted once (10300028), also where the buyer only
//! went back, so that each attempt is an order of its own.

use shared::domain::billing::decide::order::create_attempt;
use shared::domain::billing::decision::DecisionContext;
use shared::domain::billing::payments::unused_part::UnusedPart;
use shared::domain::billing::subscription::{NewOrder, Status, Subscription};
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::platform::random;
use shared::store::Error;
use shared::store::billing::commit::Commit;
use shared::store::retry::{Attempt, retry_on_conflict};

use crate::api::ApiState;
use crate::http::response::Failure;

/// Most orders of one purchase whose forms the checkout page gives out. The description of payment links names it.
const MOST_ATTEMPTS: usize = 20;

/// Answer to a buyer who wants to pay.
#[derive(Debug)]
pub(crate) enum NextForm {
    /// The form of this order.
    Of(Box<Subscription>),
    /// The purchase was paid by this order.
    Paid(SubscriptionId),
    /// The user has this live order, bought otherwise meanwhile.
    LiveOrder(SubscriptionId),
    /// The purchase has been attempted too often.
    TooManyAttempts,
}

/// An unused random id. Ids are unique within a merchant, which several installations may share, and upper case only,
/// because CheckMacValue ignores letter case.
pub(crate) fn new_id() -> Result<SubscriptionId, Failure> {
    let name = random::random_id(18).map_err(|error| Failure::upstream(&error))?;
    SubscriptionId::issue(&name).map_err(|error| Failure::upstream(&error))
}

/// True for an order that was paid, or whose end says that it had been.
pub(crate) const fn is_paid(order: &Subscription) -> bool {
    !matches!(order.status, Status::Pending | Status::Failed)
}

/// True if the purchase of an order was not paid and can be attempted again.
pub(crate) async fn is_open(api: &ApiState, order: &Subscription) -> Result<bool, Failure> {
    let purchase = api.store.billing.purchase(order).await?;
    Ok(purchase.paid.is_none() && purchase.attempts.len() < MOST_ATTEMPTS)
}

/// Gives the buyer an order whose form has not been given out: the purchase's first one, else a new one.
pub(crate) async fn next_form(api: &ApiState, order: &Subscription, now: Timestamp) -> Result<NextForm, Failure> {
    retry_on_conflict("storing an attempt to pay", (), |()| async move {
        let purchase = api.store.billing.purchase(order).await?;
        if let Some(paid) = purchase.paid {
            return Ok(Attempt::Done(NextForm::Paid(paid)));
        }
        // The form of an order that a payment link offers is never given out, so that the order need not expire after a day.
        let is_first = order.purchase.is_none() && order.offered_until.is_none() && purchase.attempts.is_empty();
        if is_first && order.status == Status::Pending {
            let is_noted = api.store.billing.note_first_attempt(&order.id).await?;
            return Ok(if is_noted {
                Attempt::Done(NextForm::Of(Box::new(order.clone())))
            } else {
                Attempt::Conflict(())
            });
        }
        if purchase.attempts.len() >= MOST_ATTEMPTS {
            return Ok(Attempt::Done(NextForm::TooManyAttempts));
        }
        let draft = NewOrder {
            id: new_id()?,
            user: order.user.clone(),
            email: order.email.clone(),
            locale: order.locale,
            merchant: order.merchant.clone(),
            terms: order.terms.clone(),
            replaces: order.replaces.clone(),
            purchase: Some(order.purchase.clone().unwrap_or_else(|| order.id.clone())),
            offered_until: None,
        };
        let decision = create_attempt(draft, purchase.attempts, now);
        let made = decision.change.next.clone();
        Ok(match api.store.billing.commit(decision, None, DecisionContext::new(&api.config.policy, now)).await? {
            Commit::Done => Attempt::Done(NextForm::Of(Box::new(made))),
            Commit::LiveOrderExists(live) => Attempt::Done(NextForm::LiveOrder(live)),
            // Another attempt or a payment came first, or the id is taken.
            Commit::Conflict | Commit::AlreadyApplied(_) => Attempt::Conflict(()),
        })
    })
    .await
}

/// The order under a repeated idempotency key: the one that was made, unless it can no longer be paid.
pub(crate) async fn usable(api: &ApiState, made: Subscription, now: Timestamp) -> Result<Subscription, Failure> {
    if made.erased.is_some() {
        return Err(Failure::conflict("erased", "The customer of the order was erased."));
    }
    if made.status != Status::Failed {
        return Ok(made);
    }
    let purchase = api.store.billing.purchase(&made).await?;
    let newest = match purchase.paid.as_ref().or(purchase.attempts.last()) {
        Some(id) => api.store.billing.subscription(id).await?.map(|order| order.value),
        None => None,
    };
    if let Some(newest) = newest.filter(|order| order.status != Status::Failed) {
        return Ok(newest);
    }
    match next_form(api, &made, now).await? {
        NextForm::Of(order) => Ok(*order),
        NextForm::Paid(live) | NextForm::LiveOrder(live) => Err(live_order(&live)),
        NextForm::TooManyAttempts => Err(Failure::conflict(
            "too_many_attempts",
            format!("The purchase was attempted {MOST_ATTEMPTS} times; create an order with another Idempotency-Key."),
        )),
    }
}

/// True if the order that this one is to replace has a charge whose result is open: the buyer could pay twice.
pub(crate) async fn is_replaced_open(api: &ApiState, order: &Subscription, now: Timestamp) -> Result<bool, Error> {
    let Some(old) = &order.replaces else { return Ok(false) };
    let old = api.store.billing.subscription(old).await?;
    Ok(old.is_some_and(|old| old.value.superseded_by.is_none() && old.value.is_result_open(now)))
}

/// The unused part of what the replaced order had paid, if the new one is paid on that day (Asia/Taipei). None where the order is
/// over or was replaced by another one.
pub(crate) async fn unused_part(
    api: &ApiState,
    replaces: Option<&SubscriptionId>,
    since: LocalDate,
) -> Result<Option<UnusedPart>, Error> {
    let Some(old) = replaces else { return Ok(None) };
    let replaced = api.store.billing.replaced(old, since).await?;
    let Some(replaced) = replaced.filter(|old| old.order.value.counts_for_user()) else { return Ok(None) };
    let parts = replaced.unused_since(since).into_iter().map(|(_, part)| part);
    Ok(Some(parts.fold(UnusedPart::default(), UnusedPart::plus)))
}

/// The refusal of an order beside a live one.
pub(crate) fn live_order(live: &SubscriptionId) -> Failure {
    Failure::conflict(
        "live_order",
        format!("The user has the live order {live}; pass its id as replaces to replace it."),
    )
}
