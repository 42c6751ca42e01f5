//! Every key and index of the table, on one page.
//!
//! | item | pk | sk |
//! |---|---|---|
//! | subscription | `SUB#<id>` | `STATE` |
//! | receipt of an event | `SUB#<id>` | `RECEIPT#<event>` |
//! | payment | `SUB#<id>` | `PAYMENT#<authorisation or event>` |
//! | history | `SUB#<id>` | `HISTORY#<version>` |
//! | callback log | `SUB#<id>` | `WEBHOOK#<received>#<event>` |
//! | pointer to a quarantined report | `SUB#<id>` | `QUARANTINE#<received>#<report id>` |
//! | notice about a subscription | `SUB#<id>` | `NOTICE#<notification id>` |
//! | other notice | `STAFF` | `NOTICE#<notification id>` |
//! | user | `USER#<user id>` | `STATE` |
//! | an order of a user: only the key | `USER#<user id>` | `ORDER#<id>` |
//! | note that a user was erased | `ERASED#<digest of the user id>` | `STATE` |
//! | note that a customer was erased | `ERASED#<digest of the customer id>`, `ERASED#<digest of the phone>` | `STATE` |
//! | customer of the workshop | `CUSTOMER#<id>` | `STATE` |
//! | a customer's vehicle: only the key | `CUSTOMER#<id>` | `VEHICLE#<plate>` |
//! | vehicle | `VEHICLE#<plate>` | `STATE` |
//! | reminder | `VEHICLE#<plate>` | `REMINDER#<visit>`, `REMINDER#<visit>#<day>` where one is sent a day |
//! | reminders handed out on a day | `COUNT#reminders` | `<day>` |
//! | institution of MMS | `INSTITUTION#<uid>` | `STATE` |
//! | digest of a day | `DIGEST#<day>` | `STATE` |
//! | message of a digest | `DIGEST#<day>` | `MESSAGE#<number>` |
//! | message that there is no digest | `DIGEST#<day>` | `FAILURE` |
//! | lease of a job that runs once at a time | `LEASE` | `<job>` |
//! | checkout page | `CHECKOUT#<digest of its token>` | `STATE` |
//! | quarantined report | `QUARANTINE#<id>` | `STATE` |
//! | quarantine count of a day | `COUNT#quarantine` | `<day>` |
//! | subscriptions by status | `COUNT#status` | `<shard>` |
//! | callbacks and business figures by hour | `COUNT#callbacks#<shard>` | `<hour>` |
//! | run | `RUN` | `<run id>` |
//! | ECPay's breaker | `BREAKER` | `ecpay` |
//!
//! The index `due` is sparse: items with `queue` and `due_at` are in it, ordered by time within each queue.

use sha2::{Digest, Sha256};

use crate::domain::values::ids::{
    CustomerId, EventId, InstitutionUid, NotificationId, PaymentId, SubscriptionId, UserId,
};
use crate::domain::values::time::{LocalDate, Timestamp};
use crate::domain::workshop::phone::Phone;
use crate::domain::workshop::plate::Plate;

/// Partition key of the table.
pub const PK: &str = "pk";
/// Sort key of the table.
pub const SK: &str = "sk";
/// When DynamoDB may delete an item, in Unix seconds.
pub const EXPIRES_AT: &str = "expires_at";
/// The due index.
pub const DUE_INDEX: &str = "due";
/// Its partition key.
pub const QUEUE: &str = "queue";
/// Its sort key: RFC 3339 in UTC, to the second.
pub const DUE_AT: &str = "due_at";
/// Sort key of items that stand alone in their partition.
pub const STATE: &str = "STATE";

/// Queue of notices to be mailed.
pub const MAIL_QUEUE: &str = "send-mail";
/// Queue of callback logs, by the day on which they may go.
pub const WEBHOOK_LOG_QUEUE: &str = "webhook-log";
/// Queue of items that could not be read when their time came.
pub const UNREADABLE_QUEUE: &str = "unreadable";
/// Queue of quarantined reports that are open, by the time they came.
pub const QUARANTINE_QUEUE: &str = "quarantine";
/// Queue of those that are resolved, by the same time.
pub const QUARANTINE_RESOLVED_QUEUE: &str = "quarantine-resolved";

