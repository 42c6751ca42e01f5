//! A run: page, decide, commit, report.

use serde_json::{Value, json};
use shared::clock::Moment;
use shared::domain::next_action::ActionKind;
use shared::domain::notification::{Notice, NoticeKind};
use shared::domain::time::{Timestamp, Zone};
use shared::ecpay::order::Environment;
use shared::outbox;
use shared::store::runs::RunClaim;
use shared::telemetry::chain;

use crate::consult::{Calls, Failure};
use crate::job::Tasks;
use crate::report::{RunReport, Step, TaskReport};
use crate::{Error, Maintenance, Task, orders};

/// A run stops taking up new items after this many seconds; the next one goes on.
const RUN_SECONDS: u64 = 240;
/// A run that was cut off can be taken over after this many minutes: longer than the function's timeout.
const LEASE_MINUTES: i64 = 6;
/// Callback logs deleted by one run.
const CLEAN_UP_LIMIT: usize = 5_000;
/// Reports counted in a digest.
const DIGEST_REASONS: usize = 10;

/// Does tasks once: a run that was done answers with its report, one that somebody else is at does nothing.
pub(crate) async fn tasks(maintenance: &Maintenance, tasks: &Tasks, moment: Moment) -> Result<Value, Error> {
    let store = &maintenance.store;
    let moment = Moment { now: tasks.scheduled_at, ..moment };
    // The five-minute run is mostly idle: it leaves a row only where it did something.
    let quiet = tasks.tasks.iter().all(|task| matches!(task, Task::CheckPending | Task::SendMail));
    let lease_until = moment.wall.plus_minutes(LEASE_MINUTES);
    let claim = || store.claim_run(&tasks.id, tasks.scheduled_at, moment.wall, lease_until);
    let claimed = match if quiet { None } else { Some(claim().await?) } {
        Some(RunClaim::Running) => return Ok(json!({ "run": tasks.id, "status": "already_running" })),
        Some(RunClaim::Done(report)) => return Ok(serde_json::from_str(&report).unwrap_or_default()),
        Some(RunClaim::Ours(claimed)) => Some(claimed),
        None => None,
    };
    let report = match perform(maintenance, tasks, moment).await {
        Ok(report) => report,
        Err(error) => {
            if let Some(claimed) = claimed
                && let Err(also) = store.release_run(claimed, moment.wall_now()).await
            {
                tracing::warn!(error = chain(&also), "a failed run keeps its lease");
            }
            return Err(error);
        }
    };
    let answer = json!({
        "run": tasks.id, "status": "done", "scheduled_at": tasks.scheduled_at,
        "tasks": serde_json::to_value(&report.tasks).unwrap_or_default(),
    });
    match claimed {
        Some(claimed) => store.finish_run(claimed, answer.to_string()).await?,
        None if !report.is_idle() => {
            if let RunClaim::Ours(claimed) = claim().await? {
                store.finish_run(claimed, answer.to_string()).await?;
            }
        }
        None => {}
    }
    if !report.is_idle() {
        tracing::info!(run = tasks.id, report = %answer, "run done");
    }
    Ok(answer)
}

async fn perform(maintenance: &Maintenance, tasks: &Tasks, moment: Moment) -> Result<RunReport, Error> {
    let mut calls = Calls::new(maintenance, moment);
    let mut report = RunReport::default();
    for task in &tasks.tasks {
        let done = match task {
            Task::Reconcile => due(&mut calls, ActionKind::Reconcile, moment).await?,
            Task::CheckPending => due(&mut calls, ActionKind::CheckPending, moment).await?,
            Task::Retry => due(&mut calls, ActionKind::Retry, moment).await?,
            Task::EndGrace => due(&mut calls, ActionKind::EndGrace, moment).await?,
            Task::Cancel => due(&mut calls, ActionKind::Cancel, moment).await?,
            Task::CleanUp => clean_up(maintenance, moment.now).await?,
            Task::SendMail => send_mail(maintenance, moment).await?,
        };
        report.tasks.insert(*task, done);
    }
    Ok(report)
}

