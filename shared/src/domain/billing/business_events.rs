//! Business events of a decision, from which both metrics and counters are made.

use crate::domain::billing::decision::Decision;
use crate::domain::billing::dunning::arrears::{Arrears, Recovery};
use crate::domain::billing::dunning::downgrade::DowngradeReason;
use crate::domain::billing::dunning::policy::NEEDS_ATTENTION_AFTER;
use crate::domain::billing::payments::payment::{DeclineClass, PaymentOutcome};
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::Status;

/// Event that metrics and counters count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusinessEvent {
    /// Authorisation reported by ECPay for the first time.
    Charge(ChargeResult),
    /// Order that became past due: by its first failure, or by a first success older than a failure that is known.
    EpisodeStarted,
    /// Episode that ended paid before the downgrade.
    Recovered(Recovery),
    /// Payment that restored the plan after a downgrade.
    PlanRestored,
    /// Downgrade to FREE.
    Downgraded(DowngradeCause),
    /// Charge for an order that is over. The unused part of a replaced order is not counted, since a change of plan is ordinary.
    RefundDue,
    /// Task that keeps failing for an order; staff are notified.
    NeedsAttention,
}

/// Result of an authorisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChargeResult {
    /// Authorised by the card issuer.
    Succeeded,
    /// Declined by the card issuer.
    Failed,
    /// Result not known to ECPay yet.
    Pending,
}

/// Downgrade with the figures that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DowngradeCause {
    /// Grace period ended unpaid.
    Unpaid {
        /// Failed attempts of the charge.
        failures: usize,
        /// Class of the latest decline.
        class: DeclineClass,
    },
    /// No charge by ECPay within a week.
    NotCharged,
}

/// Number of a retry of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetryNumber {
    /// First retry of the charge.
    First,
    /// Second retry of the charge.
    Second,
    /// Third retry of the charge.
    Third,
    /// Fourth or any later retry.
    FourthOrLater,
}

impl BusinessEvent {
    /// The events of a stored decision. `recovery` is the end of the arrears that the decision brought about.
    #[must_use]
    pub fn of(decision: &Decision, recovery: Option<Recovery>) -> Vec<Self> {
        let outcome = decision.payment.as_ref().map(|payment| payment.outcome);
        let charge = outcome.and_then(ChargeResult::of).map(Self::Charge);
        let history = &decision.change.history;
        let [was_due, is_due] =
            [history.from, Some(history.to)].map(|status| matches!(status, Some(Status::PastDue { .. })));
        let started = (is_due && !was_due).then_some(Self::EpisodeStarted);
        // Only an episode that was counted when it started can end. A payment after the downgrade is counted as
        // `PlanRestored` instead.
        let recovered = if was_due { recovery.filter(|recovery| !recovery.after_downgrade) } else { None };
        [charge, started, recovered.map(Self::Recovered), Self::by_rule(decision)].into_iter().flatten().collect()
    }

