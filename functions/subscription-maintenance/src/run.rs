//! A run of scheduled tasks: life cycle, shares of time, continuation, and mail.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::billing::task::Task;
use shared::exclusive_run::{ExclusiveRun, Lease, RunRules, Start};
use shared::platform::clock::InvocationTime;
use shared::platform::metrics::StopReason;

use crate::cleanup::clean_up;
use crate::due_orders::handle_due;
use crate::ecpay_session::EcpaySession;
use crate::event::Tasks;
use crate::report::{RunReport, TaskReport};
use crate::sending::send_due;
use crate::{Error, Maintenance};

/// A run starts no further item after this many seconds; its continuation goes on. The function's timeout is 300 seconds.
const RUN_SECONDS: u64 = 240;
/// An attempt that crashed can be taken over after this many minutes: longer than the function's timeout.
const CLAIM_MINUTES: i64 = 6;
/// Reason of a failed run that worked on all that was due.
const UNRECORDED: &str = "a failure could not be recorded at its order";
/// A run has failed where this many orders or more were tried and none succeeded.
const FAILED_ORDERS: u64 = 3;

/// Runs the tasks once. Answers with the stored report if the run is done, and with `already_running` if another attempt
/// of it is under way.
pub(crate) async fn run_tasks(maintenance: &Maintenance, tasks: &Tasks, time: InvocationTime) -> Result<Value, Error> {
    let job = &tasks.run;
    // A late or repeated run decides as of its scheduled time.
    let time = time.with_logical(job.scheduled_at);
    let rules = RunRules { lease: lease(&tasks.tasks), run_seconds: RUN_SECONDS, claim_minutes: CLAIM_MINUTES };
    let run = match ExclusiveRun::start(&maintenance.store.runs, job, time, rules).await? {
        Start::Acquired(run) => run,
        Start::NothingToDo(answer) => return Ok(answer),
    };
    let mut session =
        if job.dry_run { EcpaySession::dry_run(maintenance, time) } else { EcpaySession::new(maintenance, time) };
    session.is_early = tasks.early;
    // On the heap: the futures of all tasks together are too large for a thread's stack.
    let performed = Box::pin(perform(&session, tasks)).await;
    if !job.dry_run
        && let Ok(report) = &performed
    {
        session.measure(|metrics| metrics.run(report));
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
    let failure = failure(&report);
    let answer = answer(tasks, &report, failure);
    if let Some(reason) = failure {
        tracing::error!(run = job.id, report = %answer, reason, "run failed");
        run.fail(reason).await;
    } else if report.is_idle() {
        run.finish_idle(&answer).await?;
    } else {
        run.finish(&answer).await?;
        if !job.dry_run {
            tracing::info!(run = job.id, report = %answer, "run done");
        }
    }
    // After the lease is released, which the continuation takes. Where everything failed, the next scheduled run goes on.
    let goes_on = failure.is_none_or(|reason| reason == UNRECORDED);
    if !job.dry_run && goes_on && report.reached_limit() {
        maintenance.continuation.request(tasks, time).await;
    }
    Ok(answer)
}

/// The reason why a run has failed although it came to its end.
fn failure(report: &RunReport) -> Option<&'static str> {
    let is_down = report.tasks.values().any(|task| task.stopped == Some(StopReason::EcpayUnanswered));
    let failed: u64 = report.tasks.values().flat_map(|task| task.failed.values()).sum();
    let due: u64 = report.tasks.values().map(|task| task.due).sum();
    let is_unrecorded = report.tasks.values().any(|task| task.is_unrecorded);
    if is_down {
        Some("ECPay does not answer")
    } else if is_unrecorded {
        Some(UNRECORDED)
    } else if failed >= FAILED_ORDERS && failed == due {
        Some("everything that was tried failed")
    } else {
        None
    }
}

/// The five-minute run is mostly idle and would fill the run history; its tasks are safe to run twice at a time.
fn lease(tasks: &[Task]) -> Lease {
    let is_frequent = tasks.iter().all(|task| matches!(task, Task::CheckPending | Task::SendMail));
    if is_frequent { Lease::None } else { Lease::Tasks }
}

fn answer(tasks: &Tasks, report: &RunReport, failure: Option<&str>) -> Value {
    let run = &tasks.run;
    let mut answer = json!({
        "run": run.id, "status": if failure.is_some() { "failed" } else { "done" },
        "scheduled_at": run.scheduled_at, "dry_run": run.dry_run,
        "tasks": serde_json::to_value(&report.tasks).unwrap_or_default(),
        "did": serde_json::to_value(report.did()).unwrap_or_default(),
    });
    if let (Some(fields), Some(reason)) = (answer.as_object_mut(), failure) {
        fields.insert("error".to_owned(), json!(reason));
    }
    answer
}

/// Performs the tasks in their order. Each gets an equal share of the time that is left, so that no task starves the ones
/// after it; time that is left over goes to the tasks that reached their share.
async fn perform(session: &EcpaySession<'_>, tasks: &Tasks) -> Result<RunReport, Error> {
    let mut report = RunReport::default();
    let limit = Duration::from_secs(RUN_SECONDS);
    let mut open = tasks.tasks.clone();
    while !open.is_empty() {
        let mut waiting = Vec::new();
        for (place, task) in open.iter().enumerate() {
            let elapsed = session.time.stopwatch.elapsed();
            let sharing = u32::try_from(open.len().saturating_sub(place)).unwrap_or(u32::MAX);
            let until = elapsed.saturating_add(limit.saturating_sub(elapsed) / sharing.max(1));
            let so_far = report.tasks.remove(task).unwrap_or_default();
            let done = perform_task(session, *task, until, so_far).await?;
            if done.stopped == Some(StopReason::Limit) && *task != Task::SendMail {
                waiting.push(*task);
            }
            report.tasks.insert(*task, done);
        }
        open = if session.time.stopwatch.elapsed() < limit { waiting } else { Vec::new() };
    }
    Ok(report)
}

async fn perform_task(
    session: &EcpaySession<'_>,
    task: Task,
    until: Duration,
    report: TaskReport,
) -> Result<TaskReport, Error> {
    match task {
        Task::Resume | Task::EndGrace | Task::Reconcile | Task::CheckPending | Task::Retry | Task::Cancel => {
            handle_due(session, task, until, report).await
        }
        Task::CleanUp => clean_up(session, session.now).await,
        Task::SendMail => send_due(session, Duration::from_secs(RUN_SECONDS)).await,
    }
}
