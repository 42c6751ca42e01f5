//! Subscription: the agreed terms, the known charges, and the state derived from them.

mod ordered;
mod status;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::billing::calendar::BillingCalendar;
use crate::domain::billing::dunning::downgrade::Downgrade;
use crate::domain::billing::dunning::notice_state::DunningNoticeState;
use crate::domain::billing::dunning::policy::CHARGE_RESULT_DAYS;
use crate::domain::billing::operations::Pause;
use crate::domain::billing::payments::charge_history::ChargeHistory;
use crate::domain::billing::payments::order_query::OrderQuery;
use crate::domain::billing::payments::timeline::{Timeline, TimelineInput};
use crate::domain::billing::plan::PlanId;
use crate::domain::billing::task::failure::{Backoff, TaskFailure};
use crate::domain::values::ids::{EmailAddress, EventId, GatewayAuthorization, MerchantId, SubscriptionId, UserId};
use crate::domain::values::lookup::Lookup;
use crate::domain::values::money::Twd;
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

pub use self::ordered::{Locale, NewOrder, Terms};
pub use self::status::{Status, StatusKind};

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
    /// Language of ECPay's payment page and of mails.
    pub locale: Locale,
    /// MerchantID under which the order was created.
    pub merchant: MerchantId,
    /// Plan, cycle, price and number of charges.
    pub terms: Terms,
    /// Time of the order's creation.
    pub created_at: Timestamp,
    /// Time at which the order was taken over from another system; `None` for an order made here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_at: Option<Timestamp>,
    /// Order that this one replaces once its first charge succeeds.
    pub replaces: Option<SubscriptionId>,
    /// First order of the same purchase, where this one is a further attempt to pay it.
    #[serde(default)]
    pub purchase: Option<SubscriptionId>,
    /// End of the payment link that offers this order, whose form is never given out: the buyer gets that of a further attempt.
    #[serde(default)]
    pub offered_until: Option<Timestamp>,
    /// Order that replaced this one.
    pub superseded_by: Option<SubscriptionId>,
    /// ProcessDate of the replacing order's first charge; its creation, if a later charge was reported first.
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
    /// Due date of the charge before which staff were notified that the cancellation is unconfirmed.
    #[serde(default)]
    pub unconfirmed_notified_for: Option<LocalDate>,
    /// Set once ECPay makes no further charges for this order.
    pub ended: Option<Ended>,
    /// Due date of the charge whose absence staff were notified of.
    pub missing_charge_notified_for: Option<LocalDate>,
    /// Due date of the annual charge of which the customer was notified.
    #[serde(default)]
    pub charge_announced_for: Option<LocalDate>,
    /// Latest answer of ECPay to a query of this order.
    #[serde(default)]
    pub last_query: Option<OrderQuery>,
    /// Set while queries or requests for the next action bring nothing new.
    #[serde(default)]
    pub backoff: Option<Backoff>,
    /// Amount of a charge that differed from the price and of which staff were notified.
    #[serde(default)]
    pub amount_notified: Option<Twd>,
    /// Set while a task fails for this order.
    #[serde(default)]
    pub task_failure: Option<TaskFailure>,
    /// Time of the erasure of the customer's data. From then on the order grants no plan and sends the customer no
    /// mail, and a further charge must be refunded.
    #[serde(default)]
    pub erased: Option<Timestamp>,
    /// Latest applied events, oldest first; at most [`RECENT_EVENTS_KEPT`].
    pub recent_events: Vec<AppliedEvent>,
}

impl Locale {
    /// All languages.
    pub const ALL: [Self; 2] = [Self::ZhTw, Self::En];

    /// The language's tag (BCP 47), as the API has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZhTw => "zh-TW",
            Self::En => "en",
        }
    }
}

/// Days for which the customer has paid (Asia/Taipei).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaidPeriod {
    /// First day of the period: the due date of the latest charge that succeeded.
    pub from: LocalDate,
    /// Day after the period: the due date of the next charge.
    pub to: LocalDate,
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

