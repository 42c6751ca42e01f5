//! A run as lists show it: its state, and the counts of its tasks with their reasons.

use std::collections::BTreeMap;

use shared::domain::values::time::{Timestamp, Zone};
use shared::domain::workshop::vehicles;

use crate::billing::subscriptions::translations::Language;
use crate::console::page::address;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::runs::PATH;
use crate::console::words::names::TaskNames;
use crate::console::words::runs::RunStatusWords;
use crate::runs::exclusive_job::ExclusiveJob;
use crate::runs::history::{RunHead, RunStatus, RunSummary, TaskCounts};

/// Run without its report.
pub(super) struct ShownHead {
    pub(super) id: String,
    pub(super) address: String,
    pub(super) jobs: String,
    pub(super) status: &'static str,
    /// Class of the state's colour.
    pub(super) class: &'static str,
    pub(super) has_failed: bool,
    /// True while its state may still change.
    pub(super) is_open: bool,
    pub(super) scheduled_at: Moment,
    pub(super) started_at: Moment,
    pub(super) finished_at: Option<Moment>,
    pub(super) attempts: u32,
    pub(super) error: Option<String>,
}

/// Run of the list.
pub(super) struct ShownRun {
    pub(super) head: ShownHead,
    pub(super) tasks: Vec<ShownCounts>,
    pub(super) is_idle: bool,
}

/// Counts of a task.
pub(super) struct ShownCounts {
    pub(super) name: String,
    pub(super) due: u64,
    pub(super) done: u64,
    pub(super) skipped: Vec<Counted>,
    pub(super) failed: Vec<Counted>,
    pub(super) stopped: Option<String>,
}

/// Number of items with a reason.
pub(super) struct Counted {
    pub(super) reason: String,
    pub(super) count: u64,
}

impl ShownHead {
    pub(super) fn new(visit: &Visit, run: RunHead) -> Self {
        let language = visit.language();
        let status = run.status.name();
        let (class, has_failed) = match run.status {
            RunStatus::Failed | RunStatus::CutOff => ("bad", true),
            RunStatus::Done => ("good", false),
            RunStatus::Requested | RunStatus::Running => ("warn", false),
        };
        let jobs: Vec<String> = run.jobs.iter().map(|job| job_name(language, job)).collect();
        let zone = zone(&run.jobs);
        let moment = |at: Timestamp| visit.moment(at, zone);
        Self {
            address: address::below(PATH, &run.id),
            id: run.id,
            jobs: jobs.join(", "),
            status: RunStatusWords::of(language).get(status).unwrap_or(status),
            class,
            has_failed,
            is_open: matches!(run.status, RunStatus::Requested | RunStatus::Running),
            scheduled_at: moment(run.scheduled_at),
            started_at: moment(run.started_at),
            finished_at: run.finished_at.map(moment),
            attempts: run.attempts,
            error: run.error,
        }
    }
}

impl ShownRun {
    pub(super) fn new(visit: &Visit, summary: RunSummary) -> Self {
        let RunSummary { run, tasks } = summary;
        let is_idle = run.status == RunStatus::Done && tasks.values().all(has_no_work);
        // A run of all tasks has work in few of them.
        let busy = tasks.into_iter().filter(|(_, counts)| !has_no_work(counts));
        let tasks = busy.map(|(name, counts)| ShownCounts::new(visit.language(), &name, counts)).collect();
        Self { head: ShownHead::new(visit, run), tasks, is_idle }
    }
}

impl ShownCounts {
    pub(super) fn new(language: Language, name: &str, counts: TaskCounts) -> Self {
        let TaskCounts { due, done, skipped, failed, stopped } = counts;
        Self {
            name: job_name(language, name),
            due: due.unwrap_or_default(),
            done: done.unwrap_or_default(),
            skipped: counted(skipped),
            failed: counted(failed),
            stopped,
        }
    }
}

/// True if nothing was due and nothing failed.
pub(super) fn has_no_work(counts: &TaskCounts) -> bool {
    counts.due.unwrap_or_default() == 0 && counts.failed.is_empty() && counts.stopped.is_none()
}

/// Numbers by reason, the largest first.
pub(super) fn counted(by_reason: BTreeMap<String, u64>) -> Vec<Counted> {
    let mut counted: Vec<Counted> = by_reason.into_iter().map(|(reason, count)| Counted { reason, count }).collect();
    counted.sort_by_key(|counted| std::cmp::Reverse(counted.count));
    counted
}

/// Name of a job for people.
pub(super) fn job_name(language: Language, job: &str) -> String {
    TaskNames::of(language).get(job).unwrap_or(job).to_owned()
}

/// Reminders are the workshop's, all else is the other business's.
pub(super) fn zone(jobs: &[String]) -> Zone {
    let is_workshop = jobs.iter().any(|job| job == ExclusiveJob::Reminders.name());
    if is_workshop { vehicles::ZONE } else { Zone::Taipei }
}
