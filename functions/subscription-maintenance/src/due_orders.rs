//! The due orders of one task: read page by page, handled several at a time, each failure kept to its own order.

use std::sync::OnceLock;
use std::time::Duration;

use futures::stream::{Stream, StreamExt, iter, unfold};
use shared::domain::billing::decision::Versioned;
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::subscription::Subscription;
use shared::domain::billing::task::Task;
use shared::domain::values::time::Timestamp;
use shared::ecpay::client;
use shared::platform::logging::error_chain;
use shared::platform::metrics::StopReason;
use shared::store;
use shared::store::table::due_index::Cursor;

use crate::Error;
use crate::ecpay_session::{EcpaySession, Failure};
use crate::report::{TaskOutcome, TaskReport, stop_text};
use crate::tasks;

/// Orders handled at a time. Calls to ECPay take up to a second each, so that fewer would not use its pace.
const CONCURRENT_ORDERS: usize = 16;
/// A task stops after this many orders without an answer from ECPay, if ECPay answered for none.
const UNANSWERED_LIMIT: usize = 3;

/// Days ahead within which every live order has its next action: more than the longest period and an announced charge.
const EARLY_DAYS: i64 = 1_000;

/// Queues that hold orders whose first charge succeeded.
const PAID_ORDER_QUEUES: [Task; 5] = [Task::Cancel, Task::Resume, Task::EndGrace, Task::Reconcile, Task::Retry];

/// An item of the due index, or the reason why it cannot be read.
type DueOrder = Result<Versioned<Subscription>, store::Error>;

/// Item of a page, with the time for which the page's first item was due.
struct DueItem {
    queue: Task,
    order: DueOrder,
    oldest: Option<Timestamp>,
}

/// A due order after its task.
struct Handled {
    /// The order as it was read; `None` where it could not be read.
    order: Option<Versioned<Subscription>>,
    outcome: Result<TaskOutcome, Failure>,
    oldest: Option<Timestamp>,
}

/// An order whose task failed, with the reason that its history is to show.
struct Deferred {
    order: Versioned<Subscription>,
    reason: String,
}

/// Progress of one task through its due orders.
struct DueContext {
    task: Task,
    report: TaskReport,
    /// Orders for which ECPay did not answer. They are deferred only if it answers for others.
    unanswered: Vec<Deferred>,
}

/// Answers of ECPay so far in this run.
#[derive(Clone, Copy)]
struct EcpayState {
    /// True if ECPay answered a query in this run.
    has_answered: bool,
    /// Orders of the task for which ECPay did not answer.
    unanswered: usize,
}

/// Next step of the loop after one order.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Continue,
    /// The task ends here, because no later order would fare better.
    Stop(StopReason),
    /// The failure is recorded at the order, which is retried with backoff; the loop goes on.
    Defer(String),
    /// As [`Next::Defer`], once ECPay answers for another order. If it answers for none, ECPay is down and the failure is
    /// no order's.
    DeferIfAnswered(String),
}

/// Outcome of one order for the report, and the loop's next step.
#[derive(Debug, PartialEq, Eq)]
struct After {
    outcome: TaskOutcome,
    next: Next,
}

