//! A subscription in one sentence: its state, what happens next, when, and why.

use shared::domain::arrears::Arrears;
use shared::domain::next_action::{ActionKind, NextAction};
use shared::domain::subscription::{Status, Subscription};
use shared::domain::time::Zone;

/// State, next action, its time and reason, for people.
pub(crate) fn explain(order: &Subscription, next: Option<&NextAction>) -> String {
    let state = state(order);
    let next = next.map_or_else(
        || "Nothing happens by itself.".to_owned(),
        |action| {
            let at = action.at.to_local(Zone::Taipei);
            format!("Next, from {at} (Taipei): {}, because {}.", deed(action.kind), action.why)
        },
    );
    format!("{state} {next}")
}

fn state(order: &Subscription) -> String {
    let plan = &order.terms.plan;
    if let Some(newer) = &order.superseded_by {
        return format!("Order {newer} took the place of this one.");
    }
    match (order.status, order.downgrade) {
        (Status::Pending, _) => format!("Ordered {plan}; no payment is known yet."),
        (Status::Failed, _) => "The first payment failed or never came; nothing was granted.".to_owned(),
        (Status::Active, Some(downgrade)) => {
            let since = downgrade.at.to_local(Zone::Taipei);
            format!(
                "On FREE since {since} (Taipei) because of {}; a payment brings {plan} back.",
                downgrade.reason.name()
            )
        }
        (Status::Active, None) => match order.paid_period() {
            Some((_, end)) => format!("Active on {plan}, paid until {end}."),
            None => format!("Active on {plan}."),
        },
        (Status::PastDue { grace_ends_at }, _) => {
            let attempts = Arrears::of(order).map_or(0, |arrears| arrears.attempts);
            let end = grace_ends_at.to_local(Zone::Taipei);
            format!("The latest charge failed {attempts} time(s); {plan} stays until grace ends at {end} (Taipei).")
        }
        (Status::Cancelled, _) => format!("The order is over at ECPay; the customer is on {}.", order.plan),
        (Status::Completed, _) => format!("All ordered charges were made; the customer is on {}.", order.plan),
    }
}

const fn deed(kind: ActionKind) -> &'static str {
    match kind {
        ActionKind::CheckPending | ActionKind::Reconcile => "ECPay is asked what happened",
        ActionKind::Retry => "ECPay is asked to charge again",
        ActionKind::Resume => "dunning goes on",
        ActionKind::EndGrace => "the plan becomes FREE",
        ActionKind::Cancel => "the order is cancelled at ECPay",
    }
}