/// Queue of vehicles, by the first instant of the day of their next visit.
pub const VISIT_QUEUE: &str = "visit";
/// Queue of reminders that somebody is sending, by the time of the claim.
pub const REMINDER_CLAIM_QUEUE: &str = "reminder-claim";

/// Queue of institutions that MMS listed last, by the first instant of the day on which they expire.
pub const INSTITUTION_QUEUE: &str = "institution";

/// A primary key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

/// Prefixes of sort keys, within a subscription's partition where nothing else is said.
pub mod prefix {
    /// Payments.
    pub const PAYMENT: &str = "PAYMENT#";
    /// History.
    pub const HISTORY: &str = "HISTORY#";
    /// Callback logs.
    pub const WEBHOOK: &str = "WEBHOOK#";
    /// Notices.
    pub const NOTICE: &str = "NOTICE#";
    /// Pointers to reports that were set aside.
    pub const QUARANTINE: &str = "QUARANTINE#";
    /// A user's orders, in the user's partition.
    pub const ORDER: &str = "ORDER#";
    /// A customer's vehicles, in the customer's partition.
    pub const VEHICLE: &str = "VEHICLE#";
    /// A vehicle's reminders, in the vehicle's partition.
    pub const REMINDER: &str = "REMINDER#";
}

/// The partition of a subscription.
#[must_use]
pub fn subscription_partition(id: &SubscriptionId) -> String {
    format!("SUB#{id}")
}

/// A subscription.
#[must_use]
pub fn subscription(id: &SubscriptionId) -> Key {
    Key::new(subscription_partition(id), STATE)
}

/// The receipt of an event.
#[must_use]
pub fn receipt(id: &SubscriptionId, event: &EventId) -> Key {
    Key::new(subscription_partition(id), format!("RECEIPT#{event}"))
}

/// A payment.
#[must_use]
pub fn payment(subscription: &SubscriptionId, id: &PaymentId) -> Key {
    Key::new(subscription_partition(subscription), format!("{}{}", prefix::PAYMENT, id.key()))
}

/// The history entry that made `version`.
#[must_use]
pub fn history(id: &SubscriptionId, version: u64) -> Key {
    Key::new(subscription_partition(id), format!("{}{version:010}", prefix::HISTORY))
}

/// The log of a callback.
#[must_use]
pub fn webhook_log(id: &SubscriptionId, received_at: Timestamp, event: &str) -> Key {
    Key::new(subscription_partition(id), format!("{}{received_at}#{event}", prefix::WEBHOOK))
}

/// A notice; its id begins with its subject.
#[must_use]
pub fn notice(id: &NotificationId) -> Key {
    let subject = id.as_str().split('/').next().unwrap_or_default();
    let pk = SubscriptionId::parse(subject).ok().filter(|_| subject != "staff").map(|id| subscription_partition(&id));
    Key::new(pk.unwrap_or_else(|| "STAFF".to_owned()), format!("{}{id}", prefix::NOTICE))
}

/// The partition of a user.
#[must_use]
pub fn user_partition(id: &UserId) -> String {
    format!("USER#{id}")
}

/// A user.
#[must_use]
pub fn user(id: &UserId) -> Key {
    Key::new(user_partition(id), STATE)
}

/// The link from a user to one of their orders.
#[must_use]
pub fn user_order(user: &UserId, order: &SubscriptionId) -> Key {
    Key::new(user_partition(user), format!("{}{order}", prefix::ORDER))
}

/// The note that a user was erased. Their id is not in it: only who knows it finds the note.
#[must_use]
pub fn erasure(user: &UserId) -> Key {
    Key::new(format!("ERASED#{}", hex::encode(Sha256::digest(user.as_str()))), STATE)
}

/// The partition of a customer of the workshop.
#[must_use]
pub fn customer_partition(id: &CustomerId) -> String {
    format!("CUSTOMER#{id}")
}

/// A customer of the workshop.
#[must_use]
pub fn customer(id: &CustomerId) -> Key {
    Key::new(customer_partition(id), STATE)
}

/// The note that a customer was erased, by their id. The kind is hashed too, with a blank that no user id has.
#[must_use]
pub fn customer_erasure(id: &CustomerId) -> Key {
    Key::new(format!("ERASED#{}", hex::encode(Sha256::digest(format!("customer {id}")))), STATE)
}

