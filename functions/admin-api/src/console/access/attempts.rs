//! Refused attempts to sign in, of which an instance takes few.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use shared::domain::values::time::Timestamp;

/// Most refused attempts within [`WINDOW_MINUTES`].
const MOST: usize = 10;
/// Minutes for which a refused attempt counts.
const WINDOW_MINUTES: i64 = 5;

/// Latest refused attempts of one instance, oldest first.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<VecDeque<Timestamp>>);

impl Attempts {
    /// True while so many attempts were refused that the next ones are not even tried.
    pub(crate) fn is_closed(&self, wall: Timestamp) -> bool {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while refused.front().is_some_and(|at| at.plus_minutes(WINDOW_MINUTES) <= wall) {
            refused.pop_front();
        }
        refused.len() >= MOST
    }

    /// Notes a refused attempt.
    pub(crate) fn note(&self, wall: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(wall);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_refused_attempts_close_the_door_for_five_minutes_from_the_first() {
        let begin = Timestamp::parse("2025-01-15T02:00:00Z").unwrap();
        let attempts = Attempts::default();
        for second in 0..10 {
            assert!(!attempts.is_closed(begin.plus_seconds(second)), "{second}");
            attempts.note(begin.plus_seconds(second));
        }
        assert!(attempts.is_closed(begin.plus_seconds(9)));
        assert!(attempts.is_closed(begin.plus_seconds(299)));
        // The first one is five minutes old.
        assert!(!attempts.is_closed(begin.plus_seconds(300)));
    }
}
