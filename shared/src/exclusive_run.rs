//! Jobs that run once at a time: what an invocation asks for, the lease that keeps others away, and the ledger's row.
//!
//! A run that crashed is resumed by Lambda's own repetition of the same event, so the lease is shorter than Lambda waits
//! before its second one.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::values::time::Timestamp;
use crate::platform::clock::InvocationTime;
use crate::platform::logging::error_chain;
use crate::platform::random;
use crate::store::runs::run_history::{ClaimedRun, NewRun, RunClaim, run_id};
use crate::store::{self, Store};

/// Nobody else runs the job while the lease lasts: longer than one step takes, shorter than Lambda waits before it repeats
/// a failed invocation for the second time.
const LEASE_SECONDS: i64 = 150;
/// It is renewed after so many seconds.
const RENEW_SECONDS: u64 = 30;
/// No further step is begun after this many seconds, so that the last one is settled before the function's timeout; a
/// repetition of the run goes on.
const RUN_SECONDS: u64 = 660;
/// While a run is under way its row says so for at most this many minutes: longer than the function's timeout.
const SHOWN_MINUTES: i64 = 16;

/// One run that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The job's name, also of its lease.
    pub name: &'static str,
    /// The logical time: when the run was due, not when it happens.
    pub scheduled_at: Timestamp,
    /// The same for every attempt of one run.
    pub id: String,
    /// Who asked for it; none: the schedule.
    pub requested_by: Option<String>,
    /// Whether nothing is to be written or sent.
    pub dry_run: bool,
}

/// The event is not a job. What is wrong with it is not repeated: it may be anything.
#[derive(Debug, thiserror::Error)]
#[error("the event is not a job: it may hold task, scheduled_at, run_id, requested_by and dry_run")]
pub struct InvalidJobEvent;

/// Why a run cannot go on. Repeating the invocation helps.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The run could not be given a name of its own.
    #[error("claiming the run")]
    Entropy(#[from] random::NoEntropy),
    /// Another run is at it, or one that crashed a moment ago.
    #[error("another run is at it; repeating this one finds out how it ended")]
    Busy,
    /// The lease ended while the run was under way: somebody else may be at it.
    #[error("the run lost its lease; repeating it goes on")]
    LeaseLost,
    /// The time of one invocation is over; the same run goes on when it is invoked again.
    #[error("the run was cut off before its end; repeating it goes on")]
    CutOff,
}

/// A run that is nobody else's while it lasts; a dry run keeps nobody away.
pub struct ExclusiveRun<'a> {
    store: &'a Store,
    job: &'a Job,
    moment: InvocationTime,
    /// A name that nobody else claims under.
    pub owner: String,
    run: Option<ClaimedRun>,
    /// When the lease was renewed, in seconds of the run.
    renewed: u64,
}