/// Handles every order whose task is due, until `until` of the invocation. A failing order does not block the others.
pub(crate) async fn handle_due(
    session: &EcpaySession<'_>,
    task: Task,
    until: Duration,
    report: TaskReport,
) -> Result<TaskReport, Error> {
    let mut context = DueContext { task, report, unanswered: Vec::new() };
    context.report.stopped = None;
    let stopped: OnceLock<StopReason> = OnceLock::new();
    // No order begins after the limit or a stop; those under way are finished.
    let may_begin = |_: &Result<DueItem, store::Error>| {
        if session.time.stopwatch.elapsed() >= until {
            stopped.get_or_init(|| StopReason::Limit);
        }
        std::future::ready(stopped.get().is_none())
    };
    let handled = due_items(session, task).take_while(may_begin);
    let handled = handled.map(|item| handle(session, task, item)).buffer_unordered(CONCURRENT_ORDERS);
    let mut handled = std::pin::pin!(handled);
    while let Some(handled) = handled.next().await {
        if let Some(reason) = conclude(session, &mut context, handled?).await? {
            stopped.get_or_init(|| reason);
        }
    }
    let stopped = stopped.get().copied();
    context.report.stopped = stopped;
    // Without any answer the failures say nothing about the orders: they stay due as they are.
    let unanswered = std::mem::take(&mut context.unanswered);
    let is_stopped = matches!(stopped, Some(StopReason::EcpayBlocked | StopReason::EcpayUnanswered));
    if is_stopped || (!unanswered.is_empty() && !session.has_answered()) {
        without_ecpay(session, &mut context, until).await?;
    } else {
        defer(session, &mut context, unanswered).await?;
    }
    Ok(context.report)
}

/// The due items of a task in the order in which they fell due. Ahead of time these are the orders of all queues, since a
/// cancellation that can still be undone may wait behind any other action.
fn due_items<'a>(session: &'a EcpaySession<'_>, task: Task) -> impl Stream<Item = Result<DueItem, store::Error>> + 'a {
    let queues = if session.is_early { PAID_ORDER_QUEUES.to_vec() } else { vec![task] };
    iter(queues).flat_map(move |queue| queue_items(session, queue))
}

fn queue_items<'a>(
    session: &'a EcpaySession<'_>,
    queue: Task,
) -> impl Stream<Item = Result<DueItem, store::Error>> + 'a {
    let until = if session.is_early { session.now.plus_days(EARLY_DAYS) } else { session.now };
    let pages = unfold(Some(None), move |cursor: Option<Cursor>| async move {
        let page = session.store.billing.due_subscriptions(queue, until, cursor?).await;
        Some(match page {
            Ok(page) => {
                let oldest = page.oldest;
                let items = page.items.into_iter().map(|order| Ok(DueItem { queue, order, oldest })).collect();
                (items, page.next.map(Some))
            }
            Err(error) => (vec![Err(error)], None),
        })
    });
    pages.flat_map(iter)
}

async fn handle(session: &EcpaySession<'_>, task: Task, item: Result<DueItem, store::Error>) -> Result<Handled, Error> {
    let DueItem { queue, order, oldest } = item?;
    let order = match order {
        Ok(order) => order,
        Err(error) => {
            // Out of the task's queue, so that it does not count as due in every later run.
            session.store.billing.move_to_unreadable(queue, &error).await?;
            return Ok(Handled { order: None, outcome: Err(Failure::Fatal(error.into())), oldest });
        }
    };
    // On the heap: the futures of all tasks together are too large for a thread's stack.
    let outcome = Box::pin(handle_order(session, task, order.clone())).await;
    Ok(Handled { order: Some(order), outcome, oldest })
}

async fn handle_order(
    session: &EcpaySession<'_>,
    task: Task,
    order: Versioned<Subscription>,
) -> Result<TaskOutcome, Failure> {
    let policy = &session.maintenance.policy;
    let wanted = NextAction::of(&order.value, policy);
    if session.is_early {
        let is_due = wanted.is_some_and(|next| next.kind == task && next.at <= session.now);
        let is_requested = order.value.cancel_requested.is_some() && order.value.ended.is_none();
        return if is_due || is_requested {
            tasks::handle(session, task, order).await
        } else {
            Ok(TaskOutcome::Skipped("no cancellation was requested".to_owned()))
        };
    }
    let newest = session.newest(order.clone());
    // The index may be behind what this run stored; only an order as it is stored can stand in a wrong queue.
    if newest.version == order.version && wanted.is_none_or(|next| next.kind != task || next.at > session.now) {
        session.store.billing.move_to_wanted_queue(&order, policy).await?;
        return Ok(TaskOutcome::Skipped("the policy wants another action; moved to its queue".to_owned()));
    }
    tasks::handle(session, task, order).await
}

