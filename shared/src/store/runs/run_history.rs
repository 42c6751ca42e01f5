//! Run history: every run is claimed before it starts and its report is stored when it ends.

use crate::domain::billing::notices::Notice;
use crate::domain::values::time::Timestamp;

use crate::store::billing::notices::queued;
use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::runs::Runs;
use crate::store::runs::stored_run::StoredRun;
use crate::store::table::keys::Key;
use crate::store::table::listing::{Listing, readable};
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;
use crate::store::table::{Item, keys, text_in};

/// List of the runs that are not done: they run, or they failed.
const UNFINISHED: &str = "runs#unfinished";
/// Runs that are read for one page where others than the wanted ones are among them.
const READ_TO_SELECT: usize = 200;
/// Days for which runs are kept.
const KEPT_DAYS: i64 = 90;

/// Outcome of claiming a run.
#[derive(Clone, Debug)]
pub enum RunClaim {
    /// Claimed by the caller until the lease ends.
    Claimed(ClaimedRun),
    /// Another invocation holds the claim.
    Running,
    /// The run has finished; contains its report as JSON.
    Done(String),
}

/// A run that the caller holds, and the version that its next write must name.
#[derive(Clone, Debug)]
pub struct ClaimedRun {
    run: StoredRun,
    version: u64,
}

/// End of a run: its report, and the notice that is stored with it.
#[derive(Clone, Debug)]
pub struct RunEnding {
    /// Report as JSON.
    pub report: String,
    /// True for a run that failed as a whole, with the counts in its report.
    pub has_failed: bool,
    /// Notice to staff; left out where one of its id was stored before.
    pub notice: Option<Notice>,
}

/// A logical run: the same for every attempt.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    /// Id of the run, see [`run_id`].
    pub id: &'a str,
    /// Names of its tasks.
    pub tasks: Vec<String>,
    /// Scheduled time: the logical time of its decisions (UTC).
    pub scheduled_at: Timestamp,
    /// Token of this invocation, different for every claim.
    pub owner: String,
    /// True if the caller holds the lease of the job, so that an unfinished claim was left by a crashed invocation.
    pub holds_lease: bool,
}

/// Selection of runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunFilter<'a> {
    /// Name of a job that the run has.
    pub job: Option<&'a str>,
    /// True for runs that are done, false for those that run or failed.
    pub is_done: Option<bool>,
}

impl RunFilter<'_> {
    fn takes(&self, run: &StoredRun) -> bool {
        self.job.is_none_or(|job| run.tasks.iter().any(|task| task == job))
            && self.is_done.is_none_or(|is_done| is_done == run.is_done())
    }
}

/// Returns the id of a run, for example `20250331T123000Z-reconcile.retry`. It sorts by its scheduled time (UTC), and of
/// `A-Z a-z 0-9 . _ -` alone it stands in an address as it is.
#[must_use]
pub fn run_id(scheduled_at: Timestamp, name: &str) -> String {
    let at: String = scheduled_at.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{at}-{name}")
}

/// The first attempt of a run.
fn first_attempt(new: NewRun<'_>, wall: Timestamp, lease_until: Option<Timestamp>) -> StoredRun {
    StoredRun {
        id: new.id.to_owned(),
        tasks: new.tasks,
        scheduled_at: new.scheduled_at,
        started_at: wall,
        lease_until,
        owner: new.owner,
        attempts: 1,
        finished_at: None,
        report: None,
        has_failed: false,
        error: None,
    }
}

/// The item of a run. Until it is done it stands in the list of unfinished runs.
fn listed(run: StoredRun) -> Record<StoredRun> {
    let (is_done, id) = (run.is_done(), run.id.clone());
    let record = Record::new(keys::run(&id), run);
    if is_done { record } else { record.listed(UNFINISHED, id) }
}

