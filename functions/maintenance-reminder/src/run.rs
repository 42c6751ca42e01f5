//! A run: once for each scheduled time, and never two at a time.

use serde_json::{Value, json};
use shared::clock::Moment;
use shared::entropy;
use shared::metrics::{Batch as Metrics, Point, ReminderOutcome, StopReason};
use shared::store::runs::{ClaimedRun, NewRun, RunClaim};
use shared::telemetry::chain;

use crate::batch::{Batch, LEASE_SECONDS};
use crate::job::{Job, NAME};
use crate::report::Report;
use crate::{Error, Reminders};

/// While a run is under way its row says so for at most this many minutes: longer than the function's timeout.
const SHOWN_MINUTES: i64 = 16;

/// Does a run once: one that was done answers with its report, beside one that somebody else is at nothing is done.
pub(crate) async fn once(reminders: &Reminders, job: &Job, moment: Moment) -> Result<Value, Error> {
    let claimant = entropy::name(16)?;
    if job.dry_run {
        return Ok(Batch::new(reminders, (job, &claimant), moment).perform().await?.answer(job));
    }
    let store = &reminders.store;
    let until = moment.wall.plus_seconds(LEASE_SECONDS);
    if !store.take_lease(NAME, &claimant, moment.wall, until).await? {
        // Whoever asks for a run is told; the schedule asks again, for the run that is under way may not end well.
        let told = json!({ "run": job.id, "status": "already_running" });
        return if job.requested_by.is_some() { Ok(told) } else { Err(Error::Busy) };
    }
    let done = Box::pin(alone(reminders, (job, &claimant), moment)).await;
    if let Err(error) = store.give_lease(NAME, &claimant, moment.wall_now()).await {
        tracing::warn!(error = chain(&error), "a run keeps its lease to the end");
    }
    done
}

/// The run of whoever holds the job's lease: an earlier attempt of it is over, whatever its row says.
async fn alone(reminders: &Reminders, (job, claimant): (&Job, &str), moment: Moment) -> Result<Value, Error> {
    let store = &reminders.store;
    let new = NewRun {
        id: &job.id,
        tasks: vec![NAME.to_owned()],
        scheduled_at: job.scheduled_at,
        claimant: claimant.to_owned(),
        is_alone: true,
    };
    let claimed = match store.claim_run(new, moment.wall, moment.wall.plus_minutes(SHOWN_MINUTES)).await? {
        RunClaim::Ours(claimed) => claimed,
        RunClaim::Running => return Err(Error::Busy),
        RunClaim::Done(report) => return Ok(serde_json::from_str(&report).unwrap_or_default()),
    };
    match Box::pin(Batch::new(reminders, (job, claimant), moment).perform()).await {
        Ok(report) => {
            let ledger = report.ledger(job);
            store.finish_run(claimed, moment.wall_now(), ledger.to_string()).await?;
            tell(&report, moment);
            tracing::info!(run = job.id, report = %ledger, "run done");
            Ok(report.answer(job))
        }
        Err(error) => {
            give_up(reminders, claimed, moment, &error.to_string()).await;
            Err(error)
        }
    }
}

async fn give_up(reminders: &Reminders, claimed: ClaimedRun, moment: Moment, why: &str) {
    if let Err(error) = reminders.store.release_run(claimed, moment.wall_now(), why.to_owned()).await {
        tracing::warn!(error = chain(&error), "a failed run keeps its lease");
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
