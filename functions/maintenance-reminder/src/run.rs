//! A run from its beginning to its row in the ledger.

use serde_json::Value;
use shared::exclusive_run::{ExclusiveRun, Job, RunRules, Start};
use shared::platform::clock::InvocationTime;
use shared::platform::metrics::{Batch as Metrics, Point, ReminderOutcome, StopReason};

use crate::report::Report;
use crate::vehicles::Batch;
use crate::{Error, Reminders};

/// Does a run once: one that was done answers with its report, beside one that somebody else is at nothing is done.
pub(crate) async fn once(reminders: &Reminders, job: &Job, moment: InvocationTime) -> Result<Value, Error> {
    let mut turn = match ExclusiveRun::start(&reminders.store, job, moment, RunRules::SENDING).await? {
        Start::Acquired(turn) => turn,
        Start::AlreadyFinished(answer) => return Ok(answer),
    };
    match Box::pin(Batch::new(reminders, job, &mut turn, moment).perform()).await {
        Ok(report) => {
            let ledger = report.ledger(job);
            turn.finish(&ledger).await?;
            if !job.dry_run {
                tell(&report, moment);
                tracing::info!(run = job.id, report = %ledger, "run done");
            }
            Ok(report.answer(job))
        }
        Err(error) => {
            turn.fail(&error.to_string()).await;
            Err(error)
        }
    }
}

fn tell(report: &Report, moment: InvocationTime) {
    let mut metrics = Metrics::default();
    for (outcome, count) in report.counts() {
        metrics.count(Point::Reminders(ReminderOutcome::from(outcome)), count);
    }
    if report.stopped.is_some() {
        metrics.count(Point::RunsStopped(StopReason::WhatsappProvider), 1);
    }
    metrics.emit(moment.wall);
}
