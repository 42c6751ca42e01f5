//! Subscription: the agreed terms, the known charges, and the state derived from them.

use serde::{Deserialize, Serialize};

use crate::domain::billing::calendar::BillingCalendar;
use crate::domain::billing::dunning::policy::CHARGE_RESULT_DAYS;
use crate::domain::billing::operations::{AppliedOperation, Pause};
use crate::domain::billing::payments::charge_history::ChargeHistory;
use crate::domain::billing::plan::{BillingCycle, PlanId};
use crate::domain::billing::task_failure::TaskFailure;
use crate::domain::values::ids::{EmailAddress, EventId, GatewayAuthorization, MerchantId, SubscriptionId, UserId};
use crate::domain::values::money::Twd;
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Event ids kept with an order, so that one read detects a repeat.
pub const RECENT_EVENTS_KEPT: usize = 12;

/// Order at ECPay and its customer. Changed only through a [`crate::domain::billing::decision::Decision`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The order's MerchantTradeNo.
    pub id: SubscriptionId,
    /// Customer of the order, named by the business's app.
    pub user: UserId,
    /// Recipient of the order's mails.
    pub email: EmailAddress,
    /// Language of ECPay's payment page.
    pub locale: Locale,
    /// MerchantID under which the order was created.
    pub merchant: MerchantId,
    /// Plan, cycle, price and number of charges.
    pub terms: Terms,
    /// Time of the order's creation.
    pub created_at: Timestamp,
    /// Order that this one replaces once its first charge succeeds.
    pub replaces: Option<SubscriptionId>,
    /// Order that replaced this one.
    pub superseded_by: Option<SubscriptionId>,
    /// ProcessDate of the replacing order's first charge.
    pub superseded_at: Option<Timestamp>,
    /// State of the order; see [`Status`].
    pub status: Status,
    /// Plan that the customer may use now: the ordered plan or FREE.
    pub plan: PlanId,
    /// Set while the customer is downgraded to FREE.
    pub downgrade: Option<Downgrade>,
    /// Charges that ECPay reported.
    pub charge_history: ChargeHistory,
    /// Dunning mails sent for the open episode.
    pub dunning_notice: Option<DunningNoticeState>,
    /// Days added to the grace period of the open episode: by staff, and for the days of a pause.
    pub extra_grace_days: u32,
    /// Set while dunning is paused by staff.
    #[serde(default)]
    pub paused: Option<Pause>,
    /// Latest retry requested from ECPay.
    pub retry: Option<RetryRequest>,
    /// Time at which the customer requested the cancellation.
    #[serde(default)]
    pub cancel_requested: Option<Timestamp>,
    /// Cancellation requested from ECPay.
    pub cancel: Option<CancelRequest>,
    /// Set once ECPay makes no further charges for this order.
    pub ended: Option<Ended>,
    /// Due date of the charge whose absence staff were notified of.
    pub missing_charge_notified_for: Option<LocalDate>,
    /// Time of the latest query of a pending order.
    pub checked_at: Option<Timestamp>,
    /// Set while a task fails for this order.
    #[serde(default)]
    pub task_failure: Option<TaskFailure>,
    /// Time of the erasure of the customer's data. From then on the order grants no plan and sends the customer no
    /// mail, and a further charge must be refunded.
    #[serde(default)]
    pub erased: Option<Timestamp>,
    /// Latest applied events, oldest first; at most [`RECENT_EVENTS_KEPT`].
    pub recent_events: Vec<AppliedEvent>,
    /// Latest keyed operations of staff, oldest first.
    #[serde(default)]
    pub operations: Vec<AppliedOperation>,
}

/// Language of the customer, for ECPay's page. Mails are always bilingual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Locale {
    /// Traditional Chinese (Taiwan).
    #[default]
    #[serde(rename = "zh-TW")]
    ZhTw,
    /// English; ECPay's `Language=ENG`.
    #[serde(rename = "en")]
    En,
}

/// Agreed terms of an order. They never change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Ordered plan, as named in the price table.
    pub plan: PlanId,
    /// Monthly or annual charges.
    pub cycle: BillingCycle,
    /// Amount of each charge in TWD.
    pub price: Twd,
    /// Number of charges ordered (`ExecTimes`).
    pub exec_times: u32,
}

