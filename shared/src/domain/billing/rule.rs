//! The rules by name, and what each says to people.

use serde::{Deserialize, Serialize};

/// The rule that a decision followed. Its name is what history, logs and tests speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A new order waits for its first charge.
    OrderCreated,
    /// The first charge succeeded: the plan begins.
    FirstChargePaid,
    /// The first authorisation failed: nothing is granted.
    FirstChargeFailed,
    /// ECPay does not know the result yet.
    ResultPending,
    /// A charge succeeded as agreed.
    Renewed,
    /// A success that changes nothing that is known already.
    LateSuccess,
    /// A success ended the arrears.
    ArrearsPaid,
    /// A success brought a downgraded customer back.
    PlanRestored,
    /// A success for an order that is over: money to give back.
    RefundDue,
    /// The first failure: grace began.
    GraceBegan,
    /// The second failure: grace is longer.
    GraceLengthened,
    /// The third failure: the last warning.
    LastWarning,
    /// A failure that changes neither grace nor mails.
    FailureRecorded,
    /// The sixth failure: ECPay ends the order.
    SixthFailure,
    /// Grace ended unpaid.
    GraceEnded,
    /// The charge that was due never came.
    NotCharged,
    /// Staff are told that a charge is late.
    ChargeLate,
    /// ECPay counts a success that it does not show.
    SuccessMissing,
    /// A retry was claimed.
    RetryAsked,
    /// ECPay took the retry.
    RetryAccepted,
    /// ECPay refused the retry.
    RetryRefused,
    /// ECPay was not reached, the retry stays due.
    RetryPostponed,
    /// Nobody knows whether ECPay took the retry.
    RetryUnclear,
    /// A retry brought no charge within a day.
    RetryWithoutResult,
    /// A cancel was claimed.
    CancelAsked,
    /// The customer paid, and the order that was to be cancelled runs on.
    CancelOvertaken,
    /// A query confirmed that the order is over.
    OrderOver,
    /// Access ended with the paid period.
    PaidPeriodEnded,
    /// A pending order was asked about.
    StillPending,
    /// A pending order was never paid.
    OrderExpired,
    /// A new order took this one's place.
    Superseded,
    /// Staff lengthened the grace period.
    GraceExtendedByStaff,
    /// Staff hold dunning.
    DunningPaused,
    /// Dunning goes on.
    DunningResumed,
    /// The customer wishes to end the order.
    CancelRequested,
    /// A task could not be done and is tried again later.
    TaskFailed,
    /// A task could not be done again and again: staff are told.
    NeedsAttention,
    /// A task that could not be done can be done again.
    TaskRecovered,
    /// The person behind the order was erased.
    PersonErased,
}

impl Rule {
    /// One sentence for people: what happened and why. The words `payment processed`, `payment failed`,
    /// `grace period` and `downgraded to FREE` are what the older system's staff search for.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::OrderCreated => "ordered; waits for the first charge",
            Self::FirstChargePaid => "payment processed: the first charge succeeded and the plan began",
            Self::FirstChargeFailed => "payment failed: the first authorisation failed, nothing was granted",
            Self::ResultPending => "ECPay does not know the result of this charge yet",
            Self::Renewed => "payment processed: the charge succeeded as agreed",
            Self::LateSuccess => "payment processed: reported late, a newer state is known already",
            Self::ArrearsPaid => "payment processed: the arrears are paid",
            Self::PlanRestored => "payment processed: the plan was restored from FREE",
            Self::RefundDue => "payment processed for an order that is over: a refund is due",
            Self::GraceBegan => "payment failed for the first time: the grace period began",
            Self::GraceLengthened => "payment failed for the second time: the grace period was lengthened once",
            Self::LastWarning => "payment failed for the third time: the customer was warned of the downgrade",
            Self::FailureRecorded => "payment failed: recorded, neither the grace period nor the plan changes",
            Self::SixthFailure => "payment failed for the sixth time: ECPay ends the order",
            Self::GraceEnded => "downgraded to FREE: the grace period ended unpaid",
            Self::NotCharged => "downgraded to FREE: ECPay did not charge within a week of the due day",
            Self::ChargeLate => "no charge came for three days after the due day: staff were told",
            Self::SuccessMissing => "ECPay counts a success that its log does not show",
            Self::RetryAsked => "a retry is asked of ECPay",
            Self::RetryAccepted => "ECPay accepted the retry; its result comes later",
            Self::RetryRefused => "ECPay refused the retry",
            Self::RetryPostponed => "ECPay takes no calls for now; the retry stays due",
            Self::RetryUnclear => "ECPay's answer to the retry was lost; a query will tell",
            Self::RetryWithoutResult => "the retry brought no result within a day",
            Self::CancelAsked => "the order's cancellation is asked of ECPay",
            Self::CancelOvertaken => "paid after the cancellation was asked; ECPay still runs the order, so it goes on",
            Self::OrderOver => "a query confirmed that ECPay will charge this order no more",
            Self::PaidPeriodEnded => "the paid period ended and with it the plan",
            Self::StillPending => "asked ECPay: not paid yet",
            Self::OrderExpired => "not paid within a day: the order was given up",
            Self::Superseded => "a new order took the place of this one",
            Self::GraceExtendedByStaff => "staff lengthened the grace period",
            Self::DunningPaused => "staff hold dunning: no retry by schedule, no downgrade",
            Self::DunningResumed => "dunning goes on; the days it was held are added to the grace period",
            Self::CancelRequested => "the customer wishes to end the order; it is cancelled at ECPay",
            Self::TaskFailed => "a task could not be done for this order; it is tried again later",
            Self::NeedsAttention => "a task cannot be done for this order again and again: staff are told",
            Self::TaskRecovered => "a task that could not be done can be done again",
            Self::PersonErased => {
                "the data of the person behind this order were erased; its payments stay for the books"
            }
        }
    }
}
