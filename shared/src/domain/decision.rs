//! A decision: everything that changes together, in one transaction, and why.

use serde::{Deserialize, Serialize};

use super::ids::{EventId, SubscriptionId, UserId};
use super::notification::{Notice, NoticeKind};
use super::payment::{Payment, PaymentReport};
use super::plan::PlanId;
use super::subscription::{NewOrder, OrderEnd, RetryState, Status, Subscription};
use super::time::Timestamp;

/// A stored value and the number its next writer must name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// What was stored.
    pub value: T,
    /// How often it was written.
    pub version: u64,
}

/// What a decision about one order is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The order.
    pub subscription: Versioned<Subscription>,
    /// The order it is to replace, while that has not happened.
    pub replaced: Option<Versioned<Subscription>>,
}

/// Something that happened, as history keeps it: with these and the policy every state can be worked out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// An order was made.
    Ordered(NewOrder),
    /// ECPay reported an authorisation.
    Reported(PaymentReport),
    /// The order was looked at because something was due.
    Reviewed,
    /// A retry was claimed, before ECPay was asked.
    RetryAsked,
    /// What became of that ask.
    RetryAnswered(RetryState),
    /// A cancel was claimed, before ECPay was asked.
    CancelAsked,
    /// A query showed that ECPay will charge no more.
    OrderEnded(OrderEnd),
    /// A query of an order brought nothing new.
    Checked,
    /// A query showed a running order without the charge that was due.
    UnchargedSeen,
    /// Another order's first success took this one's place.
    SupersededBy(SubscriptionId),
    /// Staff lengthened the grace period.
    GraceExtended {
        /// By days of 24 hours.
        days: u32,
    },
}

/// The rule that a decision followed. Its name is what history, logs and tests speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A new order waits for its first charge.
    OrderCreated,
    /// The first charge succeeded: the plan begins.
    FirstChargePaid,
    /// The first authorisation failed: nothing is granted.
    FirstChargeFailed,
    /// ECPay does not know the result yet.
    ResultPending,
    /// A charge succeeded as agreed.
    Renewed,
    /// A success that changes nothing that is known already.
    LateSuccess,
    /// A success ended the arrears.
    ArrearsPaid,
    /// A success brought a downgraded customer back.
    PlanRestored,
    /// A success for an order that is over: money to give back.
    RefundDue,
    /// The first failure: grace began.
    GraceBegan,
    /// The second failure: grace is longer.
    GraceLengthened,
    /// The third failure: the last warning.
    LastWarning,
    /// A failure that changes neither grace nor mails.
    FailureRecorded,
    /// The sixth failure: ECPay ends the order.
    SixthFailure,
    /// Grace ended unpaid.
    GraceEnded,
    /// The charge that was due never came.
    NotCharged,
    /// Staff are told that a charge is late.
    ChargeLate,
    /// ECPay counts a success that it does not show.
    SuccessMissing,
    /// A retry was claimed.
    RetryAsked,
    /// ECPay took the retry.
    RetryAccepted,
    /// ECPay refused the retry.
    RetryRefused,
    /// ECPay was not reached, the retry stays due.
    RetryPostponed,
    /// Nobody knows whether ECPay took the retry.
    RetryUnclear,
    /// A retry brought no charge within a day.
    RetryWithoutResult,
    /// A cancel was claimed.
    CancelAsked,
    /// The customer paid, and the order that was to be cancelled runs on.
    CancelOvertaken,
    /// A query confirmed that the order is over.
    OrderOver,
    /// Access ended with the paid period.
    PaidPeriodEnded,
    /// A pending order was asked about.
    StillPending,
    /// A pending order was never paid.
    OrderExpired,
    /// A new order took this one's place.
    Superseded,
    /// Staff lengthened the grace period.
    GraceExtendedByStaff,
}

/// Who caused a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// ECPay, through a callback or a query's answer.
    Ecpay,
    /// A scheduled task.
    Schedule,
    /// Staff, by the name of their token.
    Staff(String),
}

