//! Counters: callbacks and what followed from them by hour, with slots of five minutes; subscriptions by status.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::domain::billing::business_events::{BusinessEvent, ChargeResult, DowngradeCause, RetryNumber};
use crate::domain::billing::payment::DeclineClass;
use crate::domain::values::time::Timestamp;

use crate::domain::billing::callback_kind::CallbackKind;
use crate::store::billing::Billing;
use crate::store::table::keys;
use crate::store::{Error, Item, key_of, number, text};

/// Counter items are spread over this many shards.
pub const SHARDS: u8 = 4;
/// Hourly counters are kept a little longer than the longest period that can be asked for (168 hours).
const KEPT_DAYS: i64 = 9;
const SLOT_SECONDS: i64 = 300;

/// Failures of a charge are told apart up to this many.
pub const MOST_FAILURES: usize = 5;

/// Something that is counted by hour, in slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Callbacks that were processed (`true`), or not.
    Callback(CallbackKind, bool),
    /// Charges that succeeded.
    Charged,
    /// Charges that failed.
    Declined,
    /// Episodes that began.
    EpisodesStarted,
    /// Episodes that ended paid, by the retry that did it.
    Recovered(RetryNumber, DeclineClass),
    /// How long those took, in seconds.
    WonSeconds,
    /// Episodes that ended with a downgrade, by the failures of their charge: 1 to [`MOST_FAILURES`] and more.
    Unrecovered(usize, DeclineClass),
    /// Downgrades because ECPay did not charge.
    NotCharged,
    /// Plans that came back after a downgrade.
    Restored,
}

/// How many callbacks were processed and how many were not, over a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallbackCount {
    /// Verified and applied, declined cards included.
    pub success: u64,
    /// Not processed: a wrong digest, unusable, or set aside.
    pub failed: u64,
}

/// Counts: to be added by one update, or of a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Counter, u64>);

impl Counter {
    /// All of them.
    fn all() -> impl Iterator<Item = Self> {
        let callbacks = CallbackKind::ALL.iter().flat_map(|kind| [true, false].map(|ok| Self::Callback(*kind, ok)));
        let episodes = DeclineClass::ALL.into_iter().flat_map(|class| {
            let won = RetryNumber::ALL.into_iter().map(move |retry| Self::Recovered(retry, class));
            won.chain((1..=MOST_FAILURES).map(move |failures| Self::Unrecovered(failures, class)))
        });
        let others =
            [Self::Charged, Self::Declined, Self::EpisodesStarted, Self::WonSeconds, Self::NotCharged, Self::Restored];
        callbacks.chain(episodes).chain(others)
    }

    /// The name of its attribute for a slot. Short, for an item may hold twelve of each.
    fn attribute(self, slot: i64) -> String {
        let short = |class: DeclineClass| match class {
            DeclineClass::HardDecline => "card",
            DeclineClass::SoftDecline => "later",
        };
        let name = match self {
            Self::Callback(kind, true) => format!("{}.success", kind.as_str()),
            Self::Callback(kind, false) => format!("{}.failed", kind.as_str()),
            Self::Charged => "charged".to_owned(),
            Self::Declined => "declined".to_owned(),
            Self::EpisodesStarted => "began".to_owned(),
            Self::Recovered(retry, class) => format!("won.{}.{}", retry.name(), short(class)),
            Self::WonSeconds => "won.seconds".to_owned(),
            Self::Unrecovered(failures, class) => format!("lost.{failures}.{}", short(class)),
            Self::NotCharged => "not-charged".to_owned(),
            Self::Restored => "restored".to_owned(),
        };
        format!("{name}.{slot:02}")
    }
}

impl CallbackCount {
    /// All of them.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.success.saturating_add(self.failed)
    }
}

impl Counts {
    /// One more callback.
    pub fn callback(&mut self, kind: CallbackKind, success: bool) {
        self.add(Counter::Callback(kind, success), 1);
    }

    /// What followed from a decision.
    pub fn happened(&mut self, happening: &BusinessEvent) {
        match happening {
            BusinessEvent::Charge(ChargeResult::Succeeded) => self.add(Counter::Charged, 1),
            BusinessEvent::Charge(ChargeResult::Failed) => self.add(Counter::Declined, 1),
            BusinessEvent::EpisodeStarted => self.add(Counter::EpisodesStarted, 1),
            BusinessEvent::Recovered(recovery) => {
                self.add(Counter::Recovered(RetryNumber::after(recovery.failures), recovery.class), 1);
                self.add(Counter::WonSeconds, recovery.seconds);
            }
            BusinessEvent::Downgraded(DowngradeCause::Unpaid { failures, class }) => {
                self.add(Counter::Unrecovered((*failures).clamp(1, MOST_FAILURES), *class), 1);
            }
            BusinessEvent::Downgraded(DowngradeCause::NotCharged) => self.add(Counter::NotCharged, 1),
            BusinessEvent::PlanRestored => self.add(Counter::Restored, 1),
            BusinessEvent::Charge(ChargeResult::Pending) | BusinessEvent::RefundDue | BusinessEvent::NeedsAttention => {
            }
        }
    }

