//! Metrics of an invocation: CloudWatch metrics on standard output, and business figures in the hourly counters.

use shared::domain::billing::business_events::BusinessEvent;
use shared::domain::billing::task::Task;
use shared::mail::outbox::DrainReport;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::platform::metrics::{Batch, NoticeOutcome, Point};
use shared::store::Store;
use shared::store::billing::counters::Counts;

use crate::report::{RunReport, TaskReport, UNREADABLE};

/// Metrics collected during one invocation.
#[derive(Default)]
pub(crate) struct RunMetrics {
    batch: Batch,
    counts: Counts,
}

impl RunMetrics {
    /// Counts the business events of a stored decision.
    pub(crate) fn business_events(&mut self, events: &[BusinessEvent]) {
        for event in events {
            self.batch.happened(event);
            self.counts.count_event(event);
        }
    }

    /// Counts an HTTP 403 from ECPay.
    pub(crate) fn blocked(&mut self) {
        self.batch.count(Point::EcpayBlocked, 1);
    }

    /// Counts handled mails by outcome.
    pub(crate) fn mails(&mut self, drained: &DrainReport) {
        if drained.held_back > 0 {
            self.batch.count(Point::MailsHeldBack, drained.held_back);
        }
        for mail in &drained.handled {
            self.batch.count(Point::Notices(NoticeOutcome::from(mail.outcome)), 1);
        }
    }

    /// Counts the items of a run's tasks. An idle task reports nothing, or the age of its queue, 0, as a sign of life.
    pub(crate) fn run(&mut self, report: &RunReport) {
        for (task, done) in &report.tasks {
            if done.oldest_age > 0 || task.tells_that_a_schedule_runs() {
                self.batch.count(Point::OldestDueAge(*task), done.oldest_age);
            }
            if task.longest_wait_seconds().is_some_and(|longest| done.oldest_age > longest) {
                self.batch.count(Point::TasksBehind, 1);
            }
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
        if let Some(unreadable) = done.failed.get(UNREADABLE) {
            self.batch.count(Point::UnreadableItems, *unreadable);
        }
        if let Some(reason) = done.stopped {
            self.batch.count(Point::RunsStopped(reason), 1);
        }
    }

    /// Writes all metrics. A failure is logged and fails nothing else.
    pub(crate) async fn emit(&self, store: &Store, time: InvocationTime) {
        self.batch.emit(time.wall);
        if self.counts.is_empty() {
            return;
        }
        if let Err(error) = store.billing.count(&self.counts, time.wall_now(), "").await {
            tracing::warn!(error = error_chain(&error), "the business figures of this run are missing in the counters");
        }
    }
}
