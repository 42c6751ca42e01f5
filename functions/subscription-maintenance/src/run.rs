//! A run: page, decide, commit, report.

use serde_json::{Value, json};
use shared::domain::billing::decision::Versioned;
use shared::domain::billing::notices::{Notice, NoticeKind};
use shared::domain::billing::subscription::Subscription;
use shared::domain::billing::task::Task;
use shared::domain::values::time::{LocalDate, Timestamp, Zone};
use shared::ecpay::client;
use shared::ecpay::order_form::Environment;
use shared::mail::outbox;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::platform::random;
use shared::store::runs::run_history::{NewRun, RunClaim};

use crate::ecpay_session::{EcpaySession, Failure};
use crate::event::Tasks;
use crate::report::{ReportEntry, RunReport, TaskOutcome, TaskReport, TaskStop};
use crate::tasks;
use crate::{Error, Maintenance};

/// A run stops taking up new items after this many seconds; the next one goes on.
const RUN_SECONDS: u64 = 240;
/// A run that was cut off can be taken over after this many minutes: longer than the function's timeout.
const LEASE_MINUTES: i64 = 6;
/// Callback logs deleted by one run.
const CLEAN_UP_LIMIT: usize = 5_000;
/// Reasons named in a digest.
const DIGEST_REASONS: usize = 10;
/// Digests are made for this many days back, so that a run that was missed is caught up.
const DIGEST_DAYS: i64 = 3;
/// Items that one task takes up in one run.
const TASK_LIMIT: u64 = 2_000;
/// A task stops after so many orders about which ECPay says nothing, where it says nothing about any.
const SILENT_ORDERS: usize = 3;

/// Does tasks once: a run that was done answers with its report, one that somebody else is at does nothing.
pub(crate) async fn tasks(maintenance: &Maintenance, tasks: &Tasks, moment: InvocationTime) -> Result<Value, Error> {
    let store = &maintenance.store;
    let moment = InvocationTime { logical: tasks.scheduled_at, ..moment };
    if tasks.dry_run {
        // On the heap, here and below: the futures of all tasks together are too much for a thread's stack.
        let mut calls = EcpaySession::dry_run(maintenance, moment);
        let report = Box::pin(perform(&mut calls, tasks, moment)).await;
        calls.tell_figures().await;
        return Ok(answer(tasks, &report?));
    }
    // The five-minute run is mostly idle: it leaves a row only where it did something.
    let quiet = tasks.tasks.iter().all(|task| matches!(task, Task::CheckPending | Task::SendMail));
    let lease_until = moment.wall.plus_minutes(LEASE_MINUTES);
    let owner = random::random_id(16)?;
    let claim = || {
        let names = tasks.tasks.iter().map(|task| task.name().to_owned()).collect();
        let new = NewRun {
            id: &tasks.id,
            tasks: names,
            scheduled_at: tasks.scheduled_at,
            owner: owner.clone(),
            holds_lease: false,
        };
        store.runs.claim_run(new, moment.wall, lease_until)
    };
    let claimed = match if quiet { None } else { Some(claim().await?) } {
        Some(RunClaim::Running) => return Ok(json!({ "run": tasks.id, "status": "already_running" })),
        Some(RunClaim::Done(report)) => return Ok(serde_json::from_str(&report).unwrap_or_default()),
        Some(RunClaim::Ours(claimed)) => Some(claimed),
        None => None,
    };
    let mut calls = EcpaySession::new(maintenance, moment);
    let performed = Box::pin(perform(&mut calls, tasks, moment)).await;
    if let Ok(report) = &performed {
        calls.figures.run(report);
    }
    calls.tell_figures().await;
    let report = match performed {
        Ok(report) => report,
        Err(error) => {
            if let Some(claimed) = claimed
                && let Err(also) = store.runs.release_run(claimed, moment.wall_now(), error.to_string()).await
            {
                tracing::warn!(error = error_chain(&also), "a failed run keeps its lease");
            }
            return Err(error);
        }
    };
    let answer = answer(tasks, &report);
    let claimed = match claimed {
        None if !report.is_idle() => match claim().await? {
            RunClaim::Ours(claimed) => Some(claimed),
            RunClaim::Running | RunClaim::Done(_) => None,
        },
        claimed => claimed,
    };
    if let Some(claimed) = claimed {
        store.runs.finish_run(claimed, moment.wall_now(), answer.to_string()).await?;
    }
    if !report.is_idle() {
        tracing::info!(run = tasks.id, report = %answer, "run done");
    }
    Ok(answer)
}

