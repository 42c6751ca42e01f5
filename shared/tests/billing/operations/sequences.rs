//! Every sequence of four steps on a failing order, and the invariants after each step.

use shared::domain::billing::decide::cancel::claim_cancel;
use shared::domain::billing::decide::operation::{OperationDecision, decide_operation};
use shared::domain::billing::decide::order::end_grace;
use shared::domain::billing::decide::retry::{claim_retry, record_retry_outcome};
use shared::domain::billing::decide::task_failure::record_task_failure;
use shared::domain::billing::decision::{Actor, Decision, DecisionContext};
use shared::domain::billing::dunning::arrears::Arrears;
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::subscription::{RetryState, Status};
use shared::domain::billing::task::Task;
use shared::domain::values::money::Twd;
use shared::domain::values::time::Timestamp;

use crate::operations::fixtures::{Life, cause, failing, policy, t};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Extend,
    Pause,
    Resume,
    Wish,
    MarkPaid,
    AskRetry,
    RefuseRetry,
    Fail,
    Park,
    Query,
    EndGrace,
    AskCancel,
    Confirm,
}

const STEPS: [Step; 13] = [
    Step::Extend,
    Step::Pause,
    Step::Resume,
    Step::Wish,
    Step::MarkPaid,
    Step::AskRetry,
    Step::RefuseRetry,
    Step::Fail,
    Step::Park,
    Step::Query,
    Step::EndGrace,
    Step::AskCancel,
    Step::Confirm,
];

fn paid() -> Operation {
    Operation::MarkPaid { amount: Some(Twd::new(899)), reference: Some("cash".to_owned()) }
}

fn by_staff(life: &Life, operation: &Operation, now: Timestamp) -> Option<Decision> {
    match decide_operation(&life.order, operation, &cause(None), DecisionContext::new(&policy(), now)) {
        OperationDecision::Apply(decision) => Some(*decision),
        OperationDecision::Unchanged | OperationDecision::Refused(_) => None,
    }
}

/// Takes the step if it is possible.
fn take(life: &mut Life, step: Step, now: Timestamp) -> bool {
    let decision = match step {
        Step::Extend => by_staff(life, &Operation::ExtendGrace { days: 2 }, now),
        Step::Pause => by_staff(life, &Operation::Pause { days: 4 }, now),
        Step::Resume => by_staff(life, &Operation::Resume, now),
        Step::Wish => by_staff(life, &Operation::Cancel, now),
        Step::MarkPaid => by_staff(life, &paid(), now),
        Step::AskRetry => claim_retry(&life.order, Actor::Schedule, now).ok(),
        Step::RefuseRetry => record_retry_outcome(&life.order, RetryState::Refused, now),
        Step::Fail => Some(life.failure(&shared::ecpay::date::format(now))),
        Step::Park => {
            let Some(action) = NextAction::of(life.value(), &policy()) else { return false };
            for _ in 0..4 {
                let decision = record_task_failure(&life.order, action.kind, "nonsense", now);
                life.take(&decision);
            }
            return true;
        }
        Step::EndGrace => end_grace(&life.order, DecisionContext::new(&policy(), now)),
        Step::AskCancel => claim_cancel(&life.order, DecisionContext::new(&policy(), now)),
        Step::Query | Step::Confirm => {
            let state = if step == Step::Query { EcpayState::Running } else { EcpayState::Stopped };
            life.queried(state, &shared::ecpay::date::format(now));
            return true;
        }
    };
    if let Some(decision) = &decision {
        life.take(decision);
    }
    decision.is_some()
}

fn check(life: &Life, now: Timestamp, story: &[Step]) {
    let order = life.value();
    let next = NextAction::of(order, &policy());
    let kind = next.map(|action| action.kind);
    let open = order.retry.is_some_and(|ask| ask.is_open());
    let past_due = matches!(order.status, Status::PastDue { .. });
    let live = past_due || order.status == Status::Active;
    let owed = Arrears::of(order);
    assert!(!live || next.is_some(), "nothing is next: {story:?}");
    assert_eq!(past_due, owed.is_some() && order.downgrade.is_none() && live, "{story:?}");
    assert_eq!(order.plan.is_free(), order.downgrade.is_some() || !live, "{story:?}");
    if let (Some(owed), Some(grace)) = (&owed, order.status.grace_ends_at()) {
        let days = if owed.attempts >= 2 { 10 } else { 7 } + i64::from(order.extra_grace_days);
        assert_eq!(grace, owed.began_at.plus_days(days), "{story:?}");
    }
    let pause_end = order.paused.map(|pause| pause.until);
    // A pause always ends, whatever else is due.
    assert!(
        kind == Some(Task::Resume) || next.is_none_or(|next| pause_end.is_none_or(|end| next.at < end)),
        "{story:?}"
    );
    if kind == Some(Task::Resume) {
        assert_eq!(next.map(|next| next.at), pause_end, "{story:?}");
    } else if open {
        assert_eq!(kind, Some(Task::Reconcile), "{story:?}");
    } else if live
        && order.ended.is_none()
        && let Some(since) = order.cancel_requested
    {
        let failing_task = order
            .task_failure
            .as_ref()
            .is_some_and(|failure| failure.needs_attention() && failure.task == Task::Cancel);
        let is_sooner = next.is_some_and(|next| next.at < since.plus_hours(72));
        assert_ne!(kind, Some(Task::Retry), "{story:?}");
        assert!(kind == Some(Task::Cancel) || is_sooner || (past_due && failing_task), "{kind:?} {since}: {story:?}");
    } else if past_due && order.paused.is_some() {
        assert_eq!(kind, Some(Task::Resume), "{story:?}");
    }
    if past_due && (open || order.paused.is_some()) {
        let far = now.plus_days(90);
        assert_eq!(end_grace(&life.order, DecisionContext::new(&policy(), far)), None, "{story:?}");
    }
    let payable = live && !open && (owed.is_some() || order.downgrade.is_some());
    assert_eq!(by_staff(life, &paid(), now).is_some(), payable, "{story:?}");
    let parked_last = story.last() == Some(&Step::Park);
    assert!(order.task_failure.is_none() || parked_last, "{story:?}");
}

fn explore(life: &Life, now: Timestamp, story: &mut Vec<Step>, cases: &mut usize) {
    if story.len() == 4 {
        return;
    }
    for step in STEPS {
        let mut after = life.clone();
        let later = now.plus_days(3);
        if !take(&mut after, step, later) {
            continue;
        }
        story.push(step);
        check(&after, later, story);
        *cases += 1;
        explore(&after, later, story, cases);
        story.pop();
    }
}

#[test]
fn whatever_happens_the_order_is_in_one_of_the_states_that_the_rules_know() {
    let mut cases = 0;
    explore(&failing(1), t("2025/02/15 12:00:00"), &mut Vec::new(), &mut cases);
    assert!(cases > 1_000, "{cases}");
}
