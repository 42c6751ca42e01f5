//! The digest of a day: composed from MMS and what is remembered, stored, and posted message by message.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use shared::domain::billing::decision::Versioned;
use shared::domain::billing::notices::{Notice, NoticeKind};
use shared::domain::institutions::{DigestEntry, DigestPlacement, TrackedInstitution, ZONE};
use shared::domain::values::ids::InstitutionUid;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::exclusive_run::{self, ExclusiveRun, Job};
use shared::platform::clock::InvocationTime;
use shared::platform::metrics::ScanOutcome;
use shared::slack::{Digest, Entry, Message, Posted, scan_failed};
use shared::store;
use shared::store::institutions::digests::{Announcement, DigestMessage, StoredDigest, StoredMessage};
use shared::store::institutions::tracked::{InstitutionPosition, InstitutionWrite};
use shared::store::table::record::NoticeState;

use crate::ExpiryScan;
use crate::credentials::Keys;
use crate::mms::client::{self, Pages};
use crate::mms::pages::{MmsListing, find};
use crate::report::Report;
use crate::slack_client::Channel;

/// A message of which nobody knows whether it arrived is posted once more, not twice (Slack to staff may repeat once).
const MOST_POSTS: u32 = 2;
/// Records that could not be read are named in a report up to this many.
const NAMED_UNREADABLE: usize = 100;
/// Institutions that expired so many days ago are forgotten: their end was told, or is nobody's news.
const REMEMBERED_DAYS: i64 = 3_650;

/// One run under way.
pub(crate) struct Scan<'a> {
    pub(crate) function: &'a ExpiryScan,
    pub(crate) job: &'a Job,
    pub(crate) today: LocalDate,
    pub(crate) report: Report,
    keys: &'a Keys,
    moment: InvocationTime,
    has_posted: bool,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScanError {
    #[error(transparent)]
    Run(#[from] exclusive_run::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Mms(#[from] client::Error),
    #[error("Slack did not take a message: {reason}")]
    Slack { reason: String, is_retryable: bool },
}

/// An institution of the day, with what is remembered of it.
struct ScanResult {
    watched: TrackedInstitution,
    say: DigestPlacement,
}

impl ScanError {
    /// Whose fault it is.
    pub(crate) const fn service(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Store(_) => "store",
            Self::Mms(_) => "mms",
            Self::Slack { .. } => "slack",
        }
    }

    /// Whether Slack refuses one message for what it is, and may take the others.
    fn is_about_one_message(&self) -> bool {
        let Self::Slack { reason, is_retryable: false } = self else { return false };
        ["invalid_blocks", "invalid_payload", "msg_", "no_text"].iter().any(|word| reason.contains(word))
    }

    /// What the run counts as, where that is not the store's or Lambda's fault.
    pub(crate) const fn outcome(&self) -> Option<ScanOutcome> {
        match self {
            Self::Mms(error) if error.is_retryable() => Some(ScanOutcome::MmsUnavailable),
            Self::Mms(_) => Some(ScanOutcome::MmsRefused),
            Self::Slack { is_retryable: true, .. } => Some(ScanOutcome::SlackUnavailable),
            Self::Slack { .. } => Some(ScanOutcome::SlackRefused),
            Self::Run(_) | Self::Store(_) => None,
        }
    }
}

impl<'a> Scan<'a> {
    pub(crate) fn new(function: &'a ExpiryScan, job: &'a Job, keys: &'a Keys, moment: InvocationTime) -> Self {
        let today = job.scheduled_at.day(ZONE);
        Self { function, job, today, report: Report::default(), keys, moment, has_posted: false }
    }

