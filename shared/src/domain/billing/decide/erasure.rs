//! Erasure of a customer's data from orders and history. The state that remains can be derived from the history and
//! holds the data needed for accounting: amounts, dates, authorisations, actors.

use std::borrow::Cow;

use crate::domain::billing::decision::{Cause, Decision, HistoryEntry, HistoryEvent, Versioned};
use crate::domain::billing::dunning::policy::DunningPolicy;
use crate::domain::billing::next_action::NextAction;
use crate::domain::billing::operations::OperationContext;
use crate::domain::billing::payments::payment::PaymentReport;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{NewOrder, Status, Subscription};
use crate::domain::values::ids::{EmailAddress, SubscriptionId, UserId};
use crate::domain::values::time::Timestamp;

/// Replacement for free text of staff about the customer.
pub const ERASED_TEXT: &str = "erased";

/// Reason for which a customer cannot be erased yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotErasable {
    /// Unpaid order: the customer may be paying at this moment.
    #[error("order {0} is not paid yet; it expires one day after its creation, erase then")]
    Pending(SubscriptionId),
    /// Live order: it may be charged or grants access.
    #[error("order {0} is live; cancel it first, and erase when its paid period is over")]
    Live(SubscriptionId),
    /// Order with a scheduled action: a query, a cancellation or the end of access.
    #[error("order {0} is not over yet; erase it after its last scheduled action")]
    Unfinished(SubscriptionId),
}

/// Checks that the order allows the erasure of its customer: it is over and has no scheduled action.
///
/// # Errors
/// [`NotErasable`] with the reason and the order.
pub fn erasable(order: &Subscription, policy: &DunningPolicy) -> Result<(), NotErasable> {
    let id = || order.id.clone();
    if order.erased.is_some() {
        return Ok(());
    }
    match order.status {
        // ECPay does not know an order that a payment link offers, and the link ends with the erasure.
        Status::Pending if order.offered_until.is_some() => Ok(()),
        Status::Pending => Err(NotErasable::Pending(id())),
        Status::Active | Status::PastDue { .. } if order.is_live() => Err(NotErasable::Live(id())),
        Status::Active | Status::PastDue { .. } => Err(NotErasable::Unfinished(id())),
        Status::Cancelled | Status::Completed | Status::Failed => {
            NextAction::of(order, policy).map_or(Ok(()), |_| Err(NotErasable::Unfinished(id())))
        }
    }
}

/// Removes the customer's data from an order; `None` if that was done before. Total, so that a replay of the history
/// can call it.
#[must_use]
pub fn erase(before: &Versioned<Subscription>, cause: &OperationContext, now: Timestamp) -> Option<Decision> {
    if before.value.erased.is_some() {
        return None;
    }
    let mut next = before.value.clone();
    pseudonymize(&mut next.user, &mut next.email, &next.id);
    next.charge_history.card_last4 = None;
    next.erased = Some(now);
    if next.status == Status::Pending {
        next.status = Status::Failed;
    }
    let cause_of = Cause::new(HistoryEvent::Erased, Rule::UserErased, cause.by.clone());
    let mut decision = Decision::new(before, next, cause_of, now);
    decision.change.history.why.clone_from(&cause.why);
    Some(decision)
}

/// A history entry without the customer's data; `None` if it holds none. Reasons given by staff are free text and are
/// replaced, except for that of the erasure itself.
#[must_use]
pub fn without_person(line: &HistoryEntry) -> Option<HistoryEntry> {
    let mut changed = line.clone();
    match &mut changed.event {
        HistoryEvent::Ordered(NewOrder { id, user, email, .. }) => pseudonymize(user, email, id),
        HistoryEvent::Reported(report) | HistoryEvent::ReportedAfter { report, .. } => report.card_last4 = None,
        HistoryEvent::EmailChanged { email } => *email = EmailAddress::erased(),
        HistoryEvent::Erased => return None,
        HistoryEvent::ActionDue
        | HistoryEvent::DowngradePostponed { .. }
        | HistoryEvent::EcpayUnreached
        | HistoryEvent::RetryRequested
        | HistoryEvent::RetryOutcomeRecorded(_)
        | HistoryEvent::CancelRequestedAtEcpay
        | HistoryEvent::OrderEnded(_)
        | HistoryEvent::Checked
        | HistoryEvent::NothingNew { .. }
        | HistoryEvent::MissingChargeObserved
        | HistoryEvent::ChargeAnnounced { .. }
        | HistoryEvent::SupersededBy(_)
        | HistoryEvent::GraceExtended { .. }
        | HistoryEvent::Paused { .. }
        | HistoryEvent::Resumed
        | HistoryEvent::CancelRequested
        | HistoryEvent::CancelUndone
        | HistoryEvent::SuccessProven { .. }
        | HistoryEvent::TermsChanged { .. }
        | HistoryEvent::Refunded { .. }
        | HistoryEvent::Adopted
        | HistoryEvent::Noted
        | HistoryEvent::TaskFailed { .. } => {}
    }
    if let Some(why) = &mut changed.why {
        ERASED_TEXT.clone_into(why);
    }
    (changed != *line).then_some(changed)
}

