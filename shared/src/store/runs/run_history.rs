//! The run ledger, and the breaker that all functions share.

use crate::domain::values::time::Timestamp;

use crate::store::runs::Runs;
use crate::store::table::keys;
use crate::store::table::record::{Record, StoredRun};
use crate::store::{Error, text};

/// Runs are kept for this many days.
const KEPT_DAYS: i64 = 90;

/// What came of claiming a run.
#[derive(Clone, Debug)]
pub enum RunClaim {
    /// It is ours until the lease ends.
    Ours(ClaimedRun),
    /// Somebody else is at it.
    Running,
    /// It was done before; its report as JSON.
    Done(String),
}

/// A run that is ours, and the number its next writer must name.
#[derive(Clone, Debug)]
pub struct ClaimedRun {
    run: StoredRun,
    version: u64,
}

/// A logical run: the same for every attempt.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its tasks, by name.
    pub tasks: Vec<String>,
    /// The scheduled time.
    pub scheduled_at: Timestamp,
    /// A name that nobody else claims it under.
    pub owner: String,
    /// Whether the claimant holds a lease of the whole job, so that whoever claimed the run before is gone.
    pub holds_lease: bool,
}

/// The id of a run: sorts by its scheduled time.
#[must_use]
pub fn run_id(scheduled_at: Timestamp, name: &str) -> String {
    format!("{scheduled_at}#{name}")
}

/// A run that is begun for the first time.
fn stored(new: NewRun<'_>, wall: Timestamp, lease_until: Option<Timestamp>) -> StoredRun {
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
    /// Claims a logical run. One that was cut off is taken over when its lease has ended.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn claim_run(&self, new: NewRun<'_>, wall: Timestamp, lease_until: Timestamp) -> Result<RunClaim, Error> {
        let holds_lease = new.holds_lease;
        let run = stored(new, wall, Some(lease_until));
        let expires_at = wall.plus_days(KEPT_DAYS);
        let record = Record::new(keys::run(&run.id), run.clone()).expiring(expires_at).at_version(1);
        if self.table.put_if_absent(record, "claiming a run").await? {
            return Ok(RunClaim::Ours(ClaimedRun { run, version: 1 }));
        }
        let Some(held) = self.table.get::<StoredRun>(&keys::run(&run.id), "reading a run").await? else {
            return Ok(RunClaim::Running);
        };
        if let Some(report) = held.data.report {
            return Ok(RunClaim::Done(report));
        }
        if held.data.owner == run.owner {
            // Ours, by a claim whose answer was lost.
            return Ok(RunClaim::Ours(ClaimedRun { run: held.data, version: held.version.unwrap_or(0) }));
        }
        if !holds_lease && held.data.lease_until.is_some_and(|until| wall < until) {
            return Ok(RunClaim::Running);
        }
        let version = held.version.unwrap_or(0);
        let run = StoredRun { attempts: held.data.attempts.saturating_add(1), error: held.data.error, ..run };
        let record = Record::new(keys::run(&run.id), run.clone()).expiring(expires_at);
        let taken = self.table.put_version(record, version, "taking over a run").await?;
        Ok(if taken {
            RunClaim::Ours(ClaimedRun { run, version: version.saturating_add(1) })
        } else {
            RunClaim::Running
        })
    }

    /// Stores a run that is about to be asked for, so that its address is good before it begins.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn announce_run(&self, new: NewRun<'_>, wall: Timestamp) -> Result<(), Error> {
        let run = StoredRun { attempts: 0, ..stored(new, wall, None) };
        let record = Record::new(keys::run(&run.id.clone()), run).expiring(wall.plus_days(KEPT_DAYS)).at_version(1);
        self.table.put_if_absent(record, "announcing a run").await.map(|_| ())
    }

    /// Gives up a run that failed, so that its repetition does not wait for the lease to end.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn release_run(&self, claimed: ClaimedRun, wall: Timestamp, error: String) -> Result<(), Error> {
        let run = StoredRun { lease_until: Some(wall), error: Some(error), ..claimed.run };
        self.put_run(run, claimed.version, "giving up a run").await
    }

    /// Stores what a run did.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn finish_run(&self, claimed: ClaimedRun, wall: Timestamp, report: String) -> Result<(), Error> {
        let run = StoredRun { lease_until: None, finished_at: Some(wall), report: Some(report), ..claimed.run };
        self.put_run(run, claimed.version, "finishing a run").await
    }

    async fn put_run(&self, run: StoredRun, version: u64, doing: &'static str) -> Result<(), Error> {
        let expires_at = run.started_at.plus_days(KEPT_DAYS);
        let record = Record::new(keys::run(&run.id.clone()), run).expiring(expires_at);
        self.table.put_version(record, version, doing).await.map(|_| ())
    }

    /// One run; `None` when there is none of that id.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn run(&self, id: &str) -> Result<Option<StoredRun>, Error> {
        Ok(self.table.get(&keys::run(id), "reading a run").await?.map(|record| record.data))
    }

    /// Up to `limit` runs scheduled before `before`, or with a smaller id than it, newest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn runs(&self, before: &str, limit: i32) -> Result<Vec<StoredRun>, Error> {
        let query = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("pk = :pk AND sk < :before")
            .expression_attribute_values(":pk", text(keys::run(before).pk))
            .expression_attribute_values(":before", text(before))
            .scan_index_forward(false)
            .limit(limit);
        let answer = query.send().await.map_err(|error| Error::unavailable("reading runs", error))?;
        answer.items.unwrap_or_default().into_iter().map(|item| Ok(Record::from_item(item)?.data)).collect()
    }

    /// Until when ECPay is not to be called; `None` when it may be.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn ecpay_blocked_until(&self, wall: Timestamp) -> Result<Option<Timestamp>, Error> {
        let record = self.table.get::<Timestamp>(&keys::breaker(), "reading the breaker").await?;
        Ok(record.map(|record| record.data).filter(|until| wall < *until))
    }

    /// Keeps every function from calling ECPay until then.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn block_ecpay(&self, until: Timestamp) -> Result<(), Error> {
        let record = Record::new(keys::breaker(), until).expiring(until.plus_days(1));
        let put = self.table.client.put_item().table_name(&self.table.name).set_item(Some(record.into_item()?));
        put.send().await.map(|_| ()).map_err(|error| Error::unavailable("setting the breaker", error))
    }
}