    /// Composes the day's digest unless that was done before, and posts what of it is not posted.
    pub(crate) async fn perform(&mut self, turn: &mut ExclusiveRun<'_>) -> Result<(), ScanError> {
        let digest = match self.function.store.institutions.digest(self.today).await? {
            Some(digest) => digest,
            None => match self.compose(turn).await? {
                Some(digest) => digest,
                None => return Ok(()),
            },
        };
        self.report.describe(&digest.value);
        let mut refused = None;
        for number in 1..=digest.value.messages {
            match self.one(number, turn).await {
                // A message that Slack does not want as it is keeps no other waiting.
                Err(stopped) if stopped.is_about_one_message() => refused = Some(stopped),
                done => done?,
            }
        }
        if let Some(refused) = refused {
            return Err(refused);
        }
        if digest.value.posted_at.is_none() && !self.job.dry_run {
            self.function.store.institutions.end_digest(self.today, digest, self.wall()).await?;
        }
        Ok(())
    }

    fn wall(&self) -> Timestamp {
        self.moment.wall_now()
    }

    /// Reads MMS and makes the digest; in a dry run it is only shown.
    async fn compose(&mut self, turn: &mut ExclusiveRun<'_>) -> Result<Option<Versioned<StoredDigest>>, ScanError> {
        let ExpiryScan { store, config, mms, .. } = self.function;
        let pages = Pages { http: mms, settings: &config.mms, key: &self.keys.mms };
        let mut found = find(&pages, (&config.tiers, self.today), turn).await?;
        let unreadable = std::mem::take(&mut found.unreadable);
        let (seen, kept, gone) = self.reconcile_institutions(found).await?;
        if !self.job.dry_run {
            store.institutions.put_institutions(&kept, self.wall()).await?;
        }
        let entries = shown(&seen);
        let digest = Digest {
            day: self.today,
            made_at: self.wall(),
            tiers: config.tiers,
            full_within: config.full_within,
            entries: &entries,
            acknowledged: seen.iter().filter(|seen| seen.say == DigestPlacement::Acknowledged).count(),
            gone: gone.len(),
            unreadable: &unreadable,
        };
        let messages = digest.messages();
        let stored = StoredDigest {
            run: self.job.id.clone(),
            composed_at: self.wall(),
            messages: u32::try_from(messages.len()).unwrap_or(u32::MAX),
            shown: digest.counts().into_iter().map(|(stage, count)| (stage.name().to_owned(), count)).collect(),
            acknowledged: digest.acknowledged,
            unreadable_count: unreadable.len(),
            unreadable: unreadable
                .iter()
                .take(NAMED_UNREADABLE)
                .map(|(which, field)| format!("{which}: {field} is missing or odd"))
                .collect(),
            posted_at: None,
        };
        // A day on which nothing is to be told has no digest, so that a later run of the day looks again.
        if self.job.dry_run || messages.is_empty() {
            self.report.describe(&stored);
            self.report.payloads = messages.into_iter().map(|message| message.payload).collect();
            return Ok(None);
        }
        let messages = messages.iter().map(|message| to_store(message, &entries)).collect();
        turn.heartbeat().await?;
        let stored = store
            .institutions
            .put_digest(self.today, stored, messages)
            .await?
            .ok_or(exclusive_run::Error::LeaseLost)?;
        // They are counted in the digest, so they go when it is stored.
        store.institutions.put_institutions(&gone, self.wall()).await?;
        Ok(Some(stored))
    }

