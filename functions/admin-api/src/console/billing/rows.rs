//! Subscriptions in a row, as lists, the search and the page of a user show them.

use shared::domain::billing::plan::BillingCycle;
use shared::domain::values::time::Timestamp;

use crate::billing::subscriptions::summary::SubscriptionSummary;
use crate::console::page::address;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::billing::BillingWords;
use crate::console::words::names::{StatusNames, TaskNames};

/// Subscription in a row.
pub(crate) struct OrderRow {
    pub(crate) id: String,
    pub(crate) user: String,
    /// Address of the user's page.
    pub(crate) user_page: String,
    pub(crate) status: &'static str,
    /// Class of the status for its colour.
    pub(crate) tone: &'static str,
    /// Plan that the customer may use now, and the ordered one where it is another.
    pub(crate) plan: String,
    pub(crate) price: String,
    pub(crate) card: String,
    pub(crate) paid_until: String,
    pub(crate) next_action: Option<NextAction>,
}

/// Next action of the schedule in a row.
pub(crate) struct NextAction {
    pub(crate) name: &'static str,
    pub(crate) at: Moment,
}

impl OrderRow {
    /// The row of a subscription.
    pub(crate) fn of(visit: &Visit, order: &SubscriptionSummary) -> Self {
        let (language, status) = (visit.language(), order.status.name());
        let w = BillingWords::of(language);
        let is_free = order.plan_id != order.ordered_plan_id;
        let shown = shown_status(status, is_free);
        let cycle = match order.billing_cycle {
            BillingCycle::Monthly => w.monthly,
            BillingCycle::Annual => w.annual,
        };
        Self {
            id: order.id.to_string(),
            user: order.user_id.to_string(),
            user_page: address::below("/console/users", order.user_id.as_str()),
            status: StatusNames::of(language).get(shown).unwrap_or(shown),
            tone: tone(status, is_free),
            plan: if is_free {
                format!("{} ({})", order.plan_id, order.ordered_plan_id)
            } else {
                order.plan_id.to_string()
            },
            price: format!("{} {cycle}", order.price_twd),
            card: order.card_last4.clone().unwrap_or_default(),
            paid_until: order.current_period_end.map_or_else(String::new, |day| day.to_string()),
            next_action: order.next_action.as_ref().map(|next| NextAction {
                name: TaskNames::of(language).get(next.kind).unwrap_or(next.kind),
                at: visit.taipei(next.at),
            }),
        }
    }

    /// Rows of subscriptions.
    pub(crate) fn all(visit: &Visit, orders: &[SubscriptionSummary]) -> Vec<Self> {
        orders.iter().map(|order| Self::of(visit, order)).collect()
    }
}

/// Cells of a subscription in a CSV file, in the order of [`CSV_COLUMNS`].
pub(crate) fn cells(order: &SubscriptionSummary) -> Vec<String> {
    let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    let next = order.next_action.as_ref();
    vec![
        order.id.to_string(),
        order.user_id.to_string(),
        order.status.name().to_owned(),
        order.plan_id.to_string(),
        order.ordered_plan_id.to_string(),
        order.price_twd.dollars().to_string(),
        order.card_last4.clone().unwrap_or_default(),
        order.current_period_end.map_or_else(String::new, |day| day.to_string()),
        time(order.grace_period_ends_at),
        order.downgrade_reason.unwrap_or_default().to_owned(),
        next.map_or_else(String::new, |next| next.kind.to_owned()),
        time(next.map(|next| next.at)),
        time(Some(order.created_at)),
        time(Some(order.updated_at)),
    ]
}

/// Titles of the columns, which are the API's names.
pub(crate) const CSV_COLUMNS: [&str; 14] = [
    "id",
    "user_id",
    "status",
    "plan_id",
    "ordered_plan_id",
    "price_twd",
    "card_last4",
    "current_period_end",
    "grace_period_ends_at",
    "downgrade_reason",
    "next_action",
    "next_action_at",
    "created_at",
    "updated_at",
];

/// Name of a status for people: after a downgrade an order is active on FREE, which says more than `active`.
pub(crate) fn shown_status(status: &'static str, is_free: bool) -> &'static str {
    if status == "active" && is_free { "downgraded" } else { status }
}

/// Class of a status for its colour.
fn tone(status: &str, is_free: bool) -> &'static str {
    match status {
        "active" if is_free => "bad",
        "active" => "good",
        "past_due" | "pending" => "warn",
        "failed" => "bad",
        _ => "soft",
    }
}
