//! Keys, queues and the index of the table.
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
//! | event for the business's app | `SUB#<id>` | `EVENT#<version>#<number>` |
//! | test of the endpoints of events | `EVENTS` | `EVENT#<random>` |
//! | endpoint of events | `EVENTS` | `ENDPOINT#<name>` |
//! | feedback of SES: see [`mail_feedback`](crate::store::billing::mail_feedback) | `ADDRESS#…`, `FEEDBACK#…` | |
//! | number of an adopted order | `NUMBER#<number in capital letters>` | `STATE` |
//! | list of orders to be adopted | `ADOPTION#<id>` | `STATE` |
//! | rows of such a list, or their outcomes | `ADOPTION#<id>` | `ROWS#<number>` |
//! | user | `USER#<user id>` | `STATE` |
//! | link from a user to an order: key only | `USER#<user id>` | `ORDER#<id>` |
//! | erasure of a user | `ERASED#<digest of the user id>` | `STATE` |
//! | erasure of a customer | `ERASED#<digest of the customer id>`, `ERASED#<keyed hash of the phone>` | `STATE` |
//! | opt-out of a phone number | `OPTOUT#<keyed hash of the phone>` | `STATE` |
//! | import in the background | `IMPORT#<id>` | `STATE` |
//! | rows of an import, and their outcome | `IMPORT#<id>` | `ROWS#<number>` |
//! | part of an import's answer | `IMPORT#<id>` | `ANSWER#<number>` |
//! | state of a WhatsApp message | `MESSAGE#<hash of the provider's id>` | `STATE` |
//! | customer of the workshop | `CUSTOMER#<id>` | `STATE` |
//! | link from a customer to a vehicle: key only | `CUSTOMER#<id>` | `VEHICLE#<plate>` |
//! | vehicle | `VEHICLE#<plate>` | `STATE` |
//! | reminder | `VEHICLE#<plate>` | `REMINDER#<visit>`, `REMINDER#<visit>#<day>` where one is sent each day; `REMINDER#follow-up#<visit>` |
//! | count of the reminders of a day | `COUNT#reminders` | `<day>` |
//! | institution of MMS | `INSTITUTION#<uid>` | `STATE` |
//! | digest of a day | `DIGEST#<day>` | `STATE` |
//! | message of a digest | `DIGEST#<day>` | `MESSAGE#<number>` |
//! | message that a day has no digest | `DIGEST#<day>` | `FAILURE` |
//! | receipt of a request under an `Idempotency-Key` | `KEY#<hash of caller and key>` | `STATE` |
//! | lease of an exclusive run | `LEASE` | `<job>` |
//! | purchase | `PURCHASE#<first order>` | `STATE` |
//! | checkout page | `CHECKOUT#<digest of its token>` | `STATE` |
//! | customer page | `PORTAL#<digest of its token>` | `STATE` |
//! | session of the console | `SESSION#<digest of its cookie>` | `STATE` |
//! | part of a file that was uploaded in the console | `UPLOAD#<id>` | `PART#<number>` |
//! | quarantined report | `QUARANTINE#<id>` | `STATE` |
//! | quarantine count of a day | `COUNT#quarantine` | `<day>` |
//! | count of an order's open quarantined reports | `COUNT#quarantine#<subscription id>` | `STATE` |
//! | subscriptions by status | `COUNT#status` | `<shard>` |
//! | callbacks and business figures by hour | `COUNT#callbacks#<shard>` | `<hour>` |
//! | the same by day, of days that are over | `COUNT#day` | `<day>` |
//! | run | `RUN` | `<run id>` |
//! | ECPay's circuit breaker | `BREAKER` | `ecpay` |
//! | Pace of calls to ECPay | `PACE` | `ecpay` |
//! | value by which an item is found: key only | `FIND#<kind>#<hash>` | `SUB#<id>`, `CUSTOMER#<id>` |
//! | word of a customer's name: key only | `FIND#name#<first two letters>` | `<word>#<customer id>` |
//! | link from a job to a run: key only | `RUN#<job>` | `<run id>` |
//!
//! Both indexes are sparse. In `due` are items with `queue` and `due_at`, ordered by time within each queue; in `listed` those
//! with `list` and `listed_at`, see [`listing`](crate::store::table::listing).

