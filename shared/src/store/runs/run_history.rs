//! Run history: every run is claimed before it starts and its report is stored when it ends.

use crate::domain::values::time::Timestamp;

use crate::store::error::Error;
use crate::store::runs::Runs;
use crate::store::runs::stored_run::StoredRun;
use crate::store::table::keys;
use crate::store::table::query::Query;
use crate::store::table::record::Record;

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
        error: None,
    }
}

impl Runs {
    /// Claims a logical run. An unfinished run is taken over when its claim has ended.
    pub async fn claim_run(&self, new: NewRun<'_>, wall: Timestamp, lease_until: Timestamp) -> Result<RunClaim, Error> {
        let holds_lease = new.holds_lease;
        let run = first_attempt(new, wall, Some(lease_until));
        let expires_at = wall.plus_days(KEPT_DAYS);
        let record = Record::new(keys::run(&run.id), run.clone()).expiring(expires_at).at_version(1);
        if self.table.put_if_absent(record, "claiming a run").await? {
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
        let record = Record::new(keys::run(&run.id), run.clone()).expiring(expires_at);
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
        let record = Record::new(keys::run(&run.id.clone()), run).expiring(wall.plus_days(KEPT_DAYS)).at_version(1);
        self.table.put_if_absent(record, "registering a run").await.map(|_| ())
    }

    /// Ends the claim of a failed run, so that its repetition need not wait for the end of the lease.
    pub async fn release_run(&self, claimed: ClaimedRun, wall: Timestamp, error: String) -> Result<(), Error> {
        let run = StoredRun { lease_until: Some(wall), error: Some(error), ..claimed.run };
        self.put_run(run, claimed.version, "releasing a run").await
    }

    /// Stores the report of a run that has finished.
    pub async fn finish_run(&self, claimed: ClaimedRun, wall: Timestamp, report: String) -> Result<(), Error> {
        let run = StoredRun { lease_until: None, finished_at: Some(wall), report: Some(report), ..claimed.run };
        self.put_run(run, claimed.version, "finishing a run").await
    }

    /// Stores a run unless another invocation has taken it over.
    async fn put_run(&self, run: StoredRun, version: u64, doing: &'static str) -> Result<(), Error> {
        let expires_at = run.started_at.plus_days(KEPT_DAYS);
        let record = Record::new(keys::run(&run.id.clone()), run).expiring(expires_at);
        self.table.put_if_version(record, version, doing).await.map(|_| ())
    }

    /// Returns one run.
    pub async fn run(&self, id: &str) -> Result<Option<StoredRun>, Error> {
        Ok(self.table.get(&keys::run(id), "reading a run").await?.map(|record| record.data))
    }

    /// Returns up to `limit` runs with an id below `before`, which is an id or a scheduled time, newest first.
    pub async fn runs(&self, before: &str, limit: usize) -> Result<Vec<StoredRun>, Error> {
        let query = Query::partition(keys::run(before).pk).below(before).descending().limit(limit);
        let page = self.table.query(query, "reading runs").await?;
        page.items.into_iter().map(|item| Ok(Record::from_item(item)?.data)).collect()
    }
}
