//! Report of a scan: the answer to its caller and its row in the run history.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::domain::institutions::ZONE;
use shared::exclusive_run::Job;
use shared::platform::metrics::ScanOutcome;
use shared::store::institutions::digests::StoredDigest;

use crate::NAME;
use crate::error::ScanError;
use crate::publish::Published;

/// Report of a scan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Institutions shown, by name of the expiry tier.
    pub(crate) shown: BTreeMap<String, usize>,
    /// Institutions left out because staff acknowledged them.
    pub(crate) acknowledged: usize,
    /// Records that could not be read.
    pub(crate) unreadable_count: usize,
    /// The first unreadable records: label and field.
    pub(crate) unreadable: Vec<String>,
    /// Institutions that MMS lists with several expiry dates.
    pub(crate) contradictory: Vec<String>,
    /// Messages of the digest.
    pub(crate) messages: u32,
    /// Messages posted by this run.
    pub(crate) posted: u32,
    /// Messages with an outcome from an earlier attempt.
    pub(crate) posted_before: u32,
    /// Messages of this run with unknown outcome.
    pub(crate) unclear: u32,
    /// Payloads that a dry run would post.
    pub(crate) payloads: Vec<Value>,
    /// Failed service and reason.
    pub(crate) error: Option<(&'static str, String)>,
}

impl Report {
    /// Takes the figures of a digest, also of one that an earlier attempt composed.
    pub(crate) fn describe(&mut self, digest: &StoredDigest) {
        self.shown = digest.shown.clone();
        self.acknowledged = digest.acknowledged;
        self.unreadable_count = digest.unreadable_count;
        self.unreadable = digest.unreadable.clone();
        self.contradictory = digest.contradictory.clone();
        self.messages = digest.messages;
    }

    pub(crate) fn add(&mut self, published: Published) {
        match published {
            Published::Before => self.posted_before += 1,
            Published::Sent => self.posted += 1,
            Published::Unclear => self.unclear += 1,
            Published::Payload(payload) => self.payloads.push(payload),
        }
    }

    /// Returns the report of a scan that ended early.
    pub(crate) fn failed(mut self, error: &ScanError) -> Self {
        self.error = Some((error.service(), error.to_string()));
        self
    }

    fn status(&self) -> &'static str {
        match &self.error {
            Some(_) => "failed",
            None if self.messages > 0 && self.posted_before == self.messages => "already_posted",
            None => "done",
        }
    }

    /// Outcome of a complete scan for metrics.
    pub(crate) fn outcome(&self) -> ScanOutcome {
        match self.status() {
            "already_posted" => ScanOutcome::AlreadyPosted,
            _ if self.unclear > 0 => ScanOutcome::SlackUnavailable,
            _ => ScanOutcome::Posted,
        }
    }

    /// Answer to the caller; in a dry run with the exact messages.
    pub(crate) fn answer(&self, job: &Job) -> Value {
        let mut answer = self.for_history(job);
        if job.dry_run
            && let Some(fields) = answer.as_object_mut()
        {
            fields.insert("messages".to_owned(), json!(self.payloads));
        }
        answer
    }

    /// Row in the run history: without the messages, which contain names.
    pub(crate) fn for_history(&self, job: &Job) -> Value {
        let due: usize = self.shown.values().sum();
        let counted = |name: &str, count: usize| if count > 0 { json!({ name: count }) } else { json!({}) };
        let error = self.error.as_ref().map(|(service, reason)| json!({ "service": service, "reason": reason }));
        let task = json!({
            "due": due, "done": if self.error.is_none() { due } else { 0 },
            "skipped": counted("acknowledged", self.acknowledged), "failed": counted("unreadable", self.unreadable_count),
            "stopped": self.error.as_ref().map(|(_, reason)| reason),
        });
        json!({
            "run": job.id, "status": self.status(), "scheduled_at": job.scheduled_at, "dry_run": job.dry_run,
            "day": job.scheduled_at.day(ZONE), "requested_by": job.requested_by, "institutions": self.shown,
            "acknowledged": self.acknowledged, "unreadable": self.unreadable,
            "contradictory": self.contradictory, "error": error,
            "posting": {
                "messages": self.messages, "posted": self.posted, "posted_before": self.posted_before,
                "unclear": self.unclear,
            },
            "tasks": { NAME: task },
        })
    }
}
