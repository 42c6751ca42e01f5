//! Pace of calls to ECPay, shared by all instances: an item holds the start times of the latest calls.

use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::runs::Runs;
use crate::store::table::keys;
use crate::store::table::record::Record;

/// Milliseconds in which no more calls start than a second allows. More than a second, because calls that start a second
/// apart may reach ECPay a little closer to each other.
const WINDOW_MILLIS: u64 = 1_020;

impl Runs {
    /// Reserves `count` calls and returns the times at which they may start, in Unix milliseconds, none before `now`: at
    /// most `per_second` in any second, over all instances. Also in a dry run, whose queries ECPay counts like any other
    /// call. Calls that are not made are lost.
    pub async fn reserve_ecpay_calls(&self, now: u64, per_second: usize, count: usize) -> Result<Vec<u64>, Error> {
        let table = &self.table.in_dry_run_too();
        retry_on_conflict("pacing the calls to ECPay", (), |()| async move {
            let stored = table.get::<Vec<u64>>(&keys::ecpay_pace(), "reading the pace of ECPay").await?;
            let version = stored.as_ref().and_then(|record| record.version);
            let mut starts = stored.map(|record| record.data).unwrap_or_default();
            let reserved = reserve(&mut starts, now, per_second, count);
            let record = Record::new(keys::ecpay_pace(), starts);
            let is_written = match version {
                Some(version) => table.put_if_version(record, version, "pacing the calls to ECPay").await?,
                None => table.put_if_absent(record.at_version(1), "pacing the calls to ECPay").await?,
            };
            Ok(if is_written { Attempt::Done(reserved) } else { Attempt::Conflict(()) })
        })
        .await
    }
}

/// Adds calls to the start times of the latest ones, of which those of one window are kept.
fn reserve(starts: &mut Vec<u64>, now: u64, per_second: usize, count: usize) -> Vec<u64> {
    let mut reserved = Vec::with_capacity(count);
    for _ in 0..count {
        let before = starts.len().checked_sub(per_second).and_then(|place| starts.get(place)).copied();
        let start = before.map_or(now, |before| now.max(before.saturating_add(WINDOW_MILLIS)));
        starts.push(start);
        reserved.push(start);
    }
    let excess = starts.len().saturating_sub(per_second);
    starts.drain(..excess);
    reserved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_at_once_and_the_next_one_a_second_later() {
        let mut starts = Vec::new();
        assert_eq!(reserve(&mut starts, 5_000, 3, 2), [5_000, 5_000]);
        assert_eq!(reserve(&mut starts, 5_100, 3, 3), [5_100, 6_020, 6_020]);
        // Another instance, whose clock is a little behind.
        assert_eq!(reserve(&mut starts, 5_050, 3, 2), [6_120, 7_040]);
        assert_eq!(starts, [6_020, 6_120, 7_040]);
        assert_eq!(reserve(&mut starts, 9_000, 3, 1), [9_000]);
    }

    #[test]
    fn no_second_has_more_calls_than_the_pace() {
        for per_second in [1, 2, 5, 14] {
            let (mut starts, mut all) = (Vec::new(), Vec::new());
            for step in 0..400_u64 {
                let now = 1_000_000 + step * (step % 97);
                all.extend(reserve(&mut starts, now, per_second, usize::try_from(step % 4).unwrap()));
            }
            all.sort_unstable();
            for (first, begin) in all.iter().enumerate() {
                let within = all[first..].iter().take_while(|start| **start < begin + 1_000).count();
                assert!(within <= per_second, "{within} calls, {per_second} allowed");
            }
        }
    }
}