    fn by_rule(decision: &Decision) -> Option<Self> {
        let next = &decision.change.next;
        match decision.change.history.rule {
            Rule::PlanRestored => Some(Self::PlanRestored),
            Rule::RefundDue => Some(Self::RefundDue),
            Rule::GraceEnded => {
                let arrears = Arrears::of(next)?;
                Some(Self::Downgraded(DowngradeCause::Unpaid {
                    failures: arrears.attempts,
                    class: arrears.last_decline,
                }))
            }
            Rule::NotCharged => Some(Self::Downgraded(DowngradeCause::NotCharged)),
            Rule::NeedsAttention => {
                let notified_now =
                    next.task_failure.as_ref().is_some_and(|failure| failure.attempts == NEEDS_ATTENTION_AFTER);
                notified_now.then_some(Self::NeedsAttention)
            }
            Rule::OrderCreated
            | Rule::OrderAdopted
            | Rule::FirstChargePaid
            | Rule::FirstChargeFailed
            | Rule::ResultPending
            | Rule::Renewed
            | Rule::LateSuccess
            | Rule::ArrearsPaid
            | Rule::GraceBegan
            | Rule::GraceExtendedOnce
            | Rule::LastWarning
            | Rule::FailureRecorded
            | Rule::SixthFailure
            | Rule::ChargeLate
            | Rule::ChargeAnnounced
            | Rule::SuccessMissing
            | Rule::SuccessProven
            | Rule::NothingNew
            | Rule::DowngradePostponed
            | Rule::RetryRequested
            | Rule::RetryAccepted
            | Rule::RetryRefused
            | Rule::RetryPostponed
            | Rule::RetryOutcomeUnknown
            | Rule::RetryWithoutResult
            | Rule::CancelRequestedAtEcpay
            | Rule::CancelUnconfirmed
            | Rule::CancelOvertaken
            | Rule::OrderOver
            | Rule::PaidPeriodEnded
            | Rule::StillPending
            | Rule::OrderExpired
            | Rule::LinkEnded
            | Rule::Superseded
            | Rule::GraceExtendedByStaff
            | Rule::DunningPaused
            | Rule::DunningResumed
            | Rule::CancelRequested
            | Rule::CancelUndone
            | Rule::TermsChanged
            | Rule::Refunded
            | Rule::RefundedAndEnded
            | Rule::EmailChanged
            | Rule::NoteAdded
            | Rule::TaskFailed
            | Rule::TaskRecovered
            | Rule::UserErased => None,
        }
    }
}

impl ChargeResult {
    /// The result of a charge; `None` for a payment outside ECPay.
    const fn of(outcome: PaymentOutcome) -> Option<Self> {
        match outcome {
            PaymentOutcome::Succeeded { .. } => Some(Self::Succeeded),
            PaymentOutcome::Failed => Some(Self::Failed),
            PaymentOutcome::Pending => Some(Self::Pending),
            PaymentOutcome::PaidOutOfBand => None,
        }
    }

    /// The result's name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Pending => "pending",
        }
    }
}

impl DowngradeCause {
    /// The reason stored with the downgrade.
    #[must_use]
    pub const fn reason(self) -> DowngradeReason {
        match self {
            Self::Unpaid { .. } => DowngradeReason::PaymentFailure,
            Self::NotCharged => DowngradeReason::NotCharged,
        }
    }
}

impl RetryNumber {
    /// All numbers, in ascending order.
    pub const ALL: [Self; 4] = [Self::First, Self::Second, Self::Third, Self::FourthOrLater];

    /// The number of the retry that succeeded after `failures` failed attempts.
    #[must_use]
    pub const fn after(failures: usize) -> Self {
        match failures {
            0 | 1 => Self::First,
            2 => Self::Second,
            3 => Self::Third,
            _ => Self::FourthOrLater,
        }
    }

    /// The number's name in metrics and statistics: `4+`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "1",
            Self::Second => "2",
            Self::Third => "3",
            Self::FourthOrLater => "4+",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::billing::decide::order::create_order;
    use crate::domain::billing::decide::task_failure::record_task_failure;
    use crate::domain::billing::decision::{Actor, Versioned};
    use crate::domain::billing::task::Task;
    use crate::test_support::{instant, new_order};

    #[test]
    fn a_failing_order_is_counted_once_when_staff_are_notified() {
        let now = instant("2025-01-31T02:00:00Z");
        let created = create_order(new_order("DKFAILING"), Actor::Schedule, now);
        assert_eq!(BusinessEvent::of(&created, None), []);
        let mut order: Versioned<_> = created.after();
        let events: Vec<Vec<BusinessEvent>> = (0..6)
            .map(|_| {
                let decision = record_task_failure(&order, Task::CheckPending, "an invented reason", now);
                order = decision.after();
                BusinessEvent::of(&decision, None)
            })
            .collect();
        assert_eq!(events, [vec![], vec![], vec![], vec![BusinessEvent::NeedsAttention], vec![], vec![]]);
    }

    #[test]
    fn a_retry_has_the_number_of_the_failures_before_it() {
        let names = [1, 2, 3, 4, 9].map(|failures| RetryNumber::after(failures).name());
        assert_eq!(names, ["1", "2", "3", "4+", "4+"]);
    }
}
