//! Continuation of a run that has more messages than StarSender takes ahead: a run later on the same day, by a schedule that
//! fires once. The template owns that schedule, disabled; a run sets its time and enables it.

use aws_sdk_scheduler::error::DisplayErrorContext;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::types::ScheduleState;
use aws_sdk_scheduler::{Client, Error};
use aws_types::SdkConfig;
use serde::Serialize;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::reminders::continuation_at;
use shared::exclusive_run::Job;
use shared::platform::schedules;

use crate::config::{Rules, Schedules};

/// The schedule of continuations, and the daily one, whose stop by staff also stops them.
pub(crate) struct Continuations {
    client: Client,
    schedules: Schedules,
}

/// Outcome for the vehicles that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "at")]
pub(crate) enum Continuation {
    /// A run at that time goes on (UTC).
    Scheduled(Timestamp),
    /// No send hour is left on this day: the next daily run goes on.
    OutsideHours,
    /// Staff stopped the daily schedule: no run goes on by itself.
    Stopped,
    /// EventBridge did not answer: the next daily run goes on.
    Failed,
}

impl Continuations {
    pub(crate) fn new(aws: &SdkConfig, schedules: Schedules) -> Self {
        Self { client: Client::new(aws), schedules }
    }

    /// Schedules a run for the time at which StarSender may send the next message, `delay` seconds after `wall`: a run starts
    /// without a delay, so the pace is kept.
    pub(crate) async fn schedule(&self, job: &Job, rules: &Rules, wall: Timestamp, delay: u32) -> Continuation {
        let Some(at) = continuation_at(wall, delay, rules.hours) else { return Continuation::OutsideHours };
        match self.enable(at).await {
            Ok(continuation) => continuation,
            Err(error) => {
                let error = DisplayErrorContext(&error).to_string();
                tracing::error!(run = job.id, error, "the continuation could not be scheduled");
                Continuation::Failed
            }
        }
    }

    async fn enable(&self, at: Timestamp) -> Result<Continuation, Box<Error>> {
        if self.are_stopped().await? {
            return Ok(Continuation::Stopped);
        }
        let known = self.read(&self.schedules.continuation).await?;
        schedules::update_of(&self.client, known)
            .schedule_expression(format!("at({})", at.utc().format("%Y-%m-%dT%H:%M:%S")))
            .schedule_expression_timezone("UTC")
            .state(ScheduleState::Enabled)
            .send()
            .await
            .map_err(Error::from)?;
        Ok(Continuation::Scheduled(at))
    }

    /// True while staff have stopped the daily schedule.
    pub(crate) async fn are_stopped(&self) -> Result<bool, Box<Error>> {
        Ok(!schedules::is_enabled(&self.read(&self.schedules.daily).await?))
    }

    async fn read(&self, name: &str) -> Result<GetScheduleOutput, Box<Error>> {
        let read = self.client.get_schedule().group_name(&self.schedules.group).name(name);
        read.send().await.map_err(|error| Box::new(Error::from(error)))
    }
}
