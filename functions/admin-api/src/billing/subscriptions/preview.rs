//! Answer of an operation: the subscription after it, or its effect as a dry run finds it.

use serde::Serialize;
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::plan::PlanId;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::Subscription;
use shared::domain::values::time::Timestamp;
use utoipa::ToSchema;

use crate::billing::subscriptions::answer::{ScheduledAction, SubscriptionAnswer};
use crate::billing::subscriptions::names::SubscriptionStatus;

/// Answer of an operation.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum OperationAnswer {
    /// The subscription after the operation.
    Shown(Box<SubscriptionAnswer>),
    DryRun(OperationPreview),
}

/// Answer of a dry run.
#[derive(Serialize, ToSchema)]
pub(crate) struct OperationPreview {
    /// Always true: nothing was stored or requested.
    #[schema(example = true)]
    pub(crate) dry_run: bool,
    pub(crate) would: OperationEffect,
}

/// Effect that the operation would have now.
#[derive(Serialize, ToSchema)]
pub(crate) struct OperationEffect {
    pub(crate) status: SubscriptionStatus,
    /// Plan that the customer may use afterwards.
    #[schema(value_type = String, example = "PRO")]
    pub(crate) plan_id: PlanId,
    /// First instant after the grace period, if it runs afterwards.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-29T02:00:01Z")]
    pub(crate) grace_period_ends_at: Option<Timestamp>,
    /// Next action of the schedule; null if there is none.
    pub(crate) next_action: Option<ScheduledAction>,
    /// History entries that would be added: none if the operation was applied before or changes nothing.
    pub(crate) history: Vec<AddedEntry>,
}

/// History entry that an operation would add.
#[derive(Serialize, ToSchema)]
pub(crate) struct AddedEntry {
    /// English sentence about the operation and its consequence.
    #[schema(example = "staff extended the grace period")]
    pub(crate) what: &'static str,
    #[serde(skip)]
    #[schema(ignore)]
    pub(crate) rule: Rule,
}

impl OperationPreview {
    /// Preview of the order as it would be, and of the rule that would be recorded.
    pub(crate) fn of(order: &Subscription, rule: Option<Rule>, policy: &DunningPolicy) -> Self {
        let would = OperationEffect {
            status: order.status.into(),
            plan_id: order.plan.clone(),
            grace_period_ends_at: order.status.grace_ends_at(),
            next_action: NextAction::of(order, policy).map(Into::into),
            history: rule.into_iter().map(|rule| AddedEntry { what: rule.sentence(), rule }).collect(),
        };
        Self { dry_run: true, would }
    }
}
