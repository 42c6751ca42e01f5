//! A subscription as the API shows it.

use serde::Serialize;
use shared::domain::billing::decision::{Actor, HistoryEntry};
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::payments::order_query::{EcpayState, OrderQuery};
use shared::domain::billing::payments::payment::{Payment, PaymentOutcome};
use shared::domain::billing::payments::unused_part::Credit;
use shared::domain::billing::plan::{BillingCycle, PlanId};
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{RetryRequest, RetryState};
use shared::domain::billing::task::Task;
use shared::domain::billing::task::failure::TaskFailure;
use shared::domain::values::ids::{GatewayAuthorization, PaymentId, SubscriptionId, UserId};
use shared::domain::values::money::Twd;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::store::billing::mail_feedback::OrderFeedback;
use shared::store::billing::notices::StoredNotice;
use utoipa::ToSchema;

use crate::billing::notices;
use crate::billing::notices::FeedbackAnswer;
use crate::billing::subscriptions::explanation::Explanation;
use crate::billing::subscriptions::names::{OrderCycle, SubscriptionStatus};
use crate::billing::subscriptions::translations::{Language, why};

/// A subscription with its payments, notices, explanation and one page of its history.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionAnswer {
    /// MerchantTradeNo of the order at ECPay.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P")]
    pub(crate) id: SubscriptionId,
    /// Customer, as named by the business's app.
    #[schema(value_type = String, example = "user-42")]
    pub(crate) user_id: UserId,
    /// Plan that the customer may use now: the ordered one or FREE.
    #[schema(value_type = String, example = "PRO")]
    pub(crate) plan_id: PlanId,
    /// Plan that was ordered.
    #[schema(value_type = String, example = "PRO")]
    pub(crate) ordered_plan_id: PlanId,
    pub(crate) status: SubscriptionStatus,
    #[schema(value_type = OrderCycle)]
    pub(crate) billing_cycle: BillingCycle,
    /// Price of the plan that the customer may use now, in TWD per billing cycle: 0 on FREE.
    #[schema(value_type = u32, example = 899)]
    pub(crate) amount_twd: Twd,
    /// Price of each charge in TWD.
    #[schema(value_type = u32, example = 899)]
    pub(crate) price_twd: Twd,
    /// First day of the paid period (Asia/Taipei); null before the first successful charge.
    #[schema(value_type = Option<String>, format = Date, example = "2025-03-15")]
    pub(crate) current_period_start: Option<LocalDate>,
    /// Day after the paid period (Asia/Taipei): the due date of the next charge.
    #[schema(value_type = Option<String>, format = Date, example = "2025-04-15")]
    pub(crate) current_period_end: Option<LocalDate>,
    /// First instant after the grace period, while it runs.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-22T02:00:01Z")]
    pub(crate) grace_period_ends_at: Option<Timestamp>,
    /// Time since which the customer is on FREE because of `downgrade_reason`.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-22T04:00:00Z")]
    pub(crate) downgraded_at: Option<Timestamp>,
    /// Reason of the downgrade: `payment_failure`, `not_charged` or `refunded`.
    #[schema(example = "payment_failure")]
    pub(crate) downgrade_reason: Option<&'static str>,
    /// Time at which the order was taken over from another system; null for an order made here.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-01-10T02:00:00Z")]
    pub(crate) adopted_at: Option<Timestamp>,
    /// Order that this one replaces once its first charge succeeds.
    #[schema(value_type = Option<String>, example = "DK3W9HV6LD2C7FYG8J4S")]
    pub(crate) replaces: Option<SubscriptionId>,
    /// Order that replaced this one.
    #[schema(value_type = Option<String>, example = "DK5T1ZB8NK6X4MRQ2W7H")]
    pub(crate) superseded_by: Option<SubscriptionId>,
    pub(crate) purchase: SubscriptionPurchase,
    /// Automatic end of a pause of dunning.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-25T02:00:00Z")]
    pub(crate) paused_until: Option<Timestamp>,
    /// Time at which the customer requested the cancellation.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-20T02:00:00Z")]
    pub(crate) cancel_requested_at: Option<Timestamp>,
    pub(crate) last_query: Option<LastQuery>,
    /// Time at which the customer's data was erased.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-05-02T02:00:00Z")]
    pub(crate) erased_at: Option<Timestamp>,
    pub(crate) task_failure: Option<FailingTask>,
    pub(crate) retry: Option<LatestRetry>,
    /// Next action of the schedule; null if there is none.
    pub(crate) next_action: Option<ScheduledAction>,
    pub(crate) explanation: Explanation,
    /// Payments, the earliest ProcessDate first.
    pub(crate) payments: Vec<SubscriptionPayment>,
    /// Report of SES after which the order's address gets no mail until it is changed; null where it gets mail.
    pub(crate) mail_block: Option<FeedbackAnswer>,
    /// Mails about the subscription, oldest first.
    pub(crate) notices: Vec<SubscriptionNotice>,
    /// Up to 100 history entries, oldest first.
    pub(crate) history: Vec<SubscriptionHistoryEntry>,
    /// `after` of the next page of the history; null on the last one.
    #[schema(example = 100)]
    pub(crate) history_next: Option<u64>,
}

