//! What is told to whom. A notice is written together with the change that caused it and sent later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::billing::subscription::Subscription;
use crate::domain::values::ids::{EmailAddress, NotificationId};
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Everything Duekeeper says by mail. Texts stand in `templates/`, one file each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// To the customer: a charge failed, grace began (medium).
    FirstPaymentFailure,
    /// To the customer: it failed again (high).
    SecondPaymentFailure,
    /// To the customer: it failed a third time, FREE is next (critical).
    FinalPaymentFailure,
    /// To the customer: the plan is now FREE.
    Downgraded,
    /// To the customer: the order is over and so is the paid period.
    PlanEnded,
    /// To the customer: paid, the plan is as before.
    Recovered,
    /// To staff: money came for an order that was already over.
    RefundDue,
    /// To staff: ECPay runs an order but did not charge it.
    Uncharged,
    /// To staff: a user pays for two orders.
    SecondLiveOrder,
    /// To staff: what was set aside in a day.
    QuarantineDigest,
    /// To staff: one report about an order of ours was set aside.
    Quarantined,
    /// To the customer: the order that they wished to end is over.
    CancelConfirmed,
    /// To staff: a task cannot be done for an order.
    NeedsAttention,
    /// To staff: Slack takes no digest of institutions, or nobody knows whether it did.
    SlackRefused,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// The customer, at this address.
    Customer(EmailAddress),
    /// The staff's address, from the configuration.
    Staff,
}

/// What became of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// Waits for its time.
    Queued,
    /// Somebody is sending it, until the lease ends.
    Claimed,
    /// The provider took it.
    Sent,
    /// Nobody knows whether it was sent; not repeated.
    Unclear,
    /// Given up.
    Dead,
}

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its identity: one fact, one notice.
    pub id: NotificationId,
    /// What is told.
    pub kind: NoticeKind,
    /// Whom.
    pub to: Recipient,
    /// The values of the template's variables.
    pub fields: BTreeMap<String, String>,
    /// When it was decided.
    pub created_at: Timestamp,
}

impl NoticeKind {
    /// The name used in ids, in logs and as the template's file name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstPaymentFailure => "first-payment-failure",
            Self::SecondPaymentFailure => "second-payment-failure",
            Self::FinalPaymentFailure => "final-payment-failure",
            Self::Downgraded => "downgraded",
            Self::PlanEnded => "plan-ended",
            Self::Recovered => "recovered",
            Self::RefundDue => "refund-due",
            Self::Uncharged => "uncharged",
            Self::SecondLiveOrder => "second-live-order",
            Self::QuarantineDigest => "quarantine-digest",
            Self::Quarantined => "quarantined",
            Self::CancelConfirmed => "cancel-confirmed",
            Self::NeedsAttention => "needs-attention",
            Self::SlackRefused => "slack-refused",
        }
    }

    const fn is_for_staff(self) -> bool {
        match self {
            Self::RefundDue
            | Self::Uncharged
            | Self::SecondLiveOrder
            | Self::QuarantineDigest
            | Self::Quarantined
            | Self::NeedsAttention
            | Self::SlackRefused => true,
            Self::FirstPaymentFailure
            | Self::SecondPaymentFailure
            | Self::FinalPaymentFailure
            | Self::Downgraded
            | Self::PlanEnded
            | Self::Recovered
            | Self::CancelConfirmed => false,
        }
    }

    /// The mail of a stage of dunning; the fourth failure sends none.
    #[must_use]
    pub const fn of_stage(stage: u8) -> Option<Self> {
        match stage {
            1 => Some(Self::FirstPaymentFailure),
            2 => Some(Self::SecondPaymentFailure),
            3 => Some(Self::FinalPaymentFailure),
            _ => None,
        }
    }
}

impl NoticeState {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Claimed => "claimed",
            Self::Sent => "sent",
            Self::Unclear => "unclear",
            Self::Dead => "dead",
        }
    }
}

impl Notice {
    /// A notice about `subscription`, told once for each `occasion` (a due day, an event).
    #[must_use]
    pub fn about(subscription: &Subscription, kind: NoticeKind, occasion: &str, now: Timestamp) -> Self {
        let to = if kind.is_for_staff() { Recipient::Staff } else { Recipient::Customer(subscription.email.clone()) };
        let fields = BTreeMap::from([
            ("subscription".to_owned(), subscription.id.to_string()),
            ("plan".to_owned(), subscription.terms.plan.to_string()),
            ("amount".to_owned(), subscription.terms.price.to_string()),
        ]);
        Self {
            id: NotificationId::of(subscription.id.as_str(), kind.name(), occasion),
            kind,
            to,
            fields,
            created_at: now,
        }
    }

    /// A notice to staff about no single subscription.
    #[must_use]
    pub fn to_staff(kind: NoticeKind, occasion: &str, now: Timestamp) -> Self {
        Self {
            id: NotificationId::of("staff", kind.name(), occasion),
            kind,
            to: Recipient::Staff,
            fields: BTreeMap::new(),
            created_at: now,
        }
    }

    /// The notice with one more value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.fields.insert(name.to_owned(), value.to_string());
        self
    }

    /// The notice with an instant as its readers see it, in Taipei time.
    #[must_use]
    pub fn with_instant(self, name: &str, instant: Timestamp) -> Self {
        self.with(name, instant.to_local(Zone::Taipei))
    }

    /// The notice with a day.
    #[must_use]
    pub fn with_day(self, name: &str, day: LocalDate) -> Self {
        self.with(name, day)
    }
}
