//! Names of the rules that decisions follow, and the sentence that each one shows to readers of the history.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// Rule that a decision followed. History, logs and metrics refer to it by [`Rule::as_str`].
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, VariantArray, IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Rule {
    /// Order created; its first charge is still to come.
    OrderCreated,
    /// Staff took over an order that ECPay already charged.
    OrderAdopted,
    /// First charge succeeded: the plan starts.
    FirstChargePaid,
    /// First authorisation failed: the plan is not activated.
    FirstChargeFailed,
    /// ECPay reported a charge whose result is not known yet (10300066).
    ResultPending,
    /// Recurring charge succeeded while nothing was overdue.
    Renewed,
    /// Success that a newer known state supersedes.
    LateSuccess,
    /// Success that ended the arrears.
    ArrearsPaid,
    /// Success that restored the plan of a downgraded customer.
    PlanRestored,
    /// Success for an order that is over or that the customer had cancelled: the amount must be refunded.
    RefundDue,
    /// First failure: the grace period starts.
    GraceBegan,
    /// Second failure: the policy extends the grace period, once.
    GraceExtendedOnce,
    /// Third failure: the customer gets the last warning.
    LastWarning,
    /// Failure that changes neither the grace period nor the mails.
    FailureRecorded,
    /// Sixth failure: ECPay may terminate the order; a query finds out.
    SixthFailure,
    /// Grace period ended unpaid.
    GraceEnded,
    /// Downgrade due, but ECPay was not queried or the first notice not sent in time.
    DowngradePostponed,
    /// ECPay made no charge within a week of the due date.
    NotCharged,
    /// ECPay made no charge within three days of the due date; staff are notified.
    ChargeLate,
    /// Annual charge ahead; the customer is notified.
    ChargeAnnounced,
    /// ECPay counts a successful charge that its log does not contain.
    SuccessMissing,
    /// ECPay signed or listed a success that cannot be recorded; its period counts as paid.
    SuccessProven,
    /// Query brought nothing new.
    NothingNew,
    /// Retry claimed, before the request is sent to ECPay.
    RetryRequested,
    /// ECPay accepted the retry.
    RetryAccepted,
    /// ECPay refused the retry.
    RetryRefused,
    /// ECPay was unavailable; the retry remains scheduled.
    RetryPostponed,
    /// Response to the retry request lost; a query finds out.
    RetryOutcomeUnknown,
    /// No charge reported within a day of the retry.
    RetryWithoutResult,
    /// Cancellation claimed, before the request is sent to ECPay.
    CancelRequestedAtEcpay,
    /// Cancellation not confirmed shortly before the next charge, while ECPay could not be called; staff are notified.
    CancelUnconfirmed,
    /// Customer paid after the cancellation was requested, and the order is still active at ECPay.
    CancelOvertaken,
    /// Query confirmed that the order is terminated at ECPay.
    OrderOver,
    /// Paid period of a terminated order ended.
    PaidPeriodEnded,
    /// Query of a pending order found no payment.
    StillPending,
    /// Pending order not paid within a day.
    OrderExpired,
    /// Payment link ended; the order that it offered was not submitted to ECPay.
    LinkEnded,
    /// Another order of the same customer replaced this one.
    Superseded,
    /// Staff extended the grace period.
    GraceExtendedByStaff,
    /// Staff paused dunning.
    DunningPaused,
    /// Dunning resumed, by staff or at the end of the pause.
    DunningResumed,
    /// Customer requested the end of the order.
    CancelRequested,
    /// Customer undid the request to end the order.
    CancelUndone,
    /// Staff recorded terms that they had changed in ECPay's console.
    TermsChanged,
    /// Staff recorded money that went back to the customer.
    Refunded,
    /// Staff recorded money that went back to the customer, and ended the plan.
    RefundedAndEnded,
    /// Staff changed the recipient of the order's mails.
    EmailChanged,
    /// Staff added a remark.
    NoteAdded,
    /// Task failed for this order and will be retried.
    TaskFailed,
    /// Task failed repeatedly for this order; staff are notified.
    NeedsAttention,
    /// Failing task succeeded again.
    TaskRecovered,
    /// Personal data of the order's user erased.
    UserErased,
}

