//! Extension of the grace period by staff.

use shared::domain::billing::decide::operation::OperationRefusal;
use shared::domain::billing::decide::order::end_grace;
use shared::domain::billing::decision::{Actor, DecisionContext, HistoryEvent};
use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{OrderEnd, RetryState, Status};

use crate::operations::fixtures::{due, failing, fallen, given_up, mails, over, pending, policy, replaced, running, t};

const FIVE: Operation = Operation::ExtendGrace { days: 5 };

#[test]
fn days_are_added_to_the_end_of_grace_and_to_nothing_else() {
    let mut life = failing(1);
    let before = life.value().clone();
    let decision = life.staff(&FIVE, "2025/02/17 09:00:00");
    assert_eq!(life.grace_end().as_deref(), Some("2025/02/27 03:05:06"));
    assert_eq!(life.next(), due("retry", "2025/02/16 03:05:06", ActionReason::RetryScheduled));
    assert_eq!((mails(&decision), decision.user, decision.payment), (vec![], None, None));
    let line = decision.change.history;
    assert_eq!((line.event, line.rule), (HistoryEvent::GraceExtended { days: 5 }, Rule::GraceExtendedByStaff));
    assert_eq!((line.by, line.why.as_deref()), (Actor::Staff("support".to_owned()), Some("asked for")));
    assert_eq!((line.at, line.from), (t("2025/02/17 09:00:00"), Some(before.status)));
    assert_eq!(line.to, Status::PastDue { grace_ends_at: t("2025/02/27 03:05:06") });
    assert_eq!((decision.change.expected, life.order.version), (Some(3), 4));
    assert_eq!(life.value().dunning_notice, before.dunning_notice);
}

#[test]
fn the_second_failure_and_further_extensions_add_to_them() {
    let mut life = failing(1);
    life.staff(&FIVE, "2025/02/15 09:00:00");
    life.failure("2025/02/16 04:00:00");
    assert_eq!(life.grace_end().as_deref(), Some("2025/03/02 03:05:06"));
    life.staff(&Operation::ExtendGrace { days: 1 }, "2025/02/17 09:00:00");
    assert_eq!(life.grace_end().as_deref(), Some("2025/03/03 03:05:06"));
    let mut many = failing(2);
    many.staff(&Operation::ExtendGrace { days: u32::MAX }, "2025/02/17 09:00:00");
    many.staff(&FIVE, "2025/02/17 09:00:00");
    assert_eq!(many.value().extra_grace_days, u32::MAX);
}

#[test]
fn the_downgrade_waits_for_the_added_days_to_the_second() {
    let mut life = failing(2);
    life.asked("2025/02/22 12:00:00", RetryState::Refused);
    life.staff(&FIVE, "2025/02/24 09:00:00");
    assert_eq!(life.next(), due("reconcile", "2025/03/01 15:05:06", ActionReason::DowngradeAhead));
    life.queried(EcpayState::Running, "2025/03/01 15:05:06");
    assert_eq!(life.next(), due("end-grace", "2025/03/02 03:05:06", ActionReason::GraceEnds));
    assert_eq!(end_grace(&life.order, DecisionContext::new(&policy(), t("2025/03/02 03:05:05"))), None);
    let fall = end_grace(&life.order, DecisionContext::new(&policy(), t("2025/03/02 03:05:06"))).unwrap();
    assert_eq!((fall.change.next.extra_grace_days, fall.change.next.status), (0, Status::Active));
}

#[test]
fn grace_is_lengthened_only_while_it_runs() {
    let now = "2025/02/26 09:00:00";
    let paid = {
        let mut life = failing(1);
        life.success(2, "2025/02/16 04:00:00");
        life
    };
    for life in [
        pending(),
        given_up(),
        running(),
        paid,
        fallen(),
        replaced(failing(1)),
        over(OrderEnd::Cancelled),
        over(OrderEnd::Finished),
    ] {
        assert_eq!(life.refused(&FIVE, now), OperationRefusal::NoGrace, "{:?}", life.value().status);
    }
}

#[test]
fn days_given_to_one_failed_charge_are_not_those_of_the_next() {
    let mut life = failing(1);
    life.staff(&FIVE, "2025/02/15 09:00:00");
    life.success(2, "2025/02/17 04:00:00");
    assert_eq!(life.value().extra_grace_days, 0);
    life.failure("2025/03/15 03:00:00");
    assert_eq!(life.grace_end().as_deref(), Some("2025/03/22 03:00:00"));
}

#[test]
fn days_given_to_one_failed_charge_are_not_those_of_the_next_whose_failure_was_known_first() {
    let mut life = failing(1);
    life.staff(&Operation::ExtendGrace { days: 30 }, "2025/02/15 09:00:00");
    // Inside the open episode: no further mail, and the grace period stays.
    assert_eq!(mails(&life.failure("2025/03/15 03:00:00")), [""; 0]);
    assert_eq!(life.grace_end().as_deref(), Some("2025/03/24 03:05:06"));
    let paid = life.success_seen(2, "2025/03/01 12:00:00", "2025/03/16 12:00:00");
    assert_eq!(mails(&paid), ["first-payment-failure"]);
    assert_eq!(paid.notices[0].fields["charge_due"], "2025-03-15");
    assert_eq!(life.grace_end().as_deref(), Some("2025/03/22 03:00:00"));
}

#[test]
fn days_that_were_added_survive_a_query_that_shows_another_due_date() {
    let mut life = running();
    life.success(2, "2025/02/15 03:05:06");
    // Reported late, so that no query has shown yet whether the charge day moved to the 19th.
    life.success_seen(3, "2025/02/19 10:00:00", "2025/03/12 10:00:00");
    let failed = life.failure("2025/03/12 10:00:00");
    assert_eq!(
        (mails(&failed), failed.notices[0].fields["charge_due"].as_str()),
        (vec!["first-payment-failure"], "2025-03-15")
    );
    life.staff(&Operation::ExtendGrace { days: 5 }, "2025/03/12 11:00:00");
    assert_eq!(life.grace_end().unwrap(), "2025/03/24 10:00:00");
    let queried = life.queried(EcpayState::Running, "2025/03/12 12:00:00");
    assert_eq!((mails(&queried), life.grace_end().unwrap()), (vec![], "2025/03/24 10:00:00".to_owned()));
    // The second failure extends grace once, and the days stay.
    let second = life.failure("2025/03/13 10:00:00");
    assert_eq!(
        (mails(&second), second.notices[0].fields["charge_due"].as_str()),
        (vec!["second-payment-failure"], "2025-03-19")
    );
    assert_eq!(life.grace_end().unwrap(), "2025/03/27 10:00:00");
}
