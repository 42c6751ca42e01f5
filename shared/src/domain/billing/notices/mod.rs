//! Notices: mails to customers and staff. Written in the transaction that causes them, sent later by the outbox.

pub mod feedback;
pub mod truth;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::VariantArray;

use crate::domain::billing::notices::feedback::{AddressFacts, Feedback};
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::ids::{EmailAddress, NotificationId};
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Kind of mail. Each has a template of its name, in `templates/staff/` or in the folder of each language below
/// `templates/customer/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// To the customer: first failure, the grace period began (severity medium).
    FirstPaymentFailure,
    /// To the customer: second failure (severity high).
    SecondPaymentFailure,
    /// To the customer: third failure, downgrade ahead (severity critical).
    FinalPaymentFailure,
    /// To the customer: downgraded to FREE.
    Downgraded,
    /// To the customer: on FREE because no charge was made; nothing is owed.
    NotCharged,
    /// To the customer: the order ended, and the paid period with it.
    PlanEnded,
    /// To the customer: payment succeeded, the plan continues.
    Recovered,
    /// To the customer: a charge succeeded.
    Receipt,
    /// To the customer: an annual charge is ahead.
    AnnualCharge,
    /// To staff: charge for an order that was over, replaced or cancelled by the customer, or unused part of one whose order was
    /// replaced within its period.
    RefundDue,
    /// To staff: active order that ECPay did not charge.
    Uncharged,
    /// To staff: charge of another amount than the price.
    AmountDiffers,
    /// To staff: successful charge in ECPay's log that cannot be recorded.
    UnrecordedCharge,
    /// To staff: customer with two live orders.
    SecondLiveOrder,
    /// To staff: daily list of quarantined reports.
    QuarantineDigest,
    /// To staff: report about a known order quarantined.
    Quarantined,
    /// To the customer: the requested cancellation took effect.
    CancelConfirmed,
    /// To staff: cancellation that ECPay has not confirmed shortly before the next charge.
    CancelUnconfirmed,
    /// To staff: task that keeps failing for an order.
    NeedsAttention,
    /// To staff: digest of institutions refused by Slack, or its delivery unknown.
    SlackRefused,
    /// To staff: WhatsApp provider disabled in a run of reminders, or every reminder of a run failed.
    RemindersFailed,
    /// To staff: an order's address gets no mail any more, because a mail bounced for good or the recipient complained.
    Undeliverable,
    /// To staff: endpoint of events switched off, since it failed for three days.
    EndpointOff,
}

/// Recipient of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// Customer, at this address.
    Customer(EmailAddress),
    /// Staff, at the address of the configuration.
    Staff,
}

/// State of a queued mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// Waits for its next attempt.
    Queued,
    /// Claimed by a run that is sending it, until the lease ends.
    Claimed,
    /// Accepted by SES.
    Sent,
    /// Delivery unknown; not sent again.
    Unclear,
    /// Refused, or all attempts failed.
    Dead,
    /// Not sent, because SES reported that the address takes no mail.
    Undeliverable,
    /// Not sent, because it was no longer true when it was to be sent.
    Obsolete,
}

/// Reason for which staff cannot have a notice sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResendRefusal {
    /// A second mail would say the same.
    #[error("SES accepted the mail")]
    Sent,
    /// A run claimed the notice, and its outcome follows within minutes.
    #[error("a run is sending the mail at this moment")]
    BeingSent,
    /// Not attempted yet: the next run sends it.
    #[error("the mail waits for its first attempt, which the next run makes")]
    Waiting,
    /// Address and text are no longer stored.
    #[error("the customer was erased")]
    Erased,
    /// A mail to the order's address bounced for good, or its recipient complained.
    #[error("the address takes no mail; change it first")]
    Undeliverable,
    /// It would say something false.
    #[error("the mail is no longer true")]
    Obsolete,
}

/// Mail to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Identity: one mail for each occasion.
    pub id: NotificationId,
    /// Kind, which selects the template.
    pub kind: NoticeKind,
    /// Customer or staff.
    pub to: Recipient,
    /// Values of the template's variables.
    pub fields: BTreeMap<String, String>,
    /// Logical time of the decision that caused it.
    pub created_at: Timestamp,
}

impl NoticeKind {
    /// Kinds that are about no order.
    pub const WITHOUT_ORDER: [Self; 4] =
        [Self::QuarantineDigest, Self::SlackRefused, Self::RemindersFailed, Self::EndpointOff];

