//! Pace of calls to a provider that limits them per second.

use std::num::NonZeroU32;
use std::time::Duration;

/// Pace of one caller: no more than so many calls start within any second. Pure; the caller measures the time and waits.
#[derive(Clone, Debug)]
pub struct Pace {
    interval: Duration,
    /// Earliest start of the next call, measured as the caller measures.
    next: Duration,
}

impl Pace {
    /// A pace of `calls` per second, whose first call may start at once.
    #[must_use]
    pub fn per_second(calls: NonZeroU32) -> Self {
        // Rounded up, so that the last call of a second does not fall into it.
        let interval = Duration::from_nanos(1_000_000_000_u64.div_ceil(calls.get().into()));
        Self { interval, next: Duration::ZERO }
    }

    /// Takes the place of one call at `elapsed`, the time since the start of the run, and returns how long it has to wait.
    /// Time that went by without a call is not made up for: a burst after a slow call would exceed the limit.
    pub fn reserve(&mut self, elapsed: Duration) -> Duration {
        let start = self.next.max(elapsed);
        self.next = start.saturating_add(self.interval);
        start.saturating_sub(elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(calls: u32) -> Pace {
        Pace::per_second(NonZeroU32::new(calls).unwrap())
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn calls_that_are_ready_at_once_start_one_interval_apart() {
        let mut pace = pace(5);
        let waits = [0; 6].map(|_: u8| pace.reserve(Duration::ZERO));
        assert_eq!(waits, [0, 200, 400, 600, 800, 1_000].map(ms));
    }

    #[test]
    fn a_slow_call_is_not_made_up_for() {
        let mut pace = pace(5);
        assert_eq!(pace.reserve(ms(0)), ms(0));
        // The first call took a second: the second one may start at once, the third an interval later.
        assert_eq!(pace.reserve(ms(1_000)), ms(0));
        assert_eq!(pace.reserve(ms(1_050)), ms(150));
        assert_eq!(pace.reserve(ms(1_200)), ms(200));
    }

    #[test]
    fn no_second_holds_more_calls_than_the_pace_whatever_their_number_and_duration() {
        for calls in [1, 3, 5, 7, 14, 100, 999] {
            let (mut pace, mut now, mut starts) = (pace(calls), Duration::ZERO, Vec::new());
            for number in 0..2_000_u64 {
                now += pace.reserve(now);
                starts.push(now);
                // Durations of 0 to 96 ms.
                now += ms(number * 37 % 97);
            }
            for (first, begin) in starts.iter().enumerate() {
                let within = starts[first..].iter().take_while(|start| **start < *begin + ms(1_000)).count();
                assert!(within <= usize::try_from(calls).unwrap(), "{calls} a second, but {within}");
            }
        }
    }
}
