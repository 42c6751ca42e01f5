//! History of an order: events, their causes and the entries that are stored.

use serde::{Deserialize, Serialize};

use crate::domain::billing::operations::Actor;
use crate::domain::billing::payments::order_query::QueryAnswer;
use crate::domain::billing::payments::payment::PaymentReport;
use crate::domain::billing::payments::unused_part::Credit;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{NewOrder, OrderEnd, RetryState, Status};
use crate::domain::billing::task::Task;
use crate::domain::values::ids::{EmailAddress, PaymentId, SubscriptionId};
use crate::domain::values::money::Twd;
use crate::domain::values::time::{LocalDate, Timestamp};
/// Event in an order's history. The order's state is a pure function of these events and the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryEvent {
    /// Order created.
    Ordered(NewOrder),
    /// Order taken over from another system with the charges that ECPay listed, which are the entries before.
    Adopted,
    /// Authorisation reported by ECPay, or payment recorded by staff.
    Reported(PaymentReport),
    /// Success reported by ECPay for an order whose purchase had been paid by another one.
    ReportedAfter {
        /// The report.
        report: PaymentReport,
        /// Order that was paid before.
        paid_order: SubscriptionId,
    },
    /// Scheduled action carried out because its time had come.
    ActionDue,
    /// Downgrade due, but ECPay or the first notice is waited for.
    DowngradePostponed {
        /// Earliest time of the downgrade.
        until: Timestamp,
    },
    /// ECPay could not be reached for a day before a downgrade, or for a cancellation shortly before the next charge.
    EcpayUnreached,
    /// Retry claimed, before the request is sent to ECPay.
    RetryRequested,
    /// Outcome of the retry request became known.
    RetryOutcomeRecorded(RetryState),
    /// Cancellation claimed, before the request is sent to ECPay.
    CancelRequestedAtEcpay,
    /// Query showed that ECPay makes no further charges.
    OrderEnded(OrderEnd),
    /// Query of the order brought no new report.
    Checked,
    /// Query of the order for a task brought nothing new.
    NothingNew {
        /// Task that queried.
        task: Task,
    },
    /// ECPay signed or listed a success that cannot be recorded.
    SuccessProven {
        /// ProcessDate of the charge.
        charged_at: Timestamp,
    },
    /// Terms changed by staff, as they had changed them in ECPay's console.
    TermsChanged {
        /// New price in TWD.
        amount: Option<Twd>,
        /// Day of the next charge (Asia/Taipei).
        next_charge_on: Option<LocalDate>,
    },
    /// Money that went back to the customer, recorded by staff.
    Refunded {
        /// Payment that was refunded or charged back.
        payment: PaymentId,
        /// Amount in TWD.
        amount: Twd,
        /// Reference of ECPay or the business.
        reference: Option<String>,
        /// True if the plan ended with it.
        end_access: bool,
    },
    /// Query showed an active order without the charge that was due.
    MissingChargeObserved,
    /// Customer notified of an annual charge, after a query showed that the order runs on.
    ChargeAnnounced {
        /// Due date of the charge (Asia/Taipei).
        due: LocalDate,
    },
    /// Another order's first success replaced this order.
    SupersededBy(SubscriptionId),
    /// Grace period extended by staff.
    GraceExtended {
        /// Days of 24 hours.
        days: u32,
    },
    /// Dunning paused by staff.
    Paused {
        /// Days of 24 hours.
        days: u32,
    },
    /// Dunning resumed, by staff or at the end of the pause.
    Resumed,
    /// Cancellation requested by the customer.
    CancelRequested,
    /// Cancellation undone by the customer.
    CancelUndone,
    /// Recipient of the order's mails changed by staff.
    EmailChanged {
        /// New address.
        email: EmailAddress,
    },
    /// Remark of staff, which is the entry's reason.
    Noted,
    /// Scheduled task failed for this order.
    TaskFailed {
        /// The failing task.
        task: Task,
        /// Error text without personal data.
        reason: String,
    },
    /// Customer's data erased.
    Erased,
}

/// Cause of a decision, as recorded in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Event that led to the decision.
    pub event: HistoryEvent,
    /// The rule that applied.
    pub rule: Rule,
    /// Actor behind the event: ECPay, the schedule or staff.
    pub actor: Actor,
}

/// Entry of an order's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Logical time of the decision.
    pub at: Timestamp,
    /// Event that led to the decision.
    pub event: HistoryEvent,
    /// Rule that the decision followed.
    pub rule: Rule,
    /// State before the decision; `None` for a new order.
    pub from: Option<Status>,
    /// State after the decision.
    pub to: Status,
    /// Actor that caused the decision.
    pub by: Actor,
    /// Reason given by staff.
    pub why: Option<String>,
    /// Answer of ECPay to a query that was noted before the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<QueryAnswer>,
    /// Refunds due for the unused parts of periods, which another order took over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credits: Vec<Credit>,
}

impl Cause {
    /// Cause of an event, the rule that applied and the actor.
    #[must_use]
    pub const fn new(event: HistoryEvent, rule: Rule, actor: Actor) -> Self {
        Self { event, rule, actor }
    }
}

impl HistoryEntry {
    /// Entry without a reason.
    #[must_use]
    pub fn new(at: Timestamp, cause: Cause, from: Option<Status>, to: Status) -> Self {
        let Cause { event, rule, actor } = cause;
        Self { at, event, rule, from, to, by: actor, why: None, query: None, credits: Vec::new() }
    }
}
