//! Digest of a day: composed from MMS's list and the stored institutions, then stored, then posted message by message.

use std::collections::{HashMap, HashSet};

use shared::domain::billing::decision::Versioned;
use shared::domain::institutions::ZONE;
use shared::domain::institutions::reconcile::{InstitutionChange, KnownInstitution, Listing, reconcile};
use shared::domain::institutions::tracked_institution::{DigestEntry, DigestPlacement, TrackedInstitution};
use shared::domain::values::ids::InstitutionUid;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::exclusive_run;
use shared::exclusive_run::{ExclusiveRun, Job};
use shared::platform::clock::InvocationTime;
use shared::slack::{Digest, Entry, Message};
use shared::store::institutions::digests::{Announcement, StoredDigest, StoredMessage};
use shared::store::institutions::tracked::{InstitutionPosition, InstitutionWrite};

use crate::ExpiryScan;
use crate::credentials::Keys;
use crate::error::ScanError;
use crate::mms::client::Pages;
use crate::mms::listing::{Horizon, MmsListing};
use crate::mms::pages::read_pass;
use crate::mms::pass::Pass;
use crate::publish::Publisher;
use crate::report::Report;
use crate::slack_client::Channel;

/// Unreadable or contradictory records named in a report.
const NAMED_RECORDS: usize = 100;
/// Days for which an expired institution is still read; after that its expiry was announced or is irrelevant.
const REMEMBERED_DAYS: i64 = 3_650;

/// A scan under way.
pub(crate) struct Scan<'a> {
    pub(crate) function: &'a ExpiryScan,
    pub(crate) job: &'a Job,
    pub(crate) report: Report,
    pub(crate) publisher: Publisher<'a>,
    /// Institutions as they were read last, where the list of this run cannot be read.
    last_known: Vec<ScanResult>,
    /// Day of the digest, Asia/Taipei.
    today: LocalDate,
    keys: &'a Keys,
    time: InvocationTime,
}

/// Institutions in the table, with the versions that the next write must name.
type Stored = HashMap<InstitutionUid, Versioned<TrackedInstitution>>;

/// A listed institution with its stored state and its place in the digest.
struct ScanResult {
    watched: TrackedInstitution,
    say: DigestPlacement,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(function: &'a ExpiryScan, job: &'a Job, keys: &'a Keys, time: InvocationTime) -> Self {
        let today = job.scheduled_at.day(ZONE);
        let ExpiryScan { institutions, billing, slack, config, .. } = function;
        let channel = Channel { http: slack, settings: &config.slack, key: &keys.slack };
        let pace = config.slack.pace;
        let publisher = Publisher { institutions, billing, channel, job, day: today, time, pace, has_posted: false };
        Self { function, job, report: Report::default(), publisher, last_known: Vec::new(), today, keys, time }
    }

