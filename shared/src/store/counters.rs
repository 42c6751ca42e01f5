//! Counters: callbacks by hour with slots of five minutes, and subscriptions by status.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::domain::time::Timestamp;

use super::records::WebhookType;
use super::{Error, Item, Store, key_of, keys, number, text};

/// Counter items are spread over this many shards.
pub const SHARDS: u8 = 4;
/// Callback counters are kept a little longer than the longest period that can be asked for (168 hours).
const KEPT_DAYS: i64 = 9;
const SLOT_SECONDS: i64 = 300;

/// How many callbacks were processed and how many were not, over a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallbackCount {
    /// Verified and applied, declined cards included.
    pub success: u64,
    /// Not processed: a wrong digest, unusable, or set aside.
    pub failed: u64,
}

/// Callbacks to be added to the counters by one update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallbackTally(BTreeMap<(WebhookType, bool), u64>);

impl CallbackCount {
    /// All of them.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.success.saturating_add(self.failed)
    }
}

impl CallbackTally {
    /// One more callback.
    pub fn add(&mut self, kind: WebhookType, success: bool) {
        *self.0.entry((kind, success)).or_default() += 1;
    }

    /// All of another tally.
    pub fn merge(&mut self, other: Self) {
        for (key, count) in other.0 {
            *self.0.entry(key).or_default() += count;
        }
    }

    /// Whether there is nothing to add.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Store {
    /// Adds callbacks that came at `at` to the counters; `spread` is anything that spreads writes, an order's id.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn count_callbacks(&self, tally: &CallbackTally, at: Timestamp, spread: &str) -> Result<(), Error> {
        let (hour, slot) = slot_of(at);
        let key = keys::callback_count(keys::shard(spread, SHARDS), &hour);
        let mut update = self.client.update_item().table_name(&self.table).set_key(Some(key_of(&key)));
        let mut terms = Vec::new();
        for (place, ((kind, success), count)) in tally.0.iter().enumerate() {
            terms.push(format!("#c{place} :c{place}"));
            update = update
                .expression_attribute_names(format!("#c{place}"), attribute(*kind, *success, slot))
                .expression_attribute_values(format!(":c{place}"), number(count));
        }
        update
            .update_expression(format!("SET #expires = :expires ADD {}", terms.join(", ")))
            .expression_attribute_names("#expires", keys::EXPIRES_AT)
            .expression_attribute_values(":expires", number(at.plus_days(KEPT_DAYS).unix()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| Error::unavailable("counting a callback", error))
    }

    /// Callbacks of the slots that end after `since`, up to `now`, by kind: as many reads as there are shards.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn callback_counts(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<BTreeMap<WebhookType, CallbackCount>, Error> {
        let mut counts: BTreeMap<WebhookType, CallbackCount> = BTreeMap::new();
        for shard in 0..SHARDS {
            for item in self.counter_items(&keys::callback_counts(shard), Some((since, now))).await? {
                add_hour(&item, since, &mut counts);
            }
        }
        Ok(counts)
    }

    /// How many subscriptions have each status, by its name.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn status_counts(&self) -> Result<BTreeMap<String, i64>, Error> {
        let mut counts = BTreeMap::new();
        for item in self.counter_items(keys::STATUS_COUNTS, None).await? {
            for (name, value) in &item {
                if let Some(count) = value.as_n().ok().and_then(|count| count.parse::<i64>().ok()) {
                    *counts.entry(name.clone()).or_default() += count;
                }
            }
        }
        Ok(counts)
    }

    async fn counter_items(&self, partition: &str, hours: Option<(Timestamp, Timestamp)>) -> Result<Vec<Item>, Error> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .expression_attribute_values(":pk", text(partition))
            .consistent_read(true);
        let query = match hours {
            Some((since, now)) => query
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":from", text(slot_of(since).0))
                .expression_attribute_values(":to", text(slot_of(now).0)),
            None => query.key_condition_expression("pk = :pk"),
        };
        let answer = query.send().await.map_err(|error| Error::unavailable("reading counters", error))?;
        Ok(answer.items.unwrap_or_default())
    }
}

/// The hour of an instant as `yyyy-MM-ddTHH` in UTC, and the number of its five-minute slot.
fn slot_of(at: Timestamp) -> (String, i64) {
    let hour = at.to_string().chars().take(13).collect();
    (hour, at.unix().rem_euclid(3_600) / SLOT_SECONDS)
}

fn attribute(kind: WebhookType, success: bool, slot: i64) -> String {
    format!("{}.{}.{slot:02}", kind.name(), if success { "success" } else { "failed" })
}

fn add_hour(item: &Item, since: Timestamp, counts: &mut BTreeMap<WebhookType, CallbackCount>) {
    let hour = item
        .get(keys::SK)
        .and_then(|hour| hour.as_s().ok())
        .and_then(|hour| Timestamp::parse(&format!("{hour}:00:00Z")).ok());
    let Some(hour) = hour else { return };
    for slot in 0..3_600 / SLOT_SECONDS {
        if hour.plus_seconds((slot + 1) * SLOT_SECONDS) <= since {
            continue;
        }
        for kind in WebhookType::ALL {
            let read = |success| item.get(&attribute(kind, success, slot)).map_or(0, count);
            let entry = counts.entry(kind).or_default();
            entry.success += read(true);
            entry.failed += read(false);
        }
    }
}

fn count(value: &AttributeValue) -> u64 {
    value.as_n().ok().and_then(|count| count.parse().ok()).unwrap_or(0)
}