impl Rule {
    /// All rules, in the order of their declaration.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The rule's name in history, logs and the API: `order-created`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Sentence for readers of the history: the event and its consequence. The phrases `payment processed`,
    /// `payment failed`, `grace period` and `downgraded to FREE` are fixed: staff of the older system search for them.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::OrderCreated => "order created; waiting for the first charge",
            Self::FirstChargePaid => "payment processed: the first charge succeeded; the plan is active",
            Self::FirstChargeFailed => "payment failed: the first authorisation failed; the plan was not activated",
            Self::ResultPending => "ECPay does not know the result of this charge yet",
            Self::Renewed => "payment processed: the recurring charge succeeded",
            Self::LateSuccess => "payment processed: late report, already superseded by a newer state",
            Self::ArrearsPaid => "payment processed: overdue amount paid",
            Self::PlanRestored => "payment processed: the plan was restored from FREE",
            Self::RefundDue => "payment processed for an order that is over or was cancelled: a refund is due",
            Self::GraceBegan => "payment failed for the first time: the grace period began",
            Self::GraceExtendedOnce => "payment failed for the second time: the grace period was extended once",
            Self::LastWarning => "payment failed for the third time: the customer was warned of the downgrade",
            Self::FailureRecorded => "payment failed: recorded; neither the grace period nor the plan changes",
            Self::SixthFailure => {
                "payment failed for the sixth time: ECPay may terminate the order; will be checked by query"
            }
            Self::GraceEnded => "downgraded to FREE: the grace period ended unpaid",
            Self::DowngradePostponed => {
                "downgrade postponed: waiting for a query of ECPay or for the first notice to be sent"
            }
            Self::NotCharged => "downgraded to FREE: ECPay did not charge within a week of the due date",
            Self::ChargeAnnounced => "annual charge ahead; customer notified",
            Self::ChargeLate => "no charge reported for three days after the due date; staff notified",
            Self::SuccessMissing => "ECPay reports a successful charge that is missing from its charge log",
            Self::SuccessProven => {
                "payment processed: ECPay reports a success that cannot be recorded; the period counts as paid"
            }
            Self::NothingNew => "queried ECPay: nothing new",
            Self::RetryRequested => "retry requested from ECPay",
            Self::RetryAccepted => "ECPay accepted the retry; the result is reported later",
            Self::RetryRefused => "ECPay refused the retry",
            Self::RetryPostponed => "ECPay is unavailable; the retry remains scheduled",
            Self::RetryOutcomeUnknown => "outcome of the retry request unknown; will be checked by query",
            Self::RetryWithoutResult => "no result of the retry within a day",
            Self::CancelRequestedAtEcpay => "cancellation requested from ECPay",
            Self::CancelUnconfirmed => {
                "the cancellation is not confirmed shortly before the next charge; staff notified"
            }
            Self::CancelOvertaken => {
                "paid after cancellation was requested; the order is still active at ECPay and continues"
            }
            Self::OrderOver => "ECPay confirmed that the order is terminated",
            Self::PaidPeriodEnded => "the paid period ended, and the plan with it",
            Self::StillPending => "queried ECPay: still unpaid",
            Self::OrderExpired => "not paid within a day: order expired",
            Self::LinkEnded => "the payment link ended: the offered order expired",
            Self::Superseded => "replaced by a new order",
            Self::GraceExtendedByStaff => "staff extended the grace period",
            Self::DunningPaused => "dunning paused by staff: no automatic retries, no downgrade",
            Self::DunningResumed => "dunning resumed; the paused days were added to the grace period",
            Self::CancelRequested => "cancellation requested by the customer",
            Self::CancelUndone => "cancellation undone by the customer; the order continues",
            Self::TermsChanged => "staff recorded new terms of the order",
            Self::Refunded => "staff recorded a refund",
            Self::RefundedAndEnded => "downgraded to FREE: staff recorded a refund and ended the plan",
            Self::EmailChanged => "staff changed the address of the order's mails",
            Self::OrderAdopted => "staff took over an order that ECPay already charged",
            Self::NoteAdded => "staff added a note",
            Self::TaskFailed => "a task failed for this order; will be retried",
            Self::NeedsAttention => "a task keeps failing for this order; staff notified",
            Self::TaskRecovered => "the failing task succeeded again",
            Self::UserErased => "personal data erased; payment records kept for accounting",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_stored_under_its_name() {
        for rule in Rule::ALL {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
        }
    }
}
