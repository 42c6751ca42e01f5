//! Changes of schedules of EventBridge Scheduler, which the template owns.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::operation::update_schedule::builders::UpdateScheduleFluentBuilder;
use aws_sdk_scheduler::types::ScheduleState;

/// Begins an update that keeps every field of a schedule as it was read, because UpdateSchedule replaces all of them
/// (EventBridge Scheduler API reference). The caller sets what changes, and sends it.
#[must_use]
pub fn update_of(client: &Client, known: GetScheduleOutput) -> UpdateScheduleFluentBuilder {
    client
        .update_schedule()
        .set_name(known.name)
        .set_group_name(known.group_name)
        .set_schedule_expression(known.schedule_expression)
        .set_schedule_expression_timezone(known.schedule_expression_timezone)
        .set_start_date(known.start_date)
        .set_end_date(known.end_date)
        .set_description(known.description)
        .set_state(known.state)
        .set_kms_key_arn(known.kms_key_arn)
        .set_target(known.target)
        .set_flexible_time_window(known.flexible_time_window)
        .set_action_after_completion(known.action_after_completion)
}

/// True while the schedule fires.
#[must_use]
pub fn is_enabled(schedule: &GetScheduleOutput) -> bool {
    schedule.state() == Some(&ScheduleState::Enabled)
}