impl Runs {
    /// Claims a logical run. An unfinished run is taken over when its claim has ended.
    pub async fn claim_run(&self, new: NewRun<'_>, wall: Timestamp, lease_until: Timestamp) -> Result<RunClaim, Error> {
        let holds_lease = new.holds_lease;
        let run = first_attempt(new, wall, Some(lease_until));
        let expires_at = wall.plus_days(KEPT_DAYS);
        let record = listed(run.clone()).expiring(expires_at).at_version(1);
        if self.put_new(record, &run, "claiming a run").await? {
            return Ok(RunClaim::Claimed(ClaimedRun { run, version: 1 }));
        }
        let Some(held) = self.table.get::<StoredRun>(&keys::run(&run.id), "reading a run").await? else {
            return Ok(RunClaim::Running);
        };
        if let Some(report) = held.data.report {
            return Ok(RunClaim::Done(report));
        }
        if held.data.owner == run.owner {
            // Claimed by this invocation; the response to the write was lost.
            return Ok(RunClaim::Claimed(ClaimedRun { run: held.data, version: held.version.unwrap_or(0) }));
        }
        if !holds_lease && held.data.lease_until.is_some_and(|until| wall < until) {
            return Ok(RunClaim::Running);
        }
        let version = held.version.unwrap_or(0);
        let run = StoredRun { attempts: held.data.attempts.saturating_add(1), error: held.data.error, ..run };
        let record = listed(run.clone()).expiring(expires_at);
        let taken = self.table.put_if_version(record, version, "taking over a run").await?;
        Ok(if taken {
            RunClaim::Claimed(ClaimedRun { run, version: version.saturating_add(1) })
        } else {
            RunClaim::Running
        })
    }

    /// Stores a run that is about to be requested, so that its address is valid before it starts.
    pub async fn register_run(&self, new: NewRun<'_>, wall: Timestamp) -> Result<(), Error> {
        let run = StoredRun { attempts: 0, ..first_attempt(new, wall, None) };
        let record = listed(run.clone()).expiring(wall.plus_days(KEPT_DAYS)).at_version(1);
        self.put_new(record, &run, "registering a run").await.map(|_| ())
    }

    /// Stores a run with the links from its jobs; `false` where a run of that id exists.
    async fn put_new(&self, record: Record<StoredRun>, run: &StoredRun, doing: &'static str) -> Result<bool, Error> {
        let expires_at = record.expires_at;
        let mut transaction = Transaction::default();
        transaction.put_if_absent(record)?;
        for job in &run.tasks {
            transaction.put(Record { expires_at, ..Record::new(keys::job_run(job, &run.id), ()) })?;
        }
        Ok(self.table.transact(transaction, doing).await?.is_none())
    }

    /// Ends the claim of a failed run, so that its repetition need not wait for the end of the lease.
    pub async fn release_run(&self, claimed: ClaimedRun, wall: Timestamp, error: String) -> Result<(), Error> {
        let run = StoredRun { lease_until: Some(wall), error: Some(error), ..claimed.run };
        self.put_run(run, claimed.version, "releasing a run").await
    }

    /// Stores the report of a run that has finished.
    pub async fn finish_run(&self, claimed: ClaimedRun, wall: Timestamp, ending: RunEnding) -> Result<(), Error> {
        let doing = "finishing a run";
        let RunEnding { report, has_failed, notice } = ending;
        let run =
            StoredRun { lease_until: None, finished_at: Some(wall), report: Some(report), has_failed, ..claimed.run };
        let version = claimed.version;
        let Some(notice) = notice else { return self.put_run(run, version, doing).await };
        retry_on_conflict(doing, (), |()| async {
            let record = listed(run.clone()).expiring(run.started_at.plus_days(KEPT_DAYS));
            let mut transaction = Transaction::default();
            transaction.put_if_version(record, Some(version))?;
            let place = transaction.put_if_absent(queued(&notice))?;
            Ok(match self.table.transact(transaction, doing).await? {
                Some(refusal) if refusal.is_only_at(place) => {
                    self.put_run(run.clone(), version, doing).await?;
                    Attempt::Done(())
                }
                // Another invocation has taken the run over, and notifies staff itself.
                Some(refusal) if refusal.is_by_condition() => Attempt::Done(()),
                Some(_) => Attempt::Conflict(()),
                None => Attempt::Done(()),
            })
        })
        .await
    }

