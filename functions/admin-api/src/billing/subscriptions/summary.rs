//! A subscription as lists and searches show it.

use serde::Serialize;
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::plan::{BillingCycle, PlanId};
use shared::domain::values::ids::{SubscriptionId, UserId};
use shared::domain::values::money::Twd;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::store::billing::find::subscriptions::ListedSubscription;
use utoipa::ToSchema;

use crate::billing::subscriptions::answer::ScheduledAction;
use crate::billing::subscriptions::names::{OrderCycle, SubscriptionStatus};

/// A subscription in a list; `GET /api/subscriptions/{id}` shows the whole of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionSummary {
    /// MerchantTradeNo of the order at ECPay.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P")]
    pub(crate) id: SubscriptionId,
    /// Customer, as named by the business's app.
    #[schema(value_type = String, example = "user-42")]
    pub(crate) user_id: UserId,
    pub(crate) status: SubscriptionStatus,
    /// Plan that the customer may use now: the ordered one or FREE.
    #[schema(value_type = String, example = "PRO")]
    pub(crate) plan_id: PlanId,
    /// Plan that was ordered.
    #[schema(value_type = String, example = "PRO")]
    pub(crate) ordered_plan_id: PlanId,
    #[schema(value_type = OrderCycle)]
    pub(crate) billing_cycle: BillingCycle,
    /// Price of each charge in TWD.
    #[schema(value_type = u32, example = 899)]
    pub(crate) price_twd: Twd,
    /// Last four digits of the card; null before the first charge.
    #[schema(example = "2222")]
    pub(crate) card_last4: Option<String>,
    /// Day after the paid period (Asia/Taipei): the due date of the next charge.
    #[schema(value_type = Option<String>, format = Date, example = "2025-04-15")]
    pub(crate) current_period_end: Option<LocalDate>,
    /// First instant after the grace period, while it runs.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-22T02:00:01Z")]
    pub(crate) grace_period_ends_at: Option<Timestamp>,
    /// Reason of a downgrade to FREE: `payment_failure`, `not_charged` or `refunded`.
    #[schema(example = "payment_failure")]
    pub(crate) downgrade_reason: Option<&'static str>,
    /// Next action of the schedule; null if there is none.
    pub(crate) next_action: Option<ScheduledAction>,
    #[schema(value_type = String, format = DateTime, example = "2025-02-15T02:00:00Z")]
    pub(crate) created_at: Timestamp,
    /// Time of the latest decision; of one in a run the scheduled time of the run.
    #[schema(value_type = String, format = DateTime, example = "2025-03-15T02:00:00Z")]
    pub(crate) updated_at: Timestamp,
}

impl SubscriptionSummary {
    /// The summary of a subscription under the dunning policy in force.
    pub(crate) fn of(listed: ListedSubscription, policy: &DunningPolicy) -> Self {
        let ListedSubscription { subscription, updated_at } = listed;
        Self {
            status: subscription.status.into(),
            billing_cycle: subscription.terms.cycle,
            price_twd: subscription.terms.price,
            current_period_end: subscription.paid_period().map(|period| period.to),
            grace_period_ends_at: subscription.status.grace_ends_at(),
            downgrade_reason: subscription.downgrade.map(|downgrade| downgrade.reason.name()),
            next_action: NextAction::of(&subscription, policy).map(Into::into),
            created_at: subscription.created_at,
            updated_at,
            id: subscription.id,
            user_id: subscription.user,
            plan_id: subscription.plan,
            ordered_plan_id: subscription.terms.plan,
            card_last4: subscription.charge_history.card_last4,
        }
    }
}
