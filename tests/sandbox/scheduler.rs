//! The sandbox's EventBridge Scheduler, spoken to by AWS's own client: what is changed there is what fires.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::ProvideErrorMetadata;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::operation::update_schedule::builders::UpdateScheduleFluentBuilder;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState, Target,
};
use reqwest::Method;
use sandbox::world::{Options, World};
use serde_json::{Value, json};

use testing::support::Sandbox;

const NAME: &str = "duekeeper-maintenance-reminder";
const FUNCTION: &str = "arn:aws:lambda:ap-northeast-1:000000000000:function:MaintenanceReminder";
const INPUT: &str = r#"{"task": "maintenance-reminder", "scheduled_at": "<aws.scheduler.scheduled-time>"}"#;

fn client(world: &World) -> Client {
    Client::new(&sandbox::aws::config(&world.aws_url))
}

async fn get(client: &Client) -> GetScheduleOutput {
    client.get_schedule().name(NAME).group_name("duekeeper").send().await.unwrap()
}

/// An update that keeps everything as it is.
fn whole(client: &Client, is: &GetScheduleOutput) -> UpdateScheduleFluentBuilder {
    bare(client, is.target().unwrap().clone())
        .schedule_expression_timezone(is.schedule_expression_timezone().unwrap())
        .state(is.state().unwrap().clone())
}

/// An update with nothing but what must be there.
fn bare(client: &Client, target: Target) -> UpdateScheduleFluentBuilder {
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap();
    let update = client.update_schedule().group_name("duekeeper").name(NAME).schedule_expression("cron(0 7 * * ? *)");
    update.flexible_time_window(window).target(target)
}

