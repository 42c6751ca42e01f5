//! The schedule of reminders under staff's control, and who may touch it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testing::support::Sandbox;

const BASE: &str = "/scheduler/maintenance-reminder";

fn job(next: &str, trigger: &str) -> Value {
    json!([{
        "id": "maintenance_reminder_job", "name": "Maintenance Reminder WhatsApp", "next_run_time": next, "trigger": trigger,
    }])
}

#[tokio::test]
async fn started_stopped_and_shown_as_documented() {
    let sandbox = Sandbox::at("2025-12-14T18:00:00Z").await;
    let at_seven = job("2025-12-15T07:00:00+07:00", "cron[hour='7', minute='0']");
    assert_eq!(sandbox.running().await, (true, at_seven.clone()));
    let started = sandbox.schedule(Method::POST, "/start?hour=7&minute=0").await;
    let message =
        json!({ "success": true, "data": { "message": "Scheduler dimulai. Job akan berjalan setiap hari jam 07:00" } });
    assert_eq!(started, (StatusCode::OK, message));
    assert_eq!(sandbox.running().await, (true, at_seven.clone()));
    for _ in 0..2 {
        let stopped = sandbox.schedule(Method::POST, "/stop").await;
        assert_eq!(
            stopped,
            (StatusCode::OK, json!({ "success": true, "data": { "message": "Scheduler dihentikan" } }))
        );
        assert_eq!(sandbox.running().await, (false, json!([])));
    }
    // Without a time it is the documented one, whatever it was before.
    assert_eq!(sandbox.schedule(Method::POST, "/start?hour=18&minute=5").await.0, 200);
    assert_eq!(sandbox.running().await.1, job("2025-12-15T18:05:00+07:00", "cron[hour='18', minute='5']"));
    assert_eq!(sandbox.schedule(Method::POST, "/start").await.0, 200);
    assert_eq!(sandbox.running().await, (true, at_seven));
}

#[tokio::test]
async fn the_hours_and_minutes_of_a_day_are_taken_and_no_others() {
    let sandbox = Sandbox::at("2025-12-14T18:00:00Z").await;
    for (query, shown) in [("hour=0&minute=0", "00:00"), ("hour=23&minute=59", "23:59"), ("hour=6", "06:00")] {
        let (status, answer) = sandbox.schedule(Method::POST, &format!("/start?{query}")).await;
        assert_eq!(status, 200, "{query}");
        assert!(answer["data"]["message"].as_str().unwrap().ends_with(&format!("jam {shown}")), "{answer}");
        // By schedule no reminder is sent at night: such a time is answered with a warning.
        assert_eq!(answer["data"]["warning"].is_string(), query != "hour=6", "{query}");
    }
    for (query, parameter) in
        [("hour=24", "hour"), ("hour=-1", "hour"), ("hour=7.5", "hour"), ("minute=60", "minute"), ("hour=%2B7", "hour")]
    {
        let (status, answer) = sandbox.schedule(Method::POST, &format!("/start?{query}")).await;
        assert_eq!((status, &answer["success"]), (StatusCode::BAD_REQUEST, &json!(false)), "{query}: {answer}");
        assert_eq!(answer["error"]["param"], parameter, "{query}");
    }
    assert_eq!(sandbox.running().await.1[0]["trigger"], "cron[hour='6', minute='0']");
}

#[tokio::test]
async fn calls_at_once_leave_one_schedule_and_status_shows_it() {
    let sandbox = Sandbox::at("2025-12-14T18:00:00Z").await;
    let calls = (0..12).map(|number| {
        let sandbox = &sandbox;
        async move {
            match number % 3 {
                0 => sandbox.schedule(Method::POST, "/stop").await,
                _ => sandbox.schedule(Method::POST, &format!("/start?hour={}", 8 + number)).await,
            }
        }
    });
    for (status, answer) in futures::future::join_all(calls).await {
        assert_eq!(status, 200, "{answer}");
    }
    let (running, jobs) = sandbox.running().await;
    // The run is where status says it is, and there is only one.
    let at = jobs[0]["next_run_time"].as_str().map(str::to_owned);
    let ran = sandbox.travel("2025-12-15T23:59:00+07:00").await;
    let reminders: Vec<_> = ran.iter().filter(|ran| ran.contains("MaintenanceReminder")).collect();
    assert_eq!(reminders.len(), usize::from(running), "{ran:?}");
    if let Some(at) = at {
        let utc = chrono::DateTime::parse_from_rfc3339(&at).unwrap().to_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string();
        assert!(reminders[0].starts_with(&utc), "{at}: {reminders:?}");
    }
}

