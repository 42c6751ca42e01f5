//! Outcome of handing one message to a provider: mail, WhatsApp or Slack.

use std::time::Duration;

/// Outcome of one attempt. Every text in it may be stored and shown to staff: adapters mask keys, numbers and addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The provider accepted the message.
    Sent {
        /// The provider's id of the message, where it gave one.
        id: Option<String>,
        /// Words of its reply; empty where it has none.
        reply: String,
    },
    /// Certainly not accepted; a later attempt may succeed.
    NotSent {
        /// Words of the provider, or the failure of the connection.
        reason: String,
        /// Reason class, which decides how the sender goes on.
        cause: NotSentCause,
        /// Seconds that the provider requests to wait, at most an hour (`Retry-After`). It has no clock, so the caller
        /// makes a time of it.
        retry_after: Option<u32>,
    },
    /// The request may have been accepted: the response was lost or cannot be read.
    Unknown {
        /// Words of the provider, or the failure of the connection.
        reason: String,
    },
    /// Not accepted, and a repetition will not be either.
    Refused {
        /// Words of the provider.
        reason: String,
        /// Messages that the refusal concerns.
        scope: RefusalScope,
    },
}

/// Reason class of [`SendOutcome::NotSent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSentCause {
    /// Too many messages in a time.
    RateLimit,
    /// Not reached, overloaded or under maintenance.
    Unavailable,
}

/// Messages that a refusal concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalScope {
    /// This message or recipient alone; others may be accepted.
    Message,
    /// Not known from the response: others may be accepted or not, which repetition shows.
    Unrecognised,
    /// Every message: the key, device, account, template or channel is wrong.
    Sender,
}

impl SendOutcome {
    /// A refusal of this message alone.
    #[must_use]
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), scope: RefusalScope::Message }
    }

    /// A refusal that does not say whether others would be accepted.
    #[must_use]
    pub fn unrecognised(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), scope: RefusalScope::Unrecognised }
    }

    /// A refusal of everything from this sender.
    #[must_use]
    pub fn sender_refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), scope: RefusalScope::Sender }
    }

    /// Not sent because of the provider or the way to it.
    #[must_use]
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::NotSent { reason: reason.into(), cause: NotSentCause::Unavailable, retry_after: None }
    }

    /// Not sent because of a limit; `retry_after` in seconds.
    #[must_use]
    pub fn rate_limited(reason: impl Into<String>, retry_after: Option<u32>) -> Self {
        Self::NotSent { reason: reason.into(), cause: NotSentCause::RateLimit, retry_after }
    }

    /// Possibly sent.
    #[must_use]
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into() }
    }
}

/// Seconds to wait where the provider names no time of its own.
const USUAL_WAITS: [u32; 3] = [1, 2, 4];

/// Waits for a provider within one run: at most three, of 1, 2 and 4 seconds unless the provider names its own time.
#[derive(Clone, Debug)]
pub struct ShortWaits {
    made: usize,
    longest: u32,
}

impl ShortWaits {
    /// Waits of at most `longest` seconds each; a provider that requests more is left to a later run.
    #[must_use]
    pub const fn of_at_most(longest: u32) -> Self {
        Self { made: 0, longest }
    }

    /// Returns the next wait; `None` where the run should give up. `requested` is the provider's own time in seconds.
    pub fn next(&mut self, requested: Option<u32>) -> Option<Duration> {
        let usual = *USUAL_WAITS.get(self.made)?;
        self.made += 1;
        let seconds = requested.unwrap_or(usual);
        (seconds <= self.longest).then(|| Duration::from_secs(seconds.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_waits_are_made_and_none_longer_than_the_limit() {
        let mut waits = ShortWaits::of_at_most(10);
        let seconds = |wait: Option<Duration>| wait.map(|wait| wait.as_secs());
        assert_eq!(seconds(waits.next(None)), Some(1));
        assert_eq!(seconds(waits.next(Some(10))), Some(10));
        assert_eq!(seconds(waits.next(None)), Some(4));
        assert_eq!(seconds(waits.next(Some(0))), None);
        assert_eq!(seconds(ShortWaits::of_at_most(10).next(Some(11))), None);
    }
}
