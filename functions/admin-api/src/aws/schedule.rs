//! The reminders' EventBridge schedule. The template owns it; staff may change its time and enable or disable it.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::types::ScheduleState;
use aws_types::SdkConfig;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::reminders::SendHours;
use shared::domain::workshop::vehicles::ZONE;
use shared::platform::schedules;

use crate::http::response::Failure;

/// Maximum attempts after a conflict with another change.
const ATTEMPTS: usize = 3;

/// The reminders' schedule and the hours in which reminders are sent.
pub(crate) struct Schedule {
    client: Client,
    group: String,
    name: String,
    hours: SendHours,
}

/// A time of day in Asia/Jakarta, every day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Daily {
    pub(crate) hour: u32,
    pub(crate) minute: u32,
}

/// Current setting of the schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) running: bool,
    /// Time of day; `None` if the expression is not a time of every day in Asia/Jakarta.
    pub(crate) daily: Option<Daily>,
    pub(crate) expression: String,
}

impl Daily {
    fn parse(expression: &str, zone: &str) -> Option<Self> {
        let inside = expression.strip_prefix("cron(")?.strip_suffix(')')?;
        // Six fields of EventBridge: minutes, hours, day of month, month, day of week, year.
        let [minute, hour, "*", "*", "?", "*"] = inside.split_whitespace().collect::<Vec<_>>()[..] else { return None };
        let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60 && zone == ZONE.name()).then_some(Self { hour, minute })
    }

    fn expression(self) -> String {
        format!("cron({} {} * * ? *)", self.minute, self.hour)
    }

    /// First instant after `wall` at that time of day.
    pub(crate) fn next_after(self, wall: Timestamp) -> Timestamp {
        let today = wall.day(ZONE);
        let at = |day: shared::domain::values::time::LocalDate| {
            day.start(ZONE).plus_hours(self.hour.into()).plus_minutes(self.minute.into())
        };
        // Jakarta has no daylight saving: a day has 24 hours.
        if at(today) > wall { at(today) } else { at(today.plus_days(1)) }
    }
}

impl Schedule {
    pub(crate) fn new(aws: &SdkConfig, group: String, name: String, hours: SendHours) -> Self {
        Self { client: Client::new(aws), group, name, hours }
    }

    /// Warning for a time of day at which no reminder may be sent.
    pub(crate) fn warning(&self, daily: Daily) -> Option<String> {
        let quiet = !self.hours.contain(daily.hour);
        quiet
            .then(|| format!("outside the send hours in Jakarta ({}): reminders are not sent at this time", self.hours))
    }

    pub(crate) async fn setting(&self) -> Result<Setting, Failure> {
        self.read().await.map(|schedule| setting(&schedule))
    }

    /// Enables the schedule, every day at that time.
    pub(crate) async fn start(&self, daily: Daily) -> Result<(), Failure> {
        self.change(ScheduleState::Enabled, Some(daily)).await
    }

    /// Disables the schedule; its time stays.
    pub(crate) async fn stop(&self) -> Result<(), Failure> {
        self.change(ScheduleState::Disabled, None).await
    }

    async fn read(&self) -> Result<GetScheduleOutput, Failure> {
        let answer = self.client.get_schedule().group_name(&self.group).name(&self.name).send().await;
        answer.map_err(|error| Failure::upstream(&error))
    }

    async fn change(&self, state: ScheduleState, daily: Option<Daily>) -> Result<(), Failure> {
        for _ in 0..ATTEMPTS {
            let known = self.read().await?;
            let kept = setting(&known);
            // Already as requested: a repeated request writes nothing.
            if kept.running == (state == ScheduleState::Enabled) && daily.is_none_or(|daily| kept.daily == Some(daily))
            {
                return Ok(());
            }
            // A time set here is in Jakarta; stopping leaves the zone as it is.
            let zone = daily.map(|_| ZONE.name().to_owned()).or(known.schedule_expression_timezone.clone());
            let expression = daily.map(Daily::expression).or(known.schedule_expression.clone());
            let update = schedules::update_of(&self.client, known).state(state.clone());
            match update.set_schedule_expression(expression).set_schedule_expression_timezone(zone).send().await {
                Ok(_) => return Ok(()),
                // Another update came between: read the schedule again, so that its change is kept.
                Err(error) if error.as_service_error().is_some_and(|error| error.is_conflict_exception()) => {}
                Err(error) => return Err(Failure::upstream(&error)),
            }
        }
        Err(Failure::unavailable("another request is changing the schedule; try again"))
    }
}

fn setting(schedule: &GetScheduleOutput) -> Setting {
    let expression = schedule.schedule_expression().unwrap_or_default().to_owned();
    // EventBridge's zone is UTC where the schedule names none.
    let daily = Daily::parse(&expression, schedule.schedule_expression_timezone().unwrap_or("UTC"));
    Setting { running: schedules::is_enabled(schedule), daily, expression }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn the_next_run_is_today_or_tomorrow_in_jakarta() {
        let seven = Daily { hour: 7, minute: 0 };
        for (now, next) in [
            ("2025-12-14T23:59:59Z", "2025-12-15T00:00:00Z"),
            ("2025-12-15T00:00:00Z", "2025-12-16T00:00:00Z"),
            ("2025-12-15T18:00:00Z", "2025-12-16T00:00:00Z"),
        ] {
            assert_eq!(seven.next_after(at(now)), at(next), "{now}");
        }
        let late = Daily { hour: 23, minute: 59 };
        assert_eq!(late.next_after(at("2025-12-31T16:59:00Z")), at("2026-01-01T16:59:00Z"));
    }

    #[test]
    fn only_a_daily_time_in_jakarta_is_parsed() {
        let daily = |expression| Daily::parse(expression, "Asia/Jakarta");
        assert_eq!(daily("cron(5 23 * * ? *)"), Some(Daily { hour: 23, minute: 5 }));
        for other in ["cron(0 7 ? * MON *)", "rate(1 day)", "cron(0 24 * * ? *)", "cron(60 7 * * ? *)", "cron(0 7 * *)"]
        {
            assert_eq!(daily(other), None, "{other}");
        }
        assert_eq!(Daily::parse("cron(0 7 * * ? *)", "UTC"), None);
    }
}
