//! What a run did: the answer to whoever asked, and its row in the ledger.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::domain::institutions::ZONE;
use shared::exclusive_run::Job;
use shared::platform::metrics::ScanOutcome;
use shared::store::institutions::digests::StoredDigest;

use crate::NAME;
use crate::digest::ScanError;

/// What a run did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Institutions shown, by the name of their stage.
    pub(crate) shown: BTreeMap<String, usize>,
    /// Left out because staff know.
    pub(crate) acknowledged: usize,
    /// How many records could not be read.
    pub(crate) unreadable_count: usize,
    /// The first of them: which one and its field.
    pub(crate) unreadable: Vec<String>,
    /// Messages of the digest.
    pub(crate) messages: u32,
    /// Of these: posted by this run.
    pub(crate) posted: u32,
    /// Of these: settled before.
    pub(crate) posted_before: u32,
    /// Of these: perhaps posted.
    pub(crate) unclear: u32,
    /// In a dry run: what would be posted.
    pub(crate) payloads: Vec<Value>,
    /// Why the run did not come to its end.
    pub(crate) error: Option<(&'static str, String)>,
}

impl Report {
    /// What a digest holds, whoever composed it.
    pub(crate) fn describe(&mut self, digest: &StoredDigest) {
        self.shown = digest.shown.clone();
        self.acknowledged = digest.acknowledged;
        self.unreadable_count = digest.unreadable_count;
        self.unreadable = digest.unreadable.clone();
        self.messages = digest.messages;
    }

    /// The report of a run that stopped.
    pub(crate) fn stopped(mut self, why: &ScanError) -> Self {
        self.error = Some((why.service(), why.to_string()));
        self
    }

    fn status(&self) -> &'static str {
        match &self.error {
            Some(_) => "failed",
            None if self.messages > 0 && self.posted_before == self.messages => "already_posted",
            None => "done",
        }
    }

    /// What the run counts as.
    pub(crate) fn outcome(&self) -> ScanOutcome {
        match self.status() {
            "already_posted" => ScanOutcome::AlreadyPosted,
            _ if self.unclear > 0 => ScanOutcome::SlackUnavailable,
            _ => ScanOutcome::Posted,
        }
    }

    /// The answer; in a dry run with the exact messages.
    pub(crate) fn answer(&self, job: &Job) -> Value {
        let mut answer = self.ledger(job);
        if let Some(fields) = answer.as_object_mut().filter(|_| job.dry_run) {
            fields.insert("messages".to_owned(), json!(self.payloads));
        }
        answer
    }

    /// The same without the messages, which name people: what the ledger keeps.
    pub(crate) fn ledger(&self, job: &Job) -> Value {
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
            "acknowledged": self.acknowledged, "unreadable": self.unreadable, "error": error,
            "posting": {
                "messages": self.messages, "posted": self.posted, "posted_before": self.posted_before,
                "unclear": self.unclear,
            },
            "tasks": { NAME: task },
        })
    }
}