/// Purchase of the order: one checkout, which may take several orders until one is paid.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionPurchase {
    /// First order of the purchase.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P")]
    pub(crate) first: SubscriptionId,
    /// Order of the purchase that was paid.
    #[schema(value_type = Option<String>, example = "DK8M2XQ7RT4B9KWZ5N3P")]
    pub(crate) paid_by: Option<SubscriptionId>,
}

/// Latest answer of ECPay to a query of the order.
#[derive(Serialize, ToSchema)]
pub(crate) struct LastQuery {
    /// Logical time of the query.
    #[schema(value_type = String, format = DateTime, example = "2025-03-16T02:00:00Z")]
    pub(crate) at: Timestamp,
    /// State of the order at ECPay: `running`, `stopped`, `finished`, `unpaid`, `declined` or `other`.
    #[schema(value_type = String, example = "running")]
    pub(crate) state: EcpayState,
}

/// Task that fails for this order while it works for others.
#[derive(Serialize, ToSchema)]
pub(crate) struct FailingTask {
    /// Name of the task, as in `next_action`.
    #[schema(value_type = String, example = "reconcile")]
    pub(crate) task: Task,
    /// Time of the first failure.
    #[schema(value_type = String, format = DateTime, example = "2025-03-16T02:00:00Z")]
    pub(crate) since: Timestamp,
    /// Number of failures in a row.
    #[schema(example = 3)]
    pub(crate) attempts: usize,
    /// Time of the next attempt.
    #[schema(value_type = String, format = DateTime, example = "2025-03-16T06:00:00Z")]
    pub(crate) again_at: Timestamp,
    /// True once staff were notified by mail.
    pub(crate) needs_attention: bool,
    /// Latest error, without personal data.
    #[schema(example = "ECPay answered with HTTP status 500")]
    pub(crate) reason: String,
}

/// Latest retry that was requested from ECPay.
#[derive(Serialize, ToSchema)]
pub(crate) struct LatestRetry {
    /// Time just before the request.
    #[schema(value_type = String, format = DateTime, example = "2025-03-16T02:00:00Z")]
    pub(crate) requested_at: Timestamp,
    /// Outcome of the request: `unknown`, `accepted`, `refused`, `not_sent`, `resolved` or `no_result`.
    #[schema(value_type = String, example = "accepted")]
    pub(crate) state: RetryState,
}