    /// What MMS lists with what is remembered of it; what of that is to be stored; and the institutions that were listed
    /// before and are not any more.
    async fn reconcile_institutions(
        &self,
        found: MmsListing,
    ) -> Result<(Vec<ScanResult>, Vec<InstitutionWrite>, Vec<InstitutionWrite>), ScanError> {
        let MmsListing { institutions: found, unreadable_uids, .. } = found;
        let store = &self.function.store;
        let mut known: HashMap<InstitutionUid, Versioned<TrackedInstitution>> = HashMap::new();
        let mut position = None;
        let range = (self.today.plus_days(-REMEMBERED_DAYS), self.today.plus_days(REMEMBERED_DAYS));
        loop {
            let page = store.institutions.institutions_between(range, position).await?;
            let last = page.items.last().map(|kept| &kept.value.institution);
            position = last.map(|last| InstitutionPosition { expires: last.expires, uid: last.uid.clone() });
            known.extend(page.items.into_iter().map(|kept| (kept.value.institution.uid.clone(), kept)));
            if page.next.is_none() || position.is_none() {
                break;
            }
        }
        let listed_before: HashSet<InstitutionUid> = known.keys().cloned().collect();
        // The index may be behind, and what was dropped from it may come back.
        let missing: Vec<InstitutionUid> =
            found.iter().map(|one| one.uid.clone()).filter(|uid| !known.contains_key(uid)).collect();
        known.extend(store.institutions.institutions(&missing).await?);
        let (mut seen, mut kept) = (Vec::with_capacity(found.len()), Vec::new());
        for institution in found {
            let before = known.remove(&institution.uid);
            let is_back = !listed_before.contains(&institution.uid);
            let mut watched = TrackedInstitution::seen(institution, before.as_ref().map(|before| &before.value));
            // Of another term than the one that staff were told of, it is new to them.
            let told = watched.announced.filter(|told| !is_back || told.expires == watched.institution.expires);
            watched.announced = told;
            if is_back || before.as_ref().is_none_or(|before| before.value != watched) {
                let expected = before.map(|before| before.version);
                kept.push(InstitutionWrite { watched: watched.clone(), expected, is_listed: true });
            }
            let say = watched.say(&self.function.config.tiers, self.today);
            seen.push(ScanResult { watched, say });
        }
        // A day that is over says nothing of what is listed today; and what cannot be read is listed all the same.
        let is_todays = self.today >= self.wall().day(ZONE);
        let is_gone = |uid: &InstitutionUid| is_todays && listed_before.contains(uid) && !unreadable_uids.contains(uid);
        let gone = known.into_values().filter(|left| is_gone(&left.value.institution.uid));
        let dropped = |left: Versioned<TrackedInstitution>| InstitutionWrite {
            watched: left.value,
            expected: Some(left.version),
            is_listed: false,
        };
        Ok((seen, kept, gone.map(dropped).collect()))
    }

    /// Posts a message unless that was done before.
    async fn one(&mut self, number: u32, turn: &mut ExclusiveRun<'_>) -> Result<(), ScanError> {
        let store = &self.function.store;
        let lost = || store::Error::Unreadable {
            pk: format!("the digest of {}", self.today),
            sk: format!("message {number}"),
            reason: "is not there".to_owned(),
        };
        let held = store.institutions.digest_message(self.today, number).await?.ok_or_else(lost)?;
        if held.message.is_settled() {
            self.report.posted_before += 1;
            return Ok(());
        }
        if self.job.dry_run {
            self.report.payloads.push(payload(&held));
            return Ok(());
        }
        turn.heartbeat().await?;
        if std::mem::replace(&mut self.has_posted, true) {
            tokio::time::sleep(self.function.config.slack.pace).await;
        }
        let asked_to_wait = held.message.not_before.filter(|until| self.wall() < *until);
        if let Some(until) = asked_to_wait {
            let reason = format!("it asks to be left alone until {until}");
            return Err(ScanError::Slack { reason, is_retryable: true });
        }
        match self.post(held, turn).await? {
            NoticeState::Sent => self.report.posted += 1,
            NoticeState::Queued | NoticeState::Claimed | NoticeState::Unclear | NoticeState::Dead => {
                self.report.unclear += 1;
            }
        }
        Ok(())
    }