use sha2::{Digest, Sha256};

use crate::domain::billing::notices::NoticeKind;
use crate::domain::values::ids::{
    EventId, InstitutionUid, NotificationId, OperationKey, PaymentId, SubscriptionId, UserId,
};
use crate::domain::values::time::{LocalDate, Timestamp};

mod counts;
mod events;
mod pages;
mod workshop;

pub use counts::{DAILY_COUNTS, STATUS_COUNTS, daily_count, hourly_count, hourly_counts, status_count};
pub use events::{ENDPOINTS, HELD_EVENT_QUEUE, endpoint, event};
pub use pages::{checkout, customer_page, session, upload_part, upload_partition};
pub use workshop::{
    customer, customer_erasure, customer_partition, customer_vehicle, import, import_answer, import_rows, opt_out,
    phone_erasure, reminder, reminder_count, run_reminders_queue, vehicle, vehicle_partition, whatsapp_message,
};

/// Partition key of the table.
pub const PK: &str = "pk";
/// Sort key of the table.
pub const SK: &str = "sk";
/// TTL attribute: Unix time in seconds from which DynamoDB may delete the item.
pub const EXPIRES_AT: &str = "expires_at";
/// Name of the due index.
pub const DUE_INDEX: &str = "due";
/// Partition key of the due index.
pub const QUEUE: &str = "queue";
/// Sort key of the due index: RFC 3339 in UTC, to the second.
pub const DUE_AT: &str = "due_at";
/// Name of the index of lists.
pub const LISTED_INDEX: &str = "listed";
/// Partition key of the index of lists: a list and its shard.
pub const LIST: &str = "list";
/// Sort key of the index of lists: the position within the list.
pub const LISTED_AT: &str = "listed_at";
/// Sort key of the main item of a partition.
pub const STATE: &str = "STATE";

/// Queue of notices and events, by the time of the next send, and of endpoints that were switched on: an idle run reads one queue.
pub const MAIL_QUEUE: &str = "send-mail";
/// Queue of notices that SES refused or that had no further attempt, by the time at which they ended.
pub const DEAD_MAIL_QUEUE: &str = "mail-dead";
/// Queue of notices whose delivery is unknown, by the time at which they ended.
pub const UNCLEAR_MAIL_QUEUE: &str = "mail-unclear";
/// Queue of notices whose address takes no mail, by the time at which they ended.
pub const UNDELIVERABLE_MAIL_QUEUE: &str = "mail-undeliverable";
/// Queue of callback logs, by the time of their deletion.
pub const WEBHOOK_LOG_QUEUE: &str = "webhook-log";
/// Queue of items that could not be read when they were due.
pub const UNREADABLE_QUEUE: &str = "unreadable";
/// Attribute of such an item: the queue that it came from.
pub const QUEUE_BEFORE: &str = "queue_before";
/// Queue of open quarantined reports, by time of receipt.
pub const QUARANTINE_QUEUE: &str = "quarantine";
/// Queue of resolved quarantined reports, by time of receipt.
pub const QUARANTINE_RESOLVED_QUEUE: &str = "quarantine-resolved";

/// Queue of payments of which money must go back, by the time of their charge. No run reads it.
pub const REFUND_DUE_QUEUE: &str = "refund-due";

/// Queue of vehicles, by the first instant of the day of their next visit.
pub const VISIT_QUEUE: &str = "visit";
/// Queue of reminders that are claimed and have no outcome, by time of the claim.
pub const REMINDER_CLAIM_QUEUE: &str = "reminder-claim";

/// Queue of confirmations of opt-outs that are to be sent, by the time of the reply.
pub const CONFIRMATION_QUEUE: &str = "opt-out-confirmation";
/// List of opt-outs that hold, by the time of the wish.
pub const OPT_OUTS: &str = "opt-outs";
/// List of opt-outs that were ended, by the time of the wish.
pub const ENDED_OPT_OUTS: &str = "opt-outs-ended";

/// Queue of imports that go on in the background, by the time at which they began.
pub const IMPORT_QUEUE: &str = "import";

