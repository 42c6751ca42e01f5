//! All metrics on one page. Dimensions have few values, none of them personal data, an order's id or free text.

use std::collections::BTreeMap;

use crate::domain::billing::business_events::{ChargeResult, RetryNumber};
use crate::domain::billing::dunning::downgrade::DowngradeReason;
use crate::domain::billing::notices::feedback::FeedbackKind;
use crate::domain::billing::payments::payment::DeclineClass;
use crate::domain::billing::task::Task;
use crate::domain::workshop::deliveries::DeliveryStage;
use crate::domain::workshop::opt_out::Wish;
use crate::platform::metrics::outcomes::{
    CallbackOutcome, MailAudience, NoticeOutcome, ReminderOutcome, RunOutcome, ScanOutcome, StopReason,
};
use crate::platform::metrics::request::StatusClass;

/// Values of a metric's dimensions by their names.
pub type Dimensions = BTreeMap<&'static str, String>;

/// Declaration of one metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Name; `<task>` stands for the name of a task.
    pub name: &'static str,
    /// Unit as CloudWatch names it.
    pub unit: &'static str,
    /// Names of the dimensions beside [`super::ENVIRONMENT`].
    pub dimensions: &'static [&'static str],
    /// Meaning, as in docs/METRICS.md.
    pub meaning: &'static str,
}

macro_rules! table {
    ($($constant:ident = $name:literal, $unit:literal, [$($dimension:literal),*], $meaning:literal;)*) => {
        $(const $constant: Row = Row { name: $name, unit: $unit, dimensions: &[$($dimension),*], meaning: $meaning };)*
        /// Every metric, in the order of docs/METRICS.md.
        pub const TABLE: &[Row] = &[$($constant),*];
    };
}

table! {
    CALLBACKS = "Callbacks", "Count", ["Outcome"], "callbacks from ECPay by outcome; a declined charge counts as `applied`";
    CHECK_MAC_VALUE_FAILURES = "CheckMacValueFailures", "Count", [], "1 for a callback whose CheckMacValue is wrong, 0 for any other callback, even if it is refused for another reason";
    CALLBACK_LATENCY = "CallbackLatency", "Milliseconds", [], "from the callback to its response";
    CHARGES = "Charges", "Count", ["Result"], "authorisations that ECPay reported, each counted once";
    EPISODES_STARTED = "EpisodesStarted", "Count", [], "episodes that started: orders that became past due, by a failure or by a first success that is older than a known failure";
    RECOVERIES = "Recoveries", "Count", ["RetryNumber", "DeclineClass"], "episodes that were paid before the downgrade";
    PLANS_RESTORED = "PlansRestored", "Count", [], "plans that a payment restored after the downgrade";
    DOWNGRADES = "Downgrades", "Count", ["Reason"], "plans that were downgraded to FREE";
    REFUNDS_DUE = "RefundsDue", "Count", [], "charges of orders that were over; staff must refund them";
    OLDEST_DUE_AGE = "OldestDueAge.<task>", "Seconds", [], "how long the oldest item of the task's queue had been due at the time of the run; of most tasks only if something was due, of those that tell that a schedule runs also 0";
    TASKS_BEHIND = "TasksBehind", "Count", [], "tasks whose oldest item had been due for longer than it may be";
    ITEMS_DUE = "ItemsDue", "Count", ["Task"], "items that a run processed";
    ITEMS_DONE = "ItemsDone", "Count", ["Task"], "of these, items that were changed, sent or deleted";
    ITEMS_FAILED = "ItemsFailed", "Count", ["Task"], "of these, items that failed; they will be retried";
    UNREADABLE_ITEMS = "UnreadableItems", "Count", [], "stored items that could not be read when they were due; they left their queue and come back when a version can read them";
    RUNS_STOPPED = "RunsStopped", "Count", ["Reason"], "tasks that stopped before their queue was empty";
    NEEDS_ATTENTION = "NeedsAttention", "Count", [], "orders for which a task failed so often that staff were notified";
    NOTICES = "Notices", "Count", ["Outcome"], "mails by outcome";
    MAILS_HELD_BACK = "MailsHeldBack", "Count", [], "attempts to send a mail that SES refused because of the account, the role or the configuration, or that it has not accepted for an hour; they will be retried";
    MAIL_FEEDBACK = "MailFeedback", "Count", ["Recipient", "Kind"], "bounces and complaints that SES reported; a repeated report about a customer's mail does not count";
    STAFF_MAILS_FAILED = "StaffMailsFailed", "Count", [], "mails to staff that bounced for good, or about which their recipient complained";
    ECPAY_BLOCKED = "EcpayBlocked", "Count", [], "403 responses from ECPay, each of which opens the circuit breaker for 30 minutes";
    REMINDERS = "Reminders", "Count", ["Outcome"], "vehicles in the window of a run of reminders, by outcome";
    REMINDER_RUNS = "ReminderRuns", "Count", ["Outcome"], "runs of reminders by outcome; `failed` means that no provider was left, or that every reminder failed";
    REMINDER_DELIVERIES = "ReminderDeliveries", "Count", ["Stage"], "messages of the WhatsApp number that reached a stage, as the Cloud API reports it: `sent`, `delivered`, `read` or `failed`";
    OPT_OUTS = "OptOuts", "Count", ["Wish"], "numbers that were opted out (`stop`) or in again (`start`) by a reply";
    EXPIRY_SCANS = "ExpiryScans", "Count", ["Outcome"], "runs of the expiry scan by outcome";
    EXPIRY_SCANS_FAILED = "ExpiryScansFailed", "Count", [], "of these, runs that repeating does not help: MMS or Slack refused a call, or most records cannot be read";
    REQUESTS = "Requests", "Count", ["StatusClass"], "requests to admin-api";
    REQUEST_LATENCY = "RequestLatency", "Milliseconds", [], "from the request to its response";
}