/// One line of a subscription's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The logical time of the decision.
    pub at: Timestamp,
    /// What came in.
    pub fact: Fact,
    /// The rule that fired.
    pub rule: Rule,
    /// The state before; none for a new order.
    pub from: Option<Status>,
    /// The state after.
    pub to: Status,
    /// Who caused it.
    pub by: Actor,
    /// What staff gave as the reason.
    pub why: Option<String>,
}

/// One subscription as it is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The next state.
    pub next: Subscription,
    /// The version that must still be stored; `None` for a new one.
    pub expected: Option<u64>,
    /// Its line of history.
    pub history: HistoryEntry,
}

/// What a decision does to the user's own item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserChange {
    /// The user.
    pub user: UserId,
    /// The order that `subscription-status` shows from now on, unless another is live.
    pub subscription: SubscriptionId,
    /// The plan and whether the order is live (so that another needs `replaces`); `None` leaves both as they are.
    pub standing: Option<Standing>,
    /// Which orders may be the user's live one now; any other refuses the commit.
    pub guard: UserGuard,
}

/// What the user has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The plan.
    pub plan: PlanId,
    /// Whether the order it comes from is live.
    pub live: bool,
}

/// Which orders may be the user's live one for a commit to go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserGuard {
    /// Any.
    Any,
    /// None, or one of these.
    NoneBut(Vec<SubscriptionId>),
}

/// Proof that an event was applied; what a repeat must agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The event.
    pub event: EventId,
    /// What came with it.
    pub report: PaymentReport,
}

/// Everything that is written together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The order.
    pub change: Change,
    /// The order that it replaces.
    pub replaced: Option<Change>,
    /// The user's plan, where it changes.
    pub user: Option<UserChange>,
    /// The event's receipt, where an event caused it.
    pub receipt: Option<Receipt>,
    /// The payment, where money moved or was refused.
    pub payment: Option<Payment>,
    /// What is told.
    pub notices: Vec<Notice>,
}

/// What to do with a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Write this.
    Apply(Box<Decision>),
    /// It was applied already.
    Repeat,
    /// Set it aside for staff.
    Quarantine(QuarantineReason),
}

/// Why a verified report was set aside instead of applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuarantineReason {
    /// A field the protocol needs is missing or malformed.
    #[error("unusable: {0}")]
    Unusable(String),
    /// No such order here.
    #[error("unknown order")]
    UnknownOrder,
    /// For another merchant.
    #[error("wrong merchant")]
    WrongMerchant,
    /// Not the amount that was agreed.
    #[error("wrong amount: the order says {expected}")]
    WrongAmount {
        /// What was agreed.
        expected: super::money::Twd,
    },
    /// Simulated from ECPay's console.
    #[error("simulated payment")]
    Simulated,
    /// Another authorisation or amount under an event that was applied.
    #[error("conflict: this event was applied with another authorisation or amount")]
    Conflict,
}

impl QuarantineReason {
    /// A short name for counting.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unusable(_) => "unusable",
            Self::UnknownOrder => "unknown_order",
            Self::WrongMerchant => "wrong_merchant",
            Self::WrongAmount { .. } => "wrong_amount",
            Self::Simulated => "simulated",
            Self::Conflict => "conflict",
        }
    }
}

