//! Counters of callbacks and business events by hour, with slots of five minutes, and of subscriptions by status.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::domain::billing::business_events::{BusinessEvent, ChargeResult, DowngradeCause, RetryNumber};
use crate::domain::billing::payments::callback_kind::CallbackKind;
use crate::domain::billing::payments::payment::DeclineClass;
use crate::domain::values::time::Timestamp;

use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::table::expression::Update;
use crate::store::table::keys::Key;
use crate::store::table::query::Query;
use crate::store::table::{Item, keys, number, text_in};

pub mod by_day;

/// Shards of each counter, which spread the writes over partitions.
pub const SHARDS: u8 = 4;
/// Hours that are read by their keys, of each shard: 200 items at most.
const MOST_BY_KEY: i64 = 50;
/// Days for which hourly counters are kept: longer than the longest period of the console, 90 days, so that a day is counted also
/// where the task that closes days did not run for a long time.
const KEPT_DAYS: i64 = 93;
const SLOT_SECONDS: i64 = 300;

/// Largest number of failures of one charge that is counted separately.
pub const MOST_FAILURES: usize = 5;

/// Subject of an hourly counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Callbacks of a kind by what became of them.
    Callback(CallbackKind, CallbackFate),
    /// Successful charges.
    Charged,
    /// Failed charges.
    Declined,
    /// Dunning episodes that started.
    EpisodesStarted,
    /// Dunning episodes that ended with a payment, by the retry that succeeded.
    Recovered(RetryNumber, DeclineClass),
    /// Total duration of the recovered episodes in seconds.
    RecoverySeconds,
    /// Dunning episodes that ended with a downgrade, by the failures of their charge: 1 to [`MOST_FAILURES`], which
    /// includes more.
    Unrecovered(usize, DeclineClass),
    /// Downgrades after ECPay did not charge.
    NotCharged,
    /// Plans restored after a downgrade.
    Restored,
    /// Attempts to sign in to the console that were refused.
    SignInRefused,
}

/// Counters by their names within an item.
type Names = BTreeMap<String, Counter>;

/// Fate of a callback, as it is counted. A repetition of an applied one is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallbackFate {
    /// Verified and applied, a declined card included.
    Applied,
    /// Quarantined now.
    Quarantined,
    /// Signed, but not stored: quarantined before, or beyond the limit of an order or a day.
    NotKept,
    /// Refused: not signed by ECPay, or a form of the other address. A stranger can send any number.
    Refused,
}

/// Numbers of callbacks in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallbackCount {
    /// Callbacks that were applied, declined cards included.
    pub applied: u64,
    /// Callbacks that were quarantined, each report once.
    pub quarantined: u64,
    /// Signed callbacks that were not stored; see [`CallbackFate::NotKept`].
    pub not_kept: u64,
    /// Callbacks that were refused.
    pub refused: u64,
}

/// Counts to be added by one update, or of a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Counter, u64>);

impl Counter {
    /// Returns every counter of [`Counter`].
    fn all() -> impl Iterator<Item = Self> {
        let callbacks =
            CallbackKind::ALL.iter().flat_map(|kind| CallbackFate::ALL.map(|fate| Self::Callback(*kind, fate)));
        let episodes = DeclineClass::ALL.into_iter().flat_map(|class| {
            let recovered = RetryNumber::ALL.into_iter().map(move |retry| Self::Recovered(retry, class));
            recovered.chain((1..=MOST_FAILURES).map(move |failures| Self::Unrecovered(failures, class)))
        });
        let others = [
            Self::Charged,
            Self::Declined,
            Self::EpisodesStarted,
            Self::RecoverySeconds,
            Self::NotCharged,
            Self::Restored,
            Self::SignInRefused,
        ];
        callbacks.chain(episodes).chain(others)
    }

    fn by_name() -> Names {
        Self::all().map(|counter| (counter.name(), counter)).collect()
    }

    /// Attribute name for a slot.
    fn attribute(self, slot: i64) -> String {
        format!("{}.{slot:02}", self.name())
    }

