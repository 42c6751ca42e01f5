//! A run from its beginning to its row in the ledger.

use serde_json::Value;
use shared::exclusive_run::{Beginning, Job, Turn};
use shared::platform::clock::Moment;
use shared::platform::metrics::{Batch as Metrics, Point, ReminderOutcome, StopReason};

use crate::report::Report;
use crate::vehicles::Batch;
use crate::{Error, Reminders};

/// Does a run once: one that was done answers with its report, beside one that somebody else is at nothing is done.
pub(crate) async fn once(reminders: &Reminders, job: &Job, moment: Moment) -> Result<Value, Error> {
    let mut turn = match Turn::begin(&reminders.store, job, moment).await? {
        Beginning::Ours(turn) => turn,
        Beginning::Told(answer) => return Ok(answer),
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
            turn.give_up(&error.to_string()).await;
            Err(error)
        }
    }
}

fn tell(report: &Report, moment: Moment) {
    let mut metrics = Metrics::default();
    for (outcome, count) in report.counts() {
        metrics.count(Point::Reminders(ReminderOutcome::from(outcome)), count);
    }
    if report.stopped.is_some() {
        metrics.count(Point::RunsStopped(StopReason::Gateway), 1);
    }
    metrics.emit(moment.wall);
}