impl Rule {
    /// One sentence for people: what happened and why. The words `payment processed`, `payment failed`,
    /// `grace period` and `downgraded to FREE` are what the older system's staff search for.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::OrderCreated => "ordered; waits for the first charge",
            Self::FirstChargePaid => "payment processed: the first charge succeeded and the plan began",
            Self::FirstChargeFailed => "payment failed: the first authorisation failed, nothing was granted",
            Self::ResultPending => "ECPay does not know the result of this charge yet",
            Self::Renewed => "payment processed: the charge succeeded as agreed",
            Self::LateSuccess => "payment processed: reported late, a newer state is known already",
            Self::ArrearsPaid => "payment processed: the arrears are paid",
            Self::PlanRestored => "payment processed: the plan was restored from FREE",
            Self::RefundDue => "payment processed for an order that is over: a refund is due",
            Self::GraceBegan => "payment failed for the first time: the grace period began",
            Self::GraceLengthened => "payment failed for the second time: the grace period was lengthened once",
            Self::LastWarning => "payment failed for the third time: the customer was warned of the downgrade",
            Self::FailureRecorded => "payment failed: recorded, neither the grace period nor the plan changes",
            Self::SixthFailure => "payment failed for the sixth time: ECPay ends the order",
            Self::GraceEnded => "downgraded to FREE: the grace period ended unpaid",
            Self::NotCharged => "downgraded to FREE: ECPay did not charge within a week of the due day",
            Self::ChargeLate => "no charge came for three days after the due day: staff were told",
            Self::SuccessMissing => "ECPay counts a success that its log does not show",
            Self::RetryAsked => "a retry is asked of ECPay",
            Self::RetryAccepted => "ECPay accepted the retry; its result comes later",
            Self::RetryRefused => "ECPay refused the retry",
            Self::RetryPostponed => "ECPay takes no calls for now; the retry stays due",
            Self::RetryUnclear => "ECPay's answer to the retry was lost; a query will tell",
            Self::RetryWithoutResult => "the retry brought no result within a day",
            Self::CancelAsked => "the order's cancellation is asked of ECPay",
            Self::CancelOvertaken => "paid after the cancellation was asked; ECPay still runs the order, so it goes on",
            Self::OrderOver => "a query confirmed that ECPay will charge this order no more",
            Self::PaidPeriodEnded => "the paid period ended and with it the plan",
            Self::StillPending => "asked ECPay: not paid yet",
            Self::OrderExpired => "not paid within a day: the order was given up",
            Self::Superseded => "a new order took the place of this one",
            Self::GraceExtendedByStaff => "staff lengthened the grace period",
        }
    }
}

impl Decision {
    /// A decision that changes one order and nothing else yet, with its line of history: what came in, which rule
    /// fired, who caused it.
    #[must_use]
    pub fn new(
        before: &Versioned<Subscription>,
        next: Subscription,
        (fact, rule, by): (Fact, Rule, Actor),
        at: Timestamp,
    ) -> Self {
        let history = HistoryEntry { at, fact, rule, from: Some(before.value.status), to: next.status, by, why: None };
        let user = user_change(&before.value, &next);
        let change = Change { next, expected: Some(before.version), history };
        Self { change, replaced: None, user, receipt: None, payment: None, notices: Vec::new() }
    }

    /// The same decision where the user already has `other`, a live order: what this one grants goes to the
    /// user all the same and staff are told; what it takes away leaves the user's plan alone.
    #[must_use]
    pub fn beside(mut self, other: &SubscriptionId, now: Timestamp) -> Self {
        let grants = |user: &UserChange| user.standing.as_ref().is_some_and(|now| now.live && !now.plan.is_free());
        if let Some(user) = self.user.take().filter(grants) {
            let notice = Notice::about(&self.change.next, NoticeKind::SecondLiveOrder, other.as_str(), now);
            self.notices.push(notice.with("other", other));
            self.user = Some(UserChange { guard: UserGuard::Any, ..user });
        }
        self
    }
}

/// What the user has once `next` is stored, where that differs from before. An order that was superseded no
/// longer speaks for its user.
fn user_change(before: &Subscription, next: &Subscription) -> Option<UserChange> {
    let same = before.plan == next.plan && before.is_live() == next.is_live();
    if same || next.superseded_by.is_some() {
        return None;
    }
    let mut may_follow = vec![next.id.clone()];
    may_follow.extend(next.replaces.clone());
    Some(UserChange {
        user: next.user.clone(),
        subscription: next.id.clone(),
        standing: Some(Standing { plan: next.plan.clone(), live: next.is_live() }),
        guard: UserGuard::NoneBut(may_follow),
    })
}