#[tokio::test]
async fn a_change_keeps_what_the_template_says_of_the_schedule() {
    let sandbox = Sandbox::at("2025-12-14T18:00:00Z").await;
    let read = || async {
        let url = format!("{}/schedules/duekeeper-maintenance-reminder?groupName=duekeeper", sandbox.world.aws_url);
        let answer = sandbox.http.get(url).send().await.unwrap();
        serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap()
    };
    let before = read().await;
    sandbox.schedule(Method::POST, "/start?hour=9&minute=15").await;
    sandbox.schedule(Method::POST, "/stop").await;
    let after = read().await;
    assert_eq!((&after["ScheduleExpression"], &after["State"]), (&json!("cron(15 9 * * ? *)"), &json!("DISABLED")));
    for field in ["Target", "FlexibleTimeWindow", "ScheduleExpressionTimezone", "GroupName"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    assert!(before["Target"]["Input"].as_str().unwrap().contains("<aws.scheduler.scheduled-time>"), "{before}");
}

#[tokio::test]
async fn without_a_good_token_of_the_right_scope_nothing_is_served() {
    let sandbox = Sandbox::at("2025-12-14T18:00:00Z").await;
    let credentials = sandbox.get("/sandbox/credentials").await;
    let with = |path: &str| format!("{path}/c-1");
    let of_customers = [
        (Method::GET, with("/customers")),
        (Method::PUT, with("/customers")),
        (Method::DELETE, with("/customers")),
        (Method::GET, "/customers/c-1/export".to_owned()),
        (Method::POST, "/customers/import".to_owned()),
        (Method::GET, "/vehicles/B1234ABC".to_owned()),
        (Method::PUT, "/vehicles/B1234ABC".to_owned()),
        (Method::POST, "/vehicles/B1234ABC/visits".to_owned()),
    ];
    let routes = [
        (Method::POST, format!("{BASE}/start")),
        (Method::POST, format!("{BASE}/stop")),
        (Method::GET, format!("{BASE}/status")),
        (Method::POST, format!("{BASE}/run-now")),
        (Method::POST, "/customers/send-maintenance-reminder".to_owned()),
    ];
    let tokens = [
        (None, 401),
        (Some("jwt_expired"), 401),
        (Some("jwt_other_key"), 401),
        (Some("jwt_none"), 401),
        (Some("jwt_wrong_audience"), 401),
        (Some("jwt_too_long"), 401),
        (Some("admin_token"), 403),
    ];
    let settings = sandbox.running().await;
    sandbox.world.forget_calls();
    let others = of_customers.iter().map(|route| (route, "jwt_reminders_only", false));
    let all = routes.iter().map(|route| (route, "jwt_institutions_only", true)).chain(others);
    for ((method, path), of_another_area, documented) in all {
        let wrong = tokens.into_iter().chain([(Some(of_another_area), 403)]);
        for (token, expected) in wrong {
            let request = sandbox.http.request(method.clone(), format!("{}{path}", sandbox.base));
            let request = match token {
                Some(token) => request.bearer_auth(credentials[token].as_str().unwrap()),
                None => request,
            };
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), expected, "{path} {token:?}");
            let challenged = answer.headers().contains_key("www-authenticate");
            assert!(challenged, "{path} {token:?}");
            let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            let told = (&body["success"], body["message"].is_string());
            let expected = if documented { (&json!(false), true) } else { (&Value::Null, false) };
            assert_eq!(told, expected, "{path} {token:?}: {body}");
            assert!(body["error"]["message"].is_string(), "{path} {token:?}: {body}");
        }
    }
    assert_eq!(sandbox.calls("scheduler").await.len(), 0);
    assert_eq!(sandbox.calls("lambda").await.len(), 0);
    assert_eq!(sandbox.running().await, settings);
    let allowed = credentials["jwt_reminders_only"].as_str().unwrap();
    let answer = sandbox.http.get(format!("{}{BASE}/status", sandbox.base)).bearer_auth(allowed).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    // Half a day later the same token is over.
    sandbox.world.leap("2025-12-15T06:00:00Z".parse().unwrap());
    let answer = sandbox.http.get(format!("{}{BASE}/status", sandbox.base)).bearer_auth(allowed).send().await.unwrap();
    assert_eq!(answer.status(), 401);
}
