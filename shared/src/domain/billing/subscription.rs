//! A subscription: what was agreed, the facts known about it, and the state that follows from them.

use serde::{Deserialize, Serialize};

use crate::domain::billing::calendar::BillingCalendar;
use crate::domain::billing::charge_history::ChargeHistory;
use crate::domain::billing::operations::{AppliedOperation, Pause};
use crate::domain::billing::plan::{BillingCycle, PlanId};
use crate::domain::billing::policy::CHARGE_RESULT_DAYS;
use crate::domain::billing::task_failure::TaskFailure;
use crate::domain::values::ids::{EmailAddress, EventId, GatewayAuthorization, MerchantId, SubscriptionId, UserId};
use crate::domain::values::money::Twd;
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// How many event ids an item remembers, so that a repeat is seen by one read.
pub const RECENT_EVENTS_KEPT: usize = 12;

/// One order at ECPay and the customer behind it. Changed only through a [`crate::domain::billing::decision::Decision`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The order's MerchantTradeNo.
    pub id: SubscriptionId,
    /// Whose it is.
    pub user: UserId,
    /// Where mail goes.
    pub email: EmailAddress,
    /// The language of ECPay's page.
    pub locale: Locale,
    /// The merchant the order was made under.
    pub merchant: MerchantId,
    /// What was ordered.
    pub terms: Terms,
    /// When the order was made.
    pub created_at: Timestamp,
    /// The order that this one is to replace.
    pub replaces: Option<SubscriptionId>,
    /// The order that has replaced this one.
    pub superseded_by: Option<SubscriptionId>,
    /// When it did: the ProcessDate of the new order's first charge.
    pub superseded_at: Option<Timestamp>,
    /// The state.
    pub status: Status,
    /// What the customer may use now: the ordered plan or FREE.
    pub plan: PlanId,
    /// Set while the customer is on FREE because of us.
    pub downgrade: Option<Downgrade>,
    /// What ECPay did, as far as we know.
    pub charge_history: ChargeHistory,
    /// What the customer was told of the open episode.
    pub dunning_notice: Option<DunningNoticeState>,
    /// Days that staff added to the grace period of the open episode.
    pub extra_grace_days: u32,
    /// Set while staff hold dunning.
    #[serde(default)]
    pub paused: Option<Pause>,
    /// The latest retry asked of ECPay.
    pub retry: Option<RetryRequest>,
    /// When the customer's wish to end the order came.
    #[serde(default)]
    pub cancel_requested: Option<Timestamp>,
    /// The cancel asked of ECPay.
    pub cancel: Option<CancelRequest>,
    /// Set when ECPay will charge this order no more.
    pub ended: Option<Ended>,
    /// The due day for which staff were told that no charge came.
    pub missing_charge_notified_for: Option<LocalDate>,
    /// When a pending order was last asked about.
    pub checked_at: Option<Timestamp>,
    /// Set while a task cannot be done for this order.
    #[serde(default)]
    pub task_failure: Option<TaskFailure>,
    /// Since when the person behind it is erased. From then on nobody is given a plan or told anything by it, and a
    /// charge that comes all the same is to be given back.
    #[serde(default)]
    pub erased: Option<Timestamp>,
    /// The latest events, oldest first.
    pub recent_events: Vec<AppliedEvent>,
    /// The latest operations that staff asked for under a key, oldest first.
    #[serde(default)]
    pub operations: Vec<AppliedOperation>,
}

/// The customer's language. Mails are bilingual whichever it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Locale {
    /// Traditional Chinese.
    #[default]
    #[serde(rename = "zh-TW")]
    ZhTw,
    /// English.
    #[serde(rename = "en")]
    En,
}

/// What was ordered; never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The plan.
    pub plan: PlanId,
    /// How often it is charged.
    pub cycle: BillingCycle,
    /// What each charge costs.
    pub price: Twd,
    /// How many charges were ordered.
    pub exec_times: u32,
}

/// The states. The plan is a separate field: after a downgrade a subscription is active on FREE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Ordered, no charge known.
    Pending,
    /// Charged as agreed, or on FREE after a downgrade.
    Active,
    /// The latest charge failed and grace runs.
    PastDue {
        /// The first instant after the grace period.
        grace_ends_at: Timestamp,
    },
    /// Cancelled at ECPay, which was confirmed.
    Cancelled,
    /// All ordered charges were made.
    Completed,
    /// The first authorisation failed or never came.
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

/// Why and since when a customer is on FREE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downgrade {
    /// When it was decided.
    pub at: Timestamp,
    /// Why.
    pub reason: DowngradeReason,
}

/// Why a customer was put on FREE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DowngradeReason {
    /// Grace ended unpaid.
    PaymentFailure,
    /// ECPay did not charge at all.
    NotCharged,
}

