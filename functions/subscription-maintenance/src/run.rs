//! A run of scheduled tasks: life cycle, the loop over due orders, and mail.

use std::vec;

use serde_json::{Value, json};
use shared::domain::billing::decision::Versioned;
use shared::domain::billing::subscription::Subscription;
use shared::domain::billing::task::Task;
use shared::ecpay::client;
use shared::exclusive_run::{ExclusiveRun, Lease, RunRules, Start};
use shared::mail::outbox;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::platform::metrics::StopReason;
use shared::store;
use shared::store::table::due_index::Cursor;

use crate::cleanup::clean_up;
use crate::ecpay_session::{EcpaySession, Failure};
use crate::event::Tasks;
use crate::report::{ReportEntry, RunReport, TaskOutcome, TaskReport, stop_text};
use crate::tasks;
use crate::{Error, Maintenance};

/// A run starts no further item after this many seconds; the next run continues. The function's timeout is 300 seconds.
const RUN_SECONDS: u64 = 240;
/// An attempt that crashed can be taken over after this many minutes: longer than the function's timeout.
const CLAIM_MINUTES: i64 = 6;
/// Items that one task handles in one run.
const TASK_LIMIT: u64 = 2_000;
/// A task stops after this many orders without an answer from ECPay, if ECPay answered for none.
const UNANSWERED_LIMIT: usize = 3;

/// An item of the due index, or the reason why it cannot be read.
type DueOrder = Result<Versioned<Subscription>, store::Error>;

/// Due orders of a task, read page by page.
struct DueOrders {
    task: Task,
    page: vec::IntoIter<DueOrder>,
    cursor: Cursor,
    is_last_page: bool,
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

/// Runs the tasks once. Answers with the stored report if the run is done, and with `already_running` if another attempt
/// of it is under way.
pub(crate) async fn run_tasks(maintenance: &Maintenance, tasks: &Tasks, time: InvocationTime) -> Result<Value, Error> {
    let job = &tasks.run;
    // A late or repeated run decides as of its scheduled time.
    let time = InvocationTime { logical: job.scheduled_at, ..time };
    let rules = RunRules { lease: lease(&tasks.tasks), run_seconds: RUN_SECONDS, claim_minutes: CLAIM_MINUTES };
    let run = match ExclusiveRun::start(&maintenance.store.runs, job, time, rules).await? {
        Start::Acquired(run) => run,
        Start::NothingToDo(answer) => return Ok(answer),
    };
    let mut session =
        if job.dry_run { EcpaySession::dry_run(maintenance, time) } else { EcpaySession::new(maintenance, time) };
    // On the heap, here and below: the futures of all tasks together are too large for a thread's stack.
    let performed = Box::pin(perform(&mut session, tasks, &run)).await;
    if !job.dry_run
        && let Ok(report) = &performed
    {
        session.metrics.run(report);
    }
    // Before the row is written: what was decided counts even if the run then fails.
    session.emit_metrics().await;
    let report = match performed {
        Ok(report) => report,
        Err(error) => {
            run.fail(&error.to_string()).await;
            return Err(error);
        }
    };
    let answer = answer(tasks, &report);
    if report.is_idle() {
        run.finish_idle(&answer).await?;
    } else {
        run.finish(&answer).await?;
        if !job.dry_run {
            tracing::info!(run = job.id, report = %answer, "run done");
        }
    }
    Ok(answer)
}

/// The five-minute run is mostly idle and would fill the run history; its tasks are safe to run twice at a time.
fn lease(tasks: &[Task]) -> Lease {
    let is_frequent = tasks.iter().all(|task| matches!(task, Task::CheckPending | Task::SendMail));
    if is_frequent { Lease::None } else { Lease::Run }
}

fn answer(tasks: &Tasks, report: &RunReport) -> Value {
    let run = &tasks.run;
    json!({
        "run": run.id, "status": "done", "scheduled_at": run.scheduled_at, "dry_run": run.dry_run,
        "tasks": serde_json::to_value(&report.tasks).unwrap_or_default(),
        "did": serde_json::to_value(report.did()).unwrap_or_default(),
    })
}

async fn perform(session: &mut EcpaySession<'_>, tasks: &Tasks, run: &ExclusiveRun<'_>) -> Result<RunReport, Error> {
    let mut report = RunReport::default();
    for task in &tasks.tasks {
        let done = match task {
            Task::Reconcile | Task::CheckPending | Task::Resume | Task::Retry | Task::EndGrace | Task::Cancel => {
                due_orders(session, *task, run).await?
            }
            Task::CleanUp => clean_up(session, session.now).await?,
            Task::SendMail => send_mail(session).await?,
        };
        report.tasks.insert(*task, done);
    }
    Ok(report)
}

/// Handles every order whose task is due. A failing order does not block the others.
async fn due_orders(session: &mut EcpaySession<'_>, task: Task, run: &ExclusiveRun<'_>) -> Result<TaskReport, Error> {
    let mut context = DueContext { task, report: TaskReport::default(), unanswered: Vec::new() };
    let mut orders = DueOrders::new(task);
    let stopped = loop {
        let Some(item) = orders.next(session, &mut context.report).await? else { break None };
        if !run.has_time() || context.report.due >= TASK_LIMIT {
            break Some(StopReason::Limit);
        }
        let order = match item {
            Ok(order) => order,
            Err(error) => {
                // Out of the task's queue, so that it does not count as due in every later run.
                session.store.billing.move_to_unreadable(&error).await?;
                context.report.add_unreadable();
                continue;
            }
        };
        match process_order(session, &mut context, &order).await? {
            Next::Continue => {}
            Next::Stop(reason) => break Some(reason),
            Next::Defer(reason) => defer(session, &mut context, vec![Deferred { order, reason }]).await?,
            Next::DeferIfAnswered(reason) => context.unanswered.push(Deferred { order, reason }),
        }
    };
    context.report.stopped = stopped;
    // A stop for ECPay's sake says nothing about the orders: they stay due as they are.
    if matches!(stopped, None | Some(StopReason::Limit)) && session.has_answered() {
        let unanswered = std::mem::take(&mut context.unanswered);
        defer(session, &mut context, unanswered).await?;
    }
    Ok(context.report)
}

/// Handles one order, adds it to the report and returns the loop's next step.
async fn process_order(
    session: &mut EcpaySession<'_>,
    context: &mut DueContext,
    order: &Versioned<Subscription>,
) -> Result<Next, Error> {
    let handled = Box::pin(tasks::handle(session, context.task, order.clone())).await;
    context.report.add_entries(session.take_entries());
    let id = &order.value.id;
    if let Err(Failure::Fatal(Error::Store(error))) = &handled
        && error.is_about_one_item()
    {
        tracing::error!(subscription = %id, error = error_chain(error), "an order could not be handled");
    }
    let ecpay = EcpayState { has_answered: session.has_answered(), unanswered: context.unanswered.len() };
    let After { outcome, next } = after(handled, ecpay)?;
    context.report.add(id, outcome);
    Ok(next)
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
        Failure::Fatal(Error::Store(error)) if error.is_about_one_item() => failed(error_chain(&error), Next::Continue),
        Failure::Fatal(error) => return Err(error),
    })
}

