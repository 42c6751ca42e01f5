//! A run from start to run history, and its metrics.

use serde_json::Value;
use shared::exclusive_run::{ExclusiveRun, Job, RunRules, Start};
use shared::platform::clock::InvocationTime;
use shared::platform::metrics::{Batch as Metrics, Point, RunOutcome, StopReason};
use shared::store::runs::run_history::RunEnding;

use crate::report::Report;
use crate::vehicles::Batch;
use crate::{Error, Reminders};
use crate::{confirmations, imports};

/// Performs a run once. Answers with the stored report if the run is done, and with `already_running` to a caller while
/// another run holds the lease.
pub(crate) async fn run_once(reminders: &Reminders, job: &Job, time: InvocationTime) -> Result<Value, Error> {
    let hasher = reminders.phone_keys.get(time.wall).await?;
    let mut run = match ExclusiveRun::start(&reminders.runs, job, time, RunRules::SENDING).await? {
        Start::Acquired(run) => run,
        Start::NothingToDo(answer) => return Ok(answer),
    };
    match Box::pin(Batch::new(reminders, job, &mut run, time, hasher).perform()).await {
        Ok(report) => {
            let history = report.for_history(job);
            let (has_failed, notice) = (report.has_failed(), report.notice(job));
            run.end(RunEnding { report: history.to_string(), has_failed, notice }).await?;
            // Only after the row is stored: a repetition of the run would count the same reminders again.
            if !job.dry_run {
                emit_metrics(&report, time);
                tracing::info!(run = job.id, report = %history, "run done");
                // Last, as they must not take the time of the reminders.
                Box::pin(confirmations::send_after_run(reminders, time)).await;
                Box::pin(imports::go_on_after_run(reminders, time)).await;
            }
            Ok(report.answer(job))
        }
        Err(error) => {
            run.fail(&error.to_string()).await;
            Err(error)
        }
    }
}

fn emit_metrics(report: &Report, time: InvocationTime) {
    let mut metrics = Metrics::default();
    let outcome = if report.has_failed() { RunOutcome::Failed } else { RunOutcome::Done };
    metrics.count(Point::ReminderRuns(outcome), 1);
    for (outcome, count) in report.counts() {
        if let Some(metric) = outcome.metric() {
            metrics.count(Point::Reminders(metric), count);
        }
    }
    if report.unreadable() > 0 {
        metrics.count(Point::UnreadableItems, report.unreadable());
    }
    if report.stopped.is_some() {
        metrics.count(Point::RunsStopped(StopReason::WhatsappProvider), 1);
    }
    metrics.emit(time.wall);
}