/// What the customer was told about the charge that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DunningNoticeState {
    /// The due day of that charge.
    pub charge_due: LocalDate,
    /// The last stage told, 1 to 3.
    pub stage: u8,
    /// When the first notice was queued.
    pub first_notice_at: Timestamp,
}

/// A retry asked of ECPay (ReAuth). While it is open no other is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRequest {
    /// When it was asked.
    pub asked_at: Timestamp,
    /// What became of it.
    pub state: RetryState,
    /// Until when the asks before it covered the schedule: what counts again should this one never reach ECPay.
    pub covered_before: Option<Timestamp>,
}

/// What became of a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryState {
    /// No clear answer: it may have been taken. Resolved by query, never asked again blindly.
    Unknown,
    /// ECPay took it and will charge.
    Accepted,
    /// ECPay would not take it.
    Refused,
    /// It never reached ECPay (403): the same retry may be asked later.
    NotSent,
    /// A charge made after the ask was reported.
    Resolved,
    /// No charge was reported within a day.
    NoResult,
}

/// A cancel asked of ECPay. It is done only when a query says so, see [`Ended`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// When it was last asked.
    pub asked_at: Timestamp,
}

/// ECPay will charge this order no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When we knew.
    pub at: Timestamp,
    /// How it ended.
    pub how: OrderEnd,
}

/// How an order ended at ECPay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderEnd {
    /// ExecStatus 0.
    Cancelled,
    /// ExecStatus 2: all charges were made.
    Finished,
    /// Six charges failed.
    SixFailures,
}

/// An event that was applied, with what a repeat must agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedEvent {
    /// Its identity.
    pub event: EventId,
    /// Its authorisation.
    pub gwsr: Option<GatewayAuthorization>,
    /// Its amount.
    pub amount: Option<Twd>,
}

impl Status {
    /// The name that the API shows.
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

    /// The end of grace, while it runs.
    #[must_use]
    pub const fn grace_ends_at(self) -> Option<Timestamp> {
        match self {
            Self::PastDue { grace_ends_at } => Some(grace_ends_at),
            Self::Pending | Self::Active | Self::Cancelled | Self::Completed | Self::Failed => None,
        }
    }
}

impl DowngradeReason {
    /// The name that the API shows (the older system's words).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentFailure => "payment_failure",
            Self::NotCharged => "not_charged",
        }
    }
}

impl RetryRequest {
    /// Until when the schedule's days are covered by an ask.
    #[must_use]
    pub fn covered_until(&self) -> Option<Timestamp> {
        if self.state == RetryState::NotSent { self.covered_before } else { Some(self.asked_at) }
    }

    /// Whether its result is still to come.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        match self.state {
            RetryState::Unknown | RetryState::Accepted => true,
            RetryState::Refused | RetryState::NotSent | RetryState::Resolved | RetryState::NoResult => false,
        }
    }
}

impl Subscription {
    /// A new order, not yet paid.
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

    /// The days on which this order is charged. Until the first charge is known it is taken to have been
    /// made on the day of the order.
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

    /// What each period costs the customer now: nothing on FREE.
    #[must_use]
    pub fn amount(&self) -> Twd {
        if self.plan.is_free() { Twd::ZERO } else { self.terms.price }
    }

    /// Whether the user has this subscription and so needs no other: it may still be charged, or gives access.
    #[must_use]
    pub fn is_live(&self) -> bool {
        match self.status {
            Status::Active | Status::PastDue { .. } => self.superseded_by.is_none() && self.erased.is_none(),
            Status::Pending | Status::Failed | Status::Cancelled | Status::Completed => false,
        }
    }

    /// Whether the result of a charge of the last days is open: it was reported as pending, and nothing later is known.
    #[must_use]
    pub fn awaits_result(&self, now: Timestamp) -> bool {
        let failed = self.charge_history.failures.last().map(|failure| failure.at);
        let known = self.charge_history.last_success_at.max(failed);
        let open =
            self.recent_events.iter().filter_map(|seen| seen.event.pending_since()).filter(|at| known < Some(*at));
        open.max().is_some_and(|at| now < at.plus_days(CHARGE_RESULT_DAYS))
    }

    /// Remembers an event, forgetting the oldest.
    pub fn record_event(&mut self, event: AppliedEvent) {
        self.recent_events.push(event);
        let excess = self.recent_events.len().saturating_sub(RECENT_EVENTS_KEPT);
        self.recent_events.drain(..excess);
    }
}

/// What a new order is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// The order's MerchantTradeNo.
    pub id: SubscriptionId,
    /// Whose it is.
    pub user: UserId,
    /// Where mail goes.
    pub email: EmailAddress,
    /// The language of ECPay's page.
    pub locale: Locale,
    /// Under which merchant.
    pub merchant: MerchantId,
    /// What is ordered.
    pub terms: Terms,
    /// The order it is to replace.
    pub replaces: Option<SubscriptionId>,
}
