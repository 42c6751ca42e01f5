//! What an invocation is counted for: metrics on standard output, and the business's figures in the hourly counters.

use shared::domain::billing::business_events::BusinessEvent;
use shared::domain::billing::task::Task;
use shared::mail::outbox::DrainReport;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::platform::metrics::{Batch, NoticeOutcome, Point};
use shared::store::Store;
use shared::store::billing::counters::Counts;

use crate::report::{RunReport, TaskReport, TaskStop};

/// Collected while an invocation goes on.
#[derive(Default)]
pub(crate) struct RunMetrics {
    batch: Batch,
    tally: Counts,
}

impl RunMetrics {
    /// Counts what followed from a decision that is stored.
    pub(crate) fn happened(&mut self, happenings: &[BusinessEvent]) {
        for happening in happenings {
            self.batch.happened(happening);
            self.tally.happened(happening);
        }
    }

    /// Counts a 403.
    pub(crate) fn blocked(&mut self) {
        self.batch.count(Point::EcpayBlocked, 1);
    }

    /// Counts mails.
    pub(crate) fn mails(&mut self, drained: &DrainReport) {
        for mail in &drained.handled {
            self.batch.count(Point::Notices(mail.kind, NoticeOutcome::from(mail.outcome)), 1);
        }
    }

    /// Counts what the tasks of a run met. Of an idle task only the age of its queue is told.
    pub(crate) fn run(&mut self, report: &RunReport) {
        for (task, done) in &report.tasks {
            self.batch.count(Point::OldestDueAge(*task), done.oldest_age);
        }
        for (task, done) in &report.tasks {
            self.task(*task, done);
        }
    }

    fn task(&mut self, task: Task, done: &TaskReport) {
        if done.due > 0 {
            self.batch.count(Point::ItemsDue(task), done.due);
            self.batch.count(Point::ItemsDone(task), done.done);
            self.batch.count(Point::ItemsFailed(task), done.failed.values().sum());
        }
        if let Some(reason) = done.stopped.map(TaskStop::reason) {
            self.batch.count(Point::RunsStopped(reason), 1);
        }
    }

    /// Tells all of it at the end. What cannot be counted fails nothing.
    pub(crate) async fn tell(&self, store: &Store, moment: InvocationTime) {
        self.batch.emit(moment.wall);
        if self.tally.is_empty() {
            return;
        }
        if let Err(error) = store.billing.count(&self.tally, moment.wall_now(), "").await {
            tracing::warn!(error = error_chain(&error), "what a run decided is missing in the counters");
        }
    }
}
