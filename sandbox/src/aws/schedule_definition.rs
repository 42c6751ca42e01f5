//! A schedule as EventBridge Scheduler keeps it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::schedule_expression::Schedule;
use crate::aws::template::{NamedSchedule, PLACE, SCHEDULE_GROUP};

/// A schedule as the service keeps it, in its own field names.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Definition {
    pub(super) schedule_expression: String,
    pub(super) schedule_expression_timezone: String,
    pub(super) state: String,
    pub(super) flexible_time_window: Value,
    pub(super) target: Target,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) action_after_completion: String,
    /// Seconds since 1970, with milliseconds as a fraction.
    pub(super) creation_date: f64,
    /// Seconds since 1970, with milliseconds as a fraction.
    pub(super) last_modification_date: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Target {
    pub(super) arn: String,
    pub(super) role_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    #[serde(default)]
    pub(super) retry_policy: RetryPolicy,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dead_letter_config: Option<Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RetryPolicy {
    pub(super) maximum_event_age_in_seconds: u32,
    pub(super) maximum_retry_attempts: u32,
}

/// The service's own default.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self { maximum_event_age_in_seconds: 86_400, maximum_retry_attempts: 185 }
    }
}

impl Definition {
    /// As the template deploys it. Nothing is known of when that was, so it is the sandbox's present.
    pub(super) fn deployed(named: &NamedSchedule, schedule: &Schedule, now: DateTime<Utc>) -> Self {
        Self {
            schedule_expression: schedule.expression.clone(),
            schedule_expression_timezone: schedule.zone.clone(),
            state: named.state.clone(),
            flexible_time_window: json!({ "Mode": "OFF" }),
            target: Target {
                arn: function_arn(&named.function),
                role_arn: named.role.clone(),
                input: Some(schedule.input.clone()),
                retry_policy: serde_json::from_value(named.retry_policy.clone()).unwrap_or_default(),
                dead_letter_config: named.failure_queue.as_ref().map(|queue| json!({ "Arn": queue })),
            },
            description: None,
            action_after_completion: "NONE".to_owned(),
            creation_date: seconds(now),
            last_modification_date: seconds(now),
        }
    }

    /// Returns the schedule that fires; `None` while it is disabled.
    pub(super) fn schedule(&self, named: &NamedSchedule) -> Option<Schedule> {
        let function = self.target.arn.rsplit(':').next()?;
        let input = self.target.input.clone().unwrap_or_else(|| event_without_input(&named.name));
        let schedule = Schedule::parse(&self.schedule_expression, &self.schedule_expression_timezone, &input).ok()?;
        (self.state == "ENABLED").then(|| schedule.named(&named.event, function))
    }
}

/// Event that a function gets from a schedule whose target has no input.
fn event_without_input(name: &str) -> String {
    json!({
        "version": "0", "id": "00000000-0000-0000-0000-000000000000", "detail-type": "Scheduled Event",
        "source": "aws.scheduler", "account": "000000000000", "time": "<aws.scheduler.scheduled-time>",
        "region": "ap-northeast-1", "resources": [schedule_arn(name)], "detail": "{}",
    })
    .to_string()
}

pub(super) fn schedule_arn(name: &str) -> String {
    format!("arn:aws:scheduler:{PLACE}:schedule/{SCHEDULE_GROUP}/{name}")
}

pub(super) fn function_arn(function: &str) -> String {
    format!("arn:aws:lambda:{PLACE}:function:{function}")
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit")]
pub(super) fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}
