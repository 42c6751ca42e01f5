//! Decisions about the customer's address and about remarks of staff: neither changes the state of the order.

use crate::domain::billing::decision::{Actor, Cause, Decision, HistoryEvent, Versioned};
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::ids::EmailAddress;
use crate::domain::values::time::Timestamp;

/// Changes the recipient of the order's mails, also of those that wait. Total, so that a replay of a history whose addresses
/// were erased can call it.
#[must_use]
pub fn change_email(before: &Versioned<Subscription>, email: &EmailAddress, by: Actor, now: Timestamp) -> Decision {
    let mut next = before.value.clone();
    next.email = email.clone();
    let cause = Cause::new(HistoryEvent::EmailChanged { email: email.clone() }, Rule::EmailChanged, by);
    Decision::new(before, next, cause, now)
}

/// Adds a remark of staff to the history, where it stands as the entry's reason.
#[must_use]
pub fn note(before: &Versioned<Subscription>, by: Actor, now: Timestamp) -> Decision {
    Decision::new(before, before.value.clone(), Cause::new(HistoryEvent::Noted, Rule::NoteAdded, by), now)
}