/// Times of the reminders' runs on the way to `to`.
async fn runs(sandbox: &Sandbox, to: &str) -> Vec<String> {
    let ran = sandbox.travel(to).await;
    let runs = ran.iter().filter(|ran| ran.contains(" MaintenanceReminder DailyReminders: "));
    runs.map(|run| run.split(' ').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_schedule_is_shown_as_the_template_has_it() {
    let sandbox = Sandbox::at("2025-12-16T06:00:00+07:00").await;
    let is = get(&client(&sandbox.world)).await;
    assert_eq!(
        is.arn(),
        Some("arn:aws:scheduler:ap-northeast-1:000000000000:schedule/duekeeper/duekeeper-maintenance-reminder")
    );
    assert_eq!((is.name(), is.group_name()), (Some(NAME), Some("duekeeper")));
    assert_eq!(is.schedule_expression(), Some("cron(0 7 * * ? *)"));
    assert_eq!(is.schedule_expression_timezone(), Some("Asia/Jakarta"));
    assert_eq!(is.state(), Some(&ScheduleState::Enabled));
    assert_eq!(is.action_after_completion(), Some(&ActionAfterCompletion::None));
    assert_eq!(is.flexible_time_window().unwrap().mode(), &FlexibleTimeWindowMode::Off);
    assert_eq!(is.creation_date().unwrap().secs(), 1_765_839_600, "2025-12-15T23:00:00Z");
    let target = is.target().unwrap();
    assert_eq!((target.arn(), target.input()), (FUNCTION, Some(INPUT)));
    let retries = target.retry_policy().unwrap();
    assert_eq!((retries.maximum_event_age_in_seconds(), retries.maximum_retry_attempts()), (Some(3600), Some(3)));
    assert_eq!(sandbox.calls("scheduler").await, [("GetSchedule".to_owned(), 1)].into());
}

#[tokio::test]
async fn a_moved_schedule_fires_at_its_new_time_only() {
    let sandbox = Sandbox::at("2025-12-16T06:00:00+07:00").await;
    assert_eq!(runs(&sandbox, "2025-12-16T06:30:00+07:00").await, [""; 0]);
    let client = client(&sandbox.world);
    let is = get(&client).await;
    let moved = whole(&client, &is).schedule_expression("cron(45 16 * * ? *)").send().await.unwrap();
    assert_eq!(Some(moved.schedule_arn()), is.arn());
    let now = get(&client).await;
    assert_eq!(now.schedule_expression(), Some("cron(45 16 * * ? *)"));
    assert_eq!(
        (now.target(), now.creation_date().map(|at| at.secs())),
        (is.target(), is.creation_date().map(|at| at.secs()))
    );
    assert_eq!(now.last_modification_date().unwrap().secs(), 1_765_841_400, "2025-12-15T23:30:00Z");
    let runs = runs(&sandbox, "2025-12-18T12:00:00+07:00").await;
    assert_eq!(runs, ["2025-12-16T09:45:00Z", "2025-12-17T09:45:00Z"]);
}

#[tokio::test]
async fn a_disabled_schedule_does_not_fire_until_it_is_enabled() {
    let sandbox = Sandbox::at("2025-12-16T06:00:00+07:00").await;
    let client = client(&sandbox.world);
    let is = get(&client).await;
    whole(&client, &is).state(ScheduleState::Disabled).send().await.unwrap();
    assert_eq!(get(&client).await.state(), Some(&ScheduleState::Disabled));
    assert_eq!(runs(&sandbox, "2025-12-18T06:00:00+07:00").await, [""; 0]);
    whole(&client, &is).send().await.unwrap();
    assert_eq!(runs(&sandbox, "2025-12-18T08:00:00+07:00").await, ["2025-12-18T00:00:00Z"]);
}

#[tokio::test]
async fn what_an_update_leaves_out_is_lost() {
    let sandbox = Sandbox::at("2025-12-16T06:00:00+07:00").await;
    let client = client(&sandbox.world);
    let is = get(&client).await;
    whole(&client, &is).description("Staff's").state(ScheduleState::Disabled).send().await.unwrap();
    let old = is.target().unwrap();
    let target = Target::builder().arn(old.arn()).role_arn(old.role_arn()).build().unwrap();
    bare(&client, target).send().await.unwrap();
    let now = get(&client).await;
    assert_eq!((now.schedule_expression_timezone(), now.state()), (Some("UTC"), Some(&ScheduleState::Enabled)));
    assert_eq!((now.target().unwrap().input(), now.description()), (None, None));
    let retries = now.target().unwrap().retry_policy().unwrap();
    assert_eq!((retries.maximum_event_age_in_seconds(), retries.maximum_retry_attempts()), (Some(86_400), Some(185)));
    assert_eq!(runs(&sandbox, "2025-12-16T15:00:00+07:00").await, ["2025-12-16T07:00:00Z"]);
    // The function's event has no task any more.
    let scheduled = sandbox.world.schedules().into_iter().find(|schedule| schedule.name == "DailyReminders").unwrap();
    let event: Value = serde_json::from_str(&scheduled.event("2025-12-17T07:00:00Z".parse().unwrap())).unwrap();
    assert_eq!((&event["source"], &event["time"]), (&json!("aws.scheduler"), &json!("2025-12-17T07:00:00Z")));
    assert!(event.get("task").is_none());
}

#[tokio::test]
async fn a_schedule_is_found_by_its_name_within_its_group_alone() {
    let sandbox = Sandbox::at("2025-12-16T06:00:00+07:00").await;
    let client = client(&sandbox.world);
    for (name, group) in
        [("DailyReminders", Some("duekeeper")), (NAME, None), (NAME, Some("default")), (NAME, Some("staff"))]
    {
        let error = client.get_schedule().name(name).set_group_name(group.map(str::to_owned)).send().await.unwrap_err();
        assert!(error.into_service_error().is_resource_not_found_exception(), "{name}");
    }
    let is = get(&client).await;
    for update in [whole(&client, &is).name("duekeeper-other"), whole(&client, &is).group_name("staff")] {
        assert!(update.send().await.unwrap_err().into_service_error().is_resource_not_found_exception());
    }
}

#[tokio::test]
async fn an_update_that_aws_would_refuse_changes_nothing() {
    let sandbox = Sandbox::at("2025-12-16T06:00:00+07:00").await;
    let client = client(&sandbox.world);
    let is = get(&client).await;
    let stranger = Target::builder().arn(FUNCTION).role_arn("arn:aws:iam::000000000000:role/another").build().unwrap();
    for update in [
        whole(&client, &is).schedule_expression("cron(0 24 * * ? *)"),
        whole(&client, &is).schedule_expression("cron(0 7 * * *)"),
        whole(&client, &is).schedule_expression("daily"),
        whole(&client, &is).schedule_expression_timezone("Asia/Nowhere"),
        whole(&client, &is).state(ScheduleState::from("PAUSED")),
        whole(&client, &is).target(stranger),
    ] {
        let error = update.send().await.unwrap_err().into_service_error();
        assert!(error.is_validation_exception() && error.message().is_some(), "{error:?}");
    }
    let url = format!("{}/schedules/{NAME}", sandbox.world.aws_url);
    let all = json!({
        "GroupName": "duekeeper", "ScheduleExpression": "cron(0 9 * * ? *)", "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": { "Arn": FUNCTION, "RoleArn": is.target().unwrap().role_arn() },
    });
    for field in ["/ScheduleExpression", "/FlexibleTimeWindow", "/Target", "/Target/Arn", "/Target/RoleArn"] {
        let mut lacking = all.clone();
        *lacking.pointer_mut(field).unwrap() = Value::Null;
        let answer = sandbox.http.put(&url).body(lacking.to_string()).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-amzn-errortype"]),
            (400, &"ValidationException".parse().unwrap())
        );
    }
    assert_eq!(get(&client).await, is);
    assert_eq!(sandbox.http.put(&url).body(all.to_string()).send().await.unwrap().status(), 200);
    assert_eq!(get(&client).await.schedule_expression(), Some("cron(0 9 * * ? *)"));
}

#[tokio::test]
async fn a_changed_schedule_is_kept_with_the_other_data() {
    let start = |data: &tempfile::TempDir| {
        let now = "2025-12-16T06:00:00+07:00".parse().unwrap();
        World::start(Options {
            port: 0,
            data: Some(data.path().to_owned()),
            now,
            variables: Default::default(),
            stream: false,
        })
    };
    let (data, copied) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = client(&start(&data).await.unwrap());
    let is = get(&first).await;
    whole(&first, &is).schedule_expression("cron(5 20 * * ? *)").state(ScheduleState::Disabled).send().await.unwrap();
    std::fs::copy(data.path().join("state.json"), copied.path().join("state.json")).unwrap();
    let again = start(&copied).await.unwrap();
    assert_eq!(get(&client(&again)).await, get(&first).await);
    assert!(again.schedules().iter().all(|schedule| schedule.function != "MaintenanceReminder"));
}

#[tokio::test]
async fn the_reminders_are_invoked_by_name_and_no_other_name_is_known() {
    let sandbox = Sandbox::at("2025-12-16T06:00:00+07:00").await;
    let invoke = |function: &str, event: Value| {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", sandbox.world.aws_url);
        sandbox.http.request(Method::POST, url).body(event.to_string()).send()
    };
    let event = json!({ "task": "maintenance-reminder", "scheduled_at": "2025-12-16T00:00:00Z" });
    let answer = invoke("MaintenanceReminder", event.clone()).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get("x-amz-function-error")), (200, None));
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert!(answer.is_object(), "{answer}");
    assert_eq!(invoke("MaintenanceReminders", event).await.unwrap().status(), 404);
    assert_eq!(sandbox.calls("lambda").await["Invoke"], 2);
}