/// State of an order. The plan is a separate field: after a downgrade an order is active on FREE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Created; no charge reported.
    Pending,
    /// Charged as agreed, or on FREE after a downgrade.
    Active,
    /// Latest charge failed; the grace period runs.
    PastDue {
        /// First instant after the grace period.
        grace_ends_at: Timestamp,
    },
    /// Cancellation confirmed by ECPay.
    Cancelled,
    /// All ordered charges made.
    Completed,
    /// First authorisation failed, or not paid within a day.
    Failed,
}

/// Days for which the customer has paid (Asia/Taipei).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaidPeriod {
    /// First day of the period: the due date of the latest charge that succeeded.
    pub from: LocalDate,
    /// Day after the period: the due date of the next charge.
    pub to: LocalDate,
}

/// Downgrade of a customer to FREE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downgrade {
    /// Logical time of the downgrade.
    pub at: Timestamp,
    /// Cause of the downgrade.
    pub reason: DowngradeReason,
}

/// Cause of a downgrade to FREE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DowngradeReason {
    /// Grace period ended unpaid.
    PaymentFailure,
    /// ECPay made no charge within a week of the due date.
    NotCharged,
}

/// Dunning mails sent about the failing charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DunningNoticeState {
    /// Due date of the failing charge.
    pub charge_due: LocalDate,
    /// Number of the latest mail, 1 to 3.
    pub attempt: u8,
    /// Time at which the first mail was queued.
    pub first_notice_at: Timestamp,
}

/// Retry requested from ECPay (ReAuth). No further one is requested while its result is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRequest {
    /// Time of the claim, just before the request.
    pub requested_at: Timestamp,
    /// Outcome of the request as far as known.
    pub state: RetryState,
    /// End of the schedule covered by earlier requests; used again if this request did not reach ECPay.
    pub covered_before: Option<Timestamp>,
}

/// Outcome of a retry request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryState {
    /// Response lost or not stored: ECPay may have accepted. Resolved by query, never by a second request.
    Unknown,
    /// Accepted: ECPay will charge and report the result.
    Accepted,
    /// Rejected by ECPay.
    Refused,
    /// Not processed by ECPay (403): the same retry may be requested later.
    NotSent,
    /// Charge after the request was reported.
    Resolved,
    /// No charge reported within a day of the request.
    NoResult,
}

/// Cancellation requested from ECPay. It takes effect only when a query confirms it; see [`Ended`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// Time of the latest request.
    pub requested_at: Timestamp,
}

/// End of the order: ECPay makes no further charges. Confirmed by query, except for [`OrderEnd::SixFailures`], which is
/// concluded from the number of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Time at which the end became known.
    pub at: Timestamp,
    /// Reason of the end.
    pub how: OrderEnd,
}

/// Reason for which an order ended at ECPay (period query, `ExecStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderEnd {
    /// Cancelled: ExecStatus 0.
    Cancelled,
    /// All ordered charges made: ExecStatus 2.
    Finished,
    /// Terminated by ECPay after six failed charges.
    SixFailures,
}

/// Applied event, with the values that a repeat must match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedEvent {
    /// Identity of the report within the order.
    pub event: EventId,
    /// ECPay's authorisation number, if reported.
    pub gwsr: Option<GatewayAuthorization>,
    /// Amount in TWD, if reported.
    pub amount: Option<Twd>,
}

impl Status {
    /// The state's name in the API: `past_due`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::PastDue { .. } => "past_due",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// The end of the grace period, while it runs.
    #[must_use]
    pub const fn grace_ends_at(self) -> Option<Timestamp> {
        match self {
            Self::PastDue { grace_ends_at } => Some(grace_ends_at),
            Self::Pending | Self::Active | Self::Cancelled | Self::Completed | Self::Failed => None,
        }
    }
}

impl DowngradeReason {
    /// The reason's name in the API, as in the older system: `payment_failure`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentFailure => "payment_failure",
            Self::NotCharged => "not_charged",
        }
    }
}