    /// All of another tally.
    pub fn merge(&mut self, other: Self) {
        for (counter, count) in other.0 {
            self.add(counter, count);
        }
    }

    /// How often something was counted.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.0.get(&counter).copied().unwrap_or(0)
    }

    /// The callbacks of a kind.
    #[must_use]
    pub fn callbacks(&self, kind: CallbackKind) -> CallbackCount {
        let count = |success| self.get(Counter::Callback(kind, success));
        CallbackCount { success: count(true), failed: count(false) }
    }

    /// Whether there is nothing to add.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, counter: Counter, count: u64) {
        if count > 0 {
            let sum = self.0.entry(counter).or_default();
            *sum = sum.saturating_add(count);
        }
    }
}

impl Billing {
    /// Adds what happened at `at` to the counters; `spread` is anything that spreads writes, an order's id.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn count(&self, tally: &Counts, at: Timestamp, shard_key: &str) -> Result<(), Error> {
        let (hour, slot) = slot_of(at);
        let key = keys::hourly_count(keys::shard(shard_key, SHARDS), &hour);
        let mut update = self.table.client.update_item().table_name(&self.table.name).set_key(Some(key_of(&key)));
        let mut terms = Vec::new();
        for (place, (counter, count)) in tally.0.iter().enumerate() {
            terms.push(format!("#c{place} :c{place}"));
            update = update
                .expression_attribute_names(format!("#c{place}"), counter.attribute(slot))
                .expression_attribute_values(format!(":c{place}"), number(count));
        }
        update
            .update_expression(format!("SET #expires = :expires ADD {}", terms.join(", ")))
            .expression_attribute_names("#expires", keys::EXPIRES_AT)
            .expression_attribute_values(":expires", number(at.plus_days(KEPT_DAYS).unix()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| Error::unavailable("counting", error))
    }

    /// What was counted in the slots that end after `since`, up to `now`: as many reads as there are shards.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn counts(&self, since: Timestamp, now: Timestamp) -> Result<Counts, Error> {
        let slots = 0..3_600 / SLOT_SECONDS;
        let cells: Vec<(i64, Counter, String)> = slots
            .flat_map(|slot| Counter::all().map(move |counter| (slot, counter, counter.attribute(slot))))
            .collect();
        let mut counts = Counts::default();
        for shard in 0..SHARDS {
            for item in self.counter_items(&keys::hourly_counts(shard), Some((since, now))).await? {
                let Some(hour) = hour_of(&item) else { continue };
                for (slot, counter, name) in &cells {
                    if hour.plus_seconds((slot + 1) * SLOT_SECONDS) > since {
                        counts.add(*counter, item.get(name).map_or(0, count));
                    }
                }
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
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .expression_attribute_values(":pk", text(partition))
            .consistent_read(true);
        let query = match hours {
            Some((since, now)) => query
                .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                .expression_attribute_values(":from", text(slot_of(since).0))
                .expression_attribute_values(":to", text(slot_of(now).0)),
            None => query.key_condition_expression("pk = :pk"),
        };
        // A week of hours in which everything was counted in every slot is more than one answer holds.
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let page = query.clone().set_exclusive_start_key(after).send().await;
            let page = page.map_err(|error| Error::unavailable("reading counters", error))?;
            items.extend(page.items.unwrap_or_default());
            after = page.last_evaluated_key;
            if after.is_none() {
                return Ok(items);
            }
        }
    }
}

/// The hour of an instant as `yyyy-MM-ddTHH` in UTC, and the number of its five-minute slot.
fn slot_of(at: Timestamp) -> (String, i64) {
    let hour = at.to_string().chars().take(13).collect();
    (hour, at.unix().rem_euclid(3_600) / SLOT_SECONDS)
}

fn hour_of(item: &Item) -> Option<Timestamp> {
    let hour = item.get(keys::SK)?.as_s().ok()?;
    Timestamp::parse(&format!("{hour}:00:00Z")).ok()
}

fn count(value: &AttributeValue) -> u64 {
    value.as_n().ok().and_then(|count| count.parse().ok()).unwrap_or(0)
}
