//! Life cycle of a run, the same for all functions that run by schedule: event, lease, time limit, row in the run history.
//!
//! A run that crashed is resumed when Lambda repeats the same event, so a job's lease is shorter than the wait before
//! Lambda's second repetition.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::values::time::Timestamp;
use crate::platform::clock::InvocationTime;
use crate::platform::logging::error_chain;
use crate::platform::random;
use crate::store;
use crate::store::runs::Runs;
use crate::store::runs::run_history::{ClaimedRun, NewRun, RunClaim, RunEnding, run_id};

/// Length of a job's lease in seconds: longer than one step, shorter than Lambda waits before it repeats a failed
/// invocation for the second time.
const LEASE_SECONDS: i64 = 150;
/// Seconds between two renewals of a job's lease.
const RENEW_SECONDS: u64 = 30;

/// One requested run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Names of the tasks in the order of work; joined by dots they name the job.
    pub tasks: Vec<&'static str>,
    /// Logical time: the time for which the run was scheduled, not the time at which it happens.
    pub scheduled_at: Timestamp,
    /// Key in the run history, the same for every attempt of one run.
    pub id: String,
    /// Name of the caller's token; `None` for the schedule.
    pub requested_by: Option<String>,
    /// True if the run only reports what it would write and send.
    pub dry_run: bool,
}

/// Fields of an event that describe a run, whatever its tasks.
#[derive(Clone, Debug, Default)]
pub struct Requested {
    /// Default: now.
    pub scheduled_at: Option<Timestamp>,
    /// Distinguishes runs of the same tasks and time. Default: the job's name.
    pub run_id: Option<String>,
    /// Name of the caller's token; `None` for the schedule.
    pub requested_by: Option<String>,
    /// True if nothing may be written or sent.
    pub dry_run: bool,
}

/// Error of an event that is not a job. It does not repeat the event, which may contain anything.
#[derive(Debug, thiserror::Error)]
#[error("the event is not a job: it may contain task, scheduled_at, run_id, requested_by and dry_run")]
pub struct InvalidJobEvent;

/// Reason why a run cannot go on. Repeating the invocation helps.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The table could not be read or written.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// No owner token could be generated.
    #[error("no random owner token for the run")]
    Entropy(#[from] random::NoEntropy),
    /// Another run holds the lease, or the lease of a crashed run has not expired yet.
    #[error("another run holds the lease; repeat this one to learn how it ended")]
    Busy,
    /// The lease expired during the run: another run may have started.
    #[error("the run lost its lease; it continues when repeated")]
    LeaseLost,
    /// The time of one invocation is over.
    #[error("the run reached its time limit; it continues when repeated")]
    CutOff,
}

/// Limits of a function's runs, and what excludes what.
#[derive(Clone, Copy, Debug)]
pub struct RunRules {
    /// Scope of the lease.
    pub lease: Lease,
    /// Seconds after which a run starts no further step, so that the last one is recorded before the function's timeout.
    pub run_seconds: u64,
    /// Minutes for which the row shows the run as under way: longer than the function's timeout, after which no attempt
    /// can be alive.
    pub claim_minutes: i64,
}

/// Scope of a run's lease. A dry run writes nothing and so takes none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// One run of the job at a time, whatever its scheduled time: an item under the job's name, renewed by heartbeats.
    /// For jobs whose messages must not be sent twice.
    Job,
    /// One run of the same set of tasks at a time, whatever its scheduled time; others are answered that it is running.
    /// Runs of other sets overlap, because each of their steps is guarded by the version of the item it writes.
    Tasks,
    /// None. The run claims its row at the end and only if it did something: for frequent runs that are mostly idle.
    None,
}

/// Run under way. With [`Lease::Job`] it holds the job's lease.
pub struct ExclusiveRun<'a> {
    runs: &'a Runs,
    job: &'a Job,
    time: InvocationTime,
    rules: RunRules,
    /// Owner token, unique to this invocation: identifies its own claim when the response to the claim was lost.
    pub owner: String,
    claimed: Option<ClaimedRun>,
    /// Time of the last renewal, in seconds since the run started.
    renewed_at: u64,
}