/// What came of beginning a run.
pub enum Start<'a> {
    /// It is ours.
    Ours(Box<ExclusiveRun<'a>>),
    /// There is nothing to do but to answer this: it was done before, or whoever asks is told that another run is at it.
    AlreadyFinished(Value),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    task: Option<String>,
    scheduled_at: Option<Timestamp>,
    run_id: Option<String>,
    requested_by: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

impl Job {
    /// Reads `{"task": name, "scheduled_at": RFC 3339, "run_id": name, "requested_by": name, "dry_run": bool}`, all
    /// optional (now, by schedule).
    ///
    /// # Errors
    /// [`InvalidJobEvent`], also where `task` names another job.
    pub fn parse(name: &'static str, event: Value, now: Timestamp) -> Result<Self, InvalidJobEvent> {
        let event: Event = serde_json::from_value(event).map_err(|_| InvalidJobEvent)?;
        if event.task.is_some_and(|task| task != name) {
            return Err(InvalidJobEvent);
        }
        let scheduled_at = event.scheduled_at.unwrap_or(now);
        let id = run_id(scheduled_at, event.run_id.as_deref().unwrap_or(name));
        Ok(Self { name, scheduled_at, id, requested_by: event.requested_by, dry_run: event.dry_run })
    }
}

impl<'a> ExclusiveRun<'a> {
    /// Begins a run: once for each scheduled time, and never two at a time. Whoever holds the job's lease knows that an
    /// earlier attempt of it is over, whatever its row says.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn begin(store: &'a Store, job: &'a Job, moment: InvocationTime) -> Result<Start<'a>, Error> {
        let owner = random::random_id(16)?;
        let mut turn = Self { store, job, moment, owner, run: None, renewed: 0 };
        if job.dry_run {
            return Ok(Start::Ours(Box::new(turn)));
        }
        if !turn.renew().await? {
            // Whoever asks for a run is told; the schedule asks again, for the run that is under way may not end well.
            let told = json!({ "run": job.id, "status": "already_running" });
            return if job.requested_by.is_some() { Ok(Start::AlreadyFinished(told)) } else { Err(Error::Busy) };
        }
        match turn.claim().await {
            Ok(RunClaim::Ours(run)) => {
                turn.run = Some(run);
                Ok(Start::Ours(Box::new(turn)))
            }
            Ok(RunClaim::Done(report)) => {
                turn.release_lease().await;
                Ok(Start::AlreadyFinished(serde_json::from_str(&report).unwrap_or_default()))
            }
            Ok(RunClaim::Running) => {
                turn.release_lease().await;
                Err(Error::Busy)
            }
            Err(error) => {
                turn.release_lease().await;
                Err(error.into())
            }
        }
    }

    async fn claim(&self) -> Result<RunClaim, store::Error> {
        let new = NewRun {
            id: &self.job.id,
            tasks: vec![self.job.name.to_owned()],
            scheduled_at: self.job.scheduled_at,
            owner: self.owner.clone(),
            holds_lease: true,
        };
        let wall = self.moment.wall;
        self.store.runs.claim_run(new, wall, wall.plus_minutes(SHOWN_MINUTES)).await
    }

    /// Whether there is time for one more step, and the job still ours.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn heartbeat(&mut self) -> Result<(), Error> {
        let seconds = self.moment.stopwatch.elapsed().as_secs();
        if seconds >= RUN_SECONDS {
            return Err(Error::CutOff);
        }
        if self.job.dry_run || seconds < self.renewed + RENEW_SECONDS {
            return Ok(());
        }
        self.renewed = seconds;
        if self.renew().await? { Ok(()) } else { Err(Error::LeaseLost) }
    }

    async fn renew(&self) -> Result<bool, store::Error> {
        let wall = self.moment.wall_now();
        self.store.runs.take_lease(self.job.name, &self.owner, wall, wall.plus_seconds(LEASE_SECONDS)).await
    }

    /// Ends the run with what the ledger is to keep of it.
    ///
    /// # Errors
    /// [`Error`] when that could not be stored: the run is to be repeated.
    pub async fn finish(mut self, ledger: &Value) -> Result<(), Error> {
        let stored = match self.run.take() {
            Some(run) => self.store.runs.finish_run(run, self.moment.wall_now(), ledger.to_string()).await,
            None => Ok(()),
        };
        self.release_lease().await;
        Ok(stored?)
    }

    /// Ends the run as failed; the same run may be begun again.
    pub async fn fail(mut self, why: &str) {
        if let Some(run) = self.run.take()
            && let Err(error) = self.store.runs.release_run(run, self.moment.wall_now(), why.to_owned()).await
        {
            tracing::warn!(error = error_chain(&error), "a failed run is not noted as such");
        }
        self.release_lease().await;
    }

    async fn release_lease(&self) {
        if self.job.dry_run {
            return;
        }
        // As if it had ended when it began: whoever comes next is never too early.
        if let Err(error) = self.store.runs.give_lease(self.job.name, &self.owner, self.moment.wall).await {
            tracing::warn!(error = error_chain(&error), "a run keeps its lease to the end");
        }
    }
}
