//! Every metric on one page. Dimensions take few values, none of them a person's, an order's or a free text.

use std::collections::BTreeMap;

use crate::domain::billing::business_events::{ChargeResult, RetryNumber};
use crate::domain::billing::notices::NoticeKind;
use crate::domain::billing::payment::DeclineClass;
use crate::domain::billing::subscription::DowngradeReason;
use crate::domain::billing::task::Task;
use crate::store::table::record::{NoticeState, WebhookType};

/// The values of a metric's dimensions.
pub type Dimensions = BTreeMap<&'static str, String>;

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name; `<task>` stands for a task's.
    pub name: &'static str,
    /// CloudWatch's name of its unit.
    pub unit: &'static str,
    /// The names of its dimensions.
    pub dimensions: &'static [&'static str],
    /// What it says.
    pub meaning: &'static str,
}

macro_rules! table {
    ($($constant:ident = $name:literal, $unit:literal, [$($dimension:literal),*], $meaning:literal;)*) => {
        $(const $constant: Row = Row { name: $name, unit: $unit, dimensions: &[$($dimension),*], meaning: $meaning };)*
        /// All metrics.
        pub const TABLE: &[Row] = &[$($constant),*];
    };
}

table! {
    CALLBACKS = "Callbacks", "Count", ["Kind", "Outcome"], "callbacks from ECPay by outcome; a declined charge counts as `applied`";
    CHECK_MAC_VALUE_FAILURES = "CheckMacValueFailures", "Count", [], "1 for a callback whose CheckMacValue is wrong, 0 for any other callback, even if it is refused for another reason";
    CALLBACK_LATENCY = "CallbackLatency", "Milliseconds", [], "from the callback to its response";
    CHARGES = "Charges", "Count", ["Result"], "authorisations that ECPay reported, each counted once";
    EPISODES_STARTED = "EpisodesStarted", "Count", [], "episodes that started: orders whose charge failed for the first time";
    RECOVERIES = "Recoveries", "Count", ["RetryNumber", "DeclineClass"], "episodes that were paid before the downgrade";
    PLANS_RESTORED = "PlansRestored", "Count", [], "plans that a payment restored after the downgrade";
    DOWNGRADES = "Downgrades", "Count", ["Reason"], "plans that were downgraded to FREE";
    REFUNDS_DUE = "RefundsDue", "Count", [], "charges of orders that were over; staff must refund them";
    OLDEST_DUE_AGE = "OldestDueAge.<task>", "Seconds", [], "how long the oldest item of the task's queue had been due at the time of the run; 0 if the queue was empty";
    ITEMS_DUE = "ItemsDue", "Count", ["Task"], "items that a run processed";
    ITEMS_DONE = "ItemsDone", "Count", ["Task"], "of these, items that were changed, sent or deleted";
    ITEMS_FAILED = "ItemsFailed", "Count", ["Task"], "of these, items that failed; they will be retried";
    RUNS_STOPPED = "RunsStopped", "Count", ["Reason"], "tasks that stopped before their queue was empty";
    NEEDS_ATTENTION = "NeedsAttention", "Count", [], "orders for which a task failed so often that staff were notified";
    NOTICES = "Notices", "Count", ["Kind", "Outcome"], "mails by kind and outcome";
    ECPAY_BLOCKED = "EcpayBlocked", "Count", [], "403 responses from ECPay, each of which opens the circuit breaker for 30 minutes";
    REMINDERS = "Reminders", "Count", ["Outcome"], "vehicles in the window of a run of reminders, by outcome";
    EXPIRY_SCANS = "ExpiryScans", "Count", ["Outcome"], "runs of the expiry scan by outcome; `refused` means that repeating does not help";
    REQUESTS = "Requests", "Count", ["Route", "StatusClass"], "requests to admin-api";
    REQUEST_LATENCY = "RequestLatency", "Milliseconds", [], "from the request to its response";
}