fn answer(tasks: &Tasks, report: &RunReport) -> Value {
    json!({
        "run": tasks.id, "status": "done", "scheduled_at": tasks.scheduled_at, "dry_run": tasks.dry_run,
        "tasks": serde_json::to_value(&report.tasks).unwrap_or_default(),
        "did": serde_json::to_value(report.did()).unwrap_or_default(),
    })
}

async fn perform(calls: &mut EcpaySession<'_>, tasks: &Tasks, moment: InvocationTime) -> Result<RunReport, Error> {
    let mut report = RunReport::default();
    for task in &tasks.tasks {
        let done = match task {
            Task::Reconcile | Task::CheckPending | Task::Resume | Task::Retry | Task::EndGrace | Task::Cancel => {
                due(calls, *task, moment).await?
            }
            Task::CleanUp => clean_up(calls, moment.logical).await?,
            Task::SendMail => send_mail(calls, moment).await?,
        };
        report.tasks.insert(*task, done);
    }
    Ok(report)
}

/// Every subscription whose task is due, page by page. One that cannot be helped does not keep the others waiting.
async fn due(calls: &mut EcpaySession<'_>, kind: Task, moment: InvocationTime) -> Result<TaskReport, Error> {
    let mut report = TaskReport::default();
    let mut unanswered = Vec::new();
    let mut cursor = None;
    loop {
        let page = calls.store.billing.due_subscriptions(kind, moment.logical, cursor).await?;
        report.met(page.oldest, moment.logical);
        for item in page.items {
            if moment.stopwatch.elapsed().as_secs() >= RUN_SECONDS || report.due >= TASK_LIMIT {
                report.stopped = Some(TaskStop::Limit);
                defer_unanswered(calls, kind, unanswered, &mut report).await?;
                return Ok(report);
            }
            match item {
                Ok(order) => one(calls, kind, order, (&mut report, &mut unanswered)).await?,
                Err(error) => {
                    calls.store.billing.park_unreadable(&error).await?;
                    *report.failed.entry("unreadable".to_owned()).or_default() += 1;
                    report.due += 1;
                }
            }
            if report.stopped.is_some() {
                return Ok(report);
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            defer_unanswered(calls, kind, unanswered, &mut report).await?;
            return Ok(report);
        }
    }
}

async fn defer_unanswered(
    calls: &mut EcpaySession<'_>,
    kind: Task,
    unanswered: Vec<(Versioned<Subscription>, String)>,
    report: &mut TaskReport,
) -> Result<(), Error> {
    if calls.is_answered() { put_aside(calls, kind, unanswered, report).await } else { Ok(()) }
}

/// One subscription. `silent` collects those about which ECPay said nothing: where it answers for others they are put
/// aside for themselves; else it does not answer at all, which is no order's fault.
async fn one(
    calls: &mut EcpaySession<'_>,
    kind: Task,
    order: Versioned<Subscription>,
    (report, unanswered): (&mut TaskReport, &mut Vec<(Versioned<Subscription>, String)>),
) -> Result<(), Error> {
    let id = order.value.id.clone();
    let done = Box::pin(tasks::handle(calls, kind, order.clone())).await;
    report.add_deeds(calls.take_deeds());
    let failure = match done {
        Ok(step) => {
            report.add(&id, step);
            return Ok(());
        }
        Err(failure) => failure,
    };
    let reason = match failure {
        Failure::Blocked => {
            report.add(&id, TaskOutcome::Skipped(TaskStop::Blocked.text().to_owned()));
            report.stopped = Some(TaskStop::Blocked);
            return Ok(());
        }
        Failure::EcpayClient(error @ client::Error::Query(_)) => error_chain(&error),
        Failure::EcpayClient(error) => {
            report.add(&id, TaskOutcome::Failed(error_chain(&error)));
            unanswered.push((order, error.to_string()));
            if unanswered.len() >= SILENT_ORDERS && !calls.is_answered() {
                report.stopped = Some(TaskStop::Silent);
            }
            return Ok(());
        }
        // The order shows that ECPay was asked, or was not; the next run looks.
        Failure::Act(error) => {
            report.add(&id, TaskOutcome::Failed(error_chain(&error)));
            return Ok(());
        }
        Failure::Unconfirmed => "ECPay took the cancellation, but still runs the order".to_owned(),
        Failure::Fatal(Error::Store(error)) if error.is_about_one_item() => {
            tracing::error!(subscription = %id, error = error_chain(&error), "an order could not be handled");
            report.add(&id, TaskOutcome::Failed(error_chain(&error)));
            return Ok(());
        }
        Failure::Fatal(error) => return Err(error),
    };
    report.add(&id, TaskOutcome::Failed(reason.clone()));
    put_aside(calls, kind, vec![(order, reason)], report).await
}

async fn put_aside(
    calls: &mut EcpaySession<'_>,
    kind: Task,
    orders: Vec<(Versioned<Subscription>, String)>,
    report: &mut TaskReport,
) -> Result<(), Error> {
    for (order, reason) in orders {
        match tasks::put_aside(calls, kind, order, &reason).await {
            Ok(()) => {}
            Err(Failure::Fatal(Error::Store(error))) if error.is_about_one_item() => {
                tracing::error!(error = error_chain(&error), "an order could not be put aside");
            }
            Err(Failure::Fatal(error)) => return Err(error),
            Err(Failure::Blocked | Failure::EcpayClient(_) | Failure::Act(_) | Failure::Unconfirmed) => {}
        }
    }
    report.add_deeds(calls.take_deeds());
    Ok(())
}

/// Deletes old callback logs, and tells staff what was set aside on the day before.
async fn clean_up(calls: &EcpaySession<'_>, now: Timestamp) -> Result<TaskReport, Error> {
    let deleted = calls.store.billing.delete_old_webhook_logs(now, CLEAN_UP_LIMIT).await?;
    let count = u64::try_from(deleted.count).unwrap_or(u64::MAX);
    let mut report = TaskReport { due: count, done: count, ..TaskReport::default() };
    report.met(deleted.oldest, now);
    // On stage strangers share the merchant, and their orders are nobody's business.
    if calls.maintenance.environment == Environment::Production {
        let today = now.day(Zone::Taipei);
        for ago in 1..=DIGEST_DAYS {
            let told = digest(calls, today.plus_days(-ago), now).await?;
            report.due += u64::from(told.is_some());
            report.done += u64::from(told == Some(true));
        }
    }
    Ok(report)
}

/// Tells staff what was set aside on a day; `None` when nothing was, `false` when they were told before.
async fn digest(calls: &EcpaySession<'_>, day: LocalDate, now: Timestamp) -> Result<Option<bool>, Error> {
    let (from, to) = (day.start(Zone::Taipei), day.plus_days(1).start(Zone::Taipei));
    let set_aside = calls.store.billing.all_quarantined(from, to).await?;
    if set_aside.is_empty() {
        return Ok(None);
    }
    let mut reasons: Vec<_> = set_aside.iter().map(|report| report.detail.clone()).collect();
    reasons.sort();
    reasons.dedup();
    reasons.truncate(DIGEST_REASONS);
    let notice = Notice::to_staff(NoticeKind::QuarantineDigest, &day.to_string(), now)
        .with_day("day", day)
        .with("count", set_aside.len())
        .with("reasons", reasons.join("\n"));
    Ok(Some(calls.store.billing.enqueue(&notice).await?))
}

async fn send_mail(calls: &mut EcpaySession<'_>, moment: InvocationTime) -> Result<TaskReport, Error> {
    let drained = outbox::drain(&calls.store, &calls.maintenance.messenger, moment, RUN_SECONDS).await?;
    let mut report = TaskReport { due: drained.total(), done: drained.sent, ..TaskReport::default() };
    // Mail is due by real time.
    report.met(drained.oldest, moment.wall);
    if !calls.store.is_dry_run() {
        calls.figures.mails(&drained);
    }
    let groups =
        [("later", drained.later, false), ("unclear", drained.unclear, true), ("given up", drained.dead, true)];
    for (reason, count, failed) in groups.into_iter().filter(|(_, count, _)| *count > 0) {
        let group = if failed { &mut report.failed } else { &mut report.skipped };
        group.insert(reason.to_owned(), count);
    }
    report.add_deeds(drained.handled.into_iter().map(|mail| ReportEntry::Mail {
        notice: mail.id,
        kind: mail.kind.name(),
        outcome: mail.outcome.name(),
    }));
    Ok(report)
}
