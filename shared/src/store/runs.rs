//! The run ledger, and the breaker that all functions share.

use crate::domain::time::Timestamp;

use super::records::{Record, StoredRun};
use super::{Error, Store, keys};

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

impl Store {
    /// Claims the logical run `id`. One that was cut off is taken over when its lease has ended.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn claim_run(
        &self,
        id: &str,
        scheduled_at: Timestamp,
        wall: Timestamp,
        lease_until: Timestamp,
    ) -> Result<RunClaim, Error> {
        let run = StoredRun {
            id: id.to_owned(),
            scheduled_at,
            started_at: wall,
            lease_until: Some(lease_until),
            report: None,
        };
        let expires_at = wall.plus_days(KEPT_DAYS);
        let record = Record::new(keys::run(id), run.clone()).expiring(expires_at).at_version(1);
        if self.put_if_absent(record, "claiming a run").await? {
            return Ok(RunClaim::Ours(ClaimedRun { run, version: 1 }));
        }
        let Some(held) = self.get::<StoredRun>(&keys::run(id), "reading a run").await? else {
            return Ok(RunClaim::Running);
        };
        if let Some(report) = held.data.report {
            return Ok(RunClaim::Done(report));
        }
        if held.data.lease_until.is_some_and(|until| wall < until) {
            return Ok(RunClaim::Running);
        }
        let version = held.version.unwrap_or(0);
        let record = Record::new(keys::run(id), run.clone()).expiring(expires_at);
        let taken = self.put_version(record, version, "taking over a run").await?;
        Ok(if taken {
            RunClaim::Ours(ClaimedRun { run, version: version.saturating_add(1) })
        } else {
            RunClaim::Running
        })
    }

    /// Gives up a run that failed, so that its repetition does not wait for the lease to end.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn release_run(&self, claimed: ClaimedRun, wall: Timestamp) -> Result<(), Error> {
        let expires_at = claimed.run.started_at.plus_days(KEPT_DAYS);
        let run = StoredRun { lease_until: Some(wall), ..claimed.run };
        let record = Record::new(keys::run(&run.id.clone()), run).expiring(expires_at);
        self.put_version(record, claimed.version, "giving up a run").await.map(|_| ())
    }

    /// Stores what a run did.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn finish_run(&self, claimed: ClaimedRun, report: String) -> Result<(), Error> {
        let expires_at = claimed.run.started_at.plus_days(KEPT_DAYS);
        let run = StoredRun { lease_until: None, report: Some(report), ..claimed.run };
        let record = Record::new(keys::run(&run.id.clone()), run).expiring(expires_at);
        self.put_version(record, claimed.version, "finishing a run").await.map(|_| ())
    }

    /// Until when ECPay is not to be called; `None` when it may be.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn ecpay_blocked_until(&self, wall: Timestamp) -> Result<Option<Timestamp>, Error> {
        let record = self.get::<Timestamp>(&keys::breaker(), "reading the breaker").await?;
        Ok(record.map(|record| record.data).filter(|until| wall < *until))
    }

    /// Keeps every function from calling ECPay until then.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn block_ecpay(&self, until: Timestamp) -> Result<(), Error> {
        let record = Record::new(keys::breaker(), until).expiring(until.plus_days(1));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(record.into_item()?));
        put.send().await.map(|_| ()).map_err(|error| Error::unavailable("setting the breaker", error))
    }
}
