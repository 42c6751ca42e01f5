//! Opt-outs: the wish of a person to get no more reminders, and its end. It belongs to a phone number, whatever customers have
//! that number now or in a later list.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::Timestamp;
use crate::domain::workshop::phone::Phone;

/// Wish of a person about reminders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// No more reminders.
    Stop,
    /// Reminders again.
    Start,
}

/// Where a wish comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WishOrigin {
    /// Staff recorded it.
    Staff {
        /// Name of the caller's token.
        by: String,
        /// Reason in staff's words; none where the customer was stored with the wish.
        why: Option<String>,
    },
    /// Reply to the business by WhatsApp.
    Reply {
        /// Hash of the provider's id of the message; none where it gives none.
        message: Option<String>,
    },
}

/// A wish with its origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatedWish {
    /// The wish.
    pub wish: Wish,
    /// Time at which it was stated (UTC).
    pub at: Timestamp,
    /// Where it comes from.
    pub origin: WishOrigin,
}

/// Opt-out of a number: the latest wish of the person, and the opposite one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptOut {
    /// The number; none once its customer was erased.
    pub phone: Option<Phone>,
    /// First statement of the wish that counts.
    pub latest: StatedWish,
    /// Statement of the opposite wish before that; none where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<StatedWish>,
    /// Time of the last statement of any wish (UTC), a repeated one included.
    pub last_stated_at: Timestamp,
    /// Confirmation of the latest wish to the person, where it came as a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
    /// Id of the opt-out of the person's former number, from which it was carried over. An erasure follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<String>,
}

/// Message that confirms a wish to the person who replied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// State of the sending.
    pub state: ConfirmationState,
    /// Name of the provider by which the reply came.
    pub provider: String,
    /// Time of the reply (UTC).
    pub at: Timestamp,
    /// Time at which an invocation began to send it (UTC); none for one that waits, and once the outcome is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
}

/// State of a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmationState {
    /// Waits to be sent, or is being sent.
    Waiting,
    /// Accepted by the provider.
    Sent,
    /// Not accepted, or too late to be sent.
    Failed,
    /// Outcome unknown; not sent again.
    Unclear,
}

impl Wish {
    /// The wish's name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
        }
    }
}

impl OptOut {
    /// True while no reminder goes to the number.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.latest.wish == Wish::Stop
    }

    /// True unless the person stated one wish alone, and that was to start.
    #[must_use]
    pub fn has_been_open(&self) -> bool {
        self.is_open() || self.previous.is_some()
    }

    /// The same wish for another number of the person.
    #[must_use]
    pub fn carried_to(&self, phone: &Phone, former: String) -> Self {
        let former = Some(former);
        Self { phone: Some(phone.clone()), previous: None, confirmation: None, former, ..self.clone() }
    }

    /// The opt-out without what identifies its person.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        let without_reason = |stated: &StatedWish| {
            let mut stated = stated.clone();
            if let WishOrigin::Staff { why, .. } = &mut stated.origin {
                *why = None;
            }
            stated
        };
        Self {
            phone: None,
            latest: without_reason(&self.latest),
            previous: self.previous.as_ref().map(without_reason),
            confirmation: None,
            former: None,
            ..self.clone()
        }
    }

    /// True for a reply that was stated before another one, or that is one of those known.
    fn has_met(&self, stated: &StatedWish) -> bool {
        let WishOrigin::Reply { message } = &stated.origin else { return false };
        let is_known =
            |known: &StatedWish| matches!(&known.origin, WishOrigin::Reply { message: known } if known == message);
        let mut known = std::iter::once(&self.latest).chain(&self.previous);
        stated.at < self.last_stated_at || (message.is_some() && known.any(is_known))
    }
}

impl StatedWish {
    /// The opt-out of `phone` after this wish; `None` where nothing is to be stored. In whatever order replies arrive, and however
    /// often, the one that was stated last counts. A wish of staff counts as it is recorded.
    #[must_use]
    pub fn applied(&self, phone: &Phone, known: Option<&OptOut>) -> Option<OptOut> {
        let is_reply = matches!(self.origin, WishOrigin::Reply { .. });
        let next = |latest: Self, previous: Option<Self>| OptOut {
            phone: Some(phone.clone()),
            latest,
            previous,
            last_stated_at: known.map_or(self.at, |known| known.last_stated_at.max(self.at)),
            confirmation: None,
            former: known.and_then(|known| known.former.clone()),
        };
        match known {
            Some(known) if known.has_met(self) => None,
            Some(known) if known.latest.wish == self.wish => {
                // Also of staff: an older reply that is still to arrive must not undo it.
                let repeated = OptOut { last_stated_at: known.last_stated_at.max(self.at), ..known.clone() };
                (repeated != *known).then_some(repeated)
            }
            Some(known) => Some(next(self.clone(), Some(known.latest.clone()))),
            // A reply that was stated before it may still arrive.
            None if self.wish == Wish::Stop || is_reply => Some(next(self.clone(), None)),
            None => None,
        }
    }
}