/// The note that a customer was erased, by their phone.
#[must_use]
pub fn phone_erasure(phone: &Phone) -> Key {
    Key::new(format!("ERASED#{}", hex::encode(Sha256::digest(format!("phone {phone}")))), STATE)
}

/// The link from a customer to one of their vehicles.
#[must_use]
pub fn customer_vehicle(id: &CustomerId, plate: &Plate) -> Key {
    Key::new(customer_partition(id), format!("{}{plate}", prefix::VEHICLE))
}

/// The partition of a vehicle.
#[must_use]
pub fn vehicle_partition(plate: &Plate) -> String {
    format!("VEHICLE#{plate}")
}

/// A vehicle.
#[must_use]
pub fn vehicle(plate: &Plate) -> Key {
    Key::new(vehicle_partition(plate), STATE)
}

/// The reminder of a visit; of one day where one is sent a day.
#[must_use]
pub fn reminder(plate: &Plate, visit: LocalDate, day: Option<LocalDate>) -> Key {
    let day = day.map(|day| format!("#{day}")).unwrap_or_default();
    Key::new(vehicle_partition(plate), format!("{}{visit}{day}", prefix::REMINDER))
}

/// Queue of the reminders that a run has settled.
#[must_use]
pub fn run_reminders_queue(run: &str) -> String {
    format!("reminders#{run}")
}

/// Reminders handed out on a day.
#[must_use]
pub fn reminder_count(day: LocalDate) -> Key {
    Key::new("COUNT#reminders", day.to_string())
}

/// An institution of MMS.
#[must_use]
pub fn institution(uid: &InstitutionUid) -> Key {
    Key::new(format!("INSTITUTION#{uid}"), STATE)
}

fn digest_partition(day: LocalDate) -> String {
    format!("DIGEST#{day}")
}

/// The digest of a day.
#[must_use]
pub fn digest(day: LocalDate) -> Key {
    Key::new(digest_partition(day), STATE)
}

/// A message of a digest, counted from 1.
#[must_use]
pub fn digest_message(day: LocalDate, number: u32) -> Key {
    Key::new(digest_partition(day), format!("MESSAGE#{number:04}"))
}

/// The message that there is no digest of a day.
#[must_use]
pub fn digest_failure(day: LocalDate) -> Key {
    Key::new(digest_partition(day), "FAILURE")
}

/// The lease of a job that runs once at a time.
#[must_use]
pub fn lease(job: &str) -> Key {
    Key::new("LEASE", job)
}

/// A checkout page, by the SHA-256 of its token in hex.
#[must_use]
pub fn checkout(token_digest: &str) -> Key {
    Key::new(format!("CHECKOUT#{token_digest}"), STATE)
}

/// A quarantined report.
#[must_use]
pub fn quarantine(id: &str) -> Key {
    Key::new(format!("QUARANTINE#{id}"), STATE)
}

/// The pointer from an order to a report about it that was set aside.
#[must_use]
pub fn quarantine_pointer(subscription: &SubscriptionId, received_at: Timestamp, id: &str) -> Key {
    Key::new(subscription_partition(subscription), format!("{}{received_at}#{id}", prefix::QUARANTINE))
}

/// The number of unknown orders set aside on a day.
#[must_use]
pub fn quarantine_count(day: &str) -> Key {
    Key::new("COUNT#quarantine", day)
}

/// The partition of the counts by status.
pub const STATUS_COUNTS: &str = "COUNT#status";

/// Subscriptions by status.
#[must_use]
pub fn status_count(shard: u8) -> Key {
    Key::new(STATUS_COUNTS, shard.to_string())
}

/// The partition of one shard of the hourly counters.
#[must_use]
pub fn hourly_counts(shard: u8) -> String {
    format!("COUNT#callbacks#{shard}")
}

/// The counters of an hour, one shard of them.
#[must_use]
pub fn hourly_count(shard: u8, hour: &str) -> Key {
    Key::new(hourly_counts(shard), hour)
}

/// A run.
#[must_use]
pub fn run(id: &str) -> Key {
    Key::new("RUN", id)
}

/// Until when ECPay is not called.
#[must_use]
pub fn breaker() -> Key {
    Key::new("BREAKER", "ecpay")
}

/// The shard of something that belongs to an order: spreads writes, needs no secrecy.
#[must_use]
pub fn shard(id: &str, shards: u8) -> u8 {
    let sum = id.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    sum % shards.max(1)
}
