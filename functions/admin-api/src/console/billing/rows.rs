//! Subscriptions and payments in a row, as lists and pages show them: status, price, next action and amounts.

use shared::domain::billing::payments::payment::{Payment, PaymentOutcome};
use shared::domain::billing::plan::BillingCycle;
use shared::domain::values::money::Twd;
use shared::domain::values::time::Timestamp;

use crate::billing::subscriptions::summary::SubscriptionSummary;
use crate::billing::subscriptions::translations::Language;
use crate::console::page::address;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::billing::BillingWords;
use crate::console::words::names::{OutcomeNames, StatusNames, TaskNames};

/// Subscription in a row.
pub(crate) struct OrderRow {
    pub(crate) id: String,
    pub(crate) user: String,
    /// Address of the user's page.
    pub(crate) user_page: String,
    pub(crate) status: ShownStatus,
    /// Plan that the customer may use now, and the ordered one where it is another.
    pub(crate) plan: String,
    pub(crate) price: String,
    pub(crate) card: String,
    pub(crate) paid_until: String,
    pub(crate) next_action: Option<NextStep>,
}

/// Status of a subscription.
pub(crate) struct ShownStatus {
    pub(crate) name: &'static str,
    /// Class of the status for its colour.
    pub(crate) tone: &'static str,
}

/// Next action of the schedule.
pub(crate) struct NextStep {
    pub(crate) name: &'static str,
    pub(crate) at: Moment,
}

/// Payment in a row.
pub(crate) struct PaymentRow {
    pub(crate) at: Moment,
    pub(crate) amount: String,
    pub(crate) result: String,
    /// Class of the result for its colour.
    pub(crate) tone: &'static str,
    /// ECPay's code and words.
    pub(crate) code: String,
    pub(crate) authorisation: String,
    /// Money that must go back or went back.
    pub(crate) refund: Option<String>,
}

impl OrderRow {
    /// The row of a subscription.
    pub(crate) fn of(visit: &Visit, order: &SubscriptionSummary) -> Self {
        let (language, status) = (visit.language(), order.status.name());
        let is_free = order.plan_id != order.ordered_plan_id;
        Self {
            id: order.id.to_string(),
            user: order.user_id.to_string(),
            user_page: address::below("/console/users", order.user_id.as_str()),
            status: ShownStatus::of(language, status, is_free),
            plan: if is_free {
                format!("{} ({})", order.plan_id, order.ordered_plan_id)
            } else {
                order.plan_id.to_string()
            },
            price: price(language, order.price_twd, order.billing_cycle),
            card: order.card_last4.clone().unwrap_or_default(),
            paid_until: order.current_period_end.map_or_else(String::new, |day| day.to_string()),
            next_action: order.next_action.as_ref().map(|next| NextStep::of(visit, next.kind, next.at)),
        }
    }

    /// Rows of subscriptions.
    pub(crate) fn all(visit: &Visit, orders: &[SubscriptionSummary]) -> Vec<Self> {
        orders.iter().map(|order| Self::of(visit, order)).collect()
    }
}

impl ShownStatus {
    /// The status by its name in the API: after a downgrade an order is active on FREE, which says more than `active`.
    pub(crate) fn of(language: Language, status: &'static str, is_free: bool) -> Self {
        let (shown, tone) = match status {
            "active" if is_free => ("downgraded", "bad"),
            "active" => (status, "good"),
            "past_due" | "pending" => (status, "warn"),
            "failed" => (status, "bad"),
            _ => (status, "soft"),
        };
        Self { name: StatusNames::of(language).get(shown).unwrap_or(shown), tone }
    }
}

impl NextStep {
    /// The task of this name at its time.
    pub(crate) fn of(visit: &Visit, task: &'static str, at: Timestamp) -> Self {
        Self { name: TaskNames::of(visit.language()).get(task).unwrap_or(task), at: visit.taipei(at) }
    }
}

impl PaymentRow {
    /// The payment as pages show it.
    pub(crate) fn of(visit: &Visit, payment: &Payment) -> Self {
        let w = BillingWords::of(visit.language());
        let outcome = payment.outcome.as_str();
        let name = OutcomeNames::of(visit.language()).get(outcome).unwrap_or(outcome);
        let result = match payment.outcome {
            PaymentOutcome::Succeeded { number } => format!("{name} (#{number})"),
            PaymentOutcome::Failed | PaymentOutcome::Pending | PaymentOutcome::PaidOutOfBand => name.to_owned(),
        };
        let tone = match payment.outcome {
            PaymentOutcome::Succeeded { .. } | PaymentOutcome::PaidOutOfBand => "good",
            PaymentOutcome::Failed => "bad",
            PaymentOutcome::Pending => "warn",
        };
        let due = payment.refund_due.is_any().then(|| format!("{} {}", w.refund_due, refund_due(visit, payment)));
        let refunded = (!payment.refunded.is_zero()).then(|| format!("{} {}", w.refunded, payment.refunded));
        let refund: Vec<String> = due.into_iter().chain(refunded).collect();
        Self {
            at: visit.taipei(payment.processed_at),
            amount: payment.amount.map_or_else(|| w.unknown_amount.to_owned(), |amount| amount.to_string()),
            result,
            tone,
            code: format!("{} {}", payment.rtn_code, payment.rtn_msg),
            authorisation: payment.gwsr.as_ref().map_or_else(String::new, ToString::to_string),
            refund: (!refund.is_empty()).then(|| refund.join("; ")),
        }
    }
}

/// Price of a period: `NT$899 a month`.
pub(crate) fn price(language: Language, price: Twd, cycle: BillingCycle) -> String {
    let w = BillingWords::of(language);
    let cycle = match cycle {
        BillingCycle::Monthly => w.monthly,
        BillingCycle::Annual => w.annual,
    };
    format!("{price} {cycle}")
}

/// Money of a payment that must go back.
pub(crate) fn refund_due(visit: &Visit, payment: &Payment) -> String {
    let unknown = BillingWords::of(visit.language()).unknown_amount;
    payment.refund_due_twd().map_or_else(|| unknown.to_owned(), |due| due.to_string())
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