/// The report as it may be stored: without card digits once the customer is erased.
pub(crate) fn without_card<'a>(order: &Subscription, report: &'a PaymentReport) -> Cow<'a, PaymentReport> {
    if order.erased.is_some() && report.card_last4.is_some() {
        Cow::Owned(PaymentReport { card_last4: None, ..report.clone() })
    } else {
        Cow::Borrowed(report)
    }
}

/// The pseudonym is derived from the real id, so it is derived only once: a rewritten history starts with it.
fn pseudonymize(user: &mut UserId, email: &mut EmailAddress, order: &SubscriptionId) {
    if !email.is_erased() {
        *user = UserId::erased(user, order);
        *email = EmailAddress::erased();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::billing::decide::operation::{OperationDecision, OperationRefusal, decide_operation};
    use crate::domain::billing::decide::order::{create_order, still_pending};
    use crate::domain::billing::decide::payment::decide_payment;
    use crate::domain::billing::decision::{DecisionContext, PaymentDecision, Snapshot};
    use crate::domain::billing::notices::Recipient;
    use crate::domain::billing::operations::{Actor, Operation};
    use crate::domain::billing::payments::payment::{PaymentOutcome, ReportSource};
    use crate::domain::billing::plan::{BillingCycle, PlanId};
    use crate::domain::billing::subscription::{Ended, Locale, OrderEnd};
    use crate::domain::billing::task::Task;
    use crate::domain::values::ids::EventId;
    use crate::test_support::{new_order, pro, taipei as at};

    fn ordered() -> Decision {
        let order = NewOrder {
            user: UserId::parse("mei").unwrap(),
            email: EmailAddress::parse("mei@customer.example").unwrap(),
            locale: Locale::En,
            terms: pro(BillingCycle::Monthly, 9),
            ..new_order("DKERASED")
        };
        create_order(order, Actor::Staff("shop".to_owned()), at("2025/01/15 10:00:00"))
    }

    fn report(order: &Subscription, outcome: PaymentOutcome, on: &str) -> PaymentReport {
        let (first, event) = match outcome {
            PaymentOutcome::Succeeded { number } => (number == 1, EventId::success(number)),
            PaymentOutcome::Failed | PaymentOutcome::Pending | PaymentOutcome::PaidOutOfBand => {
                (false, EventId::failure(at(on)))
            }
        };
        PaymentReport {
            subscription: order.id.clone(),
            merchant: order.merchant.clone(),
            source: ReportSource::PeriodCallback,
            event,
            first,
            outcome,
            rtn_code: "1".to_owned(),
            rtn_msg: String::new(),
            decline: None,
            amount: Some(order.terms.price),
            processed_at: at(on),
            gwsr: None,
            trade_no: None,
            card_last4: Some("7719".to_owned()),
            exec_times: None,
            simulated: false,
        }
    }

    fn paid(order: Versioned<Subscription>, report: &PaymentReport, now: &str) -> Decision {
        let snapshot = Snapshot { subscription: order, replaced: None, paid_order: None };
        match decide_payment(&snapshot, report, DecisionContext::new(&DunningPolicy::default(), at(now))) {
            PaymentDecision::Apply(decision) => *decision,
            PaymentDecision::Repeat => panic!("a repeat"),
            PaymentDecision::Quarantine(reason) => panic!("{reason}"),
        }
    }

    fn cause() -> OperationContext {
        OperationContext { by: Actor::Staff("support".to_owned()), why: Some("asked for".to_owned()), key: None }
    }

    /// Expired after a day and erased a month later.
    fn erased() -> Versioned<Subscription> {
        let failed = still_pending(&ordered().after(), at("2025/01/16 10:00:00")).unwrap().after();
        assert_eq!(erasable(&failed.value, &DunningPolicy::default()), Ok(()));
        erase(&failed, &cause(), at("2025/02/15 10:00:00")).unwrap().after()
    }

    #[test]
    fn the_history_without_the_person_gives_the_erased_order() {
        let made = ordered();
        let first = report(&made.change.next, PaymentOutcome::Succeeded { number: 1 }, "2025/01/15 10:05:00");
        let active = paid(made.after(), &first, "2025/01/15 10:05:01");
        assert_eq!(active.change.next.charge_history.card_last4.as_deref(), Some("7719"));
        let gone = erase(&active.after(), &cause(), at("2025/02/15 10:00:00")).unwrap();
        let stored = gone.after();
        assert_eq!(
            (stored.value.email.as_str(), &stored.value.charge_history.card_last4),
            ("erased@erased.invalid", &None)
        );
        // printf %s meiDKERASED | sha256sum
        assert_eq!(stored.value.user.as_str(), "erased-8dc6a6ff0630f341");
        let (HistoryEvent::Ordered(order), HistoryEvent::Reported(report)) = (
            without_person(&made.change.history).unwrap().event,
            without_person(&active.change.history).unwrap().event,
        ) else {
            panic!("other facts");
        };
        assert_eq!(without_person(&gone.change.history), None);
        let now = |decision: &Decision| decision.change.history.at;
        let again = create_order(order, Actor::Ecpay, now(&made)).after();
        let again = paid(again, &report, "2025/01/15 10:05:01").after();
        assert_eq!(erase(&again, &cause(), now(&gone)).unwrap().after(), stored);
        assert_eq!(erase(&stored, &cause(), now(&gone)), None);
    }

    #[test]
    fn a_charge_of_a_failed_order_whose_person_is_erased_is_given_back_and_the_order_cancelled() {
        let order = erased();
        let success = |number, on| report(&order.value, PaymentOutcome::Succeeded { number }, on);
        let first = paid(order.clone(), &success(1, "2025/02/15 12:00:00"), "2025/02/15 12:00:01");
        let second = paid(first.after(), &success(2, "2025/03/15 12:00:00"), "2025/03/15 12:00:01");
        let failure = report(&order.value, PaymentOutcome::Failed, "2025/04/15 12:00:00");
        let failed = paid(second.after(), &failure, "2025/04/15 12:00:01");
        for (decision, rule) in
            [(&first, Rule::RefundDue), (&second, Rule::RefundDue), (&failed, Rule::FailureRecorded)]
        {
            let next = &decision.change.next;
            assert_eq!((decision.change.history.rule, next.status), (rule, Status::Active));
            assert_eq!((next.plan.is_free(), next.is_live(), &decision.user), (true, false, &None));
            assert_eq!(next.charge_history.card_last4, None);
            assert!(decision.notices.iter().all(|notice| notice.to == Recipient::Staff));
            let HistoryEvent::Reported(kept) = &decision.change.history.event else { panic!("another fact") };
            assert_eq!(kept.card_last4, None);
            let action = NextAction::of(next, &DunningPolicy::default()).unwrap();
            assert_eq!((action.kind, action.at), (Task::Cancel, next.created_at));
        }
        assert_eq!(first.notices.len(), 1);
        let wish = decide_operation(
            &failed.after(),
            &Operation::Cancel,
            &cause(),
            DecisionContext::new(&DunningPolicy::default(), failed.change.history.at),
        );
        assert_eq!(wish, OperationDecision::Refused(OperationRefusal::OrderOver));
        let retry = decide_operation(
            &failed.after(),
            &Operation::Retry,
            &cause(),
            DecisionContext::new(&DunningPolicy::default(), failed.change.history.at),
        );
        assert!(matches!(retry, OperationDecision::Refused(_)), "{retry:?}");
    }

    #[test]
    fn a_late_success_of_an_order_that_was_over_is_recorded_and_grants_no_plan() {
        let made = ordered();
        let first = report(&made.change.next, PaymentOutcome::Succeeded { number: 1 }, "2025/01/15 10:05:00");
        let mut over = paid(made.after(), &first, "2025/01/15 10:05:01").after();
        over.value.status = Status::Cancelled;
        over.value.plan = PlanId::free();
        over.value.ended = Some(Ended { at: at("2025/02/16 10:00:00"), how: OrderEnd::Cancelled });
        let order = erase(&over, &cause(), at("2025/02/17 10:00:00")).unwrap().after();
        let before_the_end = report(&order.value, PaymentOutcome::Succeeded { number: 2 }, "2025/02/15 10:00:00");
        let late = paid(order.clone(), &before_the_end, "2025/02/18 10:00:00");
        let next = &late.change.next;
        assert_eq!(
            (late.change.history.rule, next.status, next.plan.is_free()),
            (Rule::LateSuccess, Status::Cancelled, true)
        );
        assert_eq!((late.notices.len(), &late.user, NextAction::of(next, &DunningPolicy::default())), (0, &None, None));
        let after_the_end = report(&order.value, PaymentOutcome::Succeeded { number: 2 }, "2025/02/16 10:00:00");
        assert_eq!(paid(order, &after_the_end, "2025/02/18 10:00:00").change.history.rule, Rule::RefundDue);
    }
}
