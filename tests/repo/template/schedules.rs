//! Schedules: their rhythm, their events, and the destination of a failed call.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sandbox::aws::iam::Permission;
use sandbox::aws::template::{PLACE, Template};
use serde_json::Value as Json;
use shared::domain::values::time::Timestamp;
use shared::exclusive_run::Job;
use yaml_serde::Value;

use super::{arn_of, named, of_type, resources};
use testing::support::Sandbox;
use testing::support::project::TEMPLATE;

/// The schedules of the design: function, event, expression and zone.
const EXPECTED: &[[&str; 4]] = &[
    // Disabled until a run sets its time.
    ["MaintenanceReminder", "ContinueReminders", "at(2099-01-01T07:00:00)", "Asia/Jakarta"],
    ["MaintenanceReminder", "DailyReminders", "cron(0 7 * * ? *)", "Asia/Jakarta"],
    ["MmsExpiryScan", "WeekdayDigest", "cron(30 9,11,13,15,17 ? * MON-FRI *)", "Asia/Taipei"],
    ["SubscriptionMaintenance", "Daily", "cron(0 2 * * ? *)", "Asia/Taipei"],
    ["SubscriptionMaintenance", "EveryFiveMinutes", "rate(5 minutes)", "Asia/Taipei"],
    ["SubscriptionMaintenance", "EverySixHours", "cron(0 */6 * * ? *)", "Asia/Taipei"],
    ["SubscriptionMaintenance", "EveryTwoHours", "cron(30 */2 * * ? *)", "Asia/Taipei"],
];

/// Every schedule's properties, by function and event.
fn schedules() -> BTreeMap<(String, String), Value> {
    let of = |(function, properties): (String, Value)| {
        let events = properties["Events"].as_mapping().unwrap().clone();
        let scheduled = events.into_iter().filter(|(_, event)| event["Type"].as_str() == Some("ScheduleV2"));
        let key = move |event: Value| (function.clone(), event.as_str().unwrap().to_owned());
        scheduled.map(|(event, definition)| (key(event), definition["Properties"].clone())).collect::<Vec<_>>()
    };
    of_type("AWS::Serverless::Function").into_iter().flat_map(of).collect()
}

#[test]
fn the_schedules_are_those_of_the_design_each_with_its_zone() {
    let found: Vec<[String; 4]> = schedules()
        .into_iter()
        .map(|((function, event), properties)| {
            let text = |key: &str| properties[key].as_str().unwrap_or_else(|| panic!("{event}: {key}")).to_owned();
            [function, event.clone(), text("ScheduleExpression"), text("ScheduleExpressionTimezone")]
        })
        .collect();
    assert_eq!(found, EXPECTED);
}

/// A name of its own for each stack, so that two of them live in one account and region.
#[test]
fn nothing_that_is_named_has_the_name_of_another_stacks() {
    for ((_, event), properties) in schedules() {
        assert!(named(&properties["Name"], "Sub").starts_with("${AWS::StackName}-"), "{event}");
        assert_eq!(named(&properties["GroupName"], "Ref"), "ScheduleGroup", "{event}");
    }
    for (name, resource) in resources() {
        let fields = ["Name", "TableName", "FunctionName", "QueueName", "RoleName", "TopicName", "LogGroupName"];
        let given = fields.iter().map(|field| &resource["Properties"][*field]).filter(|given| !given.is_null());
        for given in given {
            let Value::Tagged(tagged) = given else { panic!("{name} has the fixed name {given:?}") };
            let text = tagged.value.as_str().unwrap();
            assert!(text == "AWS::StackName" || text.contains("${AWS::StackName}"), "{name}: {text}");
        }
    }
}

/// The logical time that a function reads from an event of a schedule.
fn understood(function: &str, event: Json) -> Timestamp {
    let now = Timestamp::parse("2025-06-30T12:34:56Z").unwrap();
    match function {
        "SubscriptionMaintenance" => {
            let job = subscription_maintenance::Job::parse(event, now).unwrap();
            let subscription_maintenance::Job::Tasks(tasks) = job else { panic!("not a scheduled run: {job:?}") };
            tasks.run.scheduled_at
        }
        "MaintenanceReminder" => match maintenance_reminder::Request::parse(event, now).unwrap() {
            maintenance_reminder::Request::Run(run) | maintenance_reminder::Request::Continue(run) => run.scheduled_at,
            other @ (maintenance_reminder::Request::ConfirmOptOuts
            | maintenance_reminder::Request::Import(_)
            | maintenance_reminder::Request::ShowSample
            | maintenance_reminder::Request::SendSample(_)) => panic!("not a scheduled run: {other:?}"),
        },
        "MmsExpiryScan" => Job::parse(mms_expiry_scan::NAME, event, now).unwrap().scheduled_at,
        other => panic!("{other} has a schedule: say how it reads its event"),
    }
}

#[test]
fn every_schedules_event_is_understood_by_its_function_and_gives_the_logical_time() {
    let due: DateTime<Utc> = "2025-02-03T04:05:06Z".parse().unwrap();
    let template = Template::parse(TEMPLATE).unwrap();
    assert_eq!(template.schedules.len(), EXPECTED.len());
    for schedule in &template.schedules {
        let event: Json = serde_json::from_str(&schedule.event(due)).unwrap();
        assert_eq!(understood(&schedule.function, event).utc(), due, "{}", schedule.name);
    }
}

#[test]
fn every_schedule_says_how_often_it_repeats_a_call_and_where_a_failed_one_goes() {
    for ((function, event), properties) in schedules() {
        let policy = &properties["RetryPolicy"];
        assert!(policy["MaximumRetryAttempts"].as_u64().is_some_and(|times| times <= 185), "{event}");
        assert!(policy["MaximumEventAgeInSeconds"].as_u64().is_some_and(|age| (60..=86_400).contains(&age)), "{event}");
        arn_of(&properties["DeadLetterConfig"]["Arn"], "AWS::SQS::Queue");
        assert_eq!(arn_of(&properties["RoleArn"], "AWS::IAM::Role"), format!("{function}SchedulerRole"), "{event}");
    }
}

#[tokio::test]
async fn a_schedules_role_may_call_its_function_and_fill_the_queue_and_nothing_else() {
    let sandbox = Sandbox::at("2025-01-31T10:00:00+08:00").await;
    for ((function, event), properties) in schedules() {
        let role = arn_of(&properties["RoleArn"], "AWS::IAM::Role");
        let queue = arn_of(&properties["DeadLetterConfig"]["Arn"], "AWS::SQS::Queue");
        let permission = |action: &str, resource: String| Permission { action: action.to_owned(), resource };
        let expected = [
            permission("lambda:InvokeFunction", format!("arn:aws:lambda:{PLACE}:function:{function}")),
            permission("sqs:SendMessage", format!("arn:aws:sqs:{PLACE}:duekeeper-{queue}-INVENTED")),
        ];
        assert_eq!(sandbox.world.roles().allowed(&role), expected, "{event}");
    }
}
