//! Posting of a digest's messages to Slack, and the notices to staff when that fails.

use std::time::Duration;

use serde_json::Value;
use shared::domain::billing::notices::{Notice, NoticeKind, NoticeState};
use shared::domain::values::send_outcome::{RefusalScope, SendOutcome};
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::exclusive_run;
use shared::exclusive_run::{ExclusiveRun, Job};
use shared::platform::clock::InvocationTime;
use shared::slack::{Entry, scan_failed};
use shared::store;
use shared::store::billing::Billing;
use shared::store::institutions::Institutions;
use shared::store::institutions::digests::{DigestMessage, NotPosted};

use crate::error::ScanError;
use crate::slack_client::Channel;

/// Most posts of one message while its outcome stays unknown: one repetition, because staff may see a duplicate.
const MOST_POSTS: u32 = 2;

/// Posts the messages of one day's digest during one run.
pub(crate) struct Publisher<'a> {
    pub(crate) institutions: &'a Institutions,
    /// Outbox of the mails to staff.
    pub(crate) billing: &'a Billing,
    pub(crate) channel: Channel<'a>,
    pub(crate) job: &'a Job,
    /// Day of the digest, Asia/Taipei.
    pub(crate) day: LocalDate,
    pub(crate) time: InvocationTime,
    /// Pause between two messages: Slack accepts about one per second and channel.
    pub(crate) pace: Duration,
    /// True once this run has posted, so that the first message goes without a pause.
    pub(crate) has_posted: bool,
}

/// Result of publishing one message.
pub(crate) enum Published {
    /// Posted by an earlier attempt, or its outcome was recorded as unknown.
    Before,
    /// Posted by this run.
    Sent,
    /// Outcome unknown, and not repeated any more.
    Unclear,
    /// Dry run: the payload that would be posted.
    Payload(Value),
}

impl Publisher<'_> {
    fn wall(&self) -> Timestamp {
        self.time.wall_now()
    }

    /// Posts a message, counted from 1, unless an earlier attempt did.
    pub(crate) async fn publish_message(
        &mut self,
        number: u32,
        run: &mut ExclusiveRun<'_>,
    ) -> Result<Published, ScanError> {
        let missing = || store::Error::Unreadable {
            pk: format!("the digest of {}", self.day),
            sk: format!("message {number}"),
            reason: "is not there".to_owned(),
        };
        let stored = self.institutions.digest_message(self.day, number).await?.ok_or_else(missing)?;
        if stored.message.has_outcome() {
            return Ok(Published::Before);
        }
        if self.job.dry_run {
            return Ok(Published::Payload(payload(&stored)));
        }
        run.heartbeat().await?;
        if std::mem::replace(&mut self.has_posted, true) {
            tokio::time::sleep(self.pace).await;
        }
        // A Retry-After of an earlier attempt that was too long to wait for in the run.
        if let Some(until) = stored.message.not_before
            && self.wall() < until
        {
            let reason = format!("rate limited until {until}");
            let not_before = Some(until);
            return Err(ScanError::Slack { reason, is_retryable: true, is_about_one_message: false, not_before });
        }
        Ok(match self.post(stored, run).await? {
            NoticeState::Sent => Published::Sent,
            NoticeState::Queued
            | NoticeState::Claimed
            | NoticeState::Unclear
            | NoticeState::Dead
            | NoticeState::Undeliverable
            | NoticeState::Obsolete => Published::Unclear,
        })
    }

    /// Claims a message, posts it and records the outcome.
    async fn post(&self, stored: DigestMessage, run: &mut ExclusiveRun<'_>) -> Result<NoticeState, ScanError> {
        let claimed = self
            .institutions
            .claim_digest_message(stored, self.wall())
            .await?
            .ok_or(exclusive_run::Error::LeaseLost)?;
        let attempts = claimed.message.attempts;
        // All earlier attempts crashed or ended with an unknown outcome.
        if attempts > MOST_POSTS {
            let reason = "no attempt to post it had a known outcome";
            return self.record(claimed, NoticeState::Unclear, Some(reason.to_owned())).await;
        }
        let outcome = self.channel.post(&payload(&claimed), run).await?;
        let is_about_one_message = matches!(outcome, SendOutcome::Refused { scope: RefusalScope::Message, .. });
        let (is_certain, is_retryable, wait, reason) = match outcome {
            SendOutcome::Sent { .. } => return self.record(claimed, NoticeState::Sent, None).await,
            SendOutcome::Unknown { reason } if attempts >= MOST_POSTS => {
                return self.record(claimed, NoticeState::Unclear, Some(reason)).await;
            }
            SendOutcome::Unknown { reason } => (false, true, None, reason),
            SendOutcome::NotSent { reason, retry_after, .. } => (true, true, retry_after, reason),
            SendOutcome::Refused { reason, .. } => (true, false, None, reason),
        };
        let not_before = wait.map(|seconds| self.wall().plus_seconds(seconds.into()));
        let not_posted = NotPosted { is_certain, not_before, detail: reason.clone() };
        self.institutions.requeue_digest_message(claimed, not_posted, self.wall()).await?;
        Err(ScanError::Slack { reason, is_retryable, is_about_one_message, not_before })
    }

    /// Records the final outcome of a claimed message.
    async fn record(
        &self,
        claimed: DigestMessage,
        state: NoticeState,
        detail: Option<String>,
    ) -> Result<NoticeState, ScanError> {
        // The mail goes first: once the outcome is recorded, no repetition of the run would send it.
        if state == NoticeState::Unclear {
            self.mail("it is unknown whether a message arrived").await?;
        }
        let is_recorded = self.institutions.record_digest_message_outcome(claimed, state, detail, self.wall()).await?;
        if is_recorded { Ok(state) } else { Err(exclusive_run::Error::LeaseLost.into()) }
    }

    /// Notifies staff by mail that the digest is missing or incomplete, once per day.
    pub(crate) async fn mail(&self, reason: &str) -> Result<(), store::Error> {
        let notice = Notice::to_staff(NoticeKind::SlackRefused, &self.day.to_string(), self.job.scheduled_at);
        let notice = notice.with_day("day", self.day).with("reason", reason);
        self.billing.enqueue(&notice).await.map(|_| ())
    }

    /// Notifies staff in Slack that the day has no digest, once, with the institutions that are known all the same.
    pub(crate) async fn post_failure(
        &self,
        reason: &str,
        known: &[Entry<'_>],
        run: &mut ExclusiveRun<'_>,
    ) -> Result<(), ScanError> {
        let payload = scan_failed(self.day, self.wall(), reason, known);
        let stored = self.institutions.digest_failure(self.day, &payload, self.wall()).await?;
        if let Some(open) = stored.filter(|stored| !stored.message.has_outcome()) {
            self.post(open, run).await?;
        }
        Ok(())
    }
}

/// Payload of a stored message. It was written by this function, so it is valid JSON.
fn payload(stored: &DigestMessage) -> Value {
    serde_json::from_str(&stored.message.payload).unwrap_or_default()
}