/// Identity of one value: the metric and its dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// One callback from ECPay.
    Callbacks(CallbackOutcome),
    /// 1 or 0 for each callback.
    CheckMacValueFailures,
    /// Milliseconds until the callback's response.
    CallbackLatency,
    /// One reported authorisation.
    Charges(ChargeResult),
    /// First failure of an episode.
    EpisodesStarted,
    /// Payment that ended an episode.
    Recoveries(RetryNumber, DeclineClass),
    /// Plan restored after a downgrade.
    PlansRestored,
    /// Downgrade to FREE.
    Downgrades(DowngradeReason),
    /// Charge to be refunded by staff.
    RefundsDue,
    /// Seconds for which the oldest item of a queue is due.
    OldestDueAge(Task),
    /// Task whose oldest item waits too long.
    TasksBehind,
    /// Items that a run processed.
    ItemsDue(Task),
    /// Items changed, sent or deleted.
    ItemsDone(Task),
    /// Items that failed and will be retried.
    ItemsFailed(Task),
    /// Stored item that could not be read.
    UnreadableItems,
    /// Task that stopped before its queue was empty.
    RunsStopped(StopReason),
    /// Order whose task keeps failing; staff were notified.
    NeedsAttention,
    /// One mail by outcome.
    Notices(NoticeOutcome),
    /// Attempt to send a mail that failed for a reason that is not the mail's.
    MailsHeldBack,
    /// Bounce or complaint that SES reported.
    MailFeedback(MailAudience, FeedbackKind),
    /// Mail to staff that bounced for good, or about which its recipient complained.
    StaffMailsFailed,
    /// Response 403 from ECPay.
    EcpayBlocked,
    /// One vehicle in the window of reminders.
    Reminders(ReminderOutcome),
    /// One run of reminders.
    ReminderRuns(RunOutcome),
    /// Stage that a WhatsApp message reached.
    ReminderDeliveries(DeliveryStage),
    /// Number that a reply opted out or in again.
    OptOuts(Wish),
    /// One run of the expiry scan.
    ExpiryScans(ScanOutcome),
    /// Run of the expiry scan that repeating does not help.
    ExpiryScansFailed,
    /// One request to `admin-api`.
    Requests(StatusClass),
    /// Milliseconds until the request's response.
    RequestLatency,
}