/// Adds an order to the report, records its failure, and returns a reason to stop.
async fn conclude(
    session: &EcpaySession<'_>,
    context: &mut DueContext,
    handled: Handled,
) -> Result<Option<StopReason>, Error> {
    context.report.add_entries(session.take_entries());
    context.report.record_age(handled.oldest, session.now);
    let Some(order) = handled.order else {
        match handled.outcome {
            Err(Failure::Fatal(Error::Store(store::Error::Newer { .. }))) => context.report.add_newer(),
            _ => context.report.add_unreadable(),
        }
        return Ok(None);
    };
    let id = &order.value.id;
    if let Err(Failure::Fatal(error)) = &handled.outcome
        && error.is_about_one_order()
    {
        tracing::error!(subscription = %id, error = error_chain(error), "an order could not be handled");
    }
    let ecpay = EcpayState { has_answered: session.has_answered(), unanswered: context.unanswered.len() };
    let After { outcome, next } = after(handled.outcome, ecpay)?;
    context.report.add(id, outcome);
    match next {
        Next::Continue => {}
        Next::Stop(reason) => return Ok(Some(reason)),
        Next::Defer(reason) => defer(session, context, vec![Deferred { order, reason }]).await?,
        Next::DeferIfAnswered(reason) => context.unanswered.push(Deferred { order, reason }),
    }
    Ok(None)
}

/// Decides how the loop goes on after one order.
///
/// # Errors
/// Errors that concern no single order, e.g. an unavailable table: they end the run.
fn after(handled: Result<TaskOutcome, Failure>, ecpay: EcpayState) -> Result<After, Error> {
    let failure = match handled {
        Ok(outcome) => return Ok(After { outcome, next: Next::Continue }),
        Err(failure) => failure,
    };
    let failed = |reason: String, next: Next| After { outcome: TaskOutcome::Failed(reason), next };
    Ok(match failure {
        Failure::Blocked => {
            let reason = StopReason::EcpayBlocked;
            After { outcome: TaskOutcome::Skipped(stop_text(reason).to_owned()), next: Next::Stop(reason) }
        }
        // ECPay is up, but its answer about this order is unusable.
        Failure::Query(error @ client::Error::Query(_)) => {
            let reason = error_chain(&error);
            failed(reason.clone(), Next::Defer(reason))
        }
        Failure::Query(error) => {
            let is_down = !ecpay.has_answered && ecpay.unanswered.saturating_add(1) >= UNANSWERED_LIMIT;
            let next = if is_down {
                Next::Stop(StopReason::EcpayUnanswered)
            } else {
                Next::DeferIfAnswered(error.to_string())
            };
            failed(error_chain(&error), next)
        }
        // The order records the request or that it was not sent, and the next run queries it.
        Failure::Action(error) => failed(error_chain(&error), Next::Continue),
        Failure::Unconfirmed => {
            let reason = "ECPay accepted the cancellation, but the order is still active there".to_owned();
            failed(reason.clone(), Next::Defer(reason))
        }
        Failure::Fatal(error) if error.is_about_one_order() => {
            let reason = error_chain(&error);
            failed(reason.clone(), Next::Defer(reason))
        }
        Failure::Fatal(error) => return Err(error),
    })
}

/// Records the failed task at each order, so that the order is retried with backoff.
async fn defer(session: &EcpaySession<'_>, context: &mut DueContext, orders: Vec<Deferred>) -> Result<(), Error> {
    for Deferred { order, reason } in orders {
        match tasks::defer(session, context.task, order, &reason).await {
            Ok(()) => {}
            Err(Failure::Fatal(error)) if error.is_about_one_order() => {
                tracing::error!(error = error_chain(&error), "a failed task could not be recorded at its order");
            }
            Err(Failure::Fatal(error)) => return Err(error),
            // Recording a failure calls nothing of ECPay's.
            Err(Failure::Blocked | Failure::Query(_) | Failure::Action(_) | Failure::Unconfirmed) => {}
        }
    }
    context.report.add_entries(session.take_entries());
    Ok(())
}

