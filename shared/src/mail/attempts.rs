//! Outcome of an attempt to send a mail: final, or tried again at a time that grows with its age.

use crate::domain::billing::notices::NoticeState;
use crate::domain::values::send_outcome::{RefusalScope, SendOutcome};
use crate::domain::values::time::Timestamp;
use crate::store::billing::notices::NoticeAttempt;

/// Days after the first attempt for which a mail that SES did not accept is sent again; then it is dead.
const RETRY_DAYS: i64 = 3;
/// Shortest and longest wait for the next attempt, in seconds. In between it is the time since the first attempt, so that
/// the distances double.
const SHORTEST_WAIT_SECONDS: i64 = 5 * 60;
const LONGEST_WAIT_SECONDS: i64 = 4 * 3_600;
/// Time after the first attempt from which a mail counts as held back although SES only takes no more mails for now.
const PATIENCE_SECONDS: i64 = 3_600;

/// A claimed notice whose attempt got an outcome.
#[derive(Clone, Copy)]
pub(super) struct Attempted {
    /// Time of the first attempt.
    pub(super) first: Timestamp,
    /// Time of this attempt.
    pub(super) at: Timestamp,
}

impl Attempted {
    /// Seconds since the first attempt.
    fn age(self) -> i64 {
        self.at.unix().saturating_sub(self.first.unix())
    }

    /// True where staff should look: SES refuses every mail, or has not accepted this one for an hour.
    pub(super) fn is_held_back(self, outcome: &SendOutcome) -> bool {
        match outcome {
            SendOutcome::Refused { scope, .. } => *scope == RefusalScope::Sender,
            SendOutcome::NotSent { .. } => self.age() >= PATIENCE_SECONDS,
            SendOutcome::Sent { .. } | SendOutcome::Unknown { .. } => false,
        }
    }

    pub(super) fn result(self, outcome: SendOutcome) -> NoticeAttempt {
        let (state, detail) = match outcome {
            SendOutcome::Sent { id, .. } => (NoticeState::Sent, id.unwrap_or_default()),
            SendOutcome::Refused { reason, scope: RefusalScope::Message } => (NoticeState::Dead, reason),
            SendOutcome::Unknown { reason } => (NoticeState::Unclear, reason),
            SendOutcome::NotSent { reason, .. }
            | SendOutcome::Refused { reason, scope: RefusalScope::Sender | RefusalScope::Unrecognised } => {
                return self.again(reason);
            }
        };
        NoticeAttempt { state, detail, at: self.at, again_at: None }
    }

    /// The result of an attempt that another one may follow. The time decides and no count, because a drain that stops
    /// early gives some mails more attempts than others.
    fn again(self, detail: String) -> NoticeAttempt {
        let last = self.first.plus_days(RETRY_DAYS);
        let wait = self.age().clamp(SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS);
        let again_at = if self.at < last { Some(self.at.plus_seconds(wait).min(last)) } else { None };
        let state = if again_at.is_some() { NoticeState::Queued } else { NoticeState::Dead };
        NoticeAttempt { state, detail, at: self.at, again_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn the_distances_double_up_to_four_hours_and_the_last_attempt_is_three_days_after_the_first() {
        let first = at("2025-01-15T02:00:00Z");
        let (mut now, mut minutes) = (first, Vec::new());
        loop {
            let attempt = Attempted { first, at: now }.result(SendOutcome::sender_refused("credentials refused"));
            minutes.push((now.unix() - first.unix()) / 60);
            let Some(again_at) = attempt.again_at else {
                assert_eq!(attempt.state, NoticeState::Dead);
                break;
            };
            assert_eq!(attempt.state, NoticeState::Queued);
            now = again_at;
        }
        let expected = [
            0, 5, 10, 20, 40, 80, 160, 320, 560, 800, 1_040, 1_280, 1_520, 1_760, 2_000, 2_240, 2_480, 2_720, 2_960,
            3_200, 3_440, 3_680, 3_920, 4_160, 4_320,
        ];
        assert_eq!(minutes, expected);
    }

    #[test]
    fn a_refusal_of_all_mail_is_held_back_at_once_and_a_full_quota_after_an_hour() {
        let first = at("2025-01-15T02:00:00Z");
        let held = |seconds: i64, outcome: &SendOutcome| {
            Attempted { first, at: first.plus_seconds(seconds) }.is_held_back(outcome)
        };
        assert!(held(0, &SendOutcome::sender_refused("the role does not allow it")));
        for passing in [SendOutcome::rate_limited("quota", None), SendOutcome::unavailable("HTTP 503")] {
            assert!(!held(3_599, &passing) && held(3_600, &passing));
        }
        let others = [SendOutcome::refused("content"), SendOutcome::unknown("no answer")];
        assert!(others.iter().all(|outcome| !held(7_200, outcome)));
    }
}