/// Action that the schedule takes next for the order.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScheduledAction {
    /// Task: `resume`, `end-grace`, `reconcile`, `check-pending`, `retry` or `cancel`.
    #[schema(example = "retry")]
    pub(crate) kind: &'static str,
    /// Due time; the first scheduled run after it carries the action out.
    #[schema(value_type = String, format = DateTime, example = "2025-03-18T02:00:00Z")]
    pub(crate) at: Timestamp,
    /// Reason, an English clause.
    #[schema(example = "the charge failed and is retried on the days of the policy")]
    pub(crate) why: String,
}

/// Payment of the order, or an attempt at one.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionPayment {
    /// Id of the payment: the order and a key.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P.G13401072")]
    pub(crate) id: PaymentId,
    /// Result: `succeeded`, `failed`, `pending` or `paid_out_of_band`.
    #[schema(example = "succeeded")]
    pub(crate) outcome: &'static str,
    /// Number of a success, 1 for the first charge; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, nullable = false, example = 2)]
    pub(crate) number: Option<u32>,
    /// ECPay's RtnCode, verbatim.
    #[schema(example = "1")]
    pub(crate) rtn_code: String,
    /// ECPay's RtnMsg, verbatim, or the reference of staff.
    #[schema(example = "Succeeded.")]
    pub(crate) rtn_msg: String,
    /// Amount in TWD; null for a success of unknown amount.
    #[schema(value_type = Option<u32>, example = 899)]
    pub(crate) amount_twd: Option<Twd>,
    /// Time of the authorisation.
    #[schema(value_type = String, format = DateTime, example = "2025-03-15T02:00:00Z")]
    pub(crate) process_date: Timestamp,
    /// ECPay's authorisation number; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "13401072")]
    pub(crate) gwsr: Option<GatewayAuthorization>,
    /// True while money of the payment must go back to the customer: all of it, or what is unused of its period.
    pub(crate) refund_due: bool,
    /// TWD that must still go back; null where that is a whole charge of unknown amount.
    #[schema(value_type = Option<u32>, example = 0)]
    pub(crate) refund_due_twd: Option<Twd>,
    /// TWD that went back so far.
    #[schema(value_type = u32, example = 0)]
    pub(crate) refunded_twd: Twd,
}

/// Mail about the subscription.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionNotice {
    /// Id of the notice in the routes of notices.
    #[schema(example = "DK8M2XQ7RT4B9KWZ5N3P.first-payment-failure.2025-03-15")]
    pub(crate) id: String,
    /// Name of the mail's template.
    #[schema(example = "first-payment-failure")]
    pub(crate) kind: &'static str,
    /// State of its sending: `queued`, `claimed`, `sent`, `unclear`, `dead` or `undeliverable`.
    #[schema(example = "sent")]
    pub(crate) state: &'static str,
    /// Bounce or complaint that SES reported after it accepted the mail; null without one.
    pub(crate) feedback: Option<FeedbackAnswer>,
    /// Time of the decision that caused it.
    #[schema(value_type = String, format = DateTime, example = "2025-03-15T02:00:01Z")]
    pub(crate) at: Timestamp,
}

/// Entry of a subscription's history.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionHistoryEntry {
    /// Number of the entry within the subscription, from 1 on.
    #[schema(example = 2)]
    pub(crate) seq: u64,
    /// Logical time of the decision.
    #[schema(value_type = String, format = DateTime, example = "2025-03-15T02:00:00Z")]
    pub(crate) at: Timestamp,
    /// English sentence about the event and its consequence.
    #[schema(example = "payment processed: the recurring charge succeeded")]
    pub(crate) what: &'static str,
    /// Name of the rule that the decision followed.
    #[schema(value_type = String, example = "renewed")]
    pub(crate) rule: Rule,
    /// State before; null for a new order.
    pub(crate) from: Option<SubscriptionStatus>,
    pub(crate) to: SubscriptionStatus,
    /// Actor: `ecpay`, `schedule`, `buyer`, or `staff:` with the name of the token.
    #[schema(example = "staff:support")]
    pub(crate) by: String,
    /// Reason that staff gave.
    #[schema(example = "The customer asked for time.")]
    pub(crate) why: Option<String>,
    /// Refunds due for days that another order took over.
    pub(crate) credits: Vec<HistoryCredit>,
}

