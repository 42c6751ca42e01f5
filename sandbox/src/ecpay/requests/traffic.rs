//! Calls by number and time: their latency, the most in one second, and the block after too many.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Time for which ECPay answers 403 after too many calls.
const BLOCKED_FOR: TimeDelta = TimeDelta::minutes(30);

/// Calls of the server APIs. ECPay does not publish how many it takes, so the limit is a control's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Traffic {
    /// Time that each call takes, in milliseconds of the sandbox's clock.
    pub(crate) latency_ms: u64,
    limit: Option<usize>,
    blocked_until: Option<DateTime<Utc>>,
    /// Calls of the second that ends with the latest one.
    last_second: VecDeque<DateTime<Utc>>,
    most_in_one_second: usize,
    calls: BTreeMap<String, u64>,
}

impl Traffic {
    /// Sets the number of calls in any one second above which ECPay answers 403 for 30 minutes; `None` for no limit. Ends
    /// the block that is in force.
    pub(crate) fn set_limit(&mut self, limit: Option<usize>) {
        self.limit = limit;
        self.blocked_until = None;
    }

    /// Counts a call. Returns true if ECPay answers it with 403.
    pub(in crate::ecpay) fn is_blocked_call(&mut self, operation: &str, now: DateTime<Utc>) -> bool {
        *self.calls.entry(operation.to_owned()).or_default() += 1;
        self.last_second.retain(|at| now - at < TimeDelta::seconds(1));
        self.last_second.push_back(now);
        let count = self.last_second.len();
        self.most_in_one_second = self.most_in_one_second.max(count);
        let is_blocked = self.blocked_until.is_some_and(|until| now < until);
        if !is_blocked && self.limit.is_some_and(|limit| count > limit) {
            self.blocked_until = Some(now + BLOCKED_FOR);
            return true;
        }
        is_blocked
    }

    /// The calls so far, as JSON.
    pub(crate) fn view(&self) -> Value {
        json!({
            "most_in_one_second": self.most_in_one_second, "calls": self.calls,
            "limit": self.limit, "blocked_until": self.blocked_until,
        })
    }

    /// Forgets the counted calls; latency, limit and block stay.
    pub(crate) fn forget(&mut self) {
        self.last_second.clear();
        self.most_in_one_second = 0;
        self.calls.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecpay::test_support::at;

    const QUERY: &str = "QueryCreditCardPeriodInfo";

    fn calls(traffic: &mut Traffic, milliseconds: &[i64]) -> Vec<bool> {
        let begin = at("2026-01-05T10:00:00+08:00");
        let call = |after: &i64| traffic.is_blocked_call(QUERY, begin + TimeDelta::milliseconds(*after));
        milliseconds.iter().map(call).collect()
    }

    #[test]
    fn the_most_calls_of_any_second_are_counted_across_the_turn_of_the_second() {
        let mut traffic = Traffic::default();
        calls(&mut traffic, &[0, 800, 900, 1000, 1100, 1799, 1800]);
        // 800 to 1799; the call at 1800 is a second after that at 800.
        assert_eq!(traffic.view()["most_in_one_second"], 5);
        assert_eq!(traffic.view()["calls"], json!({ QUERY: 7 }));
        traffic.forget();
        assert_eq!((&traffic.view()["most_in_one_second"], &traffic.view()["calls"]), (&json!(0), &json!({})));
    }

    #[test]
    fn one_call_too_many_blocks_for_half_an_hour() {
        let mut traffic = Traffic::default();
        traffic.set_limit(Some(2));
        assert_eq!(calls(&mut traffic, &[0, 500, 900]), [false, false, true]);
        assert_eq!(calls(&mut traffic, &[60_000, 1_800_899, 1_800_900]), [true, true, false]);
        traffic.set_limit(None);
        assert_eq!(calls(&mut traffic, &[1_800_901, 1_800_902, 1_800_903]), [false, false, false]);
    }
}