/// Result of starting a run.
pub enum Start<'a> {
    /// The run is this invocation's.
    Acquired(Box<ExclusiveRun<'a>>),
    /// No work: return this response (the run already finished, or another run holds the lease).
    NothingToDo(Value),
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
    /// Builds the job of these tasks; `now` is the logical time of the invocation.
    #[must_use]
    pub fn new(tasks: Vec<&'static str>, requested: Requested, now: Timestamp) -> Self {
        let scheduled_at = requested.scheduled_at.unwrap_or(now);
        let id = run_id(scheduled_at, &requested.run_id.unwrap_or_else(|| tasks.join(".")));
        Self { tasks, scheduled_at, id, requested_by: requested.requested_by, dry_run: requested.dry_run }
    }

    /// Parses `{"task": name, "scheduled_at": RFC 3339, "run_id": name, "requested_by": name, "dry_run": bool}`, all
    /// optional, for a function with one task.
    ///
    /// # Errors
    /// [`InvalidJobEvent`], also where `task` names another job.
    pub fn parse(name: &'static str, event: Value, now: Timestamp) -> Result<Self, InvalidJobEvent> {
        let event: Event = serde_json::from_value(event).map_err(|_| InvalidJobEvent)?;
        if event.task.is_some_and(|task| task != name) {
            return Err(InvalidJobEvent);
        }
        let requested = Requested {
            scheduled_at: event.scheduled_at,
            run_id: event.run_id,
            requested_by: event.requested_by,
            dry_run: event.dry_run,
        };
        Ok(Self::new(vec![name], requested, now))
    }

    /// Name of the job, also of its lease: the tasks joined by dots.
    #[must_use]
    pub fn name(&self) -> String {
        self.tasks.join(".")
    }
}

impl RunRules {
    /// Rules of `maintenance-reminder` and `mms-expiry-scan`, whose messages reach people and cannot be taken back. Both
    /// functions have a timeout of 900 seconds.
    pub const SENDING: Self = Self { lease: Lease::Job, run_seconds: 660, claim_minutes: 16 };
}