/// End of the order as a query showed it: ECPay makes no further charges.
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
    /// Cancelled, or terminated after failed charges: ExecStatus 0.
    Cancelled,
    /// All ordered charges made: ExecStatus 2.
    Finished,
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
            adopted_at: None,
            replaces: order.replaces,
            purchase: order.purchase,
            offered_until: order.offered_until,
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
            unconfirmed_notified_for: None,
            ended: None,
            missing_charge_notified_for: None,
            charge_announced_for: None,
            last_query: None,
            backoff: None,
            amount_notified: None,
            task_failure: None,
            erased: None,
            recent_events: Vec::new(),
        }
    }

    /// Due dates and paid charges of the order. Until the first charge is reported, the day of the order stands in for
    /// its date.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        let input = TimelineInput {
            ordered_on: self.created_at.day(Zone::Taipei),
            cycle: self.terms.cycle,
            log_read_at: self.last_query.map(|query| query.at),
        };
        Timeline::of(&self.charge_history, input)
    }

    /// The order's due dates.
    #[must_use]
    pub fn calendar(&self) -> BillingCalendar {
        self.timeline().calendar
    }

    /// The period that the customer has paid for; `None` before the first successful charge.
    #[must_use]
    pub fn paid_period(&self) -> Option<PaidPeriod> {
        let timeline = self.timeline();
        Some(PaidPeriod { from: timeline.paid_due?, to: timeline.next_due()? })
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

    /// True if the order is among its user's live orders. One whose end is confirmed can still grant the plan until its
    /// paid period ends.
    #[must_use]
    pub fn counts_for_user(&self) -> bool {
        self.is_live() || (!self.plan.is_free() && self.superseded_by.is_none() && self.erased.is_none())
    }

    /// True if the latest failure was known to another system, before the order was taken over.
    #[must_use]
    pub fn is_failure_adopted(&self) -> bool {
        let failed_at = self.charge_history.failures.last().map(|failure| failure.at);
        self.adopted_at.is_some_and(|adopted_at| failed_at.is_some_and(|at| at <= adopted_at))
    }

    /// True if a charge of the last days was reported as pending and no later result is known.
    #[must_use]
    pub fn awaits_result(&self, now: Timestamp) -> bool {
        self.pending_since().is_some_and(|at| now < at.plus_days(CHARGE_RESULT_DAYS))
    }

    /// True while a charge may still succeed that was requested or reported as pending, or that ECPay counts and does not list. A
    /// customer who paid once more could pay twice.
    #[must_use]
    pub fn is_result_open(&self, now: Timestamp) -> bool {
        let has_gap = self.last_query.is_some_and(|query| query.has_gap_at(now));
        self.retry.as_ref().is_some_and(RetryRequest::is_open) || self.awaits_result(now) || has_gap
    }

    /// ProcessDate of the charge that was reported as pending and of which no later result is known.
    #[must_use]
    pub fn pending_since(&self) -> Option<Timestamp> {
        let failed = self.charge_history.failures.last().map(|failure| failure.at);
        let known = self.charge_history.last_paid_at().max(failed).max(self.charge_history.last_refund_due_at);
        let open =
            self.recent_events.iter().filter_map(|seen| seen.event.pending_since()).filter(|at| known < Some(*at));
        open.max()
    }

    /// Values by which the order is found, apart from its number, its user and its payments. None once its customer is
    /// erased.
    #[must_use]
    pub fn lookups(&self) -> BTreeSet<Lookup> {
        if self.erased.is_some() {
            return BTreeSet::new();
        }
        let card = self.charge_history.card_last4.as_deref().map(Lookup::card_last4);
        std::iter::once(Lookup::subscription_email(&self.email)).chain(card).collect()
    }

    /// Records an applied event and drops the oldest beyond [`RECENT_EVENTS_KEPT`].
    pub fn record_event(&mut self, event: AppliedEvent) {
        self.recent_events.push(event);
        let excess = self.recent_events.len().saturating_sub(RECENT_EVENTS_KEPT);
        self.recent_events.drain(..excess);
    }
}
