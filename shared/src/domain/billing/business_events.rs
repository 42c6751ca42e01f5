//! What a decision means for the figures of the business. Metrics and counters are both made of these.

use crate::domain::billing::arrears::{Arrears, Recovery};
use crate::domain::billing::decision::Decision;
use crate::domain::billing::payment::{DeclineClass, PaymentOutcome};
use crate::domain::billing::policy::NEEDS_ATTENTION_AFTER;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::DowngradeReason;

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusinessEvent {
    /// ECPay reported an authorisation that was not known.
    Charge(ChargeResult),
    /// The first failure of an episode.
    EpisodeStarted,
    /// An episode ended paid before the plan was taken away.
    Recovered(Recovery),
    /// A payment brought the plan back after it was taken away.
    PlanRestored,
    /// The plan was taken away.
    Downgraded(DowngradeCause),
    /// Money came for an order that is over.
    RefundDue,
    /// A task cannot be done for an order, and staff are told.
    NeedsAttention,
}

/// How an authorisation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChargeResult {
    /// Authorised.
    Succeeded,
    /// Declined.
    Failed,
    /// ECPay does not know yet.
    Pending,
}

/// A plan that was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DowngradeCause {
    /// Grace ended unpaid.
    Unpaid {
        /// How often the charge had failed.
        failures: usize,
        /// Of the latest failure.
        class: DeclineClass,
    },
    /// ECPay did not charge.
    NotCharged,
}

/// Which retry of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetryNumber {
    /// The first.
    First,
    /// The second.
    Second,
    /// The third.
    Third,
    /// Any after it.
    FourthOrLater,
}

impl BusinessEvent {
    /// What is counted once a decision is stored. `recovery` is the end of the arrears that it brought.
    #[must_use]
    pub fn of(decision: &Decision, recovery: Option<Recovery>) -> Vec<Self> {
        let outcome = decision.payment.as_ref().map(|payment| payment.outcome);
        let charge = outcome.and_then(ChargeResult::of).map(Self::Charge);
        let recovered = recovery.filter(|recovery| !recovery.after_downgrade).map(Self::Recovered);
        [charge, recovered, Self::by_rule(decision)].into_iter().flatten().collect()
    }

    fn by_rule(decision: &Decision) -> Option<Self> {
        let next = &decision.change.next;
        match decision.change.history.rule {
            Rule::GraceBegan => Some(Self::EpisodeStarted),
            Rule::PlanRestored => Some(Self::PlanRestored),
            Rule::RefundDue => Some(Self::RefundDue),
            Rule::GraceEnded => {
                let arrears = Arrears::of(next)?;
                let class = DeclineClass::of(&arrears.last_code);
                Some(Self::Downgraded(DowngradeCause::Unpaid { failures: arrears.attempts, class }))
            }
            Rule::NotCharged => Some(Self::Downgraded(DowngradeCause::NotCharged)),
            Rule::NeedsAttention => {
                let told_now = next.task_failure.as_ref().is_some_and(|stuck| stuck.attempts == NEEDS_ATTENTION_AFTER);
                told_now.then_some(Self::NeedsAttention)
            }
            Rule::OrderCreated
            | Rule::FirstChargePaid
            | Rule::FirstChargeFailed
            | Rule::ResultPending
            | Rule::Renewed
            | Rule::LateSuccess
            | Rule::ArrearsPaid
            | Rule::GraceExtendedOnce
            | Rule::LastWarning
            | Rule::FailureRecorded
            | Rule::SixthFailure
            | Rule::ChargeLate
            | Rule::SuccessMissing
            | Rule::RetryRequested
            | Rule::RetryAccepted
            | Rule::RetryRefused
            | Rule::RetryPostponed
            | Rule::RetryOutcomeUnknown
            | Rule::RetryWithoutResult
            | Rule::CancelRequestedAtEcpay
            | Rule::CancelOvertaken
            | Rule::OrderOver
            | Rule::PaidPeriodEnded
            | Rule::StillPending
            | Rule::OrderExpired
            | Rule::Superseded
            | Rule::GraceExtendedByStaff
            | Rule::DunningPaused
            | Rule::DunningResumed
            | Rule::CancelRequested
            | Rule::TaskFailed
            | Rule::TaskRecovered
            | Rule::UserErased => None,
        }
    }
}

impl ChargeResult {
    /// What ECPay said of a charge; nothing where it was paid another way.
    const fn of(outcome: PaymentOutcome) -> Option<Self> {
        match outcome {
            PaymentOutcome::Succeeded { .. } => Some(Self::Succeeded),
            PaymentOutcome::Failed => Some(Self::Failed),
            PaymentOutcome::Pending => Some(Self::Pending),
            PaymentOutcome::PaidOutOfBand => None,
        }
    }

    /// The name in metrics.
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
    /// Why the plan was taken away.
    #[must_use]
    pub const fn reason(self) -> DowngradeReason {
        match self {
            Self::Unpaid { .. } => DowngradeReason::PaymentFailure,
            Self::NotCharged => DowngradeReason::NotCharged,
        }
    }
}

impl RetryNumber {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::First, Self::Second, Self::Third, Self::FourthOrLater];

    /// The retry that succeeded after so many failures of the charge.
    #[must_use]
    pub const fn after(failures: usize) -> Self {
        match failures {
            0 | 1 => Self::First,
            2 => Self::Second,
            3 => Self::Third,
            _ => Self::FourthOrLater,
        }
    }

    /// The name in metrics and statistics.
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
    use crate::domain::billing::plan::{BillingCycle, PriceTable};
    use crate::domain::billing::subscription::{Locale, NewOrder, Terms};
    use crate::domain::billing::task::Task;
    use crate::domain::values::ids::{EmailAddress, MerchantId, SubscriptionId, UserId};
    use crate::domain::values::time::Timestamp;

    #[test]
    fn an_order_is_counted_as_parked_once_when_staff_are_told() {
        let now = Timestamp::parse("2025-01-31T02:00:00Z").unwrap();
        let prices = PriceTable::parse(r#"{"PRO":{"monthly":899,"annual":8999}}"#).unwrap();
        let (plan, price) = prices.find("PRO", BillingCycle::Monthly).unwrap();
        let order = NewOrder {
            id: SubscriptionId::parse("DKPARKED").unwrap(),
            user: UserId::parse("needs_attention").unwrap(),
            email: EmailAddress::parse("parked@customer.example").unwrap(),
            locale: Locale::ZhTw,
            merchant: MerchantId::parse("3002607").unwrap(),
            terms: Terms { plan, cycle: BillingCycle::Monthly, price, exec_times: 99 },
            replaces: None,
        };
        let created = create_order(order, Actor::Schedule, now);
        assert_eq!(BusinessEvent::of(&created, None), []);
        let mut order: Versioned<_> = created.after();
        let parked: Vec<Vec<BusinessEvent>> = (0..6)
            .map(|_| {
                let decision = record_task_failure(&order, Task::CheckPending, "an invented reason", now);
                order = decision.after();
                BusinessEvent::of(&decision, None)
            })
            .collect();
        assert_eq!(parked, [vec![], vec![], vec![], vec![BusinessEvent::NeedsAttention], vec![], vec![]]);
    }

    #[test]
    fn a_retry_has_the_number_of_the_failures_before_it() {
        let names = [1, 2, 3, 4, 9].map(|failures| RetryNumber::after(failures).name());
        assert_eq!(names, ["1", "2", "3", "4+", "4+"]);
    }
}