/// One value of one metric: its name and its dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// A callback.
    Callbacks(WebhookType, CallbackOutcome),
    /// Whether its digest was wrong.
    CheckMacValueFailures,
    /// How long it took.
    CallbackLatency,
    /// An authorisation.
    Charges(ChargeResult),
    /// A first failure.
    EpisodesStarted,
    /// A recovery.
    Recoveries(RetryNumber, DeclineClass),
    /// A plan that came back.
    PlansRestored,
    /// A plan that was taken away.
    Downgrades(DowngradeReason),
    /// A refund.
    RefundsDue,
    /// The age of a queue.
    OldestDueAge(Task),
    /// Items met.
    ItemsDue(Task),
    /// Items done.
    ItemsDone(Task),
    /// Items not helped.
    ItemsFailed(Task),
    /// A task cut short.
    RunsStopped(StopReason),
    /// An order given to staff.
    NeedsAttention,
    /// A mail.
    Notices(NoticeKind, NoticeOutcome),
    /// A 403.
    EcpayBlocked,
    /// A vehicle in the window of reminders.
    Reminders(ReminderOutcome),
    /// A run of the expiry scan.
    ExpiryScans(ScanOutcome),
    /// A request.
    Requests(Route, StatusClass),
    /// How long it took.
    RequestLatency,
}

/// What became of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackOutcome {
    /// Stored.
    Applied,
    /// Stored before.
    Repeat,
    /// Set aside, now or before.
    Quarantined,
    /// Not a form that ECPay signed.
    Refused,
    /// ECPay is to send it again.
    NotStored,
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeOutcome {
    /// The provider took it.
    Sent,
    /// To be tried again.
    Later,
    /// Nobody knows.
    Unclear,
    /// Given up.
    Dead,
}

/// What became of a vehicle in the window of reminders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReminderOutcome {
    /// Its owner was told.
    Sent,
    /// The gateway did not take it.
    Failed,
    /// Nobody was to be told.
    Skipped,
    /// They were told before.
    AlreadySent,
    /// Nobody knows.
    Unclear,
}

/// How a run of the expiry scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanOutcome {
    /// The digest is in the channel.
    Posted,
    /// It was before.
    AlreadyPosted,
    /// MMS does not want us.
    MmsRefused,
    /// MMS did not answer.
    MmsUnavailable,
    /// Slack does not want the digest.
    SlackRefused,
    /// Slack did not take all of it.
    SlackUnavailable,
}

/// Why a task stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// ECPay takes no calls.
    EcpayBlocked,
    /// ECPay does not answer.
    EcpayUnanswered,
    /// Enough for one run.
    Limit,
    /// No WhatsApp gateway takes messages.
    WhatsappProvider,
}

/// The first digit of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusClass {
    /// Done.
    Success,
    /// Elsewhere.
    Redirection,
    /// The caller's mistake.
    ClientError,
    /// Ours.
    ServerError,
}

/// A route as API Gateway names it: with placeholders, not with what a caller put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route(String);