/// Queue of institutions that MMS listed last, by the first instant of the day on which they expire.
pub const INSTITUTION_QUEUE: &str = "institution";

/// A primary key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// Prefixes of keys: of sort keys in a subscription's partition unless stated otherwise.
pub mod prefix {
    /// Prefix of the partitions of subscriptions.
    pub const SUBSCRIPTION: &str = "SUB#";
    /// Prefix of the partitions of customers.
    pub const CUSTOMER: &str = "CUSTOMER#";
    /// Prefix of payments.
    pub const PAYMENT: &str = "PAYMENT#";
    /// Prefix of history entries.
    pub const HISTORY: &str = "HISTORY#";
    /// Prefix of callback logs.
    pub const WEBHOOK: &str = "WEBHOOK#";
    /// Prefix of notices.
    pub const NOTICE: &str = "NOTICE#";
    /// Prefix of events, in a subscription's partition or in that of endpoints.
    pub const EVENT: &str = "EVENT#";
    /// Prefix of endpoints of events, in their partition.
    pub const ENDPOINT: &str = "ENDPOINT#";
    /// Prefix of pointers to quarantined reports.
    pub const QUARANTINE: &str = "QUARANTINE#";
    /// Prefix of links to orders, in the user's partition.
    pub const ORDER: &str = "ORDER#";
    /// Prefix of links to vehicles, in the customer's partition.
    pub const VEHICLE: &str = "VEHICLE#";
    /// Prefix of the partitions of imports.
    pub const IMPORT: &str = "IMPORT#";
    /// Prefix of reminders and follow-ups, in the vehicle's partition.
    pub const REMINDER: &str = "REMINDER#";
}

/// Partition of a subscription and its items.
#[must_use]
pub fn subscription_partition(id: &SubscriptionId) -> String {
    format!("{}{id}", prefix::SUBSCRIPTION)
}

/// Key of a subscription.
#[must_use]
pub fn subscription(id: &SubscriptionId) -> Key {
    Key::new(subscription_partition(id), STATE)
}

/// Key of the item that holds a number, given in capital letters, for an adopted order.
#[must_use]
pub fn held_number(folded: &SubscriptionId) -> Key {
    Key::new(format!("NUMBER#{folded}"), STATE)
}

/// Key of a list of orders to be adopted.
#[must_use]
pub fn adoption(id: &str) -> Key {
    Key::new(format!("ADOPTION#{id}"), STATE)
}

/// Key of the rows of such a list, or of their outcomes, counted from 0.
#[must_use]
pub fn adoption_rows(id: &str, place: usize) -> Key {
    Key::new(format!("ADOPTION#{id}"), format!("ROWS#{place:04}"))
}

/// Key of the receipt of an event.
#[must_use]
pub fn receipt(id: &SubscriptionId, event: &EventId) -> Key {
    Key::new(subscription_partition(id), format!("RECEIPT#{event}"))
}

/// Key of a payment.
#[must_use]
pub fn payment(subscription: &SubscriptionId, id: &PaymentId) -> Key {
    Key::new(subscription_partition(subscription), format!("{}{}", prefix::PAYMENT, id.key()))
}

/// Key of the history entry that led to `version`; ten digits, so that keys sort by version.
#[must_use]
pub fn history(id: &SubscriptionId, version: u64) -> Key {
    Key::new(subscription_partition(id), format!("{}{version:010}", prefix::HISTORY))
}

/// Key of the log of a callback.
#[must_use]
pub fn webhook_log(id: &SubscriptionId, received_at: Timestamp, event: &str) -> Key {
    Key::new(subscription_partition(id), format!("{}{received_at}#{event}", prefix::WEBHOOK))
}