    /// All kinds.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The kind of that name; `None` where there is none.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The kind's name in ids and logs, and the template's file name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstPaymentFailure => "first-payment-failure",
            Self::SecondPaymentFailure => "second-payment-failure",
            Self::FinalPaymentFailure => "final-payment-failure",
            Self::Downgraded => "downgraded",
            Self::NotCharged => "not-charged",
            Self::PlanEnded => "plan-ended",
            Self::Recovered => "recovered",
            Self::Receipt => "receipt",
            Self::AnnualCharge => "annual-charge",
            Self::RefundDue => "refund-due",
            Self::Uncharged => "uncharged",
            Self::AmountDiffers => "amount-differs",
            Self::UnrecordedCharge => "unrecorded-charge",
            Self::SecondLiveOrder => "second-live-order",
            Self::QuarantineDigest => "quarantine-digest",
            Self::Quarantined => "quarantined",
            Self::CancelConfirmed => "cancel-confirmed",
            Self::CancelUnconfirmed => "cancel-unconfirmed",
            Self::NeedsAttention => "needs-attention",
            Self::SlackRefused => "slack-refused",
            Self::RemindersFailed => "reminders-failed",
            Self::Undeliverable => "undeliverable",
            Self::EndpointOff => "endpoint-off",
        }
    }

    /// True for a mail to staff, false for one to the customer.
    #[must_use]
    pub const fn is_for_staff(self) -> bool {
        match self {
            Self::RefundDue
            | Self::Uncharged
            | Self::AmountDiffers
            | Self::UnrecordedCharge
            | Self::SecondLiveOrder
            | Self::CancelUnconfirmed
            | Self::QuarantineDigest
            | Self::Quarantined
            | Self::NeedsAttention
            | Self::SlackRefused
            | Self::RemindersFailed
            | Self::Undeliverable
            | Self::EndpointOff => true,
            Self::FirstPaymentFailure
            | Self::SecondPaymentFailure
            | Self::FinalPaymentFailure
            | Self::Downgraded
            | Self::NotCharged
            | Self::PlanEnded
            | Self::Recovered
            | Self::Receipt
            | Self::AnnualCharge
            | Self::CancelConfirmed => false,
        }
    }

    /// True for a mail that says that the customer is on FREE.
    #[must_use]
    pub const fn says_free(self) -> bool {
        matches!(self, Self::Downgraded | Self::NotCharged | Self::PlanEnded)
    }

    /// The mail for the n-th failure of an episode; `None` from the fourth on.
    #[must_use]
    pub const fn of_attempt(attempt: u8) -> Option<Self> {
        match attempt {
            1 => Some(Self::FirstPaymentFailure),
            2 => Some(Self::SecondPaymentFailure),
            3 => Some(Self::FinalPaymentFailure),
            _ => None,
        }
    }
}

impl NoticeState {
    /// True if no further attempt follows by itself.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Claimed => false,
            Self::Sent | Self::Unclear | Self::Dead | Self::Undeliverable | Self::Obsolete => true,
        }
    }

    /// The state's name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Claimed => "claimed",
            Self::Sent => "sent",
            Self::Unclear => "unclear",
            Self::Dead => "dead",
            Self::Undeliverable => "undeliverable",
            Self::Obsolete => "obsolete",
        }
    }
}

/// Returns the reason for which a notice after that number of attempts cannot be sent again; `None` where it can. An unclear one
/// may then arrive twice, which staff decide. One that SES did not accept yet is attempted at once instead of hours later, and
/// one that bounced after SES accepted it did not arrive.
#[must_use]
pub fn resend_refusal(
    state: NoticeState,
    attempts: u32,
    to: &Recipient,
    address: AddressFacts,
) -> Option<ResendRefusal> {
    let is_for_customer = matches!(to, Recipient::Customer(_));
    match (state, to) {
        (NoticeState::Sent, _) if !(is_for_customer && address.did_bounce) => Some(ResendRefusal::Sent),
        (NoticeState::Claimed, _) => Some(ResendRefusal::BeingSent),
        (NoticeState::Obsolete, _) => Some(ResendRefusal::Obsolete),
        (_, Recipient::Customer(address)) if address.is_erased() => Some(ResendRefusal::Erased),
        _ if is_for_customer && address.is_blocked => Some(ResendRefusal::Undeliverable),
        (NoticeState::Queued, _) if attempts == 0 => Some(ResendRefusal::Waiting),
        (
            NoticeState::Queued
            | NoticeState::Sent
            | NoticeState::Unclear
            | NoticeState::Dead
            | NoticeState::Undeliverable,
            _,
        ) => None,
    }
}

/// The notice to staff that an order's address gets no mail any more. `occasion` is a value of its own for each address.
#[must_use]
pub fn undeliverable(order: &Subscription, occasion: &str, feedback: &Feedback, now: Timestamp) -> Notice {
    Notice::about(order, NoticeKind::Undeliverable, occasion, now)
        .with("feedback", feedback)
        .with_instant("since", feedback.at)
}

impl Notice {
    /// A notice about `subscription`, sent once for each `occasion` (due date or event).
    #[must_use]
    pub fn about(subscription: &Subscription, kind: NoticeKind, occasion: &str, now: Timestamp) -> Self {
        let to = if kind.is_for_staff() { Recipient::Staff } else { Recipient::Customer(subscription.email.clone()) };
        let mut fields = BTreeMap::from([
            ("subscription".to_owned(), subscription.id.to_string()),
            ("plan".to_owned(), subscription.terms.plan.to_string()),
            ("amount".to_owned(), subscription.terms.price.to_string()),
        ]);
        if !kind.is_for_staff() {
            fields.insert("locale".to_owned(), subscription.locale.name().to_owned());
        }
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

    /// The notice with one more template variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.fields.insert(name.to_owned(), value.to_string());
        self
    }

    /// The notice with an instant in Taipei time, as its readers see it.
    #[must_use]
    pub fn with_instant(self, name: &str, instant: Timestamp) -> Self {
        self.with(name, instant.to_local(Zone::Taipei))
    }

    /// The notice with a date, `yyyy-MM-dd`.
    #[must_use]
    pub fn with_day(self, name: &str, day: LocalDate) -> Self {
        self.with(name, day)
    }
}