impl<'a> ExclusiveRun<'a> {
    /// Starts a run: once for each run id, and with [`Lease::Job`] never two of the job at a time.
    ///
    /// # Errors
    /// [`Error::Busy`] where the schedule's run must be repeated; [`Error::Store`] and [`Error::Entropy`].
    pub async fn start(
        runs: &'a Runs,
        job: &'a Job,
        time: InvocationTime,
        rules: RunRules,
    ) -> Result<Start<'a>, Error> {
        let owner = random::random_id(16)?;
        let mut run = Self { runs, job, time, rules, owner, claimed: None, renewed_at: 0 };
        if run.holds_job_lease() && !run.renew().await? {
            if rules.lease == Lease::Tasks {
                return Ok(run.already_running());
            }
            // A caller is answered; the schedule repeats the event, because the other run may still fail.
            return if job.requested_by.is_some() { Ok(run.already_running()) } else { Err(Error::Busy) };
        }
        if job.dry_run || rules.lease == Lease::None {
            return Ok(Start::Acquired(Box::new(run)));
        }
        match run.claim().await {
            Ok(RunClaim::Claimed(claimed)) => {
                run.claimed = Some(claimed);
                Ok(Start::Acquired(Box::new(run)))
            }
            Ok(RunClaim::Done(report)) => {
                run.release_lease().await;
                Ok(Start::NothingToDo(serde_json::from_str(&report).unwrap_or_default()))
            }
            // The next scheduled run takes up whatever this one leaves, so the event need not be repeated.
            Ok(RunClaim::Running) if rules.lease == Lease::Tasks => {
                run.release_lease().await;
                Ok(run.already_running())
            }
            Ok(RunClaim::Running) => {
                run.release_lease().await;
                Err(Error::Busy)
            }
            Err(error) => {
                run.release_lease().await;
                Err(error.into())
            }
        }
    }

    fn already_running(&self) -> Start<'a> {
        Start::NothingToDo(json!({ "run": self.job.id, "status": "already_running" }))
    }

    fn holds_job_lease(&self) -> bool {
        self.rules.lease != Lease::None && !self.job.dry_run
    }

    async fn claim(&self) -> Result<RunClaim, store::Error> {
        let new = NewRun {
            id: &self.job.id,
            tasks: self.job.tasks.iter().map(|task| (*task).to_owned()).collect(),
            scheduled_at: self.job.scheduled_at,
            owner: self.owner.clone(),
            // With the job's lease every earlier attempt is over, whatever the row says.
            holds_lease: self.holds_job_lease(),
        };
        let wall = self.time.wall;
        self.runs.claim_run(new, wall, wall.plus_minutes(self.rules.claim_minutes)).await
    }

    /// Returns true while the run may start a further step.
    #[must_use]
    pub fn has_time(&self) -> bool {
        self.time.stopwatch.elapsed().as_secs() < self.rules.run_seconds
    }

    /// Checks the time limit and keeps the lease alive; to be called before each step.
    ///
    /// # Errors
    /// [`Error::CutOff`] at the time limit, [`Error::LeaseLost`] if another run took the lease, and [`Error::Store`].
    pub async fn heartbeat(&mut self) -> Result<(), Error> {
        if !self.has_time() {
            return Err(Error::CutOff);
        }
        let seconds = self.time.stopwatch.elapsed().as_secs();
        if !self.holds_job_lease() || seconds < self.renewed_at + RENEW_SECONDS {
            return Ok(());
        }
        self.renewed_at = seconds;
        if self.renew().await? { Ok(()) } else { Err(Error::LeaseLost) }
    }

    async fn renew(&self) -> Result<bool, store::Error> {
        let wall = self.time.wall_now();
        // Runs without heartbeats hold the lease for their longest duration.
        let until = match self.rules.lease {
            Lease::Job | Lease::None => wall.plus_seconds(LEASE_SECONDS),
            Lease::Tasks => wall.plus_minutes(self.rules.claim_minutes),
        };
        self.runs.take_lease(&self.job.name(), &self.owner, wall, until).await
    }

    /// Ends the run and stores its report in the run history.
    ///
    /// # Errors
    /// [`Error::Store`] if the report could not be stored: the run must be repeated.
    pub async fn finish(self, report: &Value) -> Result<(), Error> {
        self.end(RunEnding { report: report.to_string(), has_failed: false, notice: None }).await
    }

    /// Ends the run as the ending says, and stores its notice in the same transaction.
    ///
    /// # Errors
    /// [`Error::Store`] if the ending could not be stored: the run must be repeated.
    pub async fn end(mut self, ending: RunEnding) -> Result<(), Error> {
        if self.rules.lease == Lease::None && !self.job.dry_run {
            // A row that another attempt of this run has stored or is storing stays.
            self.claimed = if let RunClaim::Claimed(claimed) = self.claim().await? { Some(claimed) } else { None };
        }
        let stored = match self.claimed.take() {
            Some(claimed) => self.runs.finish_run(claimed, self.time.wall_now(), ending).await,
            None => Ok(()),
        };
        self.release_lease().await;
        Ok(stored?)
    }

    /// Ends a run that found nothing to do. Leaves a row only where the run claimed one at its start.
    ///
    /// # Errors
    /// [`Error::Store`] if the report could not be stored: the run must be repeated.
    pub async fn finish_idle(self, report: &Value) -> Result<(), Error> {
        if self.rules.lease == Lease::None { Ok(()) } else { self.finish(report).await }
    }

    /// Ends the run as failed, with the reason in its row; the same run may be started again at once.
    pub async fn fail(mut self, reason: &str) {
        if let Some(claimed) = self.claimed.take()
            && let Err(error) = self.runs.release_run(claimed, self.time.wall_now(), reason.to_owned()).await
        {
            tracing::warn!(error = error_chain(&error), "the run failed, but its row could not be updated");
        }
        self.release_lease().await;
    }

    async fn release_lease(&self) {
        if !self.holds_job_lease() {
            return;
        }
        // Ends it at the start of this run, so that no later run comes too early for it, however the clocks differ.
        if let Err(error) = self.runs.release_lease(&self.job.name(), &self.owner, self.time.wall).await {
            tracing::warn!(error = error_chain(&error), "the lease could not be released and ends by itself");
        }
    }
}