/// Key of a notice, in the partition of the subscription with which its id begins; one that is about none in that of staff.
#[must_use]
pub fn notice(id: &NotificationId) -> Key {
    let mut parts = id.as_str().split('/');
    let (subject, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    // An order of another system can have the number `staff`, with which these begin as well.
    let is_about_none = NoticeKind::WITHOUT_ORDER.iter().any(|without| without.name() == kind);
    let pk = SubscriptionId::parse(subject).ok().filter(|_| !is_about_none).map(|id| subscription_partition(&id));
    Key::new(pk.unwrap_or_else(|| "STAFF".to_owned()), format!("{}{id}", prefix::NOTICE))
}

/// Partition of a user and the links to their orders.
#[must_use]
pub fn user_partition(id: &UserId) -> String {
    format!("USER#{id}")
}

/// Key of a user.
#[must_use]
pub fn user(id: &UserId) -> Key {
    Key::new(user_partition(id), STATE)
}

/// Key of the link from a user to one of their orders.
#[must_use]
pub fn user_order(user: &UserId, order: &SubscriptionId) -> Key {
    Key::new(user_partition(user), format!("{}{order}", prefix::ORDER))
}

/// Key of the erasure of a user, by the SHA-256 of the user id: the erased id is not stored.
#[must_use]
pub fn erasure(user: &UserId) -> Key {
    Key::new(format!("ERASED#{}", hex::encode(Sha256::digest(user.as_str()))), STATE)
}

/// Key of an institution of MMS.
#[must_use]
pub fn institution(uid: &InstitutionUid) -> Key {
    Key::new(format!("INSTITUTION#{uid}"), STATE)
}

fn digest_partition(day: LocalDate) -> String {
    format!("DIGEST#{day}")
}

/// Key of the digest of a day.
#[must_use]
pub fn digest(day: LocalDate) -> Key {
    Key::new(digest_partition(day), STATE)
}

/// Key of a message of a digest, counted from 1.
#[must_use]
pub fn digest_message(day: LocalDate, number: u32) -> Key {
    Key::new(digest_partition(day), format!("MESSAGE#{number:04}"))
}

/// Key of the message that a day has no digest.
#[must_use]
pub fn digest_failure(day: LocalDate) -> Key {
    Key::new(digest_partition(day), "FAILURE")
}

/// Key of the lease of an exclusive run.
#[must_use]
pub fn lease(job: &str) -> Key {
    Key::new("LEASE", job)
}

/// Key of a purchase, by its first order.
#[must_use]
pub fn purchase(first: &SubscriptionId) -> Key {
    Key::new(format!("PURCHASE#{first}"), STATE)
}

/// Key of the receipt of a request under an idempotency key.
#[must_use]
pub fn key_receipt(key: &OperationKey) -> Key {
    Key::new(format!("KEY#{key}"), STATE)
}

/// Key of a quarantined report.
#[must_use]
pub fn quarantine(id: &str) -> Key {
    Key::new(format!("QUARANTINE#{id}"), STATE)
}

/// Key of the pointer from an order to a quarantined report about it.
#[must_use]
pub fn quarantine_pointer(subscription: &SubscriptionId, received_at: Timestamp, id: &str) -> Key {
    Key::new(subscription_partition(subscription), format!("{}{received_at}#{id}", prefix::QUARANTINE))
}

/// Key of the count of a day's quarantined reports about unknown orders.
#[must_use]
pub fn quarantine_count(day: &str) -> Key {
    Key::new("COUNT#quarantine", day)
}

/// Key of the count of an order's open quarantined reports. Outside of the order's partition, whose items are all exported
/// and erased with the order.
#[must_use]
pub fn open_quarantine_count(order: &SubscriptionId) -> Key {
    Key::new(format!("COUNT#quarantine#{order}"), STATE)
}

/// Key of a run.
#[must_use]
pub fn run(id: &str) -> Key {
    Key::new("RUN", id)
}

/// Key of the link from a job to one of its runs.
#[must_use]
pub fn job_run(job: &str, id: &str) -> Key {
    Key::new(format!("RUN#{job}"), id)
}

/// Key of ECPay's circuit breaker.
#[must_use]
pub fn breaker() -> Key {
    Key::new("BREAKER", "ecpay")
}

/// Key of the pace of calls to ECPay.
#[must_use]
pub fn ecpay_pace() -> Key {
    Key::new("PACE", "ecpay")
}

/// Returns the shard of an id, 0 to `shards` - 1. Spreads writes evenly; not a cryptographic hash.
#[must_use]
pub fn shard(id: &str, shards: u8) -> u8 {
    let sum = id.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    sum % shards.max(1)
}