/// Every subscription whose task is due, page by page. One that cannot be helped does not keep the others waiting.
async fn due(calls: &mut Calls<'_>, kind: ActionKind, moment: Moment) -> Result<TaskReport, Error> {
    let mut report = TaskReport::default();
    let mut cursor = None;
    loop {
        let (page, next) = calls.maintenance.store.due_subscriptions(kind, moment.now, cursor).await?;
        for item in page {
            if moment.stopwatch.elapsed().as_secs() >= RUN_SECONDS {
                report.stopped = Some("out of time; the next run goes on");
                return Ok(report);
            }
            let order = match item {
                Ok(order) => order,
                Err(error) => {
                    tracing::error!(error = chain(&error), "a due item cannot be read");
                    *report.failed.entry("unreadable".to_owned()).or_default() += 1;
                    report.due += 1;
                    continue;
                }
            };
            let step = match kind {
                ActionKind::Reconcile => orders::reconcile(calls, &order).await,
                ActionKind::CheckPending => orders::check_pending(calls, &order).await,
                ActionKind::Retry => orders::retry(calls, &order).await,
                ActionKind::EndGrace => orders::end(calls, &order).await,
                ActionKind::Cancel => orders::cancel(calls, &order).await,
            };
            match step {
                Ok(step) => report.add(&order.value.id, step),
                Err(Failure::Blocked) => {
                    report.add(&order.value.id, Step::Skipped("ECPay takes no calls for now".to_owned()));
                    report.stopped = Some("ECPay takes no calls for now");
                    return Ok(report);
                }
                Err(Failure::Gateway(error)) => report.add(&order.value.id, Step::Failed(chain(&error))),
                Err(Failure::Fatal(Error::Store(error))) if !error.is_retryable() => {
                    report.add(&order.value.id, Step::Failed(chain(&error)));
                }
                Err(Failure::Fatal(error)) => return Err(error),
            }
        }
        cursor = next;
        if cursor.is_none() {
            return Ok(report);
        }
    }
}

/// Deletes old callback logs, and tells staff what was set aside on the day before.
async fn clean_up(maintenance: &Maintenance, now: Timestamp) -> Result<TaskReport, Error> {
    let deleted = maintenance.store.delete_old_webhook_logs(now, CLEAN_UP_LIMIT).await?;
    let deleted = u64::try_from(deleted).unwrap_or(u64::MAX);
    let mut report = TaskReport { due: deleted, done: deleted, ..TaskReport::default() };
    // On stage strangers share the merchant, and their orders are nobody's business.
    if maintenance.environment == Environment::Production {
        let day = now.day(Zone::Taipei).plus_days(-1);
        let set_aside =
            maintenance.store.all_quarantined(day.start(Zone::Taipei), day.plus_days(1).start(Zone::Taipei)).await?;
        let mut reasons: Vec<_> = set_aside.iter().map(|report| report.detail.clone()).collect();
        reasons.sort();
        reasons.dedup();
        reasons.truncate(DIGEST_REASONS);
        if !set_aside.is_empty() {
            let notice = Notice::to_staff(NoticeKind::QuarantineDigest, &day.to_string(), now)
                .with_day("day", day)
                .with("count", set_aside.len())
                .with("reasons", reasons.join("\n"));
            report.due += 1;
            report.done += u64::from(maintenance.store.enqueue(&notice).await?);
        }
    }
    Ok(report)
}

async fn send_mail(maintenance: &Maintenance, moment: Moment) -> Result<TaskReport, Error> {
    let drained = outbox::drain(&maintenance.store, &maintenance.messenger, moment, RUN_SECONDS).await?;
    let mut report = TaskReport { due: drained.total(), done: drained.sent, ..TaskReport::default() };
    let groups =
        [("later", drained.later, false), ("unclear", drained.unclear, true), ("given up", drained.dead, true)];
    for (reason, count, failed) in groups.into_iter().filter(|(_, count, _)| *count > 0) {
        let group = if failed { &mut report.failed } else { &mut report.skipped };
        group.insert(reason.to_owned(), count);
    }
    Ok(report)
}