/// Refund due for the days of a paid period that another order took over.
#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryCredit {
    /// Payment of which the amount must go back.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P.G13401072")]
    pub(crate) payment_id: PaymentId,
    /// Order that took over.
    #[schema(value_type = String, example = "DK5T1ZB8NK6X4MRQ2W7H")]
    pub(crate) replaced_by: SubscriptionId,
    /// Amount in whole TWD.
    #[schema(value_type = u32, example = 464)]
    pub(crate) amount_twd: Twd,
    /// Unused days of the period.
    #[schema(example = 16)]
    pub(crate) unused_days: u32,
    /// All days of the period.
    #[schema(example = 31)]
    pub(crate) period_days: u32,
}

impl From<OrderQuery> for LastQuery {
    fn from(query: OrderQuery) -> Self {
        Self { at: query.at, state: query.state }
    }
}

impl From<&TaskFailure> for FailingTask {
    fn from(failure: &TaskFailure) -> Self {
        Self {
            task: failure.task,
            since: failure.since,
            attempts: failure.attempts,
            again_at: failure.again_at,
            needs_attention: failure.needs_attention(),
            reason: failure.reason.clone(),
        }
    }
}

impl From<RetryRequest> for LatestRetry {
    fn from(request: RetryRequest) -> Self {
        Self { requested_at: request.requested_at, state: request.state }
    }
}

impl From<NextAction> for ScheduledAction {
    fn from(action: NextAction) -> Self {
        Self { kind: action.kind.as_str(), at: action.at, why: why(Language::En, action.why) }
    }
}

impl From<&Payment> for SubscriptionPayment {
    fn from(payment: &Payment) -> Self {
        let number = match payment.outcome {
            PaymentOutcome::Succeeded { number } => Some(number),
            PaymentOutcome::Failed | PaymentOutcome::Pending | PaymentOutcome::PaidOutOfBand => None,
        };
        Self {
            id: payment.id.clone(),
            outcome: payment.outcome.as_str(),
            number,
            rtn_code: payment.rtn_code.clone(),
            rtn_msg: payment.rtn_msg.clone(),
            amount_twd: payment.amount,
            process_date: payment.processed_at,
            gwsr: payment.gwsr.clone(),
            refund_due: payment.refund_due.is_any(),
            refund_due_twd: payment.refund_due_twd(),
            refunded_twd: payment.refunded,
        }
    }
}

impl SubscriptionNotice {
    /// The notice with SES's report about it.
    pub(crate) fn of(notice: &StoredNotice, feedback: &OrderFeedback) -> Self {
        let (kind, state) = (notice.kind.name(), notice.state.name());
        let feedback = feedback.of(notice).map(FeedbackAnswer::from);
        Self { id: notices::route_id(notice), kind, state, feedback, at: notice.created_at }
    }
}

impl SubscriptionHistoryEntry {
    /// The entry under its number.
    pub(crate) fn of(seq: u64, entry: &HistoryEntry) -> Self {
        let by = match &entry.by {
            Actor::Ecpay | Actor::Schedule | Actor::Buyer => entry.by.name().to_owned(),
            Actor::Staff(name) => format!("staff:{name}"),
        };
        Self {
            seq,
            at: entry.at,
            what: entry.rule.sentence(),
            rule: entry.rule,
            from: entry.from.map(SubscriptionStatus::from),
            to: entry.to.into(),
            by,
            why: entry.why.clone(),
            credits: entry.credits.iter().map(HistoryCredit::from).collect(),
        }
    }
}

impl From<&Credit> for HistoryCredit {
    fn from(credit: &Credit) -> Self {
        Self {
            payment_id: credit.payment.clone(),
            replaced_by: credit.replaced_by.clone(),
            amount_twd: credit.amount,
            unused_days: credit.days,
            period_days: credit.of_days,
        }
    }
}
