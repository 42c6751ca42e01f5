//! A scan from start to run history, and the notices to staff when it fails.

use serde_json::{Value, json};
use shared::domain::institutions::ZONE;
use shared::exclusive_run::{ExclusiveRun, Job, RunRules, Start};
use shared::platform::clock::InvocationTime;
use shared::platform::metrics::{Batch, Point, ScanOutcome};

use crate::digest::Scan;
use crate::error::ScanError;
use crate::mms::error as mms;
use crate::{Error, ExpiryScan};

/// Performs a run once. Answers with the stored report if the run is done, and with `already_running` to a caller while
/// another run holds the lease.
pub(crate) async fn run_once(function: &ExpiryScan, job: &Job, time: InvocationTime) -> Result<Value, Error> {
    let day = job.scheduled_at.day(ZONE);
    // Staff who start a run on a holiday want its digest.
    if job.requested_by.is_none() && !job.dry_run && function.config.holidays.contains(&day) {
        tracing::info!(run = job.id, "a holiday of EXPIRY_HOLIDAYS: no scan");
        return Ok(json!({ "run": job.id, "status": "holiday", "day": day }));
    }
    let mut run = match ExclusiveRun::start(&function.runs, job, time, RunRules::SENDING).await? {
        Start::Acquired(run) => run,
        Start::NothingToDo(answer) => return Ok(answer),
    };
    let keys = match function.credentials.get(time.wall_now()).await {
        Ok(keys) => keys,
        Err(error) => {
            run.fail(&error.to_string()).await;
            return Err(error.into());
        }
    };
    let mut scan = Scan::new(function, job, &keys, time);
    let error = match Box::pin(scan.perform(&mut run)).await {
        Ok(()) => {
            let history = scan.report.for_history(job);
            run.finish(&history).await?;
            if !job.dry_run {
                tracing::info!(run = job.id, report = %history, "run done");
                count(scan.report.outcome(), time);
            }
            return Ok(scan.report.answer(job));
        }
        Err(error) => error,
    };
    let notified = if job.dry_run { Ok(()) } else { notify_staff(&scan, &error, &mut run, time).await };
    let report = scan.report.clone().failed(&error);
    // The row is released even if staff could not be notified: the repetition does it.
    run.fail(&error.to_string()).await;
    notified?;
    if error.is_worth_repeating(time.wall_now()) { Err(error.into()) } else { Ok(report.answer(job)) }
}

/// Notifies staff that the digest is missing or incomplete: in Slack if it still accepts messages, else by mail.
async fn notify_staff(
    scan: &Scan<'_>,
    error: &ScanError,
    run: &mut ExclusiveRun<'_>,
    time: InvocationTime,
) -> Result<(), Error> {
    if let Some(outcome) = error.outcome() {
        tracing::error!(run = scan.job.id, error = error.to_string(), "the scan failed");
        count(outcome, time);
    }
    let publisher = &scan.publisher;
    match error {
        ScanError::Mms(error) => {
            let reason = error.to_string();
            // Its repair is a change of this function, so that those are notified too who do not read the channel.
            if matches!(error, mms::Error::Unreadable { .. }) {
                publisher.mail(&reason).await?;
            }
            let posted = Box::pin(publisher.post_failure(&reason, &scan.last_known(), run)).await;
            match posted {
                Err(error @ ScanError::Slack { .. }) if !error.is_worth_repeating(time.wall_now()) => {
                    Ok(publisher.mail(&error.to_string()).await?)
                }
                // The error makes Lambda repeat the run, which posts the notice then.
                posted => Ok(posted?),
            }
        }
        ScanError::Slack { .. } if !error.is_worth_repeating(time.wall_now()) => {
            Ok(publisher.mail(&error.to_string()).await?)
        }
        ScanError::Slack { .. } | ScanError::Store(_) | ScanError::Run(_) => Ok(()),
    }
}

fn count(outcome: ScanOutcome, time: InvocationTime) {
    let mut metrics = Batch::default();
    metrics.count(Point::ExpiryScans(outcome), 1);
    if matches!(outcome, ScanOutcome::MmsRefused | ScanOutcome::MmsUnreadable | ScanOutcome::SlackRefused) {
        metrics.count(Point::ExpiryScansFailed, 1);
    }
    metrics.emit(time.wall);
}
