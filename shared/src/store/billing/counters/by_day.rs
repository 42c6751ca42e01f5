//! Counters by day (Asia/Taipei), for figures over months. A closed day is one item, made from its hourly counters, so that 90 days
//! are one query instead of thousands of items.

use std::collections::BTreeMap;

use super::{Counter, Counts, KEPT_DAYS, Names, add_hour, count, hour_of};
use crate::domain::values::time::{LocalDate, Timestamp, Zone};
use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::table::expression::Update;
use crate::store::table::query::Query;
use crate::store::table::{Item, keys, number, text_in};

/// Time zone of the days. Its days begin at a full hour in UTC, so that an hourly counter belongs to one of them.
pub const ZONE: Zone = Zone::Taipei;
/// Days for which the counters of a closed day are kept.
const KEPT_CLOSED_DAYS: i64 = 400;
/// Hours after a day's end in which a late count may still reach it: longer than a run may take.
const LATE_HOURS: i64 = 1;

/// Counts of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCounts {
    /// The day in Asia/Taipei.
    pub day: LocalDate,
    /// Everything that was counted on it.
    pub counts: Counts,
}

/// Counts of closed days, and the day after the latest of them; none where no day is closed.
struct Stored {
    days: BTreeMap<LocalDate, Counts>,
    open_from: Option<LocalDate>,
}

impl Billing {
    /// Returns the counts of the latest days up to that of `now`, the earliest first: closed days from their items, the others from
    /// the hourly counters. Days without a count are included.
    pub async fn counts_by_day(&self, days: u16, now: Timestamp) -> Result<Vec<DayCounts>, Error> {
        let days = i64::from(days.max(1));
        let today = now.day(ZONE);
        let first = today.plus_days(1 - days);
        let Stored { days: mut counted, open_from } = self.stored_days(first, today).await?;
        counted.extend(self.open_days(open_from.unwrap_or(first), now).await?);
        let all = (1 - days..=0).map(|ago| today.plus_days(ago));
        Ok(all.map(|day| DayCounts { day, counts: counted.remove(&day).unwrap_or_default() }).collect())
    }

    /// Stores the counts of each day that is over and has no item yet. Returns the number of days.
    pub async fn close_days(&self, now: Timestamp) -> Result<u64, Error> {
        let today = now.day(ZONE);
        let first = today.plus_days(-KEPT_DAYS);
        let Stored { open_from, .. } = self.stored_days(first, today).await?;
        let over = now.plus_hours(-LATE_HOURS).day(ZONE);
        if open_from.is_some_and(|open_from| open_from >= over) {
            return Ok(0);
        }
        let mut counted = self.open_days(open_from.unwrap_or(first), now).await?;
        // Of a new installation the days before its first count have no item.
        let Some(mut day) = open_from.or_else(|| counted.keys().next().copied()) else { return Ok(0) };
        let mut closed = 0;
        // The earliest first: the latest stored day says up to which all are closed, also those without a count.
        while day < over {
            let counts = counted.remove(&day).unwrap_or_default();
            let expires_at = day.start(ZONE).plus_days(KEPT_CLOSED_DAYS);
            let update =
                Update::of(keys::daily_count(&day.to_string())).set(keys::EXPIRES_AT, number(expires_at.unix()));
            let update =
                counts.0.iter().fold(update, |update, (counter, count)| update.set(counter.name(), number(count)));
            self.table.update(update, "closing a day").await?;
            (day, closed) = (day.plus_days(1), closed + 1);
        }
        Ok(closed)
    }

    /// Reads the items of closed days.
    async fn stored_days(&self, from: LocalDate, to: LocalDate) -> Result<Stored, Error> {
        let query = Query::partition(keys::DAILY_COUNTS).between(from.to_string(), to.to_string());
        let items = self.counter_items(query).await?;
        let names = Counter::by_name();
        let days: BTreeMap<LocalDate, Counts> = items.iter().filter_map(|item| day_of(&names, item)).collect();
        let open_from = days.last_key_value().map(|(day, _)| day.plus_days(1));
        Ok(Stored { days, open_from })
    }

    /// Sums the hourly counters from a day on up to an instant.
    async fn open_days(&self, from: LocalDate, now: Timestamp) -> Result<BTreeMap<LocalDate, Counts>, Error> {
        let (names, mut days) = (Counter::by_name(), BTreeMap::<LocalDate, Counts>::new());
        for item in self.hours(from.start(ZONE), now).await? {
            let Some(hour) = hour_of(&item) else { continue };
            add_hour(days.entry(hour.day(ZONE)).or_default(), &names, &item, |_| true);
        }
        Ok(days)
    }
}

fn day_of(names: &Names, item: &Item) -> Option<(LocalDate, Counts)> {
    let day = LocalDate::parse(text_in(item, keys::SK)?).ok()?;
    let mut counts = Counts::default();
    for (name, value) in item {
        if let Some(counter) = names.get(name) {
            counts.add(*counter, count(value));
        }
    }
    Some((day, counts))
}
