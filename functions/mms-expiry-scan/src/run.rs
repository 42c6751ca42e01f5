//! A run from its beginning to its row in the ledger, and who is told that it failed.

use serde_json::Value;
use shared::exclusive_run::{ExclusiveRun, Job, RunRules, Start};
use shared::platform::clock::InvocationTime;
use shared::platform::metrics::{Batch, Point, ScanOutcome};

use crate::digest::{Scan, ScanError};
use crate::report::Report;
use crate::{Error, ExpiryScan};

/// Does a run once: one that was done answers with its report, beside one that somebody else is at nothing is done.
pub(crate) async fn once(function: &ExpiryScan, job: &Job, moment: InvocationTime) -> Result<Value, Error> {
    let mut turn = match ExclusiveRun::start(&function.store, job, moment, RunRules::SENDING).await? {
        Start::Acquired(turn) => turn,
        Start::AlreadyFinished(answer) => return Ok(answer),
    };
    let keys = function.keys.get(moment.wall_now()).await;
    let mut scan = Scan::new(function, job, &keys, moment);
    let stopped = match Box::pin(scan.perform(&mut turn)).await {
        Ok(()) => {
            let ledger = scan.report.ledger(job);
            turn.finish(&ledger).await?;
            if !job.dry_run {
                tracing::info!(run = job.id, report = %ledger, "run done");
                count(scan.report.outcome(), moment);
            }
            return Ok(scan.report.answer(job));
        }
        Err(stopped) => stopped,
    };
    let told = if job.dry_run { Ok(()) } else { tell(&scan, &stopped, &mut turn, moment).await };
    let report = scan.report.clone().stopped(&stopped);
    turn.fail(&stopped.to_string()).await;
    told?;
    conclude(job, report, stopped)
}

/// Tells staff that there is no digest, or not all of it: in Slack where that still takes messages, else by mail.
async fn tell(
    scan: &Scan<'_>,
    stopped: &ScanError,
    turn: &mut ExclusiveRun<'_>,
    moment: InvocationTime,
) -> Result<(), Error> {
    if let Some(outcome) = stopped.outcome() {
        tracing::error!(run = scan.job.id, error = stopped.to_string(), "the scan failed");
        count(outcome, moment);
    }
    match stopped {
        ScanError::Mms(error) => match Box::pin(scan.mail_failure(&error.to_string(), turn)).await {
            Err(refused @ ScanError::Slack { is_retryable: false, .. }) => Ok(scan.mail(&refused.to_string()).await?),
            // Whoever repeats the run tells them then.
            Err(ScanError::Slack { reason, .. }) => Err(Error::Slack(reason)),
            Err(ScanError::Store(error)) => Err(error.into()),
            Err(ScanError::Run(error)) => Err(error.into()),
            Ok(()) | Err(ScanError::Mms(_)) => Ok(()),
        },
        ScanError::Slack { is_retryable: false, .. } => Ok(scan.mail(&stopped.to_string()).await?),
        ScanError::Slack { .. } | ScanError::Store(_) | ScanError::Run(_) => Ok(()),
    }
}

fn conclude(job: &Job, report: Report, stopped: ScanError) -> Result<Value, Error> {
    match stopped {
        ScanError::Run(error) => Err(error.into()),
        ScanError::Store(error) => Err(error.into()),
        ScanError::Mms(error) if error.is_retryable() => Err(Error::Mms(error.to_string())),
        ScanError::Slack { reason, is_retryable: true } => Err(Error::Slack(reason)),
        ScanError::Mms(_) | ScanError::Slack { .. } => Ok(report.answer(job)),
    }
}

fn count(outcome: ScanOutcome, moment: InvocationTime) {
    let mut metrics = Batch::default();
    metrics.count(Point::ExpiryScans(outcome), 1);
    metrics.emit(moment.wall);
}