/// While ECPay takes no calls: see [`tasks::without_ecpay`].
async fn without_ecpay(session: &EcpaySession<'_>, context: &mut DueContext, until: Duration) -> Result<(), Error> {
    let mut items = std::pin::pin!(due_items(session, context.task));
    while let Some(item) = items.next().await {
        let Ok(order) = item?.order else { continue };
        if session.time.stopwatch.elapsed() >= until {
            break;
        }
        if let Err(Failure::Fatal(error)) = tasks::without_ecpay(session, order).await
            && !error.is_about_one_order()
        {
            return Err(error);
        }
    }
    context.report.add_entries(session.take_entries());
    Ok(())
}

#[cfg(test)]
mod tests {
    use shared::ecpay::period_query;

    use super::*;

    const SILENT: EcpayState = EcpayState { has_answered: false, unanswered: 0 };

    fn timeout() -> Failure {
        Failure::Query(client::Error::Unknown("HTTP 500".into()))
    }

    fn next(failure: Failure, ecpay: EcpayState) -> Next {
        let after = after(Err(failure), ecpay).unwrap();
        assert_ne!(after.outcome, TaskOutcome::Done);
        after.next
    }

    fn of_store(error: store::Error) -> Failure {
        Failure::Fatal(Error::Store(error))
    }

    #[test]
    fn an_order_that_was_handled_or_skipped_lets_the_loop_go_on() {
        for outcome in [TaskOutcome::Done, TaskOutcome::Skipped("not needed".to_owned())] {
            assert_eq!(after(Ok(outcome.clone()), SILENT).unwrap(), After { outcome, next: Next::Continue });
        }
    }

    #[test]
    fn an_open_circuit_breaker_stops_the_task_and_fails_no_order() {
        let after = after(Err(Failure::Blocked), SILENT).unwrap();
        assert!(matches!(after.outcome, TaskOutcome::Skipped(_)));
        assert_eq!(after.next, Next::Stop(StopReason::EcpayBlocked));
    }

    #[test]
    fn an_unusable_answer_defers_the_order_with_the_reason_of_the_report() {
        let failure = Failure::Query(client::Error::Query(period_query::Error::Malformed));
        let After { outcome, next } = after(Err(failure), SILENT).unwrap();
        let TaskOutcome::Failed(reason) = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("malformed"), "{reason}");
        assert_eq!(next, Next::Defer(reason));
        let unconfirmed = after(Err(Failure::Unconfirmed), SILENT).unwrap();
        assert!(matches!(unconfirmed.next, Next::Defer(reason) if reason.contains("still active")));
    }

    #[test]
    fn the_third_timeout_stops_the_task_unless_ecpay_answered_for_another_order() {
        for unanswered in 0..5 {
            for has_answered in [false, true] {
                let stops = !has_answered && unanswered >= 2;
                let next = next(timeout(), EcpayState { has_answered, unanswered });
                assert_eq!(next == Next::Stop(StopReason::EcpayUnanswered), stops, "{unanswered} {has_answered}");
                assert_eq!(matches!(next, Next::DeferIfAnswered(_)), !stops, "{unanswered} {has_answered}");
            }
        }
    }

    #[test]
    fn a_lost_response_to_a_request_is_left_to_the_next_query() {
        assert_eq!(next(Failure::Action(client::Error::Unknown("cut".into())), SILENT), Next::Continue);
    }

    #[test]
    fn a_store_error_about_one_item_fails_that_order_and_any_other_ends_the_run() {
        let item = store::Error::Contended { doing: "storing a decision" };
        let next = next(of_store(item), SILENT);
        assert!(matches!(&next, Next::Defer(reason) if reason.contains("too many conflicts")), "{next:?}");
        let down = store::Error::Unavailable { doing: "storing a decision", source: "HTTP 500".into() };
        assert!(matches!(after(Err(of_store(down)), SILENT), Err(Error::Store(_))));
    }
}