impl Point {
    /// Returns the declaration in [`TABLE`].
    #[must_use]
    pub const fn row(&self) -> &'static Row {
        match self {
            Self::Callbacks(_) => &CALLBACKS,
            Self::CheckMacValueFailures => &CHECK_MAC_VALUE_FAILURES,
            Self::CallbackLatency => &CALLBACK_LATENCY,
            Self::Charges(_) => &CHARGES,
            Self::EpisodesStarted => &EPISODES_STARTED,
            Self::Recoveries(..) => &RECOVERIES,
            Self::PlansRestored => &PLANS_RESTORED,
            Self::Downgrades(_) => &DOWNGRADES,
            Self::RefundsDue => &REFUNDS_DUE,
            Self::OldestDueAge(_) => &OLDEST_DUE_AGE,
            Self::TasksBehind => &TASKS_BEHIND,
            Self::ItemsDue(_) => &ITEMS_DUE,
            Self::ItemsDone(_) => &ITEMS_DONE,
            Self::ItemsFailed(_) => &ITEMS_FAILED,
            Self::UnreadableItems => &UNREADABLE_ITEMS,
            Self::RunsStopped(_) => &RUNS_STOPPED,
            Self::NeedsAttention => &NEEDS_ATTENTION,
            Self::Notices(_) => &NOTICES,
            Self::MailsHeldBack => &MAILS_HELD_BACK,
            Self::MailFeedback(..) => &MAIL_FEEDBACK,
            Self::StaffMailsFailed => &STAFF_MAILS_FAILED,
            Self::EcpayBlocked => &ECPAY_BLOCKED,
            Self::Reminders(_) => &REMINDERS,
            Self::ReminderRuns(_) => &REMINDER_RUNS,
            Self::ReminderDeliveries(_) => &REMINDER_DELIVERIES,
            Self::OptOuts(_) => &OPT_OUTS,
            Self::ExpiryScans(_) => &EXPIRY_SCANS,
            Self::ExpiryScansFailed => &EXPIRY_SCANS_FAILED,
            Self::Requests(_) => &REQUESTS,
            Self::RequestLatency => &REQUEST_LATENCY,
        }
    }

    /// Returns the metric's name. It contains the task for the ages of queues, since a run prints all of them in one line and a
    /// dimension has one value in a line.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.row().name;
        if let Self::OldestDueAge(task) = self { name.replace("<task>", task.as_str()) } else { name.to_owned() }
    }

    /// Returns the values of the dimensions.
    #[must_use]
    pub fn dimensions(&self) -> Dimensions {
        self.row().dimensions.iter().copied().zip(self.values()).collect()
    }

    fn values(&self) -> Vec<String> {
        let names: Vec<&str> = match self {
            Self::Callbacks(outcome) => vec![outcome.name()],
            Self::Charges(result) => vec![result.name()],
            Self::Recoveries(retry, class) => vec![retry.name(), class.name()],
            Self::Downgrades(reason) => vec![reason.name()],
            Self::ItemsDue(task) | Self::ItemsDone(task) | Self::ItemsFailed(task) => vec![task.as_str()],
            Self::RunsStopped(reason) => vec![reason.name()],
            Self::Notices(outcome) => vec![outcome.name()],
            Self::MailFeedback(audience, kind) => vec![audience.name(), kind.name()],
            Self::Reminders(outcome) => vec![outcome.name()],
            Self::ReminderRuns(outcome) => vec![outcome.name()],
            Self::ReminderDeliveries(stage) => vec![stage.name()],
            Self::OptOuts(wish) => vec![wish.name()],
            Self::ExpiryScans(outcome) => vec![outcome.name()],
            Self::Requests(class) => vec![class.name()],
            Self::CheckMacValueFailures
            | Self::CallbackLatency
            | Self::EpisodesStarted
            | Self::PlansRestored
            | Self::RefundsDue
            | Self::OldestDueAge(_)
            | Self::TasksBehind
            | Self::StaffMailsFailed
            | Self::ExpiryScansFailed
            | Self::UnreadableItems
            | Self::NeedsAttention
            | Self::MailsHeldBack
            | Self::EcpayBlocked
            | Self::RequestLatency => Vec::new(),
        };
        names.into_iter().map(str::to_owned).collect()
    }
}