    /// Name within an item. Short, because an hour's item holds up to twelve slots of each counter.
    fn name(self) -> String {
        let short = |class: DeclineClass| match class {
            DeclineClass::HardDecline => "hard",
            DeclineClass::SoftDecline => "soft",
        };
        match self {
            Self::Callback(kind, fate) => format!("{}.{}", kind.as_str(), fate.attribute()),
            Self::Charged => "charged".to_owned(),
            Self::Declined => "declined".to_owned(),
            Self::EpisodesStarted => "episodes".to_owned(),
            Self::Recovered(retry, class) => format!("recovered.{}.{}", retry.name(), short(class)),
            Self::RecoverySeconds => "recovered.seconds".to_owned(),
            Self::Unrecovered(failures, class) => format!("unrecovered.{failures}.{}", short(class)),
            Self::NotCharged => "not-charged".to_owned(),
            Self::Restored => "restored".to_owned(),
            Self::SignInRefused => "sign-in-refused".to_owned(),
        }
    }
}

impl CallbackFate {
    const ALL: [Self; 4] = [Self::Applied, Self::Quarantined, Self::NotKept, Self::Refused];

    const fn attribute(self) -> &'static str {
        match self {
            Self::Applied => "success",
            Self::Quarantined => "failed",
            Self::NotKept => "not-kept",
            Self::Refused => "refused",
        }
    }
}

impl CallbackCount {
    /// All callbacks in the older system's statistics: those that ECPay signed, each report once. Refused ones, which a
    /// stranger can send, are a number of their own.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.applied.saturating_add(self.quarantined)
    }

    /// Sum of two counts.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            applied: self.applied.saturating_add(other.applied),
            quarantined: self.quarantined.saturating_add(other.quarantined),
            not_kept: self.not_kept.saturating_add(other.not_kept),
            refused: self.refused.saturating_add(other.refused),
        }
    }
}

impl Counts {
    /// Counts one callback.
    pub fn count_callback(&mut self, kind: CallbackKind, fate: CallbackFate) {
        self.add(Counter::Callback(kind, fate), 1);
    }

