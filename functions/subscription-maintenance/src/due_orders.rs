//! The due orders of one task: read page by page, handled several at a time, each failure kept to its own order.

use std::sync::OnceLock;
use std::time::Duration;

use futures::stream::{Stream, StreamExt, iter, unfold};
use shared::domain::billing::decision::Versioned;
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::subscription::Subscription;
use shared::domain::billing::task::Task;
use shared::domain::values::time::Timestamp;
use shared::platform::logging::error_chain;
use shared::platform::metrics::StopReason;
use shared::store;
use shared::store::table::due_index::Cursor;
use shared::store::table_failures::TableFailures;

use crate::Error;
use crate::ecpay_session::{EcpaySession, Failure};
use crate::next_step::{After, Next, SoFar, after};
use crate::report::{TaskOutcome, TaskReport};
use crate::tasks;

/// Orders handled at a time. Calls to ECPay take up to a second each, so that fewer would not use its pace.
const CONCURRENT_ORDERS: usize = 16;

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
    table_failures: TableFailures,
}

/// Handles every order whose task is due, until `until` of the invocation. A failing order does not block the others.
pub(crate) async fn handle_due(
    session: &EcpaySession<'_>,
    task: Task,
    until: Duration,
    report: TaskReport,
) -> Result<TaskReport, Error> {
    let mut context = DueContext { task, report, unanswered: Vec::new(), table_failures: TableFailures::default() };
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
            if let Err(unmoved) = session.store.billing.move_to_unreadable(queue, &error).await {
                tracing::error!(
                    error = error_chain(&unmoved),
                    "an unreadable order could not be taken out of its queue"
                );
            }
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
        && error.of_table().is_some()
    {
        tracing::error!(subscription = %id, error = error_chain(error), "an order could not be handled");
    }
    // An order that was not begun because of the breaker says nothing about the table.
    if !matches!(handled.outcome, Err(Failure::Blocked)) {
        let of_table = if let Err(Failure::Fatal(error)) = &handled.outcome { error.of_table() } else { None };
        context.table_failures.add(of_table);
    }
    let so_far = SoFar {
        has_answered: session.has_answered(),
        unanswered: context.unanswered.len(),
        table_failures: context.table_failures,
    };
    let After { outcome, next } = after(handled.outcome, so_far)?;
    context.report.add(id, outcome);
    match next {
        Next::Continue => {}
        Next::Stop(reason) => return Ok(Some(reason)),
        Next::Defer(reason) => defer(session, context, vec![Deferred { order, reason }]).await?,
        Next::DeferIfAnswered(reason) => context.unanswered.push(Deferred { order, reason }),
    }
    Ok(None)
}

/// Records the failed task at each order, so that the order is retried with backoff.
async fn defer(session: &EcpaySession<'_>, context: &mut DueContext, orders: Vec<Deferred>) -> Result<(), Error> {
    for Deferred { order, reason } in orders {
        match tasks::defer(session, context.task, order, &reason).await {
            Ok(()) => {}
            Err(Failure::Fatal(error)) if error.of_table().is_some() => {
                tracing::error!(error = error_chain(&error), "a failed task could not be recorded at its order");
                context.report.is_unrecorded |= !error.is_about_one_order();
            }
            Err(Failure::Fatal(error)) => return Err(error),
            // Recording a failure calls nothing of ECPay's.
            Err(
                Failure::Blocked | Failure::Query(_) | Failure::Action(_) | Failure::Changed | Failure::Unconfirmed,
            ) => {}
        }
    }
    context.report.add_entries(session.take_entries());
    Ok(())
}

/// While ECPay takes no calls: see [`tasks::without_ecpay`].
async fn without_ecpay(session: &EcpaySession<'_>, context: &mut DueContext, until: Duration) -> Result<(), Error> {
    let mut items = std::pin::pin!(due_items(session, context.task));
    let mut table_failures = TableFailures::default();
    while let Some(item) = items.next().await {
        let Ok(order) = item?.order else { continue };
        if session.time.stopwatch.elapsed() >= until {
            break;
        }
        let id = order.value.id.clone();
        let Err(Failure::Fatal(error)) = tasks::without_ecpay(session, order).await else {
            table_failures.add(None);
            continue;
        };
        table_failures.add(error.of_table());
        if error.of_table().is_none() || table_failures.is_table_down() {
            return Err(error);
        }
        tracing::error!(subscription = %id, error = error_chain(&error), "an order could not be handled");
    }
    context.report.add_entries(session.take_entries());
    Ok(())
}
