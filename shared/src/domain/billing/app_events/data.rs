//! Content of events. Without names, addresses and card numbers: an event may end in a log of the app.

use serde::Serialize;

use crate::domain::billing::payments::payment::{DeclineClass, Payment, PaymentOutcomeKind};
use crate::domain::billing::plan::{BillingCycle, PlanId};
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{StatusKind, Subscription};
use crate::domain::values::ids::{PaymentId, SubscriptionId, UserId};
use crate::domain::values::money::Twd;
use crate::domain::values::time::{LocalDate, Timestamp};

/// Content of an event, by the kind of its subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum AppEventData {
    /// Of `payment.*` and `subscription.refund_due`.
    Payment(PaymentData),
    /// Of `user.plan_changed`.
    Plan(PlanData),
    /// Of every other type of a subscription.
    Subscription(SubscriptionData),
    /// Of `test`.
    Test(TestData),
}

/// Subscription after the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubscriptionData {
    /// MerchantTradeNo of the order at ECPay.
    pub subscription_id: SubscriptionId,
    /// Customer, as named by the business's app.
    pub user_id: UserId,
    /// Number of writes of the subscription so far: of two events about it the one with the higher version is newer.
    pub version: u64,
    /// Status, as the API names it.
    pub status: String,
    /// Plan that the order grants now: the ordered one or FREE.
    pub plan_id: PlanId,
    /// Plan that was ordered.
    pub ordered_plan_id: PlanId,
    /// Interval between two charges.
    pub billing_cycle: BillingCycle,
    /// Price of each charge in TWD.
    pub price_twd: Twd,
    /// Day after the paid period (Asia/Taipei).
    pub current_period_end: Option<LocalDate>,
    /// First instant after the grace period, while it runs.
    pub grace_period_ends_at: Option<Timestamp>,
    /// Reason for which the order grants FREE: that of a downgrade, or `period_ended`.
    pub downgrade_reason: Option<String>,
    /// Time at which the customer requested the cancellation.
    pub cancel_requested_at: Option<Timestamp>,
    /// Time at which it became known that ECPay makes no further charges.
    pub ended_at: Option<Timestamp>,
    /// Order that replaced this one.
    pub superseded_by: Option<SubscriptionId>,
    /// Rule that the decision followed, as the history names it.
    pub rule: Rule,
}

/// Payment, or attempt at one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PaymentData {
    /// MerchantTradeNo of the order at ECPay.
    pub subscription_id: SubscriptionId,
    /// Customer, as named by the business's app.
    pub user_id: UserId,
    /// Version of the subscription that the payment led to.
    pub version: u64,
    /// Id of the payment, as the API shows it.
    pub payment_id: PaymentId,
    /// Result: `succeeded`, `failed` or `paid_out_of_band`.
    pub outcome: String,
    /// Amount in TWD; `None` for a success of unknown amount.
    pub amount_twd: Option<Twd>,
    /// Time of the authorisation (UTC).
    pub process_date: Timestamp,
    /// ECPay's RtnCode, verbatim.
    pub rtn_code: String,
    /// Class of a decline; `None` for a payment that succeeded.
    pub decline: Option<DeclineClass>,
    /// TWD that must go back to the customer; `None` where that is a whole charge of unknown amount.
    pub refund_due_twd: Option<Twd>,
}

/// Plan of a user before and after the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanData {
    /// User, as named by the business's app.
    pub user_id: UserId,
    /// Number that grows with each change of the user's plan: of two such events the one with the higher number is newer.
    pub user_version: u64,
    /// Plan before.
    pub previous_plan_id: PlanId,
    /// Plan that the user has now: the best of the live orders.
    pub plan_id: PlanId,
    /// Order of which a change led to this one.
    pub subscription_id: SubscriptionId,
    /// Version of that order.
    pub version: u64,
}

/// Content of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestData {
    /// Name of the token that requested the test.
    pub requested_by: String,
}

impl SubscriptionData {
    /// The subscription as it is stored with that version, by a decision that followed the rule.
    #[must_use]
    pub fn of(order: &Subscription, version: u64, rule: Rule) -> Self {
        let reason = order.downgrade.map(|downgrade| downgrade.reason.name());
        let has_ended = matches!(order.status.kind(), StatusKind::Cancelled | StatusKind::Completed);
        let reason = reason
            .or_else(|| (has_ended && order.plan.is_free() && order.superseded_by.is_none()).then_some("period_ended"));
        Self {
            subscription_id: order.id.clone(),
            user_id: order.user.clone(),
            version,
            status: order.status.name().to_owned(),
            plan_id: order.plan.clone(),
            ordered_plan_id: order.terms.plan.clone(),
            billing_cycle: order.terms.cycle,
            price_twd: order.terms.price,
            current_period_end: order.paid_period().map(|period| period.to),
            grace_period_ends_at: order.status.grace_ends_at(),
            downgrade_reason: reason.map(str::to_owned),
            cancel_requested_at: order.cancel_requested,
            ended_at: order.ended.map(|ended| ended.at),
            superseded_by: order.superseded_by.clone(),
            rule,
        }
    }
}

impl PaymentData {
    /// The payment of an order as it is stored with that version.
    #[must_use]
    pub fn of(order: &Subscription, version: u64, payment: &Payment) -> Self {
        let has_failed = payment.outcome.kind() == PaymentOutcomeKind::Failed;
        let failure = order.charge_history.failures.iter().find(|failure| failure.at == payment.processed_at);
        Self {
            subscription_id: order.id.clone(),
            user_id: order.user.clone(),
            version,
            payment_id: payment.id.clone(),
            outcome: payment.outcome.as_str().to_owned(),
            amount_twd: payment.amount,
            process_date: payment.processed_at,
            rtn_code: payment.rtn_code.clone(),
            decline: failure.filter(|_| has_failed).map(|failure| failure.class),
            refund_due_twd: payment.refund_due_twd(),
        }
    }
}