    /// Counts a business event of a decision.
    pub fn count_event(&mut self, event: &BusinessEvent) {
        match event {
            BusinessEvent::Charge(ChargeResult::Succeeded) => self.add(Counter::Charged, 1),
            BusinessEvent::Charge(ChargeResult::Failed) => self.add(Counter::Declined, 1),
            BusinessEvent::EpisodeStarted => self.add(Counter::EpisodesStarted, 1),
            BusinessEvent::Recovered(recovery) => {
                self.add(Counter::Recovered(RetryNumber::after(recovery.failures), recovery.class), 1);
                self.add(Counter::RecoverySeconds, recovery.seconds);
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

    /// Counts a refused attempt to sign in to the console.
    pub fn count_refused_sign_in(&mut self) {
        self.add(Counter::SignInRefused, 1);
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: Self) {
        for (counter, count) in other.0 {
            self.add(counter, count);
        }
    }

    /// Returns one count; 0 where nothing was counted.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.0.get(&counter).copied().unwrap_or(0)
    }

    /// Returns the callbacks of a kind.
    #[must_use]
    pub fn callbacks(&self, kind: CallbackKind) -> CallbackCount {
        let count = |fate| self.get(Counter::Callback(kind, fate));
        CallbackCount {
            applied: count(CallbackFate::Applied),
            quarantined: count(CallbackFate::Quarantined),
            not_kept: count(CallbackFate::NotKept),
            refused: count(CallbackFate::Refused),
        }
    }

    /// True if nothing was counted.
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
    /// Adds counts to the hour and slot of `at` in one request. `shard_key` selects the shard, for example an order's
    /// id.
    pub async fn count(&self, counts: &Counts, at: Timestamp, shard_key: &str) -> Result<(), Error> {
        let (hour, slot) = slot_of(at);
        let key = keys::hourly_count(keys::shard(shard_key, SHARDS), &hour);
        let update = Update::of(key).set(keys::EXPIRES_AT, number(at.plus_days(KEPT_DAYS).unix()));
        let update =
            counts.0.iter().fold(update, |update, (counter, count)| update.add(counter.attribute(slot), count));
        self.table.update(update, "counting").await.map(|_| ())
    }

    /// Returns the counts of the slots that end after `since`, up to `now`, with one query for each shard at once.
    pub async fn counts(&self, since: Timestamp, now: Timestamp) -> Result<Counts, Error> {
        let (names, mut counts) = (Counter::by_name(), Counts::default());
        for item in self.hours(since, now).await? {
            let Some(hour) = hour_of(&item) else { continue };
            let is_within = |slot: i64| hour.plus_seconds((slot + 1) * SLOT_SECONDS) > since;
            add_hour(&mut counts, &names, &item, is_within);
        }
        Ok(counts)
    }

    /// Reads the items of the hours from that of one instant to that of another, all shards at once.
    async fn hours(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Item>, Error> {
        let count = to.unix().saturating_sub(from.unix()) / 3_600 + 2;
        // A day or two by their keys are one call or two, in place of one for each shard.
        if (0..=MOST_BY_KEY).contains(&count) {
            let hours = (0..count).map(|hour| from.plus_hours(hour)).filter(|hour| slot_of(*hour).0 <= slot_of(to).0);
            let keys: BTreeSet<Key> =
                hours.flat_map(|at| (0..SHARDS).map(move |shard| keys::hourly_count(shard, &slot_of(at).0))).collect();
            let items = self.table.get_many(&Vec::from_iter(keys), "reading counters").await?;
            return Ok(items.into_values().collect());
        }
        let (from, to) = (slot_of(from).0, slot_of(to).0);
        let of_shard = |shard| Query::partition(keys::hourly_counts(shard)).between(&from, &to);
        let shards = (0..SHARDS).map(|shard| self.counter_items(of_shard(shard)));
        Ok(try_join_all(shards).await?.into_iter().flatten().collect())
    }

    /// Returns the number of subscriptions by the name of their status.
    pub async fn status_counts(&self) -> Result<BTreeMap<String, i64>, Error> {
        let mut counts = BTreeMap::new();
        for item in self.counter_items(Query::partition(keys::STATUS_COUNTS)).await? {
            for (name, value) in &item {
                if let Some(count) = value.as_n().ok().and_then(|count| count.parse::<i64>().ok()) {
                    *counts.entry(name.clone()).or_default() += count;
                }
            }
        }
        Ok(counts)
    }

    /// Reads all items of a query: at most one for each shard, for each hour of [`KEPT_DAYS`] or for each stored day.
    async fn counter_items(&self, query: Query) -> Result<Vec<Item>, Error> {
        self.table.query_pages(query.consistent(), usize::MAX, "reading counters").await
    }
}

/// Returns the hour of an instant as `yyyy-MM-ddTHH` in UTC, and the number of its five-minute slot, 0 to 11.
fn slot_of(at: Timestamp) -> (String, i64) {
    let hour = at.to_string().chars().take(13).collect();
    (hour, at.unix().rem_euclid(3_600) / SLOT_SECONDS)
}

/// Adds the counts of an hour's item in the slots that a rule takes.
fn add_hour(counts: &mut Counts, names: &Names, item: &Item, is_wanted: impl Fn(i64) -> bool) {
    for (attribute, value) in item {
        let Some((name, slot)) = attribute.rsplit_once('.') else { continue };
        let (Some(counter), Ok(slot)) = (names.get(name), slot.parse()) else { continue };
        if is_wanted(slot) {
            counts.add(*counter, count(value));
        }
    }
}

fn hour_of(item: &Item) -> Option<Timestamp> {
    let hour = text_in(item, keys::SK)?;
    Timestamp::parse(&format!("{hour}:00:00Z")).ok()
}

fn count(value: &AttributeValue) -> u64 {
    value.as_n().ok().and_then(|count| count.parse().ok()).unwrap_or(0)
}