/// Records the failed task at each order, so that the order is retried with backoff.
async fn defer(session: &mut EcpaySession<'_>, context: &mut DueContext, orders: Vec<Deferred>) -> Result<(), Error> {
    for Deferred { order, reason } in orders {
        match tasks::defer(session, context.task, order, &reason).await {
            Ok(()) => {}
            Err(Failure::Fatal(Error::Store(error))) if error.is_about_one_item() => {
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

async fn send_mail(session: &mut EcpaySession<'_>) -> Result<TaskReport, Error> {
    let drained = outbox::drain(&session.store, &session.maintenance.mailer, session.time, RUN_SECONDS).await?;
    let stopped = drained.stopped;
    let mut report = TaskReport { due: drained.total(), done: drained.sent, stopped, ..TaskReport::default() };
    // Mail is due by wall time, unlike the other tasks.
    report.record_age(drained.oldest, session.time.wall);
    if !session.store.is_dry_run() {
        session.metrics.mails(&drained);
    }
    let skipped = [("later", drained.later)];
    let failed = [("unclear", drained.unclear), ("given up", drained.dead)];
    let counted = |(_, count): &(&str, u64)| *count > 0;
    report.skipped.extend(skipped.into_iter().filter(counted).map(|(reason, count)| (reason.to_owned(), count)));
    report.failed.extend(failed.into_iter().filter(counted).map(|(reason, count)| (reason.to_owned(), count)));
    report.add_entries(drained.handled.into_iter().map(|mail| ReportEntry::Mail {
        notice: mail.id,
        kind: mail.kind.name(),
        outcome: mail.outcome.name(),
    }));
    Ok(report)
}

impl DueOrders {
    fn new(task: Task) -> Self {
        Self { task, page: Vec::new().into_iter(), cursor: None, is_last_page: false }
    }

    async fn next(
        &mut self,
        session: &EcpaySession<'_>,
        report: &mut TaskReport,
    ) -> Result<Option<DueOrder>, store::Error> {
        loop {
            if let Some(item) = self.page.next() {
                return Ok(Some(item));
            }
            if self.is_last_page {
                return Ok(None);
            }
            let page = session.store.billing.due_subscriptions(self.task, session.now, self.cursor.take()).await?;
            report.record_age(page.oldest, session.now);
            self.is_last_page = page.next.is_none();
            self.cursor = page.next;
            self.page = page.items.into_iter();
        }
    }
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
        assert_eq!(next(of_store(item), SILENT), Next::Continue);
        let down = store::Error::Unavailable { doing: "storing a decision", source: "HTTP 500".into() };
        assert!(matches!(after(Err(of_store(down)), SILENT), Err(Error::Store(_))));
    }
}
