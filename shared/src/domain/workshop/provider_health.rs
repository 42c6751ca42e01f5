//! Health of a WhatsApp provider during one run: failures that are not about the people it writes to disable it.

use std::collections::BTreeSet;

use crate::domain::values::send_outcome::{NotSentCause, RefusalScope, SendOutcome};
use crate::domain::workshop::phone::Phone;

/// Consecutive messages without a known outcome after which a provider is disabled for the run.
const MOST_TIMEOUTS: u32 = 3;
/// Different numbers refused without a success between, in words that name no cause, after which a provider is disabled
/// for the run. Three people in a row have no such trouble of their own.
const MOST_UNRECOGNISED: usize = 3;

/// Failures of one provider since its latest success.
#[derive(Clone, Debug, Default)]
pub struct ProviderHealth {
    timeouts: u32,
    unrecognised: BTreeSet<Phone>,
}

impl ProviderHealth {
    /// Counts the outcome of a message to a number. Returns true while the provider may get further messages.
    #[must_use]
    pub fn count(&mut self, outcome: &SendOutcome, to: &Phone) -> bool {
        match outcome {
            SendOutcome::Sent { .. } => {
                *self = Self::default();
                true
            }
            // A refusal of one number shows that the provider answers, and no more.
            SendOutcome::Refused { scope: RefusalScope::Message, .. } => {
                self.timeouts = 0;
                true
            }
            SendOutcome::Refused { scope: RefusalScope::Unrecognised, .. } => {
                self.unrecognised.insert(to.clone());
                self.unrecognised.len() < MOST_UNRECOGNISED
            }
            SendOutcome::Unknown { .. } | SendOutcome::NotSent { cause: NotSentCause::Unavailable, .. } => {
                self.timeouts += 1;
                self.timeouts < MOST_TIMEOUTS
            }
            SendOutcome::Refused { scope: RefusalScope::Sender, .. }
            | SendOutcome::NotSent { cause: NotSentCause::RateLimit, .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unrecognised() -> SendOutcome {
        SendOutcome::unrecognised("x")
    }

    fn sent() -> SendOutcome {
        SendOutcome::Sent { id: None, reply: String::new() }
    }

    /// Returns the place of the first message after which the provider is disabled; each number is a recipient.
    fn disabled_by(messages: &[(u32, SendOutcome)]) -> Option<usize> {
        let mut health = ProviderHealth::default();
        let phone = |number: &u32| Phone::parse(&format!("0855000{number:04}")).unwrap();
        messages.iter().position(|(number, outcome)| !health.count(outcome, &phone(number)))
    }

    #[test]
    fn three_numbers_refused_in_unknown_words_disable_the_provider() {
        let messages = [(1, unrecognised()), (2, unrecognised()), (3, unrecognised())];
        assert_eq!(disabled_by(&messages), Some(2));
    }

    #[test]
    fn one_number_with_many_vehicles_counts_once() {
        let mut messages = vec![(1, unrecognised()); 9];
        messages.push((2, unrecognised()));
        assert_eq!(disabled_by(&messages), None);
        messages.push((3, unrecognised()));
        assert_eq!(disabled_by(&messages), Some(10));
    }

    #[test]
    fn a_success_between_starts_the_count_again_and_a_personal_refusal_does_not() {
        let [first, second, third] = [1, 2, 3].map(|number| (number, unrecognised()));
        let between = |outcome| vec![first.clone(), second.clone(), (9, outcome), third.clone()];
        assert_eq!(disabled_by(&between(sent())), None);
        assert_eq!(disabled_by(&between(SendOutcome::refused("not on WhatsApp"))), Some(3));
        assert_eq!(disabled_by(&between(SendOutcome::unavailable("503"))), Some(3));
    }

    #[test]
    fn personal_refusals_never_disable_the_provider() {
        let messages: Vec<_> = (0..1_000).map(|number| (number, SendOutcome::refused("not on WhatsApp"))).collect();
        assert_eq!(disabled_by(&messages), None);
    }

    #[test]
    fn a_refusal_of_the_sender_or_a_limit_disables_at_once_and_three_timeouts_do() {
        assert_eq!(disabled_by(&[(1, SendOutcome::sender_refused("key"))]), Some(0));
        assert_eq!(disabled_by(&[(1, SendOutcome::rate_limited("limit", None))]), Some(0));
        let [lost, down] = [SendOutcome::unknown("lost"), SendOutcome::unavailable("503")];
        assert_eq!(disabled_by(&[(1, lost.clone()), (1, down.clone()), (1, lost.clone())]), Some(2));
        assert_eq!(disabled_by(&[(1, lost.clone()), (1, down), (2, sent()), (1, lost)]), None);
    }
}