impl Point {
    /// Its place in the table.
    #[must_use]
    pub const fn row(&self) -> &'static Row {
        match self {
            Self::Callbacks(..) => &CALLBACKS,
            Self::CheckMacValueFailures => &CHECK_MAC_VALUE_FAILURES,
            Self::CallbackLatency => &CALLBACK_LATENCY,
            Self::Charges(_) => &CHARGES,
            Self::EpisodesStarted => &EPISODES_STARTED,
            Self::Recoveries(..) => &RECOVERIES,
            Self::PlansRestored => &PLANS_RESTORED,
            Self::Downgrades(_) => &DOWNGRADES,
            Self::RefundsDue => &REFUNDS_DUE,
            Self::OldestDueAge(_) => &OLDEST_DUE_AGE,
            Self::ItemsDue(_) => &ITEMS_DUE,
            Self::ItemsDone(_) => &ITEMS_DONE,
            Self::ItemsFailed(_) => &ITEMS_FAILED,
            Self::RunsStopped(_) => &RUNS_STOPPED,
            Self::NeedsAttention => &NEEDS_ATTENTION,
            Self::Notices(..) => &NOTICES,
            Self::EcpayBlocked => &ECPAY_BLOCKED,
            Self::Reminders(_) => &REMINDERS,
            Self::ExpiryScans(_) => &EXPIRY_SCANS,
            Self::Requests(..) => &REQUESTS,
            Self::RequestLatency => &REQUEST_LATENCY,
        }
    }

    /// Its name. The ages of all queues of a run stand in one line, so the task is part of the name: a dimension has
    /// only one value in a line.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.row().name;
        if let Self::OldestDueAge(task) = self { name.replace("<task>", task.name()) } else { name.to_owned() }
    }

    /// The values of its dimensions.
    #[must_use]
    pub fn dimensions(&self) -> Dimensions {
        self.row().dimensions.iter().copied().zip(self.values()).collect()
    }

    fn values(&self) -> Vec<String> {
        let names: Vec<&str> = match self {
            Self::Callbacks(kind, outcome) => vec![kind.name(), outcome.name()],
            Self::Charges(result) => vec![result.name()],
            Self::Recoveries(retry, class) => vec![retry.name(), class.name()],
            Self::Downgrades(reason) => vec![reason.name()],
            Self::ItemsDue(task) | Self::ItemsDone(task) | Self::ItemsFailed(task) => vec![task.name()],
            Self::RunsStopped(reason) => vec![reason.name()],
            Self::Notices(kind, outcome) => vec![kind.name(), outcome.name()],
            Self::Reminders(outcome) => vec![outcome.name()],
            Self::ExpiryScans(outcome) => vec![outcome.name()],
            Self::Requests(Route(route), class) => vec![route, class.name()],
            Self::CheckMacValueFailures
            | Self::CallbackLatency
            | Self::EpisodesStarted
            | Self::PlansRestored
            | Self::RefundsDue
            | Self::OldestDueAge(_)
            | Self::NeedsAttention
            | Self::EcpayBlocked
            | Self::RequestLatency => Vec::new(),
        };
        names.into_iter().map(str::to_owned).collect()
    }
}

impl CallbackOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Repeat => "repeat",
            Self::Quarantined => "quarantined",
            Self::Refused => "refused",
            Self::NotStored => "not_stored",
        }
    }
}

impl From<NoticeState> for NoticeOutcome {
    fn from(state: NoticeState) -> Self {
        match state {
            NoticeState::Sent => Self::Sent,
            NoticeState::Queued | NoticeState::Claimed => Self::Later,
            NoticeState::Unclear => Self::Unclear,
            NoticeState::Dead => Self::Dead,
        }
    }
}

impl NoticeOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Later => "later",
            Self::Unclear => "unclear",
            Self::Dead => "dead",
        }
    }
}

impl ScanOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Posted => "posted",
            Self::AlreadyPosted => "already_posted",
            Self::MmsRefused => "mms_refused",
            Self::MmsUnavailable => "mms_unavailable",
            Self::SlackRefused => "slack_refused",
            Self::SlackUnavailable => "slack_unavailable",
        }
    }
}

impl ReminderOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::AlreadySent => "already_sent",
            Self::Unclear => "unclear",
        }
    }
}

impl StopReason {
    const fn name(self) -> &'static str {
        match self {
            Self::EcpayBlocked => "ecpay_blocked",
            Self::EcpayUnanswered => "ecpay_unanswered",
            Self::Limit => "limit",
            Self::WhatsappProvider => "whatsapp_provider",
        }
    }
}

impl StatusClass {
    /// The class of a status.
    #[must_use]
    pub const fn of(status: u16) -> Self {
        match status {
            ..300 => Self::Success,
            300..400 => Self::Redirection,
            400..500 => Self::ClientError,
            500.. => Self::ServerError,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
        }
    }
}

impl Route {
    /// API Gateway's key of the route, `METHOD /path/{placeholder}`; `none` where there is none.
    #[must_use]
    pub fn of_key(key: Option<&str>) -> Self {
        Self(key.filter(|key| !key.is_empty()).unwrap_or("none").to_owned())
    }
}
