//! Keys of counters.

use crate::store::table::keys::Key;

/// Partition of the counts of subscriptions by status.
pub const STATUS_COUNTS: &str = "COUNT#status";

/// Key of one shard of the counts of subscriptions by status.
#[must_use]
pub fn status_count(shard: u8) -> Key {
    Key::new(STATUS_COUNTS, shard.to_string())
}

/// Partition of one shard of the hourly counters.
#[must_use]
pub fn hourly_counts(shard: u8) -> String {
    format!("COUNT#callbacks#{shard}")
}

/// Key of one shard of the counters of an hour.
#[must_use]
pub fn hourly_count(shard: u8, hour: &str) -> Key {
    Key::new(hourly_counts(shard), hour)
}

/// Partition of the counters of closed days.
pub const DAILY_COUNTS: &str = "COUNT#day";

/// Key of the counters of a closed day.
#[must_use]
pub fn daily_count(day: &str) -> Key {
    Key::new(DAILY_COUNTS, day)
}