    /// Claims a message, posts it, and stores what came of it.
    async fn post(&self, held: DigestMessage, turn: &mut ExclusiveRun<'_>) -> Result<NoticeState, ScanError> {
        let store = &self.function.store;
        let claimed =
            store.institutions.claim_digest_message(held, self.wall()).await?.ok_or(exclusive_run::Error::LeaseLost)?;
        let settle = async |claimed, state, detail: Option<String>| {
            // Before it is settled: afterwards no repetition would know of it.
            if state == NoticeState::Unclear {
                self.mail("nobody knows whether a message arrived").await?;
            }
            let is_ours = store.institutions.settle_digest_message(claimed, state, detail, self.wall()).await?;
            if is_ours { Ok(state) } else { Err(exclusive_run::Error::LeaseLost.into()) }
        };
        // Earlier attempts were cut off, or heard nothing clear.
        if claimed.message.attempts > MOST_POSTS {
            let why = "whoever posted it heard nothing clear";
            return settle(claimed, NoticeState::Unclear, Some(why.to_owned())).await;
        }
        let ExpiryScan { slack, config, .. } = self.function;
        let channel = Channel { http: slack, settings: &config.slack, key: &self.keys.slack };
        let (is_certain, is_retryable, wait, reason) = match channel.post(&payload(&claimed), turn).await? {
            Posted::Delivered => return settle(claimed, NoticeState::Sent, None).await,
            Posted::Unclear(reason) if claimed.message.attempts >= MOST_POSTS => {
                return settle(claimed, NoticeState::Unclear, Some(reason)).await;
            }
            Posted::Unclear(reason) => (false, true, None, reason),
            Posted::NotTaken { reason, wait_seconds } => (true, true, wait_seconds, reason),
            Posted::Refused(reason) => (true, false, None, reason),
        };
        let not_before = wait.map(|seconds| self.wall().plus_seconds(seconds.into()));
        store
            .institutions
            .return_digest_message(claimed, (is_certain, not_before), reason.clone(), self.wall())
            .await?;
        Err(ScanError::Slack { reason, is_retryable })
    }

    /// Tells staff by mail what is wrong with Slack, once for each day's digest.
    pub(crate) async fn mail(&self, reason: &str) -> Result<(), store::Error> {
        let notice = Notice::to_staff(NoticeKind::SlackRefused, &self.today.to_string(), self.job.scheduled_at);
        let notice = notice.with_day("day", self.today).with("reason", reason);
        self.function.store.billing.enqueue(&notice).await.map(|_| ())
    }

    /// Tells staff in Slack that there is no digest of the day, once.
    pub(crate) async fn mail_failure(&self, reason: &str, turn: &mut ExclusiveRun<'_>) -> Result<(), ScanError> {
        let payload = scan_failed(self.today, self.wall(), reason);
        let told = self.function.store.institutions.digest_failure(self.today, &payload, self.wall()).await?;
        if let Some(held) = told.filter(|held| !held.message.is_settled()) {
            self.post(held, turn).await?;
        }
        Ok(())
    }
}

/// What the digest shows, soonest first, the expired at the end.
fn shown(seen: &[ScanResult]) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::with_capacity(seen.len());
    for seen in seen {
        if let DigestPlacement::Show(shown) = seen.say {
            entries.push(Entry { institution: &seen.watched.institution, shown });
        }
    }
    entries.sort_by(|a, b| {
        let key = |entry: &Entry<'_>| (entry.shown.stage, entry.shown.days);
        let by_name =
            || a.institution.name.cmp(&b.institution.name).then_with(|| a.institution.uid.cmp(&b.institution.uid));
        key(a).cmp(&key(b)).then_with(by_name)
    });
    entries
}

fn to_store(message: &Message, entries: &[Entry<'_>]) -> StoredMessage {
    let of: HashMap<&InstitutionUid, (LocalDate, DigestEntry)> =
        entries.iter().map(|entry| (&entry.institution.uid, (entry.institution.expires, entry.shown))).collect();
    let announces = message.uids.iter().filter_map(|uid| {
        let (expires, shown) = of.get(uid)?;
        Some(Announcement { uid: uid.clone(), expires: *expires, stage: shown.stage })
    });
    StoredMessage::new(&message.payload, announces.collect())
}

/// What Slack is given. It was written by us, so it can be read.
fn payload(held: &DigestMessage) -> Value {
    serde_json::from_str(&held.message.payload).unwrap_or_default()
}