impl RetryRequest {
    /// The end of the schedule that this and earlier requests cover: later retry days are still to be requested.
    #[must_use]
    pub fn covered_until(&self) -> Option<Timestamp> {
        if self.state == RetryState::NotSent { self.covered_before } else { Some(self.requested_at) }
    }

    /// True while the result of the retry is pending.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        match self.state {
            RetryState::Unknown | RetryState::Accepted => true,
            RetryState::Refused | RetryState::NotSent | RetryState::Resolved | RetryState::NoResult => false,
        }
    }
}

impl Subscription {
    /// A new order, pending its first charge.
    #[must_use]
    pub fn ordered(order: NewOrder, now: Timestamp) -> Self {
        Self {
            id: order.id,
            user: order.user,
            email: order.email,
            locale: order.locale,
            merchant: order.merchant,
            terms: order.terms,
            created_at: now,
            replaces: order.replaces,
            superseded_by: None,
            superseded_at: None,
            status: Status::Pending,
            plan: PlanId::free(),
            downgrade: None,
            charge_history: ChargeHistory::default(),
            dunning_notice: None,
            extra_grace_days: 0,
            paused: None,
            retry: None,
            cancel_requested: None,
            cancel: None,
            ended: None,
            missing_charge_notified_for: None,
            checked_at: None,
            task_failure: None,
            erased: None,
            recent_events: Vec::new(),
            operations: Vec::new(),
        }
    }

    /// The order's due dates. Until the first charge is reported, the day of the order stands in for its date.
    #[must_use]
    pub fn calendar(&self) -> BillingCalendar {
        let anchor = self.charge_history.anchor.unwrap_or_else(|| self.created_at.day(Zone::Taipei));
        BillingCalendar::new(anchor, self.terms.cycle)
    }

    /// The period that the customer has paid for; `None` before the first successful charge.
    #[must_use]
    pub fn paid_period(&self) -> Option<PaidPeriod> {
        let calendar = self.calendar();
        let number = calendar.charge_on(self.charge_history.last_success_at?.day(Zone::Taipei));
        Some(PaidPeriod { from: calendar.due(number), to: calendar.due(number.saturating_add(1)) })
    }

    /// The customer's current price per period: zero on FREE.
    #[must_use]
    pub fn amount(&self) -> Twd {
        if self.plan.is_free() { Twd::ZERO } else { self.terms.price }
    }

    /// True if the order may still be charged or grants access, so that the customer needs no other.
    #[must_use]
    pub fn is_live(&self) -> bool {
        match self.status {
            Status::Active | Status::PastDue { .. } => self.superseded_by.is_none() && self.erased.is_none(),
            Status::Pending | Status::Failed | Status::Cancelled | Status::Completed => false,
        }
    }

    /// True if a charge of the last days was reported as pending and no later result is known.
    #[must_use]
    pub fn awaits_result(&self, now: Timestamp) -> bool {
        let failed = self.charge_history.failures.last().map(|failure| failure.at);
        let known = self.charge_history.last_success_at.max(failed);
        let open =
            self.recent_events.iter().filter_map(|seen| seen.event.pending_since()).filter(|at| known < Some(*at));
        open.max().is_some_and(|at| now < at.plus_days(CHARGE_RESULT_DAYS))
    }

    /// Records an applied event and drops the oldest beyond [`RECENT_EVENTS_KEPT`].
    pub fn record_event(&mut self, event: AppliedEvent) {
        self.recent_events.push(event);
        let excess = self.recent_events.len().saturating_sub(RECENT_EVENTS_KEPT);
        self.recent_events.drain(..excess);
    }
}

/// Data of a new order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// The order's MerchantTradeNo.
    pub id: SubscriptionId,
    /// Customer of the order, named by the business's app.
    pub user: UserId,
    /// Recipient of the order's mails.
    pub email: EmailAddress,
    /// Language of ECPay's payment page.
    pub locale: Locale,
    /// MerchantID under which the order is created.
    pub merchant: MerchantId,
    /// Plan, cycle, price and number of charges.
    pub terms: Terms,
    /// Order that this one replaces once its first charge succeeds.
    pub replaces: Option<SubscriptionId>,
}