    /// Composes the day's digest unless an earlier attempt did, and posts its unposted messages.
    pub(crate) async fn perform(&mut self, run: &mut ExclusiveRun<'_>) -> Result<(), ScanError> {
        let digest = match self.function.institutions.digest(self.today).await? {
            Some(digest) => digest,
            None => match self.compose(run).await? {
                Some(digest) => digest,
                None => return Ok(()),
            },
        };
        self.report.describe(&digest.value);
        let mut refused = None;
        for number in 1..=digest.value.messages {
            match self.publisher.publish_message(number, run).await {
                Ok(published) => self.report.add(published),
                // A message refused for its content does not hold up the others.
                Err(error) if error.is_about_one_message() => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        if let Some(refused) = refused {
            return Err(refused);
        }
        if digest.value.posted_at.is_none() && !self.job.dry_run {
            self.function.institutions.finish_digest(self.today, digest, self.wall()).await?;
        }
        Ok(())
    }

    fn wall(&self) -> Timestamp {
        self.time.wall_now()
    }

    /// Institutions to show, where the list of this run cannot be read.
    pub(crate) fn last_known(&self) -> Vec<Entry<'_>> {
        shown(&self.last_known)
    }

    /// Reads MMS, composes the digest and stores it. A dry run only reports it and returns `None`.
    async fn compose(&mut self, run: &mut ExclusiveRun<'_>) -> Result<Option<Versioned<StoredDigest>>, ScanError> {
        let ExpiryScan { institutions, config, .. } = self.function;
        let horizon = Horizon { tiers: &config.tiers, today: self.today };
        let (found, pass, stored) = self.read_mms(run).await?;
        let unreadable: Vec<(String, &'static str)> =
            found.unreadable.iter().map(|record| (record.label.clone(), record.field)).collect();
        let contradictory = found.contradictory_within(&horizon);
        let (seen, kept, gone) = self.reconcile_institutions(&found, stored).await?;
        if let Err(error) = pass.check_readable() {
            self.report.unreadable_count = unreadable.len();
            self.report.unreadable = named_unreadable(&unreadable);
            self.last_known = seen;
            return Err(error.into());
        }
        // Before the digest: an institution must be stored when a posted message marks it as announced.
        if !self.job.dry_run {
            institutions.put_institutions(&kept, self.wall()).await?;
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
            contradictory: &contradictory,
            says_nothing_due: config.posts_nothing_due,
            has_buttons: config.has_buttons,
        };
        let messages = digest.messages();
        let stored = StoredDigest {
            run: self.job.id.clone(),
            composed_at: self.wall(),
            messages: u32::try_from(messages.len()).unwrap_or(u32::MAX),
            shown: digest.counts().into_iter().map(|(tier, count)| (tier.name().to_owned(), count)).collect(),
            acknowledged: digest.acknowledged,
            unreadable_count: unreadable.len(),
            unreadable: named_unreadable(&unreadable),
            contradictory: named_contradictory(&contradictory),
            posted_at: None,
        };
        // A day without news has no stored digest, so that a later run of the day reads MMS again.
        if self.job.dry_run || messages.is_empty() {
            self.report.describe(&stored);
            self.report.payloads = messages.into_iter().map(|message| message.payload).collect();
            return Ok(None);
        }
        let messages = messages.into_iter().map(|message| to_store(&message, &entries)).collect();
        run.heartbeat().await?;
        let stored =
            institutions.put_digest(self.today, stored, messages).await?.ok_or(exclusive_run::Error::LeaseLost)?;
        // Only now: the digest counts them, and a repetition before it is stored must find them again.
        institutions.put_institutions(&gone, self.wall()).await?;
        Ok(Some(stored))
    }

    /// Reads the list, and once more where something is missing: an institution that was listed before, or one that moved
    /// to another page while the list changed.
    async fn read_mms(&self, run: &mut ExclusiveRun<'_>) -> Result<(MmsListing, Pass, Stored), ScanError> {
        let ExpiryScan { config, mms, .. } = self.function;
        let pages = Pages { http: mms, settings: &config.mms, key: &self.keys.mms };
        let mut listing = MmsListing::default();
        let pass = read_pass(&pages, &mut listing, run).await?;
        let stored = self.listed_before().await?;
        let page_size = usize::try_from(config.mms.page_size).unwrap_or(usize::MAX);
        if pass.is_steady(page_size) && stored.keys().all(|uid| listing.lists(uid)) {
            return Ok((listing, pass, stored));
        }
        listing.begin_second_pass();
        let pass = read_pass(&pages, &mut listing, run).await?;
        Ok((listing, pass, stored))
    }

    /// Institutions that the latest scan listed.
    async fn listed_before(&self) -> Result<Stored, ScanError> {
        let mut stored = Stored::new();
        let mut position = None;
        let first = self.today.plus_days(-REMEMBERED_DAYS);
        let last = self.today.plus_days(REMEMBERED_DAYS);
        loop {
            let page = self.function.institutions.institutions_between(first, last, position).await?;
            let last = page.items.last().map(|kept| &kept.value.institution);
            position = last.map(|last| InstitutionPosition { expires: last.expires, uid: last.uid.clone() });
            stored.extend(page.items.into_iter().map(|kept| (kept.value.institution.uid.clone(), kept)));
            if page.next.is_none() || position.is_none() {
                return Ok(stored);
            }
        }
    }

    /// Compares MMS's list with the stored institutions: the listed ones with their place in the digest, those to be
    /// stored, and those to be delisted.
    async fn reconcile_institutions(
        &self,
        found: &MmsListing,
        mut stored: Stored,
    ) -> Result<(Vec<ScanResult>, Vec<InstitutionWrite>, Vec<InstitutionWrite>), ScanError> {
        let config = &self.function.config;
        let institutions = found.within(&Horizon { tiers: &config.tiers, today: self.today });
        let listed_before: HashSet<InstitutionUid> = stored.keys().cloned().collect();
        // The index is eventually consistent, and an institution that was delisted may be listed again.
        let missing: Vec<InstitutionUid> =
            institutions.iter().map(|one| one.uid.clone()).filter(|uid| !stored.contains_key(uid)).collect();
        stored.extend(self.function.institutions.institutions(&missing).await?);
        let known = stored.iter().map(|(uid, kept)| {
            let is_listed = listed_before.contains(uid);
            (uid.clone(), KnownInstitution { tracked: kept.value.clone(), is_listed })
        });
        let listing = Listing {
            institutions,
            unreadable: found.unreadable.iter().filter_map(|record| record.uid.clone()).collect(),
            is_current: self.today >= self.wall().day(ZONE),
        };
        let write = |watched: &TrackedInstitution, is_listed| InstitutionWrite {
            watched: watched.clone(),
            expected: stored.get(&watched.institution.uid).map(|kept| kept.version),
            is_listed,
        };
        let (mut seen, mut kept, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for change in reconcile(listing, known.collect()) {
            let watched = match change {
                InstitutionChange::Unchanged(watched) => watched,
                InstitutionChange::Updated(watched) => {
                    kept.push(write(&watched, true));
                    watched
                }
                InstitutionChange::Delisted(watched) => {
                    gone.push(write(&watched, false));
                    continue;
                }
            };
            let say = watched.say(&config.tiers, self.today);
            seen.push(ScanResult { watched, say });
        }
        Ok((seen, kept, gone))
    }
}

fn named_unreadable(unreadable: &[(String, &'static str)]) -> Vec<String> {
    let named = unreadable.iter().take(NAMED_RECORDS);
    named.map(|(which, field)| format!("{which}: {field} is missing or odd")).collect()
}

fn named_contradictory(contradictory: &[(InstitutionUid, Vec<LocalDate>)]) -> Vec<String> {
    let named = contradictory.iter().take(NAMED_RECORDS);
    named
        .map(|(uid, dates)| {
            let dates: Vec<String> = dates.iter().map(LocalDate::to_string).collect();
            format!("uid {uid}: expires on {}", dates.join(" and "))
        })
        .collect()
}

/// Entries of the digest, soonest expiry first, expired institutions at the end.
fn shown(seen: &[ScanResult]) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::with_capacity(seen.len());
    for seen in seen {
        if let DigestPlacement::Show(shown) = seen.say {
            entries.push(Entry { institution: &seen.watched.institution, shown });
        }
    }
    entries.sort_by(|a, b| {
        let key = |entry: &Entry<'_>| (entry.shown.tier, entry.shown.days);
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
        Some(Announcement { uid: uid.clone(), expires: *expires, tier: shown.tier })
    });
    StoredMessage::new(&message.payload, announces.collect())
}