    /// Stores a run unless another invocation has taken it over.
    async fn put_run(&self, run: StoredRun, version: u64, doing: &'static str) -> Result<(), Error> {
        let expires_at = run.started_at.plus_days(KEPT_DAYS);
        let record = listed(run).expiring(expires_at);
        self.table.put_if_version(record, version, doing).await.map(|_| ())
    }

    /// Returns one run.
    pub async fn run(&self, id: &str) -> Result<Option<StoredRun>, Error> {
        Ok(self.table.get(&keys::run(id), "reading a run").await?.map(|record| record.data))
    }

    /// Returns at most `limit` runs before an id or a scheduled time, newest first, and the id before which the next page begins;
    /// none: it was the last one. `is_wanted` selects by more than the job and the report; the page may then be shorter
    /// although more follow.
    pub async fn runs(
        &self,
        filter: RunFilter<'_>,
        before: Option<&str>,
        limit: usize,
        is_wanted: impl Fn(&StoredRun) -> bool,
    ) -> Result<(Vec<StoredRun>, Option<String>), Error> {
        let selected = |item| readable::<StoredRun>(item).filter(|run| filter.takes(run) && is_wanted(run));
        let (items, mut next) = self.run_items(filter, before, limit).await?;
        let mut page: Vec<StoredRun> = Vec::new();
        for item in items {
            let Some(run) = selected(item) else { continue };
            if page.len() == limit {
                next = page.last().map(|last| last.id.clone());
                break;
            }
            page.push(run);
        }
        Ok((page, next))
    }

    /// Items of the runs among which the wanted ones are, newest first.
    async fn run_items(
        &self,
        filter: RunFilter<'_>,
        before: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Item>, Option<String>), Error> {
        let limit = if filter.job.is_some() || filter.is_done.is_some() { READ_TO_SELECT } else { limit };
        // Ids begin with the scheduled time, so this sorts after all of them.
        let before = before.unwrap_or("9999");
        if filter.is_done == Some(false) {
            let listing = Listing {
                lists: vec![UNFINISHED.to_owned()],
                from: None,
                to: Some(before.to_owned()),
                is_descending: true,
                after: None,
                limit,
            };
            let (entries, next) = self.table.list(listing, "reading unfinished runs").await?;
            let keys = entries.into_iter().map(|entry| entry.key).filter(|key| key.sk.as_str() < before).collect();
            return Ok((self.runs_at(keys).await?, next.map(|position| position.at().to_owned())));
        }
        let partition = filter.job.map_or_else(|| keys::run(before).pk, |job| keys::job_run(job, before).pk);
        let query = Query::partition(partition).below(before).descending().limit(limit);
        let page = self.table.query(query, "reading runs").await?;
        let ids: Vec<&str> = page.items.iter().filter_map(|item| text_in(item, keys::SK)).collect();
        let next = ids.last().filter(|_| page.next.is_some()).map(|id| (*id).to_owned());
        if filter.job.is_none() {
            return Ok((page.items, next));
        }
        let keys = ids.into_iter().map(keys::run).collect();
        Ok((self.runs_at(keys).await?, next))
    }

    /// Reads the items of those keys, in their order; those that exist no more are left out.
    async fn runs_at(&self, keys: Vec<Key>) -> Result<Vec<Item>, Error> {
        let mut items = self.table.get_many(&keys, "reading runs").await?;
        Ok(keys.iter().filter_map(|key| items.remove(key)).collect())
    }
}
